//! One question to an interpreter, and its answer in Karmada's field names.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use windlass_core::{Answer, Ask, CallError, Interpreter, Object, Operation};

/// An operation with its arguments, as they came from outside.
pub(super) struct Question {
    pub(super) operation: Operation,
    pub(super) object: Value,
    pub(super) observed: Option<Value>,
    pub(super) replicas: Option<i32>,
    pub(super) items: Option<Value>,
    pub(super) rules: Option<Value>,
    pub(super) state: Option<Value>,
}

/// What came back: whether anybody answers, who, and the result or an error.
pub(super) struct Reply {
    enabled: bool,
    by: String,
    pub(super) error: Option<String>,
    pub(super) result: Option<Value>,
}

impl Question {
    pub(super) fn ask(self, interpreter: &dyn Interpreter) -> Reply {
        self.put(interpreter).unwrap_or_else(Reply::failed)
    }

    /// # Errors
    /// An argument is missing or not what it has to be.
    fn put(self, interpreter: &dyn Interpreter) -> Result<Reply, String> {
        let Question { operation, object, observed, replicas, items, rules, state } = self;
        let object = parse_object("object", &object)?;
        let missing = |field: &str| format!("{operation} needs {field:?}");
        Ok(match operation {
            Operation::InterpretReplica => {
                let answer = interpreter.inspect(&object, Ask::only(operation)).replicas;
                Reply::of(
                    answer,
                    |found| json!({"replicas": found.replicas, "requirements": found.requirements}),
                )
            }
            Operation::InterpretComponent => {
                Reply::of(interpreter.inspect(&object, Ask::only(operation)).components, plain)
            }
            Operation::InterpretDependency => {
                Reply::of(interpreter.inspect(&object, Ask::only(operation)).dependencies, plain)
            }
            Operation::InterpretStatus => {
                Reply::of(interpreter.inspect(&object, Ask::only(operation)).status, |status| status)
            }
            Operation::InterpretHealth => {
                Reply::of(interpreter.inspect(&object, Ask::only(operation)).health, Value::Bool)
            }
            Operation::ReviseReplica => {
                let replicas = replicas.ok_or_else(|| missing("replicas"))?;
                Reply::of(interpreter.revise_replica(&object, replicas), |changed| changed)
            }
            Operation::Retain => {
                let observed = parse_object("observed", &observed.ok_or_else(|| missing("observed"))?)?;
                Reply::of(interpreter.retain(&object, &observed), |changed| changed)
            }
            Operation::AggregateStatus => {
                let items: Vec<_> = parse("items", items.ok_or_else(|| missing("items"))?)?;
                Reply::of(interpreter.aggregate_status(&object, &items), |changed| changed)
            }
            Operation::PreserveState => {
                let rules: Vec<_> = rules.map(|rules| parse("rules", rules)).transpose()?.unwrap_or_default();
                Reply::of(interpreter.preserve_state(&object, &rules), plain)
            }
            Operation::RestoreState => {
                let state = parse("state", state.ok_or_else(|| missing("state"))?)?;
                Reply::of(interpreter.restore_state(&object, &state), |changed| changed)
            }
        })
    }
}

impl Reply {
    pub(super) fn failed(error: String) -> Reply {
        Reply { enabled: false, by: String::new(), error: Some(error), result: None }
    }

    fn of<T>(answer: Answer<T>, show: impl FnOnce(T) -> Value) -> Reply {
        let Some(answered) = answer else {
            return Reply { enabled: false, by: String::new(), error: None, result: None };
        };
        let (error, result) = match answered.result {
            Ok(found) => (None, Some(show(found))),
            Err(error) => (Some(CallError::to_string(&error)), None),
        };
        Reply { enabled: true, by: answered.by.to_string(), error, result }
    }

    /// The answer's line: `{"id", "enabled", "by", "error"?, "result"?}`.
    pub(super) fn into_line(self, id: Value) -> Value {
        let Reply { enabled, by, error, result } = self;
        let mut line = Map::new();
        line.insert("id".into(), id);
        line.insert("enabled".into(), enabled.into());
        line.insert("by".into(), by.into());
        line.extend(error.map(|error| ("error".to_owned(), error.into())));
        line.extend(result.map(|result| ("result".to_owned(), result)));
        Value::Object(line)
    }
}

fn plain(found: impl Serialize) -> Value {
    serde_json::to_value(found).expect("the API's own types are JSON")
}

fn parse_object(name: &str, value: &Value) -> Result<Object, String> {
    Object::from_value(value).map_err(|error| format!("{name:?} is not a Kubernetes object: {error}"))
}

fn parse<T: DeserializeOwned>(name: &str, value: Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|error| format!("{name:?}: {error}"))
}
