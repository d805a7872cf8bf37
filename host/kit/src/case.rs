//! Cases: folders with an `input.yaml` and an `expected.yaml`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::difference::{self, Difference};
use crate::outcome::Outcome;

/// A folder that is no case, or can't be made one.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{} is not as cases are: {problem}", path.display())]
    Malformed { path: PathBuf, problem: String },
    #[error("{} has no cases: each is a folder in it with an input.yaml, and --update writes what is expected", path.display())]
    None { path: PathBuf },
}

/// What is asked, and what is expected.
#[derive(Clone, Debug)]
pub struct Case {
    /// The folder's name.
    pub name: String,
    pub input: Value,
    folder: PathBuf,
    /// Not there in a case that is new.
    expected: Option<Expected>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum Expected {
    Result(Value),
    Error(ExpectedError),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedError {
    #[serde(default)]
    field: String,
    /// A part of the message.
    message: String,
}

const INPUT: &str = "input.yaml";
const EXPECTED: &str = "expected.yaml";

impl Case {
    /// Reads the case in `folder`.
    ///
    /// # Errors
    /// The input or what is expected can't be read.
    pub fn read(folder: &Path) -> Result<Case, CaseError> {
        let expected = folder.join(EXPECTED);
        Ok(Case {
            name: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            input: yaml(&folder.join(INPUT))?,
            expected: expected.exists().then(|| yaml(&expected)).transpose()?,
            folder: folder.to_owned(),
        })
    }

    /// All cases in `folder`, in the order of their names.
    ///
    /// # Errors
    /// The folder or a case can't be read, or there is none.
    pub fn read_all(folder: &Path) -> Result<Vec<Case>, CaseError> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(CaseError::None { path: folder.to_owned() });
            }
            Err(source) => return Err(CaseError::Read { path: folder.to_owned(), source }),
        };
        let mut folders: Vec<PathBuf> =
            entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
        folders.sort();
        if folders.is_empty() {
            return Err(CaseError::None { path: folder.to_owned() });
        }
        folders.iter().map(|folder| Case::read(folder)).collect()
    }

    /// The operation that the input names.
    pub fn operation(&self) -> &str {
        self.input["operation"].as_str().unwrap_or_default()
    }

    /// Whether nothing is expected yet.
    pub fn is_new(&self) -> bool {
        self.expected.is_none()
    }

    /// Where `outcome` is not what is expected; nothing if it is.
    pub fn differences(&self, outcome: &Outcome) -> Vec<Difference> {
        let Some(expected) = &self.expected else {
            return whole("", Value::Null, answered(outcome));
        };
        match (expected, outcome) {
            (Expected::Result(expected), Outcome::Result(result)) => {
                difference::between("result", expected, result)
            }
            (Expected::Error(expected), Outcome::Rejected { field, message }) => {
                let mut found = Vec::new();
                if expected.field != *field {
                    found.extend(whole("error.field", json!(expected.field), json!(field)));
                }
                if !message.contains(&expected.message) {
                    found.extend(whole("error.message", json!(expected.message), json!(message)));
                }
                found
            }
            (Expected::Result(expected), outcome) => {
                whole("", json!({"result": expected}), answered(outcome))
            }
            (Expected::Error(ExpectedError { field, message }), outcome) => {
                whole("", json!({"error": {"field": field, "message": message}}), answered(outcome))
            }
        }
    }

    /// Writes `outcome` as what is expected from now on; whether it can be expected at all.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn expect(&self, outcome: &Outcome) -> Result<bool, CaseError> {
        let Some(document) = outcome.document() else { return Ok(false) };
        let path = self.folder.join(EXPECTED);
        let text = serde_saphyr::to_string(&document)
            .map_err(|error| CaseError::Malformed { path: path.clone(), problem: error.to_string() })?;
        fs::write(&path, text).map_err(|source| CaseError::Write { path, source })?;
        Ok(true)
    }
}

