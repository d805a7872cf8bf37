//! Questions that are anything: text that is no JSON, JSON that is nothing like an object, objects that are nothing like
//! their kind, ten thousand levels deep.
//!
//! All of it follows from a seed. A test suite has time for a few rounds; `WINDLASS_FUZZ_ROUNDS` asks for more, and
//! `WINDLASS_FUZZ_SEED` for others.

mod distort;
mod random;

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

use serde_json::Value;
use serde_json::value::RawValue;

use super::case::Case;
use crate::interpreter::bindings::exports::windlass::interpreter::interpreter::{
    Change, ComponentPods, Guest, Inspection, MemberStatus, PreservationRule, Preserved, Questions, Rejection,
};
use distort::distorted;
use random::Random;

const ROUNDS: u64 = 1_000;

/// As much stack as the host gives a plugin. Here it has to do for a build without optimisations, which takes more.
const STACK: usize = 512 * 1024;

/// How a text of a failed round is shown.
const SHOWN_MAX: usize = 2_000;

/// Asks the plugin, which has `settings` if it needs any, of what the cases' inputs become.
pub(super) fn survive<P: Guest>(cases: &[Case], settings: Option<&str>) {
    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let rounds = number("WINDLASS_FUZZ_ROUNDS").unwrap_or(ROUNDS);
    let seed = number("WINDLASS_FUZZ_SEED").unwrap_or(1);
    let inputs: Vec<&Value> = cases.iter().map(|case| &case.input).collect();
    thread::scope(|scope| {
        let asking = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, || {
            if let Some(settings) = settings {
                P::configure(settings.to_owned()).unwrap_or_else(|error| panic!("{error:?}"));
            }
            for round in 0..rounds {
                let question = Question::of(&inputs, &mut Random::new(seed, round));
                if let Err(cause) = catch_unwind(AssertUnwindSafe(|| question.ask::<P>())) {
                    eprintln!("seed {seed}, round {round}: {}", question.shown());
                    resume_unwind(cause);
                }
            }
        });
        let asked = asking.expect("a thread can be had").join();
        asked.unwrap_or_else(|cause| resume_unwind(cause));
    });
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
struct Question {
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

impl Question {
    fn of(inputs: &[&Value], random: &mut Random) -> Question {
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
                label: if names.is_empty() { distort::text(random) } else { random.pick(&names).clone() },
                value: distort::text(random),
            })
            .collect();
        let rules = (0..random.below(4))
            .map(|_| PreservationRule { label: distort::text(random), json_path: distort::text(random) })
            .collect();
        let mut components = vec![String::new(), distort::text(random)];
        let asked_of = input["pods"].as_array().into_iter().flatten();
        components.extend(asked_of.filter_map(|pods| pods["component"].as_str().map(str::to_owned)));
        let pods = (0..random.below(4)).map(|_| pods(&components, random)).collect();
        Question {
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

    /// Whatever the answer: what is in it is JSON, and changes say where.
    fn ask<P: Guest>(&self) {
        let object = self.object.clone();
        match self.operation {
            Operation::Inspect => inspected(P::inspect(object, Questions::all())),
            Operation::ReviseReplica => changed(P::revise_replica(object, self.replicas)),
            Operation::Retain => changed(P::retain(object, self.observed.clone())),
            Operation::AggregateStatus => changed(P::aggregate_status(object, self.items.clone())),
            Operation::PreserveState => drop(P::preserve_state(object, self.rules.clone())),
            Operation::RestoreState => changed(P::restore_state(object, self.state.clone())),
            Operation::SimulateStatus => {
                if let Ok(status) = P::simulate_status(object, self.pods.clone(), self.nodes) {
                    json(&status);
                }
            }
        }
    }

    fn shown(&self) -> String {
        let Question { operation, object, observed, items, state, rules, pods, replicas, nodes } = self;
        let cut = |text: String| match text.char_indices().nth(SHOWN_MAX) {
            Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
            None => text,
        };
        [
            format!("{operation:?}, replicas {replicas}, nodes {nodes}"),
            format!("object {object}"),
            format!("observed {observed}"),
            format!("items {items:?}"),
            format!("state {state:?}, rules {rules:?}, pods {pods:?}"),
        ]
        .map(cut)
        .join("\n  ")
    }
}

fn item(statuses: &[&Value], random: &mut Random) -> MemberStatus {
    MemberStatus {
        cluster: if random.chance(80) { "member1".to_owned() } else { distort::text(random) },
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

fn inspected(inspection: Inspection) {
    assert_eq!(inspection.answered(), Questions::all(), "what is asked is answered");
    let Inspection { replicas, components, dependencies, status, health: _ } = inspection;
    let requirements = replicas.into_iter().flatten().filter_map(|answer| answer.requirements);
    let components =
        components.into_iter().flatten().flatten().filter_map(|component| component.requirements);
    let selectors =
        dependencies.into_iter().flatten().flatten().filter_map(|dependent| dependent.label_selector);
    let status = status.into_iter().flatten();
    requirements.chain(components).chain(selectors).chain(status).for_each(|text| json(&text));
}

fn changed(changes: Result<Vec<Change>, Rejection>) {
    for Change { path, value } in changes.into_iter().flatten() {
        assert!(path.starts_with('/'), "{path:?} is no JSON pointer");
        value.iter().for_each(|value| json(value));
    }
}

/// Looks at the outermost level only as far as recursion goes, so that any depth is fine.
fn json(text: &str) {
    if let Err(error) = serde_json::from_str::<&RawValue>(text) {
        let shown: String = text.chars().take(SHOWN_MAX).collect();
        panic!("the answer is no JSON: {error}: {shown}");
    }
}
