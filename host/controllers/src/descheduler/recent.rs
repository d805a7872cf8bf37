//! What was taken a moment ago, and the member doesn't know yet.
//!
//! A pod that is taken still waits until the member has heard of it. Whoever looked again before that would take a
//! second replica for the same pod, and another each time, until the member had none left. Pure; time is a parameter.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::plan::Short;
use crate::index::Binding;

/// A member that reports nothing new for so long is looked at all the same.
const AWAITED: Duration = Duration::from_secs(60);

/// What was taken from which binding in which cluster.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    /// What the cluster reported then, and when that was.
    taken: HashMap<(String, String), (Value, Instant)>,
}

fn key(binding: &Binding, short: &Short) -> (String, String) {
    (binding.metadata.uid.clone().unwrap_or_default(), short.cluster.clone())
}

impl Recent {
    /// Replicas of the binding have been taken from these clusters.
    pub(super) fn taken<'a>(
        &mut self,
        binding: &Binding,
        from: impl Iterator<Item = &'a Short>,
        now: Instant,
    ) {
        self.taken.extend(from.map(|short| (key(binding, short), (short.reported.clone(), now))));
    }

    /// Whether the cluster has still to report what became of the last taking.
    pub(super) fn is_awaited(&self, binding: &Binding, short: &Short) -> bool {
        self.taken.get(&key(binding, short)).is_some_and(|(then, _)| *then == short.reported)
    }

    /// Forgets what is long ago.
    pub(super) fn expire(&mut self, now: Instant) {
        self.taken.retain(|_, (_, at)| now.saturating_duration_since(*at) < AWAITED);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::plan::short;
    use super::*;

    #[test]
    fn a_member_is_left_alone_until_it_reports_something_new_or_a_minute_has_passed() {
        let reported = |pods: i64| -> Binding {
            let placement = json!({"replicaScheduling": {"replicaSchedulingType": "Divided",
                "replicaDivisionPreference": "Aggregated"}});
            serde_json::from_value(json!({
                "metadata": {"name": "a", "uid": "u", "annotations": {
                    "policy.karmada.io/applied-placement": placement.to_string()}},
                "spec": {"resource": {"apiVersion": "apps/v1", "kind": "A", "name": "a"},
                    "clusters": [{"name": "m1", "replicas": 3}, {"name": "m2", "replicas": 3}]},
                "status": {"aggregatedStatus": [
                    {"clusterName": "m1", "status": {"replicas": pods}}, {"clusterName": "m2"}]}}))
            .unwrap()
        };
        let awaited = |recent: &Recent, binding: &Binding| -> Vec<bool> {
            short(binding).iter().map(|short| recent.is_awaited(binding, short)).collect()
        };
        let (mut recent, began, binding) = (Recent::default(), Instant::now(), reported(4));
        assert_eq!(awaited(&recent, &binding), [false, false]);
        recent.taken(&binding, short(&binding).iter().take(1), began);
        assert_eq!(awaited(&recent, &binding), [true, false]);
        assert_eq!(awaited(&recent, &reported(3)), [false, false]);
        recent.expire(began + AWAITED / 2);
        assert_eq!(awaited(&recent, &binding), [true, false]);
        recent.expire(began + AWAITED);
        assert_eq!(awaited(&recent, &binding), [false, false]);
    }
}
