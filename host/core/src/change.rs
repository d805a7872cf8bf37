//! Changes to an object, as plugins propose them, and the fence that says where they may land.

use std::borrow::Cow;

use serde_json::{Map, Value};
use windlass_json::unescape;

use crate::json::Json;

/// One change: set the value at a JSON pointer (parents are made as needed), or remove it.
#[derive(Clone, Debug, PartialEq)]
pub struct Change<V = Value> {
    /// RFC 6901, from the object's root: `/spec/replicas`. An index may be one past an array's end.
    pub path: String,
    /// `None` removes; removing what is absent is no error.
    pub value: Option<V>,
}

/// Which part of an object an operation may touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fence {
    /// ReviseReplica, RestoreState: `spec`, and labels and annotations.
    Spec,
    /// AggregateStatus: `status`.
    Status,
    /// Retain: anything but identity (apiVersion, kind, and name, namespace, uid, resourceVersion in metadata).
    AllButIdentity,
}

/// Why a change was not made. The object stays as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    #[error("{path:?} is outside what this operation may change ({allowed})")]
    OutsideFence { path: String, allowed: &'static str },
    #[error("{path:?} is not a JSON pointer: it has to begin with /")]
    NotAPointer { path: String },
    #[error("{path:?} leads through a value that is neither an object nor an array with that index")]
    NoSuchPlace { path: String },
}

impl Change<Json> {
    /// The path, and the value as text.
    pub(crate) fn as_text(&self) -> (&str, Option<&str>) {
        (&self.path, self.value.as_ref().map(Json::text))
    }
}

impl Fence {
    /// # Errors
    /// `path` is not a pointer, or lies outside.
    pub fn expect(self, path: &str) -> Result<(), ChangeError> {
        if !path.starts_with('/') {
            return Err(ChangeError::NotAPointer { path: path.to_owned() });
        }
        // `~` escapes cannot smuggle a path over the fence: no fenced name holds `~` or `/`.
        if !self.holds(&unescape_first_two(path)) {
            return Err(ChangeError::OutsideFence { path: path.to_owned(), allowed: self.allowed() });
        }
        Ok(())
    }

    pub(crate) const fn allowed(self) -> &'static str {
        match self {
            Fence::Spec => "/spec, /metadata/labels and /metadata/annotations",
            Fence::Status => "/status",
            Fence::AllButIdentity => {
                "anything but apiVersion, kind and the object's name, namespace, uid and resourceVersion"
            }
        }
    }

    fn holds(self, path: &str) -> bool {
        let under =
            |root: &str| path == root || path.strip_prefix(root).is_some_and(|rest| rest.starts_with('/'));
        match self {
            Fence::Spec => {
                ["/spec", "/metadata/labels", "/metadata/annotations"].iter().any(|root| under(root))
            }
            Fence::Status => under("/status"),
            Fence::AllButIdentity => {
                // Replacing all of metadata could change identity too.
                path != "/metadata"
                    && path != "/"
                    && ![
                        "/apiVersion",
                        "/kind",
                        "/metadata/name",
                        "/metadata/namespace",
                        "/metadata/uid",
                        "/metadata/resourceVersion",
                    ]
                    .iter()
                    .any(|root| under(root))
            }
        }
    }
}

/// That all of `changes` are inside `fence`.
pub(crate) fn expect_inside<V>(fence: Fence, changes: &[Change<V>]) -> Result<(), ChangeError> {
    changes.iter().try_for_each(|change| fence.expect(&change.path))
}

/// Makes `changes` to `object`, all or none.
///
/// # Errors
/// A path is not a pointer, lies outside `fence`, or leads nowhere; the object is then unchanged.
pub fn apply(object: &mut Value, changes: Vec<Change>, fence: Fence) -> Result<(), ChangeError> {
    expect_inside(fence, &changes)?;
    match changes.len() {
        0 => Ok(()),
        // A single change either happens or leaves no trace, so the copy is spared.
        1 => changes.into_iter().try_for_each(|change| make(object, change)),
        _ => {
            let mut changed = object.clone();
            changes.into_iter().try_for_each(|change| make(&mut changed, change))?;
            *object = changed;
            Ok(())
        }
    }
}

/// The path with the escapes of its first two tokens undone, so that `/met~0adata` stays what it is and no other
/// spelling of a fenced name exists.
fn unescape_first_two(path: &str) -> Cow<'_, str> {
    if !path.contains('~') {
        return path.into();
    }
    let mut tokens = path.splitn(4, '/').skip(1);
    let mut plain = String::with_capacity(path.len());
    for token in tokens.by_ref().take(2) {
        plain.push('/');
        plain.push_str(&unescape(token));
    }
    for rest in tokens {
        plain.push('/');
        plain.push_str(rest);
    }
    plain.into()
}

