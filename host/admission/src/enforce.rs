//! FederatedResourceQuotas enforced: a write that would have a namespace's bindings use more than is allowed is refused,
//! and one that passes is charged before it is stored.

use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;
use windlass_api::policy::FederatedResourceQuotaSpec;
use windlass_core::{AdmissionRequest, Blame, CallError, Verb, Verdict};
use windlass_quota::{BindingId, Charge, Ledger, Refused, usage_in};

/// Charges bindings to a ledger that somebody else keeps up to date.
#[derive(Clone, Debug)]
pub(crate) struct Enforcement {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) clock: fn() -> Instant,
}

impl Enforcement {
    /// Judges a request that is in order otherwise.
    ///
    /// # Errors
    /// Not all quotas and bindings have been seen yet.
    pub(crate) fn judge(&self, request: &AdmissionRequest) -> Result<Verdict, CallError> {
        if request.verb == Verb::Delete || !request.subresource.is_empty() || request.namespace.is_empty() {
            return Ok(Verdict::UNCHANGED);
        }
        match (request.gvk.group.as_str(), request.resource.as_str()) {
            ("work.karmada.io", "resourcebindings") => self.binding(request),
            ("policy.karmada.io", "federatedresourcequotas") => {
                self.quota(request);
                Ok(Verdict::UNCHANGED)
            }
            _ => Ok(Verdict::UNCHANGED),
        }
    }

    fn binding(&self, request: &AdmissionRequest) -> Result<Verdict, CallError> {
        let old = &request.old_object;
        let (before, after) = (usage_in(old), usage_in(&request.object));
        if before == after {
            return Ok(Verdict::UNCHANGED);
        }
        let uid = text(old, "/metadata/uid").or_else(|| text(&request.object, "/metadata/uid"));
        let charge = Charge {
            uid: uid.unwrap_or_default().to_owned(),
            generation: old.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(0),
            version: version(old),
            before,
            after,
        };
        let of = BindingId { namespace: &request.namespace, name: name(request) };
        let now = (self.clock)();
        let judged = if request.dry_run {
            self.ledger.would_charge(of, &charge, now)
        } else {
            self.ledger.charge(of, charge, now)
        };
        match judged {
            Ok(()) => Ok(Verdict::UNCHANGED),
            Err(refused @ Refused::Exceeded(_)) => {
                Ok(Verdict::Denied { message: refused.to_string(), causes: Vec::new() })
            }
            Err(refused @ Refused::Unknown) => Err(CallError {
                plugin: "windlass-quota".into(),
                call: "Admit",
                object: request.id().into(),
                blame: Blame::Unavailable,
                message: refused.to_string(),
            }),
        }
    }

    /// From now on the lower limits of a quota that is being written hold.
    fn quota(&self, request: &AdmissionRequest) {
        let spec = request.object.get("spec").map(serde::Deserialize::deserialize);
        let Some(Ok(FederatedResourceQuotaSpec { overall, .. })) = spec else { return };
        if request.dry_run
            || request.old_object.pointer("/spec/overall") == request.object.pointer("/spec/overall")
        {
            return;
        }
        let of = BindingId { namespace: &request.namespace, name: name(request) };
        self.ledger.limit_coming(of, version(&request.old_object), &overall, (self.clock)());
    }
}

fn name(request: &AdmissionRequest) -> &str {
    text(&request.object, "/metadata/name").unwrap_or(&request.name)
}

fn text<'a>(object: &'a Value, pointer: &str) -> Option<&'a str> {
    object.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// The resourceVersion as a number, which Kubernetes promises it to be; 0 where there is none.
