//! Conditions, as several members report them.

use serde::ser::{Serialize, SerializeMap, Serializer};
use windlass_json::{Entry, entries, items};

use super::fields::Status;
use crate::answer::Answer;
use crate::json::{Entries, Json, Text, is_string, parse_at};
use crate::members::Reported;

/// A condition with all that is in it.
type Condition<'a> = Entries<'a, Json<'a>>;

/// A condition that some members agree on.
pub(super) struct Merged<'a> {
    first: Condition<'a>,
    /// `member1=it said this, member2=and it that`
    message: String,
}

/// Whether a status has a condition of this type that holds, for one of the `reasons`; for any where none are given.
pub fn has_condition(status: &Status<'_>, name: &str, reasons: &[&str]) -> bool {
    let conditions = status.get("conditions").copied().unwrap_or_default();
    items(conditions.text()).any(|condition| {
        let (mut is_named, mut holds, mut is_for_a_reason) = (false, false, reasons.is_empty());
        for Entry { key, value } in entries(condition) {
            match key {
                "type" => is_named = is_string(value, name),
                "status" => holds = is_string(value, "True"),
                "reason" => is_for_a_reason |= reasons.iter().any(|known| is_string(value, known)),
                _ => {}
            }
        }
        is_named && holds && is_for_a_reason
    })
}

/// The conditions of all members; those that agree in type, status and reason are one.
pub(super) fn merged<'a>(reported: &[Reported<'a, Status<'a>>]) -> Answer<Vec<Merged<'a>>> {
    let mut all: Vec<Merged<'a>> = Vec::new();
    for member in reported {
        for (index, condition) in conditions(member)?.into_iter().enumerate() {
            let said = condition.get("message").copied().unwrap_or_default();
            let place = member.place();
            let said: Option<Text<'_>> =
                parse_at(format_args!("{place}.conditions[{index}].message"), said.text())?;
            let message = [member.cluster, "=", said.as_deref().unwrap_or_default()].concat();
            match all.iter_mut().find(|known| agree(&known.first, &condition)) {
                Some(known) => {
                    known.message.push_str(", ");
                    known.message.push_str(&message);
                }
                None => all.push(Merged { first: condition, message }),
            }
        }
    }
    Ok(all)
}

/// The last condition of each type, in the order in which the types first appear.
pub(super) fn last_of_each_type<'a>(reported: &[Reported<'a, Status<'a>>]) -> Answer<Vec<Condition<'a>>> {
    let mut all: Vec<Condition<'a>> = Vec::new();
    for member in reported {
        for condition in conditions(member)? {
            match all.iter_mut().find(|known| part(known, "type").same(&part(&condition, "type"))) {
                Some(known) => *known = condition,
                None => all.push(condition),
            }
        }
    }
    Ok(all)
}

fn conditions<'a>(member: &Reported<'a, Status<'a>>) -> Answer<Vec<Condition<'a>>> {
    match member.status.get("conditions") {
        Some(conditions) if !conditions.is_empty() => {
            parse_at(format_args!("{}.conditions", member.place()), conditions.text())
        }
        _ => Ok(Vec::new()),
    }
}

fn part<'a>(condition: &Condition<'a>, name: &str) -> Json<'a> {
    condition.get(name).copied().unwrap_or_default()
}

fn agree(a: &Condition<'_>, b: &Condition<'_>) -> bool {
    ["type", "status", "reason"].into_iter().all(|name| part(a, name).same(&part(b, name)))
}

impl Serialize for Merged<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.first.iter().filter(|(name, _)| *name != "message") {
            map.serialize_entry(name, value)?;
        }
        map.serialize_entry("message", &self.message)?;
        map.end()
    }
}