fn make(object: &mut Value, change: Change) -> Result<(), ChangeError> {
    let lost = || ChangeError::NoSuchPlace { path: change.path.clone() };
    let tokens: Vec<Cow<'_, str>> = change.path[1..].split('/').map(unescape).collect();
    let (last, parents) = tokens.split_last().ok_or_else(lost)?;
    match change.value {
        None => {
            let Some(parent) = parents.iter().try_fold(object, |at, token| child(at, token)) else {
                return Ok(());
            };
            match parent {
                Value::Object(map) => {
                    map.remove(&**last);
                }
                Value::Array(items) => {
                    if let Some(index) = last.parse::<usize>().ok().filter(|index| *index < items.len()) {
                        items.remove(index);
                    }
                }
                _ => {}
            }
            Ok(())
        }
        Some(ref value) => {
            reachable(object, &tokens).then_some(()).ok_or_else(lost)?;
            let parent =
                parents.iter().try_fold(object, |at, token| child_or_new(at, token)).ok_or_else(lost)?;
            let place = child_or_new(parent, last).ok_or_else(lost)?;
            *place = value.clone();
            Ok(())
        }
    }
}

/// Whether setting at `tokens` can succeed; looked at first, so that a failed change leaves nothing behind.
fn reachable(object: &Value, tokens: &[Cow<'_, str>]) -> bool {
    let mut at = object;
    for token in tokens {
        match at {
            Value::Null => return true,
            Value::Object(map) => match map.get(&**token) {
                Some(next) => at = next,
                None => return true,
            },
            Value::Array(items) => match token.parse::<usize>() {
                Ok(index) if index < items.len() => at = &items[index],
                Ok(index) => return index == items.len(),
                Err(_) => return false,
            },
            _ => return false,
        }
    }
    true
}

fn child<'a>(at: &'a mut Value, token: &str) -> Option<&'a mut Value> {
    match at {
        Value::Object(map) => map.get_mut(token),
        Value::Array(items) => token.parse::<usize>().ok().and_then(|index| items.get_mut(index)),
        _ => None,
    }
}

fn child_or_new<'a>(at: &'a mut Value, token: &str) -> Option<&'a mut Value> {
    if at.is_null() {
        *at = Value::Object(Map::new());
    }
    match at {
        Value::Object(map) => Some(map.entry(token).or_insert(Value::Null)),
        Value::Array(items) => {
            let index = token.parse::<usize>().ok()?;
            if index == items.len() {
                items.push(Value::Null);
            }
            items.get_mut(index)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn set(path: &str, value: Value) -> Change {
        Change { path: path.to_owned(), value: Some(value) }
    }

    fn check(before: Value, changes: Vec<Change>, fence: Fence, want: Result<Value, &str>) {
        let mut object = before.clone();
        match (apply(&mut object, changes, fence), want) {
            (Ok(()), Ok(after)) => assert_eq!(object, after),
            (Err(error), Err(text)) => {
                assert!(error.to_string().contains(text), "{error}");
                assert_eq!(object, before, "a refused change leaves the object as it was");
            }
            (got, want) => panic!("got {got:?}, want {want:?}"),
        }
    }

    #[test]
    fn parents_are_made_as_needed() {
        check(json!({}), vec![set("/spec/a/b", json!(1))], Fence::Spec, Ok(json!({"spec": {"a": {"b": 1}}})));
        check(json!({"spec": [1]}), vec![set("/spec/1", json!(2))], Fence::Spec, Ok(json!({"spec": [1, 2]})));
    }

    #[test]
    fn removing_what_is_absent_is_no_error() {
        let gone = Change { path: "/spec/a/b".into(), value: None };
        check(json!({"spec": {"c": 1}}), vec![gone], Fence::Spec, Ok(json!({"spec": {"c": 1}})));
    }

    #[test]
    fn a_change_outside_the_fence_names_the_path() {
        check(json!({}), vec![set("/status/x", json!(1))], Fence::Spec, Err("/status/x"));
        check(json!({}), vec![set("/statusx", json!(1))], Fence::Status, Err("outside"));
        check(
            json!({}),
            vec![set("/metadata/name", json!("x"))],
            Fence::AllButIdentity,
            Err("/metadata/name"),
        );
        check(json!({}), vec![set("/metadata", json!({"name": "x"}))], Fence::AllButIdentity, Err("outside"));
        check(
            json!({}),
            vec![set("/metadata/ui~0d", json!(1))],
            Fence::AllButIdentity,
            Ok(json!({"metadata": {"ui~d": 1}})),
        );
    }

    #[test]
    fn all_changes_are_made_or_none() {
        let changes = vec![set("/spec/a", json!(1)), set("/spec/a/b", json!(2))];
        check(json!({"spec": {}}), changes, Fence::Spec, Err("/spec/a/b"));
        check(json!({"spec": 7}), vec![set("/spec/a", json!(1))], Fence::Spec, Err("/spec/a"));
    }
}
