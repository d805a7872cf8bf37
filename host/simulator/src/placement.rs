//! Which node a pod goes to: the filters, the score and the words of kube-scheduler, as far as simulated nodes have
//! what they ask for. Pure.
//!
//! The scheduler's estimates answer a similar question with code of their own; the two are kept apart on purpose, so
//! that a member tells the truth about an estimate that is wrong.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{
    Affinity, Node, NodeSelectorRequirement, NodeSelectorTerm, PodSpec, Taint, Toleration,
};
use windlass_api::quantity::Quantity;

use crate::amounts::{self, Amounts};

/// The taint that a cordoned node is treated as having.
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";
/// The taint of a node whose Ready condition is not True.
pub(crate) const NOT_READY: &str = "node.kubernetes.io/not-ready";
/// The taint of a node whose Ready condition is Unknown.
pub(crate) const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
/// How long pods stay on a node that is lost, if they don't say.
const LOST_NODE_PATIENCE: SignedDuration = SignedDuration::from_secs(300);

/// What a pod asks of a node.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Needs {
    pub(crate) requests: Amounts,
    node_selector: BTreeMap<String, String>,
    required_terms: Option<Vec<NodeSelectorTerm>>,
    tolerations: Vec<Toleration>,
}

/// A node and what is left of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct NodeRoom {
    labels: BTreeMap<String, String>,
    taints: Vec<Taint>,
    unschedulable: bool,
    ready: bool,
    allocatable: Amounts,
    requested: Amounts,
    pods: i64,
    /// Since when it has had its taints.
    tainted: Timestamp,
}

impl Needs {
    pub(crate) fn of(spec: &PodSpec) -> Needs {
        let required =
            spec.affinity.as_ref().and_then(|Affinity { node_affinity, .. }| node_affinity.as_ref());
        let required =
            required.and_then(|node| node.required_during_scheduling_ignored_during_execution.as_ref());
        Needs {
            requests: amounts::pod_requests(spec),
            node_selector: spec.node_selector.clone().unwrap_or_default(),
            required_terms: required.map(|selector| selector.node_selector_terms.clone()),
            tolerations: spec.tolerations.clone().unwrap_or_default(),
        }
    }

    /// How long a pod may stay on a node with these taints; `None`: for ever.
    pub(crate) fn stays(&self, taints: &[Taint]) -> Option<SignedDuration> {
        let taints = taints.iter().filter(|taint| taint.effect == "NoExecute");
        taints.filter_map(|taint| self.bears(taint)).min()
    }

    fn bears(&self, taint: &Taint) -> Option<SignedDuration> {
        let mut tolerating = self.tolerations.iter().filter(|one| tolerates(one, taint)).peekable();
        if tolerating.peek().is_none() {
            // kube-apiserver gives every pod these tolerations that has none of its own.
            let lost = [NOT_READY, UNREACHABLE].contains(&taint.key.as_str());
            return Some(if lost { LOST_NODE_PATIENCE } else { SignedDuration::ZERO });
        }
        let seconds = tolerating.filter_map(|toleration| toleration.toleration_seconds).min();
        seconds.map(|seconds| SignedDuration::from_secs(seconds.max(0)))
    }

    fn tolerates(&self, taint: &Taint) -> bool {
        self.tolerations.iter().any(|toleration| tolerates(toleration, taint))
    }

    fn selects(&self, node: &str, labels: &BTreeMap<String, String>) -> bool {
        self.node_selector.iter().all(|(key, value)| labels.get(key) == Some(value))
            && self
                .required_terms
                .as_ref()
                .is_none_or(|terms| terms.iter().any(|term| term_matches(term, node, labels)))
    }
}

fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let effect = toleration.effect.as_deref().unwrap_or_default();
    let key = toleration.key.as_deref().unwrap_or_default();
    let value = match toleration.operator.as_deref() {
        Some("Exists") => true,
        None | Some("" | "Equal") => {
            !key.is_empty()
                && toleration.value.as_deref().unwrap_or_default()
                    == taint.value.as_deref().unwrap_or_default()
        }
        Some(_) => false,
    };
    (effect.is_empty() || effect == taint.effect) && (key.is_empty() || key == taint.key) && value
}

/// An empty term selects nothing.
fn term_matches(term: &NodeSelectorTerm, node: &str, labels: &BTreeMap<String, String>) -> bool {
    let expressions = term.match_expressions.as_deref().unwrap_or_default();
    let fields = term.match_fields.as_deref().unwrap_or_default();
    if expressions.is_empty() && fields.is_empty() {
        return false;
    }
    expressions.iter().all(|requirement| requirement_matches(requirement, labels.get(&requirement.key)))
        && fields.iter().all(|requirement| {
            requirement.key == "metadata.name" && requirement_matches(requirement, Some(&node.to_owned()))
        })
}

