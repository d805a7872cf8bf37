//! Conformance cases, run natively: the same folders that the host runs through WebAssembly.
//!
//! ```no_run
//! # mod plugin {
//! # windlass_sdk::shape! { struct CronTab { replicas: i32 } }
//! # impl CronTab { fn health(&self) -> windlass_sdk::Answer<bool> { Ok(self.replicas > 0) } }
//! # windlass_sdk::interpreter! {
//! #     name: "crontab", description: "", kinds: [("example.com/v1", "CronTab") => CronTab { health }],
//! # }
//! # }
//! # use plugin::Plugin;
//! #[test]
//! fn answers_as_the_cases_say() {
//!     windlass_sdk::testing::interpreter::<Plugin>(concat!(env!("CARGO_MANIFEST_DIR"), "/cases"));
//! }
//! ```

mod apply;
mod case;
mod declarations;
mod fuzz;
mod hook;
mod interpreter;
mod mutate;
mod random;

use std::path::Path;

use serde_json::Value;

use crate::answer::Rejection;

use crate::admission::bindings::exports::windlass::admission::hook::Guest as Hook;
use crate::interpreter::bindings::exports::windlass::interpreter::interpreter::Guest as Interpreter;

pub use random::Random;

/// Runs every case in `folder`, and sees to it that there is one for each operation that the plugin declares for each
/// kind. Then each input again with parts of it missing or of another type, and with what is no JSON or far too much of
/// it: whatever the answer, there is one.
///
/// # Panics
/// A case fails or is missing; the message lists all.
pub fn interpreter<P: Interpreter>(folder: impl AsRef<Path>) {
    let cases = case::read_all(folder.as_ref());
    let mut failures = case::run(&cases, interpreter::answer::<P>);
    failures.extend(declarations::mistakes::<P>());
    failures.extend(interpreter::uncovered::<P>(&cases));
    case::report(&failures);
    mutate::survive(&cases, interpreter::answer::<P>);
    fuzz::survive::<P>(&cases, None);
}

/// Asks a plugin with these settings what the inputs of the cases in `folder` become when they are distorted; the seed
/// and the rounds are those of `WINDLASS_FUZZ_SEED` and `WINDLASS_FUZZ_ROUNDS`. Part of [`interpreter`] for plugins
/// without settings.
///
/// # Panics
/// The plugin panics, or answers with what is no JSON; the question is printed.
pub fn fuzz<P: Interpreter>(folder: impl AsRef<Path>, settings: &str) {
    fuzz::survive::<P>(&case::read_all(folder.as_ref()), Some(settings));
}

/// What the plugin answers to one input: both are as in a case's `input.yaml` and `expected.yaml`.
///
/// # Errors
/// The plugin's own.
///
/// # Panics
/// The input names no operation, or the plugin breaks its contract.
pub fn answer<P: Interpreter>(input: &Value) -> Result<Value, Rejection> {
    interpreter::answer::<P>(input).map_err(|(field, message)| Rejection { field, message })
}

/// What is answered, by the plugin or because it declares it: apiVersion, kind and operation.
pub fn declared<P: Interpreter>() -> Vec<(String, String, &'static str)> {
    interpreter::declared::<P>()
}

/// Runs every case in `folder`, and each input again with parts of it missing or of another type, and with what is no
/// JSON or far too much of it.
///
/// # Panics
/// A case fails; the message lists all.
pub fn hook<P: Hook>(folder: impl AsRef<Path>) {
    let cases = case::read_all(folder.as_ref());
    case::report(&case::run(&cases, hook::answer::<P>));
    mutate::survive(&cases, hook::answer::<P>);
    fuzz::survive_hook::<P>(&cases);
}