fn whole(field: &str, expected: Value, answered: Value) -> Vec<Difference> {
    vec![Difference { field: field.to_owned(), expected, answered }]
}

/// An outcome as it is shown beside what was expected.
fn answered(outcome: &Outcome) -> Value {
    outcome.document().unwrap_or_else(|| match outcome {
        Outcome::Failed { reason, message } => json!({"failed": reason, "message": message}),
        _ => json!("nothing: the plugin does not declare this"),
    })
}

fn yaml<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, CaseError> {
    let text =
        fs::read_to_string(path).map_err(|source| CaseError::Read { path: path.to_owned(), source })?;
    serde_saphyr::from_str(&text)
        .map_err(|error| CaseError::Malformed { path: path.to_owned(), problem: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(expected: Option<&str>) -> (tempfile::TempDir, Case) {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a-case");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(INPUT), "operation: InterpretHealth\n").unwrap();
        if let Some(expected) = expected {
            fs::write(folder.join(EXPECTED), expected).unwrap();
        }
        let mut cases = Case::read_all(root.path()).unwrap();
        (root, cases.remove(0))
    }

    fn rejected(field: &str, message: &str) -> Outcome {
        Outcome::Rejected { field: field.to_owned(), message: message.to_owned() }
    }

    #[test]
    fn an_answer_is_compared_field_by_field() {
        let (_root, case) = case(Some("result: {replicas: 3, extra: null}"));
        assert_eq!(case.operation(), "InterpretHealth");
        assert!(case.differences(&Outcome::Result(json!({"replicas": 3}))).is_empty());
        let found = case.differences(&Outcome::Result(json!({"replicas": 4})));
        assert_eq!(found, whole("result.replicas", json!(3), json!(4)));
        assert_eq!(case.differences(&rejected("spec", "no")).len(), 1);
        let failed = Outcome::Failed { reason: "Trap", message: "it said: panicked".to_owned() };
        assert!(case.differences(&failed)[0].answered.to_string().contains("panicked"));
        assert!(!case.expect(&failed).unwrap(), "a failure is never expected");
    }

    #[test]
    fn an_error_is_its_field_and_a_part_of_its_message() {
        let (_root, case) = case(Some("error: {field: spec.a, message: negative}"));
        assert!(case.differences(&rejected("spec.a", "must not be negative")).is_empty());
        let found = case.differences(&rejected("spec.b", "must be positive"));
        let fields: Vec<_> = found.iter().map(|difference| difference.field.as_str()).collect();
        assert_eq!(fields, ["error.field", "error.message"]);
    }

    #[test]
    fn what_came_out_is_expected_from_then_on() {
        let outcome =
            Outcome::Result(json!({"labels": {"on": "yes", "text": "# no comment"}, "list": [], "n": 1.5}));
        for outcome in [outcome, rejected("", "no: \"quoted\"\nand broken")] {
            let (root, case) = case(None);
            assert!(case.is_new() && !case.differences(&outcome).is_empty());
            assert!(case.expect(&outcome).unwrap());
            let again = Case::read(&root.path().join("a-case")).unwrap();
            assert_eq!(again.differences(&outcome), []);
        }
    }

    #[test]
    fn a_folder_that_is_no_case_says_what_is_wrong() {
        let root = tempfile::tempdir().unwrap();
        let error = |folder: &Path| Case::read_all(folder).unwrap_err().to_string();
        assert!(error(root.path()).contains("--update"));
        assert!(error(&root.path().join("nothing")).contains("--update"));
        fs::create_dir(root.path().join("one")).unwrap();
        assert!(error(root.path()).contains("input.yaml"));
        fs::write(root.path().join("one/input.yaml"), "a: [").unwrap();
        assert!(error(root.path()).contains("not as cases are"));
        fs::write(root.path().join("one/input.yaml"), "a: 1").unwrap();
        fs::write(root.path().join("one/expected.yaml"), "answer: 1").unwrap();
        assert!(error(root.path()).contains("answer"));
    }
}
