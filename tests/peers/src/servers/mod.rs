//! The servers that are compared, each reached through a `kube::Client`.

mod embedded;
mod front_proxy;
mod kubernetes;
mod process;
mod programs;

pub(crate) use embedded::Embedded;
pub(crate) use kubernetes::{Durability, Kubernetes};
pub(crate) use process::{Process, free_port};
pub(crate) use programs::{Karmada, Programs, build, build_karmada};
