//! What came back when a plugin was asked.

use serde_json::{Value, json};
use windlass_core::{Blame, CallError};
use windlass_plugins::LoadError;

/// What a plugin did with a question.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It answered.
    Result(Value),
    /// It refuses what it was asked about: the field (empty where no single one is to blame) and why.
    Rejected { field: String, message: String },
    /// The call failed: [`Blame::reason`] and what happened.
    Failed { reason: &'static str, message: String },
    /// It declares nothing that would have it asked.
    Undeclared,
}

impl Outcome {
    pub(crate) fn of(error: CallError) -> Outcome {
        let CallError { blame, message, .. } = error;
        match blame {
            Blame::Rejected { field } => Outcome::Rejected { field: field.unwrap_or_default(), message },
            blame => Outcome::Failed { reason: blame.reason(), message },
        }
    }

    /// What comes of settings that the plugin would not have.
    pub fn refused(error: &LoadError) -> Outcome {
        match error {
            LoadError::Settings { blame: Blame::Rejected { field }, message, .. } => {
                Outcome::Rejected { field: field.clone().unwrap_or_default(), message: message.clone() }
            }
            LoadError::Settings { blame, message, .. } => {
                Outcome::Failed { reason: blame.reason(), message: message.clone() }
            }
            other => Outcome::Failed { reason: "HostFault", message: other.to_string() },
        }
    }

    /// As an `expected.yaml` has it: `result` or `error`. What is neither can't be expected.
    pub fn document(&self) -> Option<Value> {
        match self {
            Outcome::Result(result) => Some(json!({"result": result})),
            Outcome::Rejected { field, message } => {
                Some(json!({"error": {"field": field, "message": message}}))
            }
            Outcome::Failed { .. } | Outcome::Undeclared => None,
        }
    }
}
