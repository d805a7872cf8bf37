//! The status that Kubeflow's operators would report of a job whose pods do like this.

use windlass_sdk::PodCount;
use windlass_sdk::serde_json::{Map, Value, json};

use crate::roles::leads;

windlass_sdk::shape! {
    pub(crate) struct RunPolicy {
        suspend: bool,
    }
}

/// The status of a job of this kind with these pods by role; roles that want no pods are not in it. Times are the
/// simulated cluster's to fill in.
pub(crate) fn simulated<'r>(
    kind: &str,
    policy: &RunPolicy,
    roles: impl Iterator<Item = (&'r str, PodCount)>,
) -> Value {
    let roles: Vec<(&str, PodCount)> = roles.filter(|(_, pods)| *pods != PodCount::default()).collect();
    let condition = |name: &str, holds: bool, message: &str| {
        json!({"type": name, "status": if holds { "True" } else { "False" }, "reason": format!("{kind}{name}"),
            "message": format!("{kind} {message}"), "lastUpdateTime": null, "lastTransitionTime": null})
    };
    let created = condition("Created", true, "is created.");
    if policy.suspend {
        let suspended = condition("Suspended", true, "is suspended.");
        return json!({"conditions": [created, suspended], "lastReconcileTime": null});
    }

    let led = roles.iter().any(|(role, _)| leads(role));
    // Without a leader, the job is over when all of its workers are.
    let mut leading =
        roles.iter().filter(|(role, _)| if led { leads(role) } else { *role == "Worker" }).peekable();
    let succeeded = leading.peek().is_some()
        && leading.all(|(_, pods)| pods.succeeded > 0 && pods.succeeded >= pods.desired);
    let failed = !succeeded && roles.iter().any(|(_, pods)| pods.failed > 0);
    let started = roles.iter().any(|(_, pods)| pods.ready > 0 || pods.succeeded > 0 || pods.failed > 0);

    let mut conditions = vec![created];
    if started {
        conditions.push(condition("Running", !succeeded && !failed, "is running."));
    }
    if succeeded {
        conditions.push(condition("Succeeded", true, "successfully completed."));
    } else if failed {
        conditions.push(condition("Failed", true, "has failed because pods of it failed."));
    }
    let active = |pods: &PodCount| match pods.succeeded.saturating_add(pods.failed) {
        _ if succeeded || failed => 0,
        ended => pods.created.saturating_sub(ended),
    };
    let replica_statuses: Map<String, Value> = roles
        .iter()
        .map(|(role, pods)| {
            let counts = json!({"active": active(pods), "succeeded": pods.succeeded, "failed": pods.failed});
            ((*role).to_owned(), counts)
        })
        .collect();
    let mut status = json!({
        "conditions": conditions,
        "replicaStatuses": replica_statuses,
        "startTime": null,
        "lastReconcileTime": null,
    });
    if succeeded || failed {
        status["completionTime"] = Value::Null;
    }
    status
}
