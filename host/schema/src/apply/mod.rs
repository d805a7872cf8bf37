//! Server-side apply: who owns which field, and what follows when somebody applies. The algorithm is that of
//! structured-merge-diff, the field manager around it that of Kubernetes' API server.

mod compare;
mod conflict;
mod fields;
mod managers;
mod shape;
mod versions;

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::kind::Kind;
use crate::structural::ListType;
use compare::{Comparison, merge};
use fields::FieldSet;
use managers::{Identity, Managers, Owned};
use shape::{At, Parts, field_set, parts};
use versions::{Comparisons, Versions};

pub use conflict::Conflict;

/// Owns what was there before anybody applied.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// Who writes, and how.
#[derive(Clone, Debug)]
pub struct Writer<'a> {
    /// `fieldManager`, or what the User-Agent says before its first `/`.
    pub manager: &'a str,
    /// `status`, `scale`; empty for the object itself.
    pub subresource: &'a str,
    pub now: Timestamp,
    /// The other versions of the kind whose objects look otherwise.
    pub versions: &'a [Arc<Kind>],
}

/// Why an apply is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// 409 Conflict; `Display` is the Status message.
    #[error("{}", conflict::summary(.0))]
    Conflicts(Vec<Conflict>),
    /// The applied object is no apply configuration: 400 BadRequest.
    #[error("{0}")]
    Malformed(String),
}

/// The object after an apply, managedFields included. `live` is `None` where the object is created by it. The
/// result is not yet defaulted or validated; when nothing changed it equals `live` (managedFields' times included).
///
/// # Errors
/// Conflicts without `force`; an apply configuration that is malformed.
pub fn apply(
    kind: &Kind,
    live: Option<&Value>,
    applied: &Value,
    writer: &Writer<'_>,
    force: bool,
) -> Result<Value, ApplyError> {
    let at = Some(kind.schema().root());
    let versions = Versions::new(kind, writer.versions);
    let applied = configuration(kind, applied, writer)?;
    check_keys(at, &applied, &mut String::new())?;
    let mut owners = live.and_then(managers::read).unwrap_or_default();
    let mut plain = live.cloned().unwrap_or_else(|| identity_of(&applied));
    managers::strip(&mut plain);
    if let (Some(live), true) = (live, owners.is_empty()) {
        let created = live["metadata"]["creationTimestamp"].as_str().map(str::to_owned);
        let before = Identity {
            manager: BEFORE_FIRST_APPLY.to_owned(),
            applies: false,
            api_version: kind.api_version(),
            subresource: String::new(),
        };
        let fields = Comparison::between(at, Some(&empty(kind, &plain)), Some(&plain)).added;
        owners.insert(before, Owned { fields, api_version: kind.api_version(), time: created });
        managers::strip_unowned(&mut owners);
    }

    let me = identity(kind, writer, true);
    let merged = merge(at, &plain, &applied);
    let none = || Owned { fields: FieldSet::default(), api_version: kind.api_version(), time: None };
    let last = owners.get(&me).cloned().unwrap_or_else(none);
    let fields = field_set(at, &applied);
    owners.insert(me.clone(), Owned { fields, api_version: kind.api_version(), time: last.time.clone() });
    let pruned = versions.prune(merged, &owners, &last);
    let comparisons = versions.compare(&owners, &plain, &pruned);
    displace(&mut owners, &me, &comparisons, force)?;
    managers::strip_unowned(&mut owners);

    let mut result = pruned;
    let mine = owners.get(&me).map(|owned| owned.fields.clone()).unwrap_or_default();
    let same_version = last.api_version == kind.api_version();
    let mut before = Managers::from([(me.clone(), last)]);
    managers::strip_unowned(&mut before);
    let same_fields = before.get(&me).map(|owned| &owned.fields).unwrap_or(&FieldSet::default()) == &mine;
    let changed = !comparisons.own.is_same() || !same_fields || !same_version || live.is_none();
    if changed && let Some(owned) = owners.get_mut(&me) {
        owned.time = Some(managers::stamp(writer.now));
    }
    managers::write(&mut result, &owners);
    Ok(result)
}

/// Brings `new`'s managedFields up to date after a create, update or patch by `writer`. `live` is `None` on create.
pub fn track(kind: &Kind, live: Option<&Value>, new: &mut Value, writer: &Writer<'_>) {
    let reset = managers::asks_for_reset(new);
    // Whoever doesn't know managedFields must not delete it by accident; a subresource never writes it.
    let own = if writer.subresource.is_empty() { managers::read(new) } else { None };
    let mut owners = match (own, live) {
        (Some(owners), _) => owners,
        (None, Some(live)) if !reset => managers::read(live).unwrap_or_default(),
        _ => Managers::new(),
    };
    let untracked = owners.is_empty() && live.is_some();
    managers::strip(new);
    if untracked {
        // An object that nobody's ownership was ever kept of stays so until somebody applies.
        return;
    }
    let versions = Versions::new(kind, writer.versions);
    let comparisons = match live {
        Some(live) => {
            // The same on both sides, they are no change themselves.
            managers::copy(live, new);
            versions.compare(&owners, live, new)
        }
        None => versions.compare(&owners, &empty(kind, new), new),
    };
    let me = identity(kind, writer, false);
    displace_all(&mut owners, None, &comparisons);
    let mut changed = comparisons.own.modified.union(&comparisons.own.added);
    if kind.subresources.status && writer.subresource.is_empty() {
        // What is in a status at this point is the server's.
        changed.forget(&["f:status"], true);
    }
    if !changed.is_empty() {
        let fields = match owners.get(&me) {
            Some(owned) => changed.union(&owned.fields),
            None => changed,
        };
        let time = Some(managers::stamp(writer.now));
        owners.insert(me, Owned { fields, api_version: kind.api_version(), time });
    }
    managers::strip_unowned(&mut owners);
    managers::cap(&mut owners);
    managers::write(new, &owners);
}