fn requirement_matches(requirement: &NodeSelectorRequirement, value: Option<&String>) -> bool {
    let values = requirement.values.as_deref().unwrap_or_default();
    let number = |text: &String| text.parse::<i64>().ok();
    let compared =
        |holds: fn(i64, i64) -> bool| match (value.and_then(number), values.first().and_then(number)) {
            (Some(have), Some(bound)) => holds(have, bound),
            _ => false,
        };
    match requirement.operator.as_str() {
        "In" => value.is_some_and(|value| values.contains(value)),
        "NotIn" => value.is_none_or(|value| !values.contains(value)),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => compared(|have, bound| have > bound),
        "Lt" => compared(|have, bound| have < bound),
        _ => false,
    }
}

impl NodeRoom {
    /// The node as it is, with nothing running on it yet.
    pub(crate) fn of(node: &Node) -> NodeRoom {
        let spec = node.spec.as_ref();
        let status = node.status.as_ref();
        let stated = status.and_then(|status| status.allocatable.as_ref().or(status.capacity.as_ref()));
        NodeRoom {
            labels: node.metadata.labels.clone().unwrap_or_default(),
            taints: spec.and_then(|spec| spec.taints.clone()).unwrap_or_default(),
            unschedulable: spec.and_then(|spec| spec.unschedulable).unwrap_or_default(),
            ready: status.and_then(|status| status.conditions.as_ref()).is_some_and(|conditions| {
                conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
            }),
            allocatable: stated.map(amounts::parse).unwrap_or_default(),
            requested: Amounts::default(),
            pods: 0,
            tainted: Timestamp::UNIX_EPOCH,
        }
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.ready
    }

    /// When a pod has to leave the node, if it has to.
    pub(crate) fn leave_at(&self, needs: &Needs) -> Option<Timestamp> {
        self.tainted.checked_add(needs.stays(&self.taints)?).ok()
    }

    /// Takes over what runs on the node from how it was known before.
    pub(crate) fn keep_load(mut self, before: Option<&NodeRoom>, now: Timestamp) -> NodeRoom {
        self.tainted =
            before.filter(|before| before.taints == self.taints).map_or(now, |before| before.tainted);
        if let Some(before) = before {
            self.requested = before.requested.clone();
            self.pods = before.pods;
        }
        self
    }

    /// Whether the change from `before` could let a waiting pod in.
    pub(crate) fn offers_more_than(&self, before: Option<&NodeRoom>) -> bool {
        before.is_none_or(|before| {
            self.labels != before.labels
                || self.taints != before.taints
                || self.unschedulable != before.unschedulable
                || self.ready != before.ready
                || self.allocatable != before.allocatable
        })
    }

    pub(crate) fn add(&mut self, requests: &Amounts) {
        amounts::add(&mut self.requested, requests);
        self.pods += 1;
    }

    pub(crate) fn remove(&mut self, requests: &Amounts) {
        amounts::subtract(&mut self.requested, requests);
        self.pods -= 1;
    }

    /// Why the pod can't run here; empty if it can. In the order of kube-scheduler's filters, of which the first that
    /// refuses speaks.
    fn refusals(&self, name: &str, needs: &Needs) -> Vec<Refusal> {
        let cordon = taint(UNSCHEDULABLE);
        if self.unschedulable && !needs.tolerates(&cordon) {
            return vec![Refusal::lasting("node(s) were unschedulable")];
        }
        let not_ready = (!self.ready).then(|| taint(NOT_READY));
        let repelling = self.taints.iter().chain(&not_ready).find(|taint| {
            matches!(taint.effect.as_str(), "NoSchedule" | "NoExecute") && !needs.tolerates(taint)
        });
        if let Some(Taint { key, value, .. }) = repelling {
            let value = value.as_deref().unwrap_or_default();
            return vec![Refusal::lasting(format!("node(s) had untolerated taint {{{key}: {value}}}"))];
        }
        if !needs.selects(name, &self.labels) {
            return vec![Refusal::lasting("node(s) didn't match Pod's node affinity/selector")];
        }
        let mut refusals = Vec::new();
        if Quantity::from_units(self.pods + 1) > amounts::get(&self.allocatable, "pods") {
            refusals.push(Refusal::preemptable("Too many pods"));
        }
        for (resource, amount) in &needs.requests {
            if *amount > Quantity::ZERO && *amount > self.free(resource) {
                refusals.push(Refusal::preemptable(format!("Insufficient {resource}")));
            }
        }
        refusals
    }

    fn free(&self, resource: &str) -> Quantity {
        amounts::get(&self.allocatable, resource).minus(amounts::get(&self.requested, resource))
    }

