//! Admission that users configure: webhooks, stored as objects and called over the network, and policies, evaluated
//! here. What this process decides
//! by itself is in its hooks; `objects::admit` holds the two together.
//!
//! A configuration counts from the moment that its write is acknowledged.

mod attributes;
mod configurations;
mod policy;
mod rules;
mod selection;
pub(crate) mod webhook;

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::store::Store;

pub(crate) use attributes::{Attributes, Named, Review, Subject};
pub(crate) use configurations::Configurations;
pub(crate) use policy::{ParamRef, Source};

/// Calls that may be under way at once. Each holds an object or two.
const CALLS_MAX: usize = 1000;

/// What is configured, and what it takes to call it.
pub(crate) struct Admission {
    pub(crate) configurations: Configurations,
    client: webhook::Client,
    calls: Semaphore,
}

impl Admission {
    pub(crate) fn new(store: &Arc<Store>) -> Admission {
        Admission {
            configurations: Configurations::new(Arc::clone(store)),
            client: webhook::Client::new(Arc::clone(store)),
            calls: Semaphore::new(CALLS_MAX),
        }
    }
}
