//! The order of admission: defaults of Windlass' own kinds, the plugins' hooks, then validation of what has come out.

use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;
use windlass_core::admission::Cause;
use windlass_core::{AdmissionRequest, CallError, Hook, Verb, Verdict};
use windlass_quota::Ledger;

use crate::enforce::Enforcement;
use crate::native;

/// Sixteen random bytes.
pub type Random = Arc<dyn Fn() -> [u8; 16] + Send + Sync>;

/// What happens to a request when a hook fails rather than decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailurePolicy {
    /// The request fails too.
    #[default]
    Fail,
    /// The request passes that hook unchanged, with a warning.
    Ignore,
}

/// Everything that a request passes before it is stored.
#[derive(Clone)]
pub struct Chain {
    random: Random,
    hooks: Vec<(Arc<dyn Hook>, FailurePolicy)>,
    quotas: Option<Enforcement>,
}

impl Chain {
    /// A chain of the native rules alone; `random` makes permanent ids.
    pub fn new(random: Random) -> Chain {
        Chain { random, hooks: Vec::new(), quotas: None }
    }

    /// Adds a hook behind those that are there.
    #[must_use]
    pub fn with(mut self, hook: Arc<dyn Hook>, policy: FailurePolicy) -> Chain {
        self.hooks.push((hook, policy));
        self
    }

    /// Enforces FederatedResourceQuotas by a ledger that somebody else keeps up to date.
    #[must_use]
    pub fn enforcing(mut self, ledger: Arc<Ledger>, clock: fn() -> Instant) -> Chain {
        self.quotas = Some(Enforcement { ledger, clock });
        self
    }

    /// The defaults and the hooks, which may change the object. No validation.
    ///
    /// # Errors
    /// A hook with [`FailurePolicy::Fail`] failed.
    pub fn mutate(&self, request: &AdmissionRequest) -> Result<Verdict, CallError> {
        // What the next hook sees; made only once there is something to change.
        let mut current = native::default(request, &self.random).map(|object| changed(request, object));
        let mut warnings = Vec::new();
        for (hook, policy) in &self.hooks {
            match hook.admit(current.as_ref().unwrap_or(request)) {
                Ok(Verdict::Allowed { object, warnings: more }) => {
                    warnings.extend(more);
                    if let Some(object) = object {
                        current = Some(changed(request, object));
                    }
                }
                Ok(denied @ Verdict::Denied { .. }) => return Ok(denied),
                Err(error) if *policy == FailurePolicy::Ignore => warnings.push(error.to_string()),
                Err(error) => return Err(error),
            }
        }
        let object = current.map(|request| request.object).filter(|object| *object != request.object);
        Ok(Verdict::Allowed { object, warnings })
    }

    /// The native rules on the object as it would be stored, and then the quotas: what passes is charged.
    ///
    /// # Errors
    /// The quotas are not known yet.
    pub fn validate(&self, request: &AdmissionRequest) -> Result<Verdict, CallError> {
        let causes = native::validate(request);
        if !causes.is_empty() {
            return Ok(denied(request, causes));
        }
        self.quotas.as_ref().map_or(Ok(Verdict::UNCHANGED), |quotas| quotas.judge(request))
    }
}

impl Hook for Chain {
    fn admit(&self, request: &AdmissionRequest) -> Result<Verdict, CallError> {
        let verdict = self.mutate(request)?;
        let refusal = match &verdict {
            Verdict::Denied { .. } => return Ok(verdict),
            Verdict::Allowed { object: None, .. } => self.validate(request)?,
            Verdict::Allowed { object: Some(object), .. } => {
                self.validate(&changed(request, object.clone()))?
            }
        };
        Ok(if matches!(refusal, Verdict::Denied { .. }) { refusal } else { verdict })
    }
}

fn changed(request: &AdmissionRequest, object: Value) -> AdmissionRequest {
    AdmissionRequest { object, ..request.clone() }
}