fn version(object: &Value) -> u64 {
    text(object, "/metadata/resourceVersion").and_then(|version| version.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Chain;
    use crate::native::testing::{create, random};
    use serde_json::json;
    use windlass_core::Hook;

    fn chain(ledger: &Arc<Ledger>) -> Chain {
        Chain::new(random()).enforcing(Arc::clone(ledger), Instant::now)
    }

    fn ledger(limit: &str) -> Arc<Ledger> {
        let ledger = Ledger::default();
        let overall = serde_json::from_value(json!({ "cpu": limit })).unwrap();
        ledger.limit(BindingId { namespace: "shop", name: "team" }, 1, &overall);
        ledger.complete();
        Arc::new(ledger)
    }

    fn binding(name: &str, replicas: i64) -> Value {
        json!({"metadata": {"name": name, "uid": name, "generation": 1, "resourceVersion": "5"}, "spec": {
            "resource": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "replicaRequirements": {"resourceRequest": {"cpu": "1"}},
            "clusters": [{"name": "m1", "replicas": replicas}]}})
    }

    fn update(name: &str, from: i64, to: i64) -> AdmissionRequest {
        let request = create("work.karmada.io", "resourcebindings", binding(name, to));
        AdmissionRequest { verb: Verb::Update, old_object: binding(name, from), ..request }
    }

    fn message(verdict: Verdict) -> String {
        match verdict {
            Verdict::Denied { message, causes } if causes.is_empty() => message,
            other => panic!("not forbidden: {other:?}"),
        }
    }

    #[test]
    fn a_binding_that_would_use_too_much_is_forbidden() {
        let chain = chain(&ledger("10"));
        assert!(matches!(chain.admit(&update("a", 0, 8)), Ok(Verdict::Allowed { .. })));
        assert_eq!(
            message(chain.admit(&update("b", 1, 4)).unwrap()),
            "FederatedResourceQuota shop/team is exceeded (cpu: wanted 3, used 9, limit 10, over by 2)"
        );
        let created = create("work.karmada.io", "resourcebindings", binding("c", 3));
        assert!(message(chain.admit(&created).unwrap()).contains("over by 1"));
        let elsewhere = AdmissionRequest { namespace: "other".to_owned(), ..update("b", 1, 400) };
        assert!(matches!(chain.admit(&elsewhere), Ok(Verdict::Allowed { .. })));
    }

    #[test]
    fn a_dry_run_a_status_and_an_admission_tried_again_charge_nothing() {
        let chain = chain(&ledger("10"));
        let dry = AdmissionRequest { dry_run: true, ..update("a", 0, 10) };
        let status = AdmissionRequest { subresource: "status".to_owned(), ..update("c", 0, 400) };
        for request in [dry, status, update("b", 0, 10), update("b", 0, 10), update("b", 0, 10)] {
            assert!(matches!(chain.admit(&request), Ok(Verdict::Allowed { .. })));
        }
        let dry = AdmissionRequest { dry_run: true, ..update("a", 0, 10) };
        assert!(message(chain.admit(&dry).unwrap()).contains("used 10"));
    }

    #[test]
    fn a_refused_binding_is_not_charged_and_an_invalid_one_is_not_judged() {
        let (ledger, mut wrong) = (ledger("10"), update("a", 0, 5));
        wrong.object["spec"]["clusters"] =
            json!([{"name": "m1", "replicas": 2}, {"name": "m1", "replicas": 2}]);
        let chain = chain(&ledger);
        for request in [wrong, update("a", 0, 11)] {
            assert!(matches!(chain.admit(&request), Ok(Verdict::Denied { .. })));
        }
        assert!(matches!(chain.admit(&update("b", 0, 10)), Ok(Verdict::Allowed { .. })));
    }

    #[test]
    fn a_quota_and_a_binding_written_at_once_are_judged_by_the_lower_limit() {
        let chain = chain(&ledger("10"));
        let quota = |cpu: &str| json!({"metadata": {"name": "team", "resourceVersion": "1"}, "spec": {"overall": {"cpu": cpu}}});
        let request = create("policy.karmada.io", "federatedresourcequotas", quota("4"));
        let lowered = AdmissionRequest { verb: Verb::Update, old_object: quota("10"), ..request };
        assert!(matches!(chain.admit(&lowered), Ok(Verdict::Allowed { .. })));
        assert!(message(chain.admit(&update("a", 0, 5)).unwrap()).contains("limit 4"));
    }

    #[test]
    fn before_all_is_known_nobody_grows() {
        let chain = chain(&Arc::default());
        let error = chain.admit(&update("a", 0, 1)).unwrap_err();
        assert_eq!(error.blame, Blame::Unavailable);
        assert!(matches!(chain.admit(&update("a", 2, 1)), Ok(Verdict::Allowed { .. })));
    }
}