fn identity(kind: &Kind, writer: &Writer<'_>, applies: bool) -> Identity {
    Identity {
        manager: writer.manager.to_owned(),
        applies,
        api_version: if applies { String::new() } else { kind.api_version() },
        subresource: writer.subresource.to_owned(),
    }
}

/// What an object of the kind is before anything of it is set.
fn empty(kind: &Kind, object: &Value) -> Value {
    let mut empty = identity_of(object);
    kind.fill_zeros(&mut empty);
    empty
}

/// The empty object of the same identity.
fn identity_of(object: &Value) -> Value {
    let mut empty = serde_json::json!({"metadata": {}});
    for name in ["apiVersion", "kind"] {
        if let Some(value) = object.get(name) {
            empty[name] = value.clone();
        }
    }
    for name in ["name", "namespace", "uid", "creationTimestamp", "resourceVersion", "generation"] {
        if let Some(value) = object["metadata"].get(name) {
            empty["metadata"][name] = value.clone();
        }
    }
    empty
}

/// The applied object without what this endpoint doesn't write.
fn configuration(kind: &Kind, applied: &Value, writer: &Writer<'_>) -> Result<Value, ApplyError> {
    let malformed = |text: &str| Err(ApplyError::Malformed(text.to_owned()));
    let mut applied = applied.clone();
    let Some(fields) = applied.as_object_mut() else {
        return malformed("an apply configuration has to be an object");
    };
    let has_managers = fields.get("metadata").and_then(|metadata| metadata["managedFields"].as_array());
    if has_managers.is_some_and(|managers| !managers.is_empty()) {
        return malformed("metadata.managedFields must be nil");
    }
    if kind.subresources.status {
        if writer.subresource == "status" {
            fields.retain(|name, _| ["apiVersion", "kind", "metadata", "status"].contains(&name.as_str()));
            if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
                metadata.retain(|name, _| {
                    ["name", "namespace", "uid", "resourceVersion"].contains(&name.as_str())
                });
            }
        } else if writer.subresource.is_empty() {
            fields.remove("status");
        }
    }
    managers::strip(&mut applied);
    // A null says nothing in an apply configuration: what isn't wanted is left out.
    drop_nulls(&mut applied);
    Ok(applied)
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// Items of lists must be told apart, and be there once.
fn check_keys(at: At<'_>, value: &Value, path: &mut String) -> Result<(), ApplyError> {
    let length = path.len();
    match parts(at, value) {
        Parts::Whole => {}
        Parts::Fields(fields) => {
            for (name, value) in fields {
                path.push('.');
                path.push_str(name);
                check_keys(shape::field(at, name), value, path)?;
                path.truncate(length);
            }
        }
        Parts::Items(items) => {
            let mut seen = std::collections::HashSet::new();
            for (index, (step, item)) in items.iter().enumerate() {
                let Some(place) = at else { continue };
                let wrong = |text: String| {
                    ApplyError::Malformed(format!("failed to create typed patch object: {path}: {text}"))
                };
                if place.list_type() == ListType::Map
                    && let Err(key) = shape::key_of(place, item)
                {
                    return Err(wrong(format!(
                        "element {index}: associative list with keys has an element that omits key field {key:?} (and doesn't have default value)"
                    )));
                }
                if !seen.insert(step) {
                    return Err(wrong(format!("duplicate entries for key {}", fields::shown(&[step]))));
                }
                path.push_str(&fields::shown(&[step]));
                check_keys(shape::items(at), item, path)?;
                path.truncate(length);
            }
        }
    }
    Ok(())
}

/// Takes the changed fields from their owners.
fn displace(
    owners: &mut Managers,
    me: &Identity,
    comparisons: &Comparisons,
    force: bool,
) -> Result<(), ApplyError> {
    if !force {
        let contested: Managers = owners
            .iter()
            .filter(|(identity, _)| *identity != me)
            .map(|(identity, owned)| {
                let comparison = comparisons.seen_by(owned);
                let changed = comparison.modified.clone().union(&comparison.added);
                let fields = owned.fields.intersection(&changed);
                (identity.clone(), Owned { fields, ..owned.clone() })
            })
            .filter(|(_, owned)| !owned.fields.is_empty())
            .collect();
        if !contested.is_empty() {
            return Err(ApplyError::Conflicts(conflict::conflicts(&contested)));
        }
    }
    displace_all(owners, Some(me), comparisons);
    Ok(())
}

/// Takes the changed and removed fields from every owner but one.
fn displace_all(owners: &mut Managers, but: Option<&Identity>, comparisons: &Comparisons) {
    for (_, owned) in owners.iter_mut().filter(|(identity, _)| Some(*identity) != but) {
        let comparison = comparisons.seen_by(owned);
        let changed = comparison.modified.clone().union(&comparison.added).union(&comparison.removed);
        owned.fields = owned.fields.difference(&changed);
    }
}

#[cfg(test)]
mod tests;
