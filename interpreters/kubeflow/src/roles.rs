//! The roles that pods of a training job play, for each kind of job.

/// A kind of job and its roles.
pub(crate) struct JobKind {
    pub(crate) kind: &'static str,
    /// In the order of the job's components.
    pub(crate) roles: &'static [Role],
}

/// As a role is called in the object, and as the component of its pods is.
pub(crate) struct Role {
    pub(crate) key: &'static str,
    pub(crate) component: &'static str,
}

const PS: Role = Role { key: "PS", component: "ps" };
const WORKER: Role = Role { key: "Worker", component: "worker" };
const CHIEF: Role = Role { key: "Chief", component: "chief" };
const MASTER: Role = Role { key: "Master", component: "master" };
const EVALUATOR: Role = Role { key: "Evaluator", component: "evaluator" };
const LAUNCHER: Role = Role { key: "Launcher", component: "launcher" };

pub(crate) const PYTORCH: JobKind = JobKind { kind: "PyTorchJob", roles: &[MASTER, WORKER] };
const TENSORFLOW: JobKind = JobKind { kind: "TFJob", roles: &[PS, WORKER, CHIEF, MASTER, EVALUATOR] };
const XGBOOST: JobKind = JobKind { kind: "XGBoostJob", roles: &[MASTER, WORKER] };
const PADDLE: JobKind = JobKind { kind: "PaddleJob", roles: &[MASTER, WORKER] };
const JAX: JobKind = JobKind { kind: "JAXJob", roles: &[WORKER] };
const MPI: JobKind = JobKind { kind: "MPIJob", roles: &[LAUNCHER, WORKER] };

/// The roles of a kind. Only the kinds here are ever read as training jobs.
pub(crate) fn of_kind(kind: &str) -> &'static JobKind {
    let known = [&TENSORFLOW, &XGBOOST, &PADDLE, &JAX, &MPI];
    known.into_iter().find(|known| known.kind == kind).unwrap_or(&PYTORCH)
}

/// Whether the job is over when the pods of this role are.
pub(crate) fn leads(key: &str) -> bool {
    matches!(key, "Chief" | "Master" | "Launcher")
}
