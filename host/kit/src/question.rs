//! One question to a plugin, read from an `input.yaml` and put as the control plane puts it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use windlass_api::policy::StatePreservationRule;
use windlass_api::work::AggregatedStatusItem;
use windlass_core::{Answer, Answered, Ask, Interpreter, Object, Operation, PodCount, WorkloadPods};

use crate::outcome::Outcome;

/// An input that asks nothing.
#[derive(Debug, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct InputError {
    /// The field of the input.
    pub field: String,
    pub problem: String,
}

impl InputError {
    pub(crate) fn new(field: &str, problem: impl ToString) -> InputError {
        InputError { field: field.to_owned(), problem: problem.to_string() }
    }
}

/// A question to an interpreter, its parts parsed.
#[derive(Debug)]
pub struct Question {
    object: Object,
    asked: Asked,
}

#[derive(Debug)]
enum Asked {
    Inspect(Operation),
    ReviseReplica(i32),
    Retain(Object),
    AggregateStatus(Vec<AggregatedStatusItem>),
    PreserveState(Vec<StatePreservationRule>),
    RestoreState(BTreeMap<String, String>),
    SimulateStatus(WorkloadPods, u32),
}

/// The one question that is no operation.
const SIMULATE_STATUS: &str = "SimulateStatus";

/// What may be asked of an interpreter, by the names that an input gives.
pub fn operations() -> impl Iterator<Item = &'static str> {
    Operation::ALL.into_iter().map(Operation::name).chain([SIMULATE_STATUS])
}

impl Question {
    /// Reads an input, as tests/conformance/README.md describes it.
    ///
    /// # Errors
    /// A field is missing or not what it has to be.
    pub fn read(input: &Value) -> Result<Question, InputError> {
        let name = input["operation"].as_str().unwrap_or_default();
        let object = object("object", &input["object"])?;
        let asked = if name == SIMULATE_STATUS {
            let nodes = input["nodes"].as_u64().and_then(|nodes| nodes.try_into().ok());
            Asked::SimulateStatus(pods(&input["pods"]), nodes.unwrap_or_default())
        } else {
            let operation: Operation = name.parse().map_err(|_| {
                let known: Vec<_> = operations().collect();
                InputError::new(
                    "operation",
                    format!("{:?} is none; there are {}", input["operation"], known.join(", ")),
                )
            })?;
            Asked::read(operation, &object, input)?
        };
        Ok(Question { object, asked })
    }

    /// What it is asked about.
    pub fn object(&self) -> &Object {
        &self.object
    }

    /// Asks, as whoever wants to know only what it did with the question.
    pub fn ask(&self, interpreter: &dyn Interpreter) -> Outcome {
        match self.answer(interpreter).map(|answered| answered.result) {
            None => Outcome::Undeclared,
            Some(Ok(found)) => Outcome::Result(found),
            Some(Err(error)) => Outcome::of(error),
        }
    }

    /// Asks; the answer in Karmada's field names, and whose it is.
    pub fn answer(&self, interpreter: &dyn Interpreter) -> Answer<Value> {
        let object = &self.object;
        match &self.asked {
            Asked::Inspect(operation) => {
                let found = interpreter.inspect(object, Ask::only(*operation));
                match operation {
                    Operation::InterpretReplica => shown(
                        found.replicas,
                        |found| json!({"replicas": found.replicas, "requirements": found.requirements}),
                    ),
                    Operation::InterpretComponent => shown(found.components, plain),
                    Operation::InterpretDependency => shown(found.dependencies, plain),
                    Operation::InterpretStatus => shown(found.status, |status| status.to_value()),
                    _ => shown(found.health, plain),
                }
            }
            Asked::ReviseReplica(replicas) => shown(interpreter.revise_replica(object, *replicas), whole),
            Asked::Retain(observed) => shown(interpreter.retain(object, observed), whole),
            Asked::AggregateStatus(items) => shown(interpreter.aggregate_status(object, items), whole),
            Asked::PreserveState(rules) => shown(interpreter.preserve_state(object, rules), plain),
            Asked::RestoreState(state) => shown(interpreter.restore_state(object, state), whole),
            Asked::SimulateStatus(pods, nodes) => {
                shown(interpreter.simulate_status(object, pods, *nodes), plain)
            }
        }
    }
}

