//! Admission webhooks: which requests they are called for, how they are reached, and what their answers mean.
//!
//! - `definition` is one webhook of a configuration, and decides whether it is called.
//! - `endpoint` and `client` reach it; `services` says where Services lead, `failure` words what went wrong.
//! - `review` is what is sent and what comes back.
//! - `mutating` calls one after the other and changes the object; `validating` calls all at once.

mod call;
mod client;
mod definition;
mod endpoint;
mod failure;
mod mutating;
mod review;
mod services;
mod validating;

pub(crate) use call::Calls;
pub(crate) use client::Client;
pub(crate) use definition::{Stage, Webhook};
pub(crate) use mutating::{Reinvocation, mutate};
pub(crate) use validating::validate;
