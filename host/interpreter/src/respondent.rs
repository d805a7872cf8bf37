//! Who can answer: a plugin or a webhook.

use std::sync::Arc;

use windlass_plugins::InterpreterPlugin;

use crate::remote::Webhook;

/// One that is asked about some kinds.
#[derive(Clone)]
pub(crate) enum Respondent {
    Plugin(Arc<InterpreterPlugin>),
    Webhook(Arc<Webhook>),
}

impl Respondent {
    pub(crate) fn name(&self) -> &Arc<str> {
        match self {
            Respondent::Plugin(plugin) => plugin.about().name(),
            Respondent::Webhook(webhook) => webhook.name(),
        }
    }

    /// What only plugins are asked.
    pub(crate) fn plugin(&self) -> Option<&Arc<InterpreterPlugin>> {
        match self {
            Respondent::Plugin(plugin) => Some(plugin),
            Respondent::Webhook(_) => None,
        }
    }

    /// Whether both are the same one, so that one call does for both.
    pub(crate) fn is(&self, other: &Respondent) -> bool {
        match (self, other) {
            (Respondent::Plugin(one), Respondent::Plugin(other)) => Arc::ptr_eq(one, other),
            (Respondent::Webhook(one), Respondent::Webhook(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}
