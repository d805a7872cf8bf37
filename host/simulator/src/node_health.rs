//! Whether a node is ready, and the taints that say so: the work of a kubelet and of the node lifecycle controller.
//!
//! A node is as ready as its annotation `simulator.windlass.io/ready` says. A Ready condition that somebody else
//! wrote stays as it is.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, NodeCondition, Taint};
use serde_json::{Value, json};

use crate::behaviour::wants_ready;
use crate::placement::{NOT_READY, UNREACHABLE};
use crate::pod_status::seconds;

/// The reason of a condition that this module wrote.
const SIMULATED: &str = "SimulatedNotReady";

fn ready(node: &Node) -> Option<&NodeCondition> {
    node.status.as_ref()?.conditions.iter().flatten().find(|condition| condition.type_ == "Ready")
}

/// The Ready condition as the node's annotation wants it.
pub(crate) fn ready_condition(node: &Node, now: &str) -> Value {
    let (status, reason) = match wants_ready(node.metadata.annotations.as_ref()) {
        true => ("True", "KubeletReady"),
        false => ("False", SIMULATED),
    };
    json!({"type": "Ready", "status": status, "reason": reason, "message": "simulated",
        "lastHeartbeatTime": now, "lastTransitionTime": now})
}

/// The status to write where the annotation and the Ready condition don't agree.
pub(crate) fn changed_status(node: &Node, now: Timestamp) -> Option<Value> {
    let present = ready(node)?;
    let differs = match wants_ready(node.metadata.annotations.as_ref()) {
        true => present.status != "True" && present.reason.as_deref() == Some(SIMULATED),
        false => present.status == "True",
    };
    let conditions = node.status.as_ref()?.conditions.as_deref().filter(|_| differs)?;
    let others = conditions.iter().filter(|condition| condition.type_ != "Ready");
    let mut conditions: Vec<Value> = others.filter_map(|one| serde_json::to_value(one).ok()).collect();
    conditions.push(ready_condition(node, &seconds(now)));
    Some(json!({"conditions": conditions}))
}

/// The taints to write where the node's don't say what its Ready condition does.
pub(crate) fn changed_taints(node: &Node) -> Option<Vec<Taint>> {
    let key = match ready(node)?.status.as_str() {
        "True" => None,
        "Unknown" => Some(UNREACHABLE),
        _ => Some(NOT_READY),
    };
    let present = node.spec.as_ref().and_then(|spec| spec.taints.clone()).unwrap_or_default();
    let is_ours = |taint: &Taint| [NOT_READY, UNREACHABLE].contains(&taint.key.as_str());
    let mut taints: Vec<Taint> =
        present.iter().filter(|taint| !is_ours(taint) || Some(taint.key.as_str()) == key).cloned().collect();
    for effect in ["NoSchedule", "NoExecute"] {
        let missing = |key: &&str| !taints.iter().any(|taint| taint.key == *key && taint.effect == effect);
        if let Some(key) = key.filter(missing) {
            taints.push(Taint { key: key.to_owned(), effect: effect.to_owned(), ..Taint::default() });
        }
    }
    (taints != present).then_some(taints)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(annotated: &str, ready: &str, reason: &str, taints: Value) -> Node {
        serde_json::from_value(
            json!({"metadata": {"annotations": {"simulator.windlass.io/ready": annotated}},
            "spec": {"taints": taints},
            "status": {"conditions": [{"type": "Ready", "status": ready, "reason": reason}]}}),
        )
        .unwrap()
    }

    #[test]
    fn the_annotation_takes_readiness_and_gives_back_what_it_took() {
        let written = |annotated, ready, reason| {
            let status = changed_status(&node(annotated, ready, reason, json!([])), Timestamp::UNIX_EPOCH);
            status.map(|status| status["conditions"][0]["status"].as_str().unwrap().to_owned())
        };
        assert_eq!(written("false", "True", "KubeletReady").as_deref(), Some("False"));
        assert_eq!(written("false", "False", SIMULATED), None);
        assert_eq!(written("true", "False", SIMULATED).as_deref(), Some("True"));
        assert_eq!(written("true", "False", "SomebodyElse"), None);
    }

    #[test]
    fn taints_follow_the_condition_and_leave_others_alone() {
        let other = json!({"key": "gpu", "effect": "NoSchedule"});
        let tainted = |ready, taints| {
            let taints = changed_taints(&node("", ready, "", taints))?;
            Some(
                taints.into_iter().map(|taint| format!("{}:{}", taint.key, taint.effect)).collect::<Vec<_>>(),
            )
        };
        let lost = json!([other, {"key": NOT_READY, "effect": "NoExecute"}]);
        assert_eq!(tainted("True", json!([other])), None);
        assert_eq!(tainted("True", lost).unwrap(), ["gpu:NoSchedule"]);
        let unreachable = [
            "gpu:NoSchedule",
            "node.kubernetes.io/unreachable:NoSchedule",
            "node.kubernetes.io/unreachable:NoExecute",
        ];
        assert_eq!(tainted("Unknown", json!([other])).unwrap(), unreachable);
    }
}
