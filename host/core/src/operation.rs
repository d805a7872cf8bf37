//! The ten interpreter operations, by Karmada's names, and the set of questions asked in one call.

use std::fmt;
use std::str::FromStr;

/// One thing that can be asked of an interpreter.
///
/// The first eight are Karmada's (`config.karmada.io/v1alpha1`, `InterpreterOperation`); the last two are
/// Windlass's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// How many replicas a workload wants, and what each of them requests.
    InterpretReplica,
    /// The pod templates of a workload that has several: replicas and requests of each.
    InterpretComponent,
    /// The object with its replicas set to those one cluster was given.
    ReviseReplica,
    /// The desired object with those fields kept that the member cluster's own controllers write.
    Retain,
    /// The template with the members' statuses drawn together.
    AggregateStatus,
    /// The objects that must travel with this one.
    InterpretDependency,
    /// The part of the status that the control plane wants to see.
    InterpretStatus,
    /// Whether the object is healthy in its member cluster.
    InterpretHealth,
    /// What must survive a move to another cluster.
    PreserveState,
    /// The moved object with its preserved state put back.
    RestoreState,
}

impl Operation {
    /// All operations, in the order of the contract.
    pub const ALL: [Operation; 10] = [
        Operation::InterpretReplica,
        Operation::InterpretComponent,
        Operation::ReviseReplica,
        Operation::Retain,
        Operation::AggregateStatus,
        Operation::InterpretDependency,
        Operation::InterpretStatus,
        Operation::InterpretHealth,
        Operation::PreserveState,
        Operation::RestoreState,
    ];

    /// The operation's name as Karmada's API spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Operation::InterpretReplica => "InterpretReplica",
            Operation::InterpretComponent => "InterpretComponent",
            Operation::ReviseReplica => "ReviseReplica",
            Operation::Retain => "Retain",
            Operation::AggregateStatus => "AggregateStatus",
            Operation::InterpretDependency => "InterpretDependency",
            Operation::InterpretStatus => "InterpretStatus",
            Operation::InterpretHealth => "InterpretHealth",
            Operation::PreserveState => "PreserveState",
            Operation::RestoreState => "RestoreState",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The name is not one of the ten operations.
#[derive(Debug, thiserror::Error)]
#[error(
    "unknown operation {0:?}: want one of InterpretReplica, InterpretComponent, ReviseReplica, Retain, AggregateStatus, InterpretDependency, InterpretStatus, InterpretHealth, PreserveState, RestoreState"
)]
pub struct UnknownOperation(pub String);

impl FromStr for Operation {
    type Err = UnknownOperation;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Operation::ALL
            .into_iter()
            .find(|operation| operation.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| UnknownOperation(name.to_owned()))
    }
}

/// Which questions to put to an interpreter in one crossing: the object is parsed once for all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ask {
    pub replicas: bool,
    pub components: bool,
    pub dependencies: bool,
    pub status: bool,
    pub health: bool,
}

impl Ask {
    /// What the detector wants to know of a template.
    pub const TEMPLATE: Ask =
        Ask { replicas: true, components: true, dependencies: false, status: false, health: false };
    /// What is reflected from a member cluster.
    pub const REFLECTION: Ask =
        Ask { replicas: false, components: false, dependencies: false, status: true, health: true };
    /// Everything.
    pub const ALL: Ask =
        Ask { replicas: true, components: true, dependencies: true, status: true, health: true };

    /// The set that holds just the question of `operation`; empty where it is not a question about one object.
    pub fn only(operation: Operation) -> Ask {
        Ask {
            replicas: operation == Operation::InterpretReplica,
            components: operation == Operation::InterpretComponent,
            dependencies: operation == Operation::InterpretDependency,
            status: operation == Operation::InterpretStatus,
            health: operation == Operation::InterpretHealth,
        }
    }

    /// The operations that this set stands for.
    pub fn operations(self) -> impl Iterator<Item = Operation> {
        [
            (self.replicas, Operation::InterpretReplica),
            (self.components, Operation::InterpretComponent),
            (self.dependencies, Operation::InterpretDependency),
            (self.status, Operation::InterpretStatus),
            (self.health, Operation::InterpretHealth),
        ]
        .into_iter()
        .filter_map(|(wanted, operation)| wanted.then_some(operation))
    }

    /// Whether nothing is asked.
    pub fn is_empty(self) -> bool {
        self == Ask::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_parses_back_to_its_operation() {
        for operation in Operation::ALL {
            assert_eq!(operation.name().parse::<Operation>().unwrap(), operation);
        }
        assert!("Interpret".parse::<Operation>().is_err());
    }

    #[test]
    fn a_set_of_questions_lists_its_operations() {
        let asked: Vec<_> = Ask::REFLECTION.operations().collect();
        assert_eq!(asked, [Operation::InterpretStatus, Operation::InterpretHealth]);
        assert!(Ask::only(Operation::Retain).is_empty());
    }
}
