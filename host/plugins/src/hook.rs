//! The admission chain: every loaded admission plugin whose rules match a request is asked, in order.

use std::sync::Arc;

use windlass_core::admission::{AdmissionRequest, Cause, Hook, Verdict};
use windlass_core::{Blame, CallError};

use crate::catalogue::Catalogue;
use crate::contract::{Abilities, Rule};
use crate::plugin::{AdmissionPlugin, FailurePolicy};

/// Puts requests to the admission plugins of a catalogue. Each sees what the ones before it made of the object; the
/// first denial is the answer.
pub struct AdmissionChain {
    catalogue: Arc<Catalogue>,
}

impl AdmissionChain {
    pub fn new(catalogue: Arc<Catalogue>) -> AdmissionChain {
        AdmissionChain { catalogue }
    }
}

impl Hook for AdmissionChain {
    fn admit(&self, request: &AdmissionRequest) -> Result<Verdict, CallError> {
        let snapshot = self.catalogue.snapshot();
        let mut changed: Option<AdmissionRequest> = None;
        let mut warnings = Vec::new();
        for plugin in snapshot.admission().filter(|plugin| wants(plugin, request)) {
            match plugin.admit(changed.as_ref().unwrap_or(request)) {
                Ok(admission) => {
                    warnings.extend(admission.warnings);
                    if let Some(object) = admission.object {
                        changed = Some(AdmissionRequest { object, ..request.clone() });
                    }
                }
                Err(CallError { blame: Blame::Rejected { field }, message, .. }) => {
                    return Ok(denied(plugin.about().name(), field, message));
                }
                Err(error) => match plugin.about().config().failure_policy {
                    FailurePolicy::Fail => return Err(error),
                    FailurePolicy::Ignore => warnings.push(format!("{error}; passed by")),
                },
            }
        }
        Ok(Verdict::Allowed { object: changed.map(|request| request.object), warnings })
    }
}

fn wants(plugin: &AdmissionPlugin, request: &AdmissionRequest) -> bool {
    match &plugin.about().manifest().abilities {
        Abilities::Admits(rules) => rules.iter().any(|rule: &Rule| rule.matches(request)),
        Abilities::Interprets(_) => false,
    }
}

fn denied(plugin: &str, field: Option<String>, message: String) -> Verdict {
    let causes = field
        .map(|field| Cause { reason: "FieldValueInvalid", field, message: message.clone() })
        .into_iter()
        .collect();
    Verdict::Denied { message: format!("admission plugin {plugin:?} denied the request: {message}"), causes }
}
