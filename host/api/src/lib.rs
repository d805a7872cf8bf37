//! The API: the types of every group, quantities, and the names by which objects find each other. No I/O, no client.
//!
//! Field names, defaults and validation are Karmada v1.16's, so that its YAML applies unchanged; [`plugin`] is our own. Fragments that are
//! free in form (whole objects, statuses) are `serde_json::Value`; quantities in objects keep the text they were
//! given, and [`quantity::Quantity`] computes with them.

#![warn(missing_docs)]
#![allow(clippy::duplicated_attributes, reason = "each printer column of a kind has a type and a path")]

pub mod apps;
pub mod cluster;
pub mod conditions;
pub mod config;
mod crds;
pub mod errors;
mod key;
pub mod labels;
pub mod names;
pub mod plugin;
pub mod policy;
pub mod quantity;
mod schema;
mod twin;
pub mod work;

pub use crds::crds;
pub use key::Key;