fn denied(request: &AdmissionRequest, causes: Vec<Cause>) -> Verdict {
    let listed: Vec<_> = causes.iter().map(|cause| format!("{}: {}", cause.field, cause.message)).collect();
    let listed = if listed.len() == 1 { listed.concat() } else { format!("[{}]", listed.join(", ")) };
    let AdmissionRequest { gvk, name, .. } = request;
    let what = if gvk.group.is_empty() { gvk.kind.clone() } else { format!("{}.{}", gvk.kind, gvk.group) };
    let name = match request.object.pointer("/metadata/name").and_then(Value::as_str) {
        Some(name) if request.verb == Verb::Create => name,
        _ => name,
    };
    Verdict::Denied { message: format!("{what} \"{name}\" is invalid: {listed}"), causes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use windlass_core::{Blame, Gvk, ObjectId};

    struct Answer(fn(&AdmissionRequest) -> Result<Verdict, CallError>);

    impl Hook for Answer {
        fn admit(&self, request: &AdmissionRequest) -> Result<Verdict, CallError> {
            (self.0)(request)
        }
    }

    fn chain() -> Chain {
        Chain::new(Arc::new(|| [7; 16]))
    }

    fn binding(object: Value) -> AdmissionRequest {
        AdmissionRequest {
            gvk: Gvk::new("work.karmada.io/v1alpha2", "ResourceBinding"),
            resource: "resourcebindings".to_owned(),
            subresource: String::new(),
            namespace: "default".to_owned(),
            name: "web-deployment".to_owned(),
            verb: Verb::Create,
            user: "admin".to_owned(),
            groups: Vec::new(),
            dry_run: false,
            object,
            old_object: Value::Null,
        }
    }

    fn failing(request: &AdmissionRequest) -> Result<Verdict, CallError> {
        let error = CallError {
            plugin: "broken".into(),
            call: "Admit",
            object: ObjectId { gvk: request.gvk.clone(), namespace: String::new(), name: String::new() }
                .into(),
            blame: Blame::Trap,
            message: "it trapped".to_owned(),
        };
        Err(error)
    }

    fn suspending(request: &AdmissionRequest) -> Result<Verdict, CallError> {
        let mut object = request.object.clone();
        assert!(object.pointer("/metadata/labels").is_some(), "defaults are made before hooks are asked");
        object["spec"]["suspension"] = json!({"scheduling": true});
        Ok(Verdict::Allowed { object: Some(object), warnings: vec!["held".to_owned()] })
    }

    #[test]
    fn hooks_see_defaults_and_their_changes_are_validated() {
        let chain = chain().with(Arc::new(Answer(suspending)), FailurePolicy::Fail);
        let good = json!({"metadata": {"name": "web-deployment"}, "spec": {"resource": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}});
        let Verdict::Allowed { object: Some(object), warnings } =
            chain.admit(&binding(good.clone())).unwrap()
        else {
            panic!("not admitted")
        };
        assert_eq!(object["spec"]["suspension"]["scheduling"], true);
        assert_eq!(warnings, ["held"]);
        let spoiling = Answer(|request| {
            let mut object = request.object.clone();
            object["spec"]["components"] = json!([{"name": "", "replicas": 1}]);
            Ok(Verdict::Allowed { object: Some(object), warnings: Vec::new() })
        });
        let verdict = chain.with(Arc::new(spoiling), FailurePolicy::Fail).admit(&binding(good)).unwrap();
        assert!(
            matches!(verdict, Verdict::Denied { causes, .. } if causes[0].field == "spec.components[0].name")
        );
    }

    #[test]
    fn a_failing_hook_fails_the_request_unless_it_may_be_ignored() {
        let request = binding(
            json!({"metadata": {"labels": {}}, "spec": {"resource": {"apiVersion": "v1", "kind": "A", "name": "a"}}}),
        );
        assert!(chain().with(Arc::new(Answer(failing)), FailurePolicy::Fail).admit(&request).is_err());
        let lenient = chain().with(Arc::new(Answer(failing)), FailurePolicy::Ignore);
        let Verdict::Allowed { warnings, .. } = lenient.admit(&request).unwrap() else {
            panic!("not admitted")
        };
        assert!(warnings[0].contains("broken"), "{warnings:?}");
    }

    #[test]
    fn what_concerns_none_of_our_kinds_passes_unchanged() {
        let mut request = binding(json!({"spec": {"components": [{}]}}));
        request.gvk.group = "example.com".to_owned();
        assert_eq!(chain().admit(&request).unwrap(), Verdict::UNCHANGED);
    }
}
