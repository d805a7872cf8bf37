//! From JSON text in answers to values of the API.

use serde::de::DeserializeOwned;
use serde_json::Value;
use windlass_api::config::DependentObjectReference;
use windlass_api::work::Component;
use windlass_core::{Blame, Change, ReplicaAnswer};

use crate::fault::Fault;

/// The answers to all that was asked in one call. What was not asked is `None`.
#[derive(Debug, Default)]
pub(crate) struct Inspected {
    pub(crate) replicas: Option<Result<ReplicaAnswer, Fault>>,
    pub(crate) components: Option<Result<Vec<Component>, Fault>>,
    pub(crate) dependencies: Option<Result<Vec<DependentObjectReference>, Fault>>,
    pub(crate) status: Option<Result<Value, Fault>>,
    pub(crate) health: Option<Result<bool, Fault>>,
}

/// What an admission plugin wants of an admitted object.
#[derive(Debug, Default)]
pub(crate) struct Admitted {
    pub(crate) changes: Vec<Change>,
    pub(crate) warnings: Vec<String>,
}

/// The plugin looked at the object and refuses it.
pub(crate) fn rejected(field: String, message: String) -> Fault {
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

/// One change, its value parsed.
pub(crate) fn change(path: String, value: Option<&str>) -> Result<Change, Fault> {
    let value = value.map(|text| parse::<Value>(&format!("value for {path:?}"), text)).transpose()?;
    Ok(Change { path, value })
}
