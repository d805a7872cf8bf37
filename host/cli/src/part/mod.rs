//! What the parts that run alone have in common: flags as the programs in Go have them that they stand for, one of
//! several processes at a time, and the ports that tell of health and counts.

mod duties;
mod election;
mod estimators;
mod gates;
mod go;
mod idle;
mod log;
mod serve;

pub(crate) use duties::Duties;
pub(crate) use election::ElectionArgs;
pub(crate) use estimators::{EstimatorClientArgs, identity};
pub(crate) use gates::{FeatureGate, PREEMPTION, enabled};
pub(crate) use go::{Bind, duration};
pub(crate) use idle::IdleArgs;
pub(crate) use log::KlogArgs;
pub(crate) use serve::serve;