    /// The shares of CPU and memory that would be left free with the pod, added up, in millionths.
    fn score(&self, needs: &Needs) -> i128 {
        let share = |resource: &str| {
            let have = amounts::get(&self.allocatable, resource).nano();
            let left = self.free(resource).minus(amounts::get(&needs.requests, resource)).nano();
            if have <= 0 { 0 } else { left.saturating_mul(1_000_000) / have }
        };
        share("cpu") + share("memory")
    }
}

fn taint(key: &str) -> Taint {
    Taint { key: key.to_owned(), effect: "NoSchedule".to_owned(), ..Taint::default() }
}

/// Why one node won't do, and whether evicting others could help.
struct Refusal {
    reason: String,
    preemptable: bool,
}

impl Refusal {
    fn lasting(reason: impl Into<String>) -> Refusal {
        Refusal { reason: reason.into(), preemptable: false }
    }

    fn preemptable(reason: impl Into<String>) -> Refusal {
        Refusal { reason: reason.into(), preemptable: true }
    }
}

/// The node with the most room left among those that can take the pod, the first by name among equals.
///
/// # Errors
/// No node can: the message is the one of the pod's PodScheduled condition.
pub(crate) fn place(nodes: &BTreeMap<String, NodeRoom>, needs: &Needs) -> Result<String, String> {
    let mut best: Option<(i128, &str)> = None;
    for (name, node) in nodes {
        if !node.refusals(name, needs).is_empty() {
            continue;
        }
        let score = node.score(needs);
        if best.is_none_or(|(highest, _)| score > highest) {
            best = Some((score, name));
        }
    }
    best.map(|(_, name)| name.to_owned()).ok_or_else(|| why_nowhere(nodes, needs))
}