impl Asked {
    fn read(operation: Operation, desired: &Object, input: &Value) -> Result<Asked, InputError> {
        Ok(match operation {
            Operation::InterpretReplica
            | Operation::InterpretComponent
            | Operation::InterpretDependency
            | Operation::InterpretStatus
            | Operation::InterpretHealth => Asked::Inspect(operation),
            Operation::ReviseReplica => {
                let replicas = input["replicas"].as_i64().and_then(|number| number.try_into().ok());
                Asked::ReviseReplica(
                    replicas.ok_or_else(|| InputError::new("replicas", "must be the number to revise to"))?,
                )
            }
            Operation::Retain => {
                // The host only ever has whole objects; a case may leave out what it is not about.
                let mut observed = input["observed"].clone();
                let identity =
                    [("apiVersion", desired.gvk().api_version()), ("kind", desired.gvk().kind.clone())];
                for (field, value) in identity {
                    if let Some(missing) = observed.as_object_mut().filter(|map| !map.contains_key(field)) {
                        missing.insert(field.to_owned(), value.into());
                    }
                }
                Asked::Retain(object("observed", &observed)?)
            }
            Operation::AggregateStatus => {
                Asked::AggregateStatus(read::<Option<_>>("items", &input["items"])?.unwrap_or_default())
            }
            Operation::PreserveState => {
                Asked::PreserveState(read::<Option<_>>("rules", &input["rules"])?.unwrap_or_default())
            }
            Operation::RestoreState => {
                Asked::RestoreState(read::<Option<_>>("state", &input["state"])?.unwrap_or_default())
            }
        })
    }
}

fn object(field: &str, value: &Value) -> Result<Object, InputError> {
    if !value.is_object() {
        return Err(InputError::new(field, "must be a Kubernetes object"));
    }
    Object::from_value(value).map_err(|error| InputError::new(field, error))
}

fn read<T: DeserializeOwned>(field: &str, value: &Value) -> Result<T, InputError> {
    serde_json::from_value(value.clone()).map_err(|error| InputError::new(field, error))
}

fn whole(changed: Object) -> Value {
    changed.to_value()
}

fn plain(found: impl Serialize) -> Value {
    serde_json::to_value(found).expect("answers are JSON")
}

fn pods(value: &Value) -> WorkloadPods {
    let pods = |component: &Value| {
        let count = |field: &str| {
            component[field].as_u64().and_then(|count| count.try_into().ok()).unwrap_or_default()
        };
        let pods = PodCount {
            desired: count("desired"),
            created: count("created"),
            ready: count("ready"),
            succeeded: count("succeeded"),
            failed: count("failed"),
            outdated: count("outdated"),
            outdated_ready: count("outdatedReady"),
        };
        (component["component"].as_str().unwrap_or_default().to_owned(), pods)
    };
    value.as_array().into_iter().flatten().map(pods).collect()
}

fn shown<T>(answer: Answer<T>, show: impl FnOnce(T) -> Value) -> Answer<Value> {
    answer.map(|Answered { by, result }| Answered { by, result: result.map(show) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(input: Value) -> String {
        Question::read(&input).unwrap_err().to_string()
    }

    #[test]
    fn an_input_that_asks_nothing_names_its_field() {
        let object = json!({"apiVersion": "v1", "kind": "Thing"});
        assert!(wrong(json!({})).starts_with("object: "));
        assert!(wrong(json!({"object": {"kind": "Thing"}})).contains("apiVersion"));
        assert!(wrong(json!({"object": object})).contains("InterpretHealth"));
        assert!(wrong(json!({"object": object, "operation": "Health"})).starts_with("operation: "));
        assert!(wrong(json!({"object": object, "operation": "ReviseReplica"})).starts_with("replicas: "));
        let many = json!({"object": object, "operation": "ReviseReplica", "replicas": 1_u64 << 40});
        assert!(wrong(many).starts_with("replicas: "));
        assert!(wrong(json!({"object": object, "operation": "Retain"})).starts_with("observed: "));
        let items = json!({"object": object, "operation": "AggregateStatus", "items": [{}]});
        assert!(wrong(items).contains("clusterName"));
    }

    #[test]
    fn every_operation_can_be_asked() {
        for operation in operations() {
            let input = json!({"operation": operation, "object": {"apiVersion": "v1", "kind": "Thing"},
                "replicas": 1, "observed": {}});
            assert!(Question::read(&input).is_ok(), "{operation}");
        }
    }
}
