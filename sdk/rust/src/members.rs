//! The status of an object as its member clusters report it.

use std::fmt;

use serde::de::Deserialize;

use crate::answer::{Answer, Changes, Rejection};
use crate::interpreter::bindings::exports::windlass::interpreter::interpreter::MemberStatus;
use crate::json::{Json, parse, prefixed};

/// What the member clusters report, in the order of the binding's `aggregatedStatus`.
#[derive(Clone, Copy, Debug)]
pub struct Members<'a>(&'a [MemberStatus]);

/// The status in one member cluster.
#[derive(Clone, Debug)]
pub struct Reported<'a, S> {
    /// The member's name.
    pub cluster: &'a str,
    /// What it reports.
    pub status: S,
    index: usize,
}

impl<S> Reported<'_, S> {
    /// Where the status stands among all: `items[2].status`.
    pub fn place(&self) -> Place {
        Place(self.index)
    }
}

/// Where a member's status stands: `items[2].status`. It is spelled out only where something is wrong there.
#[derive(Clone, Copy, Debug)]
pub struct Place(usize);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place(index) = self;
        write!(f, "items[{index}].status")
    }
}

impl<'a> Members<'a> {
    /// From what the host passes.
    pub fn new(items: &'a [MemberStatus]) -> Members<'a> {
        Members(items)
    }

    /// How many members the object is in, whether they have reported a status or not.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the object is in no member.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What changes where there is nothing to draw together: nothing if the object is in no member; in one, the object
    /// gets that member's status as it is. `None` where it is in more.
    pub fn at_most_one(&self) -> Option<Changes> {
        match self.0 {
            [] => Some(Changes::none()),
            [only] => {
                let status = only.status.as_deref().map(Json::from_text).unwrap_or_default();
                Some(Changes::none().set_or_remove("/status", status))
            }
            _ => None,
        }
    }

    /// The status of each member that has reported one, read as `S`.
    ///
    /// # Errors
    /// A status can't be read; the field begins with its place, `items[2].status`.
    pub fn reported<S: Deserialize<'a>>(&self) -> Answer<Vec<Reported<'a, S>>> {
        let read = |(index, item): (usize, &'a MemberStatus)| -> Option<Answer<Reported<'a, S>>> {
            let text = item.status.as_deref().filter(|text| *text != "null")?;
            let status = parse(text).map_err(|rejection| {
                let Rejection { field, message } = prefixed(&Place(index), rejection);
                Rejection::new(field, format!("{message} (member {})", item.cluster))
            });
            Some(status.map(|status| Reported { cluster: &item.cluster, status, index }))
        };
        self.0.iter().enumerate().filter_map(read).collect()
    }
}

/// The sum of a count over the members; at its limit where it would overflow.
pub fn sum<'a, S: 'a>(reported: &'a [Reported<'_, S>], count: impl Fn(&'a S) -> i32) -> i32 {
    reported.iter().fold(0, |sum, member| i32::saturating_add(sum, count(&member.status)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(status: Option<&str>) -> MemberStatus {
        MemberStatus {
            cluster: "member1".to_owned(),
            applied: true,
            applied_message: String::new(),
            health: String::new(),
            status: status.map(str::to_owned),
        }
    }

    #[test]
    fn one_members_status_is_the_status() {
        let changes = |members: &[MemberStatus]| Members::new(members).at_most_one();
        let whole = Changes::none().set("/status", Json::from_text("{\"a\":1}"));
        assert!(changes(&[]).is_some_and(|changes| changes.is_empty()));
        assert_eq!(changes(&[member(Some("{\"a\":1}"))]).map(|it| it.0), Some(whole.0));
        assert_eq!(changes(&[member(None)]).map(|it| it.0), Some(Changes::none().remove("/status").0));
        assert!(changes(&[member(None), member(None)]).is_none());
    }
}