fn why_nowhere(nodes: &BTreeMap<String, NodeRoom>, needs: &Needs) -> String {
    if nodes.is_empty() {
        return "no nodes available to schedule pods".to_owned();
    }
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    let mut hopeful = 0;
    for (name, node) in nodes {
        let refusals = node.refusals(name, needs);
        hopeful += usize::from(!refusals.is_empty() && refusals.iter().all(|refusal| refusal.preemptable));
        for refusal in refusals {
            *reasons.entry(refusal.reason).or_default() += 1;
        }
    }
    let total = nodes.len();
    let preemption = BTreeMap::from([
        ("No preemption victims found for incoming pod", hopeful),
        ("Preemption is not helpful for scheduling", total - hopeful),
    ]);
    let listed = |counts: Vec<(String, usize)>| {
        let mut texts: Vec<_> =
            counts.into_iter().filter(|(_, n)| *n > 0).map(|(reason, n)| format!("{n} {reason}")).collect();
        texts.sort();
        texts.join(", ")
    };
    format!(
        "0/{total} nodes are available: {}. preemption: 0/{total} nodes are available: {}.",
        listed(reasons.into_iter().collect()),
        listed(preemption.into_iter().map(|(reason, n)| (reason.to_owned(), n)).collect())
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn node(cpu: &str, memory: &str, more: Value) -> NodeRoom {
        let mut node = json!({"metadata": {"labels": {"zone": "a"}}, "spec": {}, "status": {
            "allocatable": {"cpu": cpu, "memory": memory, "pods": "2"},
            "conditions": [{"type": "Ready", "status": "True"}]}});
        json_patch_merge(&mut node, &more);
        NodeRoom::of(&serde_json::from_value(node).unwrap())
    }

    fn json_patch_merge(into: &mut Value, from: &Value) {
        match (into, from) {
            (Value::Object(into), Value::Object(from)) => {
                for (key, value) in from {
                    json_patch_merge(into.entry(key).or_insert(Value::Null), value);
                }
            }
            (into, from) => *into = from.clone(),
        }
    }

    fn needs(cpu: &str, memory: &str, more: Value) -> Needs {
        let mut spec =
            json!({"containers": [{"name": "c", "resources": {"requests": {"cpu": cpu, "memory": memory}}}]});
        json_patch_merge(&mut spec, &more);
        Needs::of(&serde_json::from_value(spec).unwrap())
    }

    fn nodes(nodes: impl IntoIterator<Item = NodeRoom>) -> BTreeMap<String, NodeRoom> {
        nodes.into_iter().enumerate().map(|(index, node)| (format!("n{}", index + 1), node)).collect()
    }

    fn check(rooms: &BTreeMap<String, NodeRoom>, needs: &Needs, want: Result<&str, &str>) {
        match (place(rooms, needs), want) {
            (Ok(node), Ok(want)) => assert_eq!(node, want),
            (Err(message), Err(want)) => assert!(message.starts_with(want), "{message}"),
            (got, want) => panic!("got {got:?}, want {want:?}"),
        }
    }

    #[test]
    fn a_pod_goes_where_most_is_left() {
        let mut rooms = nodes([node("4", "8Gi", json!({})), node("8", "8Gi", json!({}))]);
        let pod = needs("2", "1Gi", json!({}));
        check(&rooms, &pod, Ok("n2"));
        rooms.get_mut("n2").unwrap().add(&needs("7", "1Gi", json!({})).requests);
        check(&rooms, &pod, Ok("n1"));
    }

    #[test]
    fn what_is_missing_is_said_as_kube_scheduler_says_it() {
        let rooms = nodes([
            node("1", "1Gi", json!({})),
            node("1", "8Gi", json!({})),
            node(
                "8",
                "8Gi",
                json!({"spec": {"taints": [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]}}),
            ),
            node("8", "8Gi", json!({"spec": {"unschedulable": true}})),
        ]);
        check(
            &rooms,
            &needs("2", "2Gi", json!({})),
            Err(
                "0/4 nodes are available: 1 Insufficient memory, 1 node(s) had untolerated taint {gpu: yes}, \
                 1 node(s) were unschedulable, 2 Insufficient cpu. preemption: 0/4 nodes are available: \
                 2 No preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling.",
            ),
        );
        check(&BTreeMap::new(), &needs("2", "2Gi", json!({})), Err("no nodes available"));
    }

    #[test]
    fn pod_slots_run_out() {
        let mut room = node("8", "8Gi", json!({}));
        room.add(&Amounts::new());
        room.add(&Amounts::new());
        let mut rooms = nodes([room]);
        check(&rooms, &needs("0", "0", json!({})), Err("0/1 nodes are available: 1 Too many pods."));
        rooms.get_mut("n1").unwrap().remove(&Amounts::new());
        check(&rooms, &needs("0", "0", json!({})), Ok("n1"));
    }

    #[test]
    fn a_node_that_is_not_ready_takes_only_what_tolerates_it() {
        let rooms = nodes([node("8", "8Gi", json!({"status": {"conditions": []}}))]);
        check(
            &rooms,
            &needs("1", "1Gi", json!({})),
            Err("0/1 nodes are available: 1 node(s) had untolerated taint"),
        );
        let tolerant = json!({"tolerations": [{"operator": "Exists"}]});
        check(&rooms, &needs("1", "1Gi", tolerant), Ok("n1"));
    }

    #[test]
    fn selectors_and_affinity_choose_among_labels_and_names() {
        let rooms = nodes([
            node("8", "8Gi", json!({"metadata": {"labels": {"gen": "3"}}})),
            node("8", "8Gi", json!({"metadata": {"labels": {"zone": "b", "gen": "5"}}})),
        ]);
        let affinity = |terms: Value| {
            json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
                {"nodeSelectorTerms": terms}}}})
        };
        let expression = |key: &str, operator: &str, values: Value| json!([{"matchExpressions": [{"key": key, "operator": operator, "values": values}]}]);
        for (spec, want) in [
            (json!({"nodeSelector": {"zone": "b"}}), Some("n2")),
            (json!({"nodeSelector": {"zone": "c"}}), None),
            (affinity(expression("gen", "Gt", json!(["3"]))), Some("n2")),
            (affinity(expression("gen", "Lt", json!(["5"]))), Some("n1")),
            (affinity(expression("zone", "NotIn", json!(["a"]))), Some("n2")),
            (affinity(expression("other", "DoesNotExist", json!([]))), Some("n1")),
            (affinity(expression("zone", "Sideways", json!([]))), None),
            (affinity(json!([])), None),
            (affinity(json!([{}])), None),
            (
                affinity(
                    json!([{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n2"]}]}]),
                ),
                Some("n2"),
            ),
        ] {
            let placed = place(&rooms, &needs("1", "1Gi", spec.clone())).ok();
            assert_eq!(placed.as_deref(), want, "{spec}");
        }
    }

    #[test]
    fn no_execute_evicts_what_does_not_tolerate_it() {
        let taints = [Taint { key: "down".into(), effect: "NoExecute".into(), ..Taint::default() }];
        let stays = |tolerations: Value, taints: &[Taint]| {
            needs("1", "1", json!({"tolerations": tolerations})).stays(taints).map(|time| time.as_secs())
        };
        assert_eq!(stays(json!([]), &taints), Some(0));
        assert_eq!(stays(json!([{"key": "down", "operator": "Exists"}]), &taints), None);
        assert_eq!(stays(json!([{"operator": "Exists", "tolerationSeconds": 7}]), &taints), Some(7));
        let lost = [Taint { key: NOT_READY.into(), effect: "NoExecute".into(), ..Taint::default() }];
        assert_eq!(stays(json!([]), &lost), Some(300));
    }
}
