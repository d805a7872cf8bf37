//! Interpreters that are webhooks: Karmada's ResourceInterpreterWebhookConfiguration, honoured.
//!
//! - `configuration` reads the objects: who is asked what, and where.
//! - `exchange` is the protocol without the network: a question's text, and an answer held to what was asked.
//! - `client` asks one question, over `windlass_callout`; `services` finds Services.
//! - `webhook` makes one call: its turn, its deadline, what is tried again, and the rest it is given after failures.
//! - [`Webhooks`] is all of them as the dispatcher sees them, with the bridge from threads that wait to the network.
//!
//! **What fails, fails.** Karmada's configurations have no failure policy. An error is the answer, as with a plugin:
//! to go on to the next interpreter would give a workload another meaning whenever its own interpreter is away.
//! Whoever asked tries again later.
//!
//! **What is tried again.** Connections that were not made, and servers that say 429 or 503: they have not begun to
//! answer. All within the one deadline of the call.
//!
//! **What is remembered.** A plugin is a pure function of its bytes; a webhook may be changed at any time without a word.
//! So its answers are good for [`MEMORY`] at most. Retain and AggregateStatus hardly ever come twice, and are not kept.
//!
//! **Who waits.** Callers are threads of the control plane's runtime. They give their place to another thread while
//! they wait, and the network has a runtime of its own: it goes on even if every caller waits. A webhook gets
//! [`CALLS_MAX`] calls at once, and [`WAITING_MAX`] callers may wait in all; one more is turned away at once.

mod client;
mod configuration;
mod exchange;
mod metrics;
mod services;
mod webhook;
mod webhooks;

use std::time::Duration;

pub use configuration::RemoteKinds;
pub use services::{ServicePlace, Services};
pub use webhook::Webhook;
pub use webhooks::Webhooks;

pub(crate) use exchange::{Query, Told};

/// How long an answer is remembered, at most.
pub const MEMORY: Duration = Duration::from_secs(30);
/// Calls to one webhook at once.
pub const CALLS_MAX: usize = 32;
/// Callers that wait for any webhook: each holds a thread.
pub const WAITING_MAX: usize = 256;
