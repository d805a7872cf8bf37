//! Write Windlass plugins in Rust.
//!
//! A plugin is one manifest and small pure functions:
//!
//! - an **interpreter** says what a resource means: declare it with [`interpreter!`];
//! - an **admission hook** says what may be stored: declare it with [`hook!`].
//!
//! What is read of an object is declared with [`shape!`]: each call parses the object once, into just that. Answers are
//! ordinary values with Karmada's field names. Nothing here needs WebAssembly: functions are tested natively with
//! `cargo test`, and so are whole plugins, by cases ([`testing`]). [`log!`] prints for whoever debugs one.
//!
//! ```
//! use windlass_sdk::json::{Int, Text};
//! use windlass_sdk::{Answer, Changes, Rejection, Replicas};
//!
//! windlass_sdk::interpreter! {
//!     name: "crontab",
//!     description: "CronTabs of example.com",
//!     kinds: [("example.com/v1", "CronTab") => CronTab<'_> { replicas, revise, health }],
//! }
//!
//! windlass_sdk::shape! {
//!     struct CronTab<'a> {
//!         spec: Spec,
//!         status: Status<'a>,
//!     }
//!
//!     struct Spec {
//!         replicas: Option<Int>,
//!     }
//!
//!     struct Status<'a> {
//!         phase: Text<'a>,
//!     }
//! }
//!
//! impl CronTab<'_> {
//!     fn replicas(&self) -> Answer<Replicas<'_>> {
//!         match self.spec.replicas {
//!             Some(Int(replicas)) if replicas < 0 => Err(Rejection::new("spec.replicas", "must not be negative")),
//!             replicas => Ok(Replicas { replicas: replicas.map_or(1, |n| n.0), requirements: None }),
//!         }
//!     }
//!
//!     fn revise(&self, replicas: i32) -> Answer<Changes> {
//!         Ok(Changes::none().set("/spec/replicas", replicas))
//!     }
//!
//!     fn health(&self) -> Answer<bool> {
//!         Ok(self.status.phase == "Running")
//!     }
//! }
//! # fn main() {}
//! ```

#![warn(missing_docs)]

// The macros name this crate from within itself, too.
extern crate self as windlass_sdk;

pub mod admission;
pub mod interpreter;
pub mod json;
#[allow(missing_docs, reason = "fields are documented where Kubernetes defines them")]
pub mod kubernetes;
pub mod log;
pub mod quantity;
#[cfg(feature = "testing")]
pub mod testing;

pub mod status;

mod answer;
mod members;
mod pods;
mod state;

pub use answer::{Answer, Changes, Component, Dependent, Rejection, Replicas, Requirements};
pub use interpreter::{Kept, Reflection};
pub use members::{Members, Place, Reported, sum};
pub use pods::{PodCount, Pods};
pub use serde;
pub use serde_json;
pub use state::State;
