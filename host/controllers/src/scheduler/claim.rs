//! Which bindings are this scheduler's: in a real control plane others may have some.

use kube::runtime::watcher::Event;
use windlass_api::labels::{
    BINDING_MANAGED_BY, CLUSTER_PROPAGATION_POLICY_PERMANENT_ID, PROPAGATION_POLICY_PERMANENT_ID,
};

use crate::index::Binding;
use crate::marks;

/// The name that a binding without one means.
const DEFAULT_SCHEDULER: &str = "default-scheduler";
/// One of these says that a policy made the binding, or a controller that schedules by bindings.
const MARKS: [&str; 3] =
    [PROPAGATION_POLICY_PERMANENT_ID, CLUSTER_PROPAGATION_POLICY_PERMANENT_ID, BINDING_MANAGED_BY];

/// The bindings of one scheduler.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    scheduler_name: String,
}

impl Claim {
    pub(super) fn of(scheduler_name: &str) -> Claim {
        Claim { scheduler_name: scheduler_name.to_owned() }
    }

    /// The event as it concerns this scheduler: a binding that is not its own is gone, as far as it knows.
    pub(super) fn only_ours(&self, event: Event<Binding>) -> Option<Event<Binding>> {
        match event {
            Event::Apply(binding) if !self.is_ours(&binding) => Some(Event::Delete(binding)),
            Event::InitApply(binding) if !self.is_ours(&binding) => None,
            event => Some(event),
        }
    }

    fn is_ours(&self, binding: &Binding) -> bool {
        let named = match binding.spec.scheduler_name.as_str() {
            "" => DEFAULT_SCHEDULER,
            name => name,
        };
        named == self.scheduler_name
            && MARKS
                .iter()
                .any(|mark| marks::label(&binding.metadata, mark).is_some_and(|value| !value.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn is_ours(labels: Value, named: &str, of: &str) -> bool {
        let binding: Binding = serde_json::from_value(json!({
            "metadata": {"name": "b", "namespace": "n", "labels": labels},
            "spec": {"schedulerName": named, "resource": {"apiVersion": "v1", "kind": "ConfigMap", "name": "b"}},
        }))
        .unwrap();
        !matches!(Claim::of(of).only_ours(Event::Apply(binding)), Some(Event::Delete(_)))
    }

    #[test]
    fn a_binding_is_ours_by_its_scheduler_and_by_who_made_it() {
        let policy = json!({PROPAGATION_POLICY_PERMANENT_ID: "1"});
        assert!(is_ours(policy.clone(), "", DEFAULT_SCHEDULER));
        assert!(is_ours(policy.clone(), DEFAULT_SCHEDULER, DEFAULT_SCHEDULER));
        assert!(is_ours(json!({BINDING_MANAGED_BY: "somebody"}), "mine", "mine"));
        assert!(!is_ours(policy.clone(), "", "mine"), "without a name it is the default scheduler's");
        assert!(!is_ours(policy, "mine", DEFAULT_SCHEDULER));
        assert!(!is_ours(json!({PROPAGATION_POLICY_PERMANENT_ID: ""}), "", DEFAULT_SCHEDULER));
        assert!(!is_ours(json!({}), "", DEFAULT_SCHEDULER), "nobody made it");
    }
}
