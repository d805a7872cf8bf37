//! A case: a folder with an input and what is expected of it.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

/// A folder that is no case.
#[derive(Debug, thiserror::Error)]
pub(super) enum CaseError {
    #[error("{path} can't be read")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{path} is not as cases are: {reason}")]
    Malformed { path: PathBuf, reason: String },
}

#[derive(Debug)]
pub(super) struct Case {
    /// The folder's name.
    pub(super) name: String,
    pub(super) input: Value,
    expected: Expected,
}

/// What a case expects.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum Expected {
    Result(Value),
    Error(ExpectedError),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedError {
    #[serde(default)]
    field: String,
    /// A part of the message.
    message: String,
}

/// An answer: a result, or the field and message of a rejection.
pub(super) type Outcome = Result<Value, (String, String)>;

impl Case {
    fn read(folder: &Path) -> Result<Case, CaseError> {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Case {
            name,
            input: yaml(&folder.join("input.yaml"))?,
            expected: yaml(&folder.join("expected.yaml"))?,
        })
    }
}

fn yaml<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, CaseError> {
    let text =
        fs::read_to_string(path).map_err(|source| CaseError::Unreadable { path: path.to_owned(), source })?;
    serde_saphyr::from_str(&text)
        .map_err(|error| CaseError::Malformed { path: path.to_owned(), reason: error.to_string() })
}

/// All cases in `folder`, in the order of their names.
pub(super) fn read_all(folder: &Path) -> Vec<Case> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut folders: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    assert!(!folders.is_empty(), "{} has no cases", folder.display());
    folders.iter().map(|folder| Case::read(folder).unwrap_or_else(|error| panic!("{error}"))).collect()
}

/// Runs the cases; what is wrong with those that fail.
pub(super) fn run(cases: &[Case], answer: impl Fn(&Value) -> Outcome) -> Vec<String> {
    cases
        .iter()
        .filter_map(|Case { name, input, expected }| {
            let wrong = match (expected, answer(input)) {
                (Expected::Result(want), Ok(got)) => {
                    let mut fields = Vec::new();
                    differ("result", want, &got, &mut fields);
                    if fields.is_empty() {
                        return None;
                    }
                    fields.join("\n")
                }
                (Expected::Error(want), Err((field, message)))
                    if want.field == field && message.contains(&want.message) =>
                {
                    return None;
                }
                (expected, Err((field, message))) => {
                    format!("  expected {expected:?}\n  rejected {field}: {message}")
                }
                (expected, Ok(got)) => format!("  expected {expected:?}\n  answered {got}"),
            };
            Some(format!("{name}:\n{wrong}"))
        })
        .collect()
}

/// Notes the fields in which the documents differ, the deepest that do.
fn differ(field: &str, want: &Value, got: &Value, fields: &mut Vec<String>) {
    match (want, got) {
        (Value::Object(wanted), Value::Object(answered)) => {
            let more = answered.keys().filter(|key| !wanted.contains_key(*key));
            for key in wanted.keys().chain(more) {
                let of = |map: &Map<String, Value>| map.get(key).cloned().unwrap_or_default();
                differ(&format!("{field}.{key}"), &of(wanted), &of(answered), fields);
            }
        }
        (Value::Array(wanted), Value::Array(answered)) => {
            for index in 0..wanted.len().max(answered.len()) {
                let of = |items: &[Value]| items.get(index).cloned().unwrap_or_default();
                differ(&format!("{field}[{index}]"), &of(wanted), &of(answered), fields);
            }
        }
        _ if without_nulls(want) == without_nulls(got) => {}
        _ => fields.push(format!("  {field}: expected {want}, answered {got}")),
    }
}

/// An object that lacks a field says what one says in which it is null.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.clone(), without_nulls(value)))
            .collect(),
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

/// Fails the test if there are failures.
pub(super) fn report(failures: &[String]) {
    let mut all = String::new();
    for failure in failures {
        writeln!(all, "{failure}").expect("a string takes all");
    }
    assert!(failures.is_empty(), "{} cases fail:\n{all}", failures.len());
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_failure_names_the_field() {
        let case = Case {
            name: "a-case".to_owned(),
            input: Value::Null,
            expected: Expected::Result(json!({"spec": {"replicas": 3, "list": [1, 2]}, "gone": null})),
        };
        let cases = [case];
        let answer = |answer: Value| run(&cases, |_| Ok(answer.clone()));
        assert_eq!(answer(json!({"spec": {"replicas": 3, "list": [1, 2], "more": null}})), [""; 0]);
        assert_eq!(
            answer(json!({"spec": {"replicas": 4, "list": [1]}})),
            [concat!(
                "a-case:\n  result.spec.list[1]: expected 2, answered null\n",
                "  result.spec.replicas: expected 3, answered 4"
            )]
        );
    }
}
