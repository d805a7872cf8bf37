//! `config.karmada.io/v1alpha1`: who else interprets resources, and how a remote interpreter is asked.

mod context;
mod customization;
mod webhook;

pub use context::*;
pub use customization::*;
pub use webhook::*;
