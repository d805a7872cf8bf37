//! One question to an interpreter, and its answer in Karmada's field names.

use serde_json::{Map, Value, json};
use windlass_core::{Answer, CallError, Interpreter, Operation};

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
        let needed = match operation {
            Operation::Retain => ("observed", observed.is_some()),
            Operation::ReviseReplica => ("replicas", replicas.is_some()),
            Operation::AggregateStatus => ("items", items.is_some()),
            Operation::RestoreState => ("state", state.is_some()),
            _ => ("object", true),
        };
        if let (field, false) = needed {
            return Err(format!("{operation} needs {field:?}"));
        }
        let input = json!({"operation": operation.name(), "object": object, "observed": observed,
            "replicas": replicas, "items": items, "rules": rules, "state": state});
        let question = windlass_kit::Question::read(&input).map_err(|error| error.to_string())?;
        Ok(Reply::of(question.answer(interpreter)))
    }
}

impl Reply {
    pub(super) fn failed(error: String) -> Reply {
        Reply { enabled: false, by: String::new(), error: Some(error), result: None }
    }

    fn of(answer: Answer<Value>) -> Reply {
        let Some(answered) = answer else {
            return Reply { enabled: false, by: String::new(), error: None, result: None };
        };
        let (error, result) = match answered.result {
            Ok(found) => (None, Some(found)),
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
