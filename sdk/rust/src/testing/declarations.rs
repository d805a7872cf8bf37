//! What a plugin declares, answered as the host answers it.

use std::borrow::Cow;

use windlass_json::declared::{Declared, Retained, Unfit};

use crate::interpreter::bindings::exports::windlass::interpreter::interpreter::{Change, Guest, Rejection};
use crate::interpreter::bindings::windlass::interpreter::types::KindSupport;
use crate::interpreter::{Operations, off_wire};
use crate::json::kind_of;

/// Whatever is answered for a kind, by whomever.
pub(super) fn operations(support: &KindSupport) -> Operations {
    let declared = &support.declared;
    let status = if declared.status.is_some() { Operations::INTERPRET_STATUS } else { Operations::empty() };
    let retain = if declared.retain.is_empty() { Operations::empty() } else { Operations::RETAIN };
    support.operations | status | retain
}

/// What can't be declared.
pub(super) fn mistakes<P: Guest>() -> Vec<String> {
    let mistake = |support: KindSupport| {
        let kind = support.kind;
        let (field, problem) = off_wire(support.declared).check().err()?;
        Some(format!("what is declared for {kind}: {field} {problem}"))
    };
    P::describe().kinds.into_iter().filter_map(mistake).collect()
}

/// InterpretStatus, where that is declared.
pub(super) fn status<P: Guest>(object: &str) -> Option<Result<String, Rejection>> {
    let reflection = found::<P>(object, Operations::INTERPRET_STATUS)?.status?;
    Some(reflection.of(object).map(Cow::into_owned).map_err(unfit))
}

/// Retain, where that is declared.
pub(super) fn retain<P: Guest>(desired: &str, observed: &str) -> Option<Result<Vec<Change>, Rejection>> {
    let declared = found::<P>(desired, Operations::RETAIN).filter(|declared| !declared.retain.is_empty())?;
    let change =
        |Retained { path, value, .. }| Change { path: str::to_owned(path), value: Some(value.into_owned()) };
    let retained = declared.retained(desired, observed);
    Some(retained.map(|retained| retained.into_iter().map(change).collect()).map_err(unfit))
}

/// What is declared where it is decided who answers `operation`: at the most exact kind that has it.
fn found<P: Guest>(object: &str, operation: Operations) -> Option<Declared> {
    let (api_version, kind) = kind_of(object);
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version.as_str()));
    let means = |pattern: &str, value: &str| pattern == "*" || pattern == value;
    let decides = |support: &KindSupport| {
        operations(support).contains(operation)
            && means(&support.group, group)
            && means(&support.version, version)
            && means(&support.kind, &kind)
    };
    let open = |support: &KindSupport| {
        [&support.group, &support.version, &support.kind].into_iter().filter(|part| *part == "*").count()
    };
    let deciding = P::describe().kinds.into_iter().filter(decides).min_by_key(open)?;
    Some(off_wire(deciding.declared))
}

fn unfit(Unfit { field, message }: Unfit) -> Rejection {
    Rejection { field, message }
}
