//! From JSON text in answers to values of the API.

use serde::de::DeserializeOwned;
use windlass_api::config::DependentObjectReference;
use windlass_api::work::Component;
use windlass_core::{Blame, Change, Json, ReplicaAnswer};

use crate::fault::Fault;

/// The answers to all that was asked in one call. What was not asked is `None`.
#[derive(Debug, Default)]
pub(crate) struct Inspected {
    pub(crate) replicas: Option<Result<ReplicaAnswer, Fault>>,
    pub(crate) components: Option<Result<Vec<Component>, Fault>>,
    pub(crate) dependencies: Option<Result<Vec<DependentObjectReference>, Fault>>,
    pub(crate) status: Option<Result<Json, Fault>>,
    pub(crate) health: Option<Result<bool, Fault>>,
}

/// What an admission plugin wants of an admitted object.
#[derive(Debug, Default)]
pub(crate) struct Admitted {
    pub(crate) changes: Vec<Change>,
    pub(crate) warnings: Vec<String>,
}

/// How deep a value in an answer may lie in its object: as deep as in a status that is reflected without a call.
const DEPTH_MAX: usize = windlass_core::declared::DEPTH_MAX;

/// How many changes one answer may propose: the host makes them, and no deadline ends that.
const CHANGES_MAX: usize = 10_000;

const FIELD_BYTES_MAX: usize = 1 << 10;

/// The plugin looked at the object and refuses it.
pub(crate) fn rejected(mut field: String, message: String) -> Fault {
    field.truncate(field.floor_char_boundary(FIELD_BYTES_MAX));
    Fault { blame: Blame::Rejected { field: (!field.is_empty()).then_some(field) }, message }
}

/// The answer to one question: `None` where it was not asked, a bad answer where it was and none came.
pub(crate) fn answered<A, T>(
    asked: bool,
    what: &str,
    answer: Option<A>,
    convert: impl FnOnce(A) -> Result<T, Fault>,
) -> Option<Result<T, Fault>> {
    asked.then(|| match answer {
        Some(answer) => convert(answer),
        None => Err(Fault::bad_answer(format!("it was asked for {what} and gave none"))),
    })
}

/// JSON text of a known type.
pub(crate) fn parse<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, Fault> {
    serde_json::from_str(text)
        .map_err(|error| Fault::bad_answer(format!("its {what} can't be read: {error}")))
}

/// JSON text of a known type, or nothing. A `null` is nothing too.
pub(crate) fn parse_some<T: DeserializeOwned>(what: &str, text: Option<&str>) -> Result<Option<T>, Fault> {
    text.map_or(Ok(None), |text| parse(what, text))
}

/// JSON text of any shape, as it becomes part of an object.
pub(crate) fn document(what: &str, text: String) -> Result<Json, Fault> {
    let (document, depth) = Json::with_depth(text)
        .map_err(|error| Fault::bad_answer(format!("its {what} can't be read: {error}")))?;
    match depth {
        0..=DEPTH_MAX => Ok(document),
        deeper => {
            Err(Fault::bad_answer(format!("its {what} is {deeper} levels deep, and may be {DEPTH_MAX}")))
        }
    }
}

/// Changes whose values are JSON.
pub(crate) fn changes<T>(
    proposed: Vec<T>,
    parts: impl Fn(T) -> (String, Option<String>),
) -> Result<Vec<Change<Json>>, Fault> {
    if proposed.len() > CHANGES_MAX {
        return Err(Fault::bad_answer(format!(
            "it proposes {} changes, and may {CHANGES_MAX}",
            proposed.len()
        )));
    }
    proposed.into_iter().map(parts).map(|(path, value)| change(path, value)).collect()
}

fn change(path: String, value: Option<String>) -> Result<Change<Json>, Fault> {
    let unread = |error| Fault::bad_answer(format!("its value for {path:?} can't be read: {error}"));
    let (value, depth) = value.map(Json::with_depth).transpose().map_err(unread)?.unzip();
    // The path counts too: a change makes the parents that are missing.
    let tokens = path.bytes().filter(|byte| *byte == b'/').count();
    if tokens + depth.unwrap_or_default() > DEPTH_MAX {
        return Err(Fault::bad_answer(format!(
            "its change of {path:?} is more than {DEPTH_MAX} levels deep"
        )));
    }
    Ok(Change { path, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(levels: usize) -> String {
        format!("{}0{}", "[".repeat(levels), "]".repeat(levels))
    }

    #[test]
    fn what_is_too_deep_to_be_read_again_is_a_bad_answer() {
        assert!(document("status", nested(DEPTH_MAX)).is_ok());
        for text in [nested(DEPTH_MAX + 1), nested(10_000_000)] {
            assert_eq!(document("status", text).map_err(|fault| fault.blame), Err(Blame::BadAnswer));
        }
        let deep = |tokens: usize, levels: usize| {
            changes(vec![("/a".repeat(tokens), Some(nested(levels)))], |change| change)
                .map_err(|fault| fault.blame)
        };
        assert!(deep(60, 40).is_ok());
        assert_eq!(deep(60, 41), Err(Blame::BadAnswer));
        assert_eq!(deep(1_000_000, 0), Err(Blame::BadAnswer));
    }

    #[test]
    fn too_many_changes_are_a_bad_answer() {
        let many = |number| {
            changes(vec![String::from("/spec/a"); number], |path| (path, None)).map_err(|fault| fault.blame)
        };
        assert!(many(CHANGES_MAX).is_ok());
        assert_eq!(many(CHANGES_MAX + 1), Err(Blame::BadAnswer));
    }
}
