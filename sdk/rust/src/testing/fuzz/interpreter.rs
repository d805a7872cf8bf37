//! Interpreters, asked anything.

use std::marker::PhantomData;

use serde_json::Value;

use super::super::case::Case;
use super::super::declarations;
use super::super::random::Random;
use super::distort::{distorted, text};
use super::{Question, change, is_json, json, rounds};
use crate::interpreter::bindings::exports::windlass::interpreter::interpreter::{
    Change, ComponentPods, Guest, Inspection, MemberStatus, PreservationRule, Preserved, Questions, Rejection,
};

/// Asks the plugin, which has `settings` if it needs any, of what the cases' inputs become.
pub(in super::super) fn survive<P: Guest>(cases: &[Case], settings: Option<&str>) {
    let inputs: Vec<&Value> = cases.iter().map(|case| &case.input).collect();
    let configure = || {
        if let Some(settings) = settings {
            P::configure(settings.to_owned()).unwrap_or_else(|error| panic!("{error:?}"));
        }
    };
    rounds(configure, |random| Asked::<P>::of(&inputs, random));
}

#[derive(Clone, Copy, Debug)]
enum Operation {
    Inspect,
    ReviseReplica,
    Retain,
    AggregateStatus,
    PreserveState,
    RestoreState,
    SimulateStatus,
}

const OPERATIONS: [Operation; 7] = [
    Operation::Inspect,
    Operation::ReviseReplica,
    Operation::Retain,
    Operation::AggregateStatus,
    Operation::PreserveState,
    Operation::RestoreState,
    Operation::SimulateStatus,
];

/// Everything that may be asked with, whether the operation looks at it or not.
struct Asked<P> {
    plugin: PhantomData<P>,
    operation: Operation,
    object: String,
    observed: String,
    items: Vec<MemberStatus>,
    state: Vec<Preserved>,
    rules: Vec<PreservationRule>,
    pods: Vec<ComponentPods>,
    replicas: i32,
    nodes: u32,
}

impl<P> Asked<P> {
    fn of(inputs: &[&Value], random: &mut Random) -> Asked<P> {
        let input = *random.pick(inputs);
        let operation = match input["operation"].as_str() {
            Some("ReviseReplica") => Operation::ReviseReplica,
            Some("Retain") => Operation::Retain,
            Some("AggregateStatus") => Operation::AggregateStatus,
            Some("PreserveState") => Operation::PreserveState,
            Some("RestoreState") => Operation::RestoreState,
            Some("SimulateStatus") => Operation::SimulateStatus,
            _ => Operation::Inspect,
        };
        let operation = if random.chance(30) { *random.pick(&OPERATIONS) } else { operation };
        let mut statuses: Vec<&Value> =
            input["items"].as_array().into_iter().flatten().map(|item| &item["status"]).collect();
        statuses.push(&input["object"]["status"]);
        let items = (0..random.below(4)).map(|_| item(&statuses, random)).collect();
        let names: Vec<String> =
            input["state"].as_object().into_iter().flat_map(|state| state.keys().cloned()).collect();
        let state = (0..random.below(4))
            .map(|_| Preserved {
                label: if names.is_empty() { text(random) } else { random.pick(&names).clone() },
                value: text(random),
            })
            .collect();
        let rules = (0..random.below(4))
            .map(|_| PreservationRule { label: text(random), json_path: text(random) })
            .collect();
        let mut components = vec![String::new(), text(random)];
        let asked_of = input["pods"].as_array().into_iter().flatten();
        components.extend(asked_of.filter_map(|pods| pods["component"].as_str().map(str::to_owned)));
        let pods = (0..random.below(4)).map(|_| pods(&components, random)).collect();
        Asked {
            plugin: PhantomData,
            operation,
            object: distorted(&input["object"], random),
            observed: distorted(
                if input["observed"].is_null() { &input["object"] } else { &input["observed"] },
                random,
            ),
            items,
            state,
            rules,
            pods,
            replicas: *random.pick(&[0, 1, -1, 7, i32::MAX, i32::MIN]),
            nodes: *random.pick(&[0, 1, 3, u32::MAX]),
        }
    }
}

