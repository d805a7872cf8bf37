//! The values and traits of the domain: what it means to interpret an object, to admit one, to be to blame.
//!
//! Nothing here does I/O, waits, or knows wasmtime, kube's client or a workload kind by name. The crates that
//! implement these traits (`plugins`, `interpreter`, `admission`) and those that call them (`controllers`,
//! `apiserver`, `simulator`) meet only here.

pub mod admission;
pub mod blame;
pub mod change;
pub mod confine;
pub mod interpreter;
pub mod json;
pub mod object;
pub mod operation;
mod splice;

pub use admission::{AdmissionRequest, Hook, Verb, Verdict};
pub use blame::{Blame, CallError};
pub use change::{Change, ChangeError, Fence};
pub use confine::confined;
pub use interpreter::{Answer, Answered, Inspection, Interpreter, PodCount, ReplicaAnswer, WorkloadPods};
pub use json::{Json, JsonError};
pub use object::{Gvk, Object, ObjectError, ObjectId};
pub use operation::{Ask, Operation};
pub use windlass_json::declared;