impl<P> Asked<P> {
    /// Whether all that is passed is JSON, as it always is from the host. What is not, an answer may pass on as it came.
    fn passes_json(&self) -> bool {
        let statuses = self.items.iter().filter_map(|item| item.status.as_deref());
        [self.object.as_str(), self.observed.as_str()].into_iter().chain(statuses).all(is_json)
    }
}

impl<P: Guest> Question for Asked<P> {
    fn ask(&self) {
        let object = self.object.clone();
        let given = self.passes_json();
        match self.operation {
            Operation::Inspect => {
                if let Some(Ok(status)) = declarations::status::<P>(&object).filter(|_| given) {
                    json(&status);
                }
                inspected(P::inspect(object, Questions::all()), given);
            }
            Operation::ReviseReplica => changed(P::revise_replica(object, self.replicas), given),
            Operation::Retain => {
                let declared = declarations::retain::<P>(&object, &self.observed);
                changed(declared.unwrap_or_else(|| P::retain(object, self.observed.clone())), given);
            }
            Operation::AggregateStatus => changed(P::aggregate_status(object, self.items.clone()), given),
            Operation::PreserveState => drop(P::preserve_state(object, self.rules.clone())),
            Operation::RestoreState => changed(P::restore_state(object, self.state.clone()), given),
            Operation::SimulateStatus => {
                if let Ok(status) = P::simulate_status(object, self.pods.clone(), self.nodes) {
                    given.then(|| json(&status));
                }
            }
        }
    }

    fn parts(&self) -> Vec<String> {
        let Asked { operation, object, observed, items, state, rules, pods, replicas, nodes, .. } = self;
        vec![
            format!("{operation:?}, replicas {replicas}, nodes {nodes}"),
            format!("object {object}"),
            format!("observed {observed}"),
            format!("items {items:?}"),
            format!("state {state:?}, rules {rules:?}, pods {pods:?}"),
        ]
    }
}

fn item(statuses: &[&Value], random: &mut Random) -> MemberStatus {
    MemberStatus {
        cluster: if random.chance(80) { "member1".to_owned() } else { text(random) },
        applied: random.chance(80),
        applied_message: String::new(),
        health: (*random.pick(&["Healthy", "Unhealthy", "Unknown", "", "\u{1f980}"])).to_owned(),
        status: random.chance(80).then(|| distorted(statuses[random.below(statuses.len())], random)),
    }
}

fn pods(components: &[String], random: &mut Random) -> ComponentPods {
    let mut count = || *random.pick(&[0, 1, 2, 5, u32::MAX]);
    ComponentPods {
        desired: count(),
        created: count(),
        ready: count(),
        succeeded: count(),
        failed: count(),
        outdated: count(),
        outdated_ready: count(),
        component: random.pick(components).clone(),
    }
}

fn inspected(inspection: Inspection, passed_json: bool) {
    assert_eq!(inspection.answered(), Questions::all(), "what is asked is answered");
    let Inspection { replicas, components, dependencies, status, health: _ } = inspection;
    let requirements = replicas.into_iter().flatten().filter_map(|answer| answer.requirements);
    let components =
        components.into_iter().flatten().flatten().filter_map(|component| component.requirements);
    let selectors =
        dependencies.into_iter().flatten().flatten().filter_map(|dependent| dependent.label_selector);
    let status = status.into_iter().flatten();
    if passed_json {
        requirements.chain(components).chain(selectors).chain(status).for_each(|text| json(&text));
    }
}

fn changed(changes: Result<Vec<Change>, Rejection>, passed_json: bool) {
    for Change { path, value } in changes.into_iter().flatten() {
        change(&path, value.as_deref().filter(|_| passed_json));
    }
}
