//! State that a resource took along when it left another cluster, put back where it starts anew.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use windlass_api::labels::RESTORED_STATE;
use windlass_api::work::{ResourceBindingSpec, Work};
use windlass_core::{CallError, Interpreter, Object};

use super::render;
use crate::marks;

/// Its state, by label.
pub(super) type State = BTreeMap<String, String>;

/// What is to be put back in a cluster. A resource that has started there keeps what it started with, whatever its
/// binding carries; one that starts takes what its binding carries from the cluster that it left last, if it goes to no
/// other one beside this.
pub(super) fn state(spec: &ResourceBindingSpec, cluster: &str, existing: Option<&Work>) -> State {
    if let Some(existing) = existing {
        let noted = marks::annotation(&existing.metadata, RESTORED_STATE);
        return noted.and_then(|noted| serde_json::from_str(noted).ok()).unwrap_or_default();
    }
    let Some(task) = spec.graceful_eviction_tasks.last() else { return State::new() };
    let moves = render::is_direct(task.purge_mode)
        && render::targets(spec).len() == 1
        && !task.clusters_before_failover.iter().any(|before| before == cluster);
    if moves { task.preserved_label_state.clone() } else { State::new() }
}

/// The object with its state: as labels, and as its kind's interpreter knows to put it back.
///
/// # Errors
/// The interpreter failed. An object that started without its state would lose it.
pub(super) fn restored(
    interpreter: &dyn Interpreter,
    object: Value,
    state: &State,
) -> Result<Value, CallError> {
    let mut object = match Object::from_value(&object) {
        Ok(whole) => match interpreter.restore_state(&whole, state) {
            Some(answered) => answered.result?.to_value(),
            None => object,
        },
        Err(_) => object,
    };
    for (label, value) in state {
        object["metadata"]["labels"][label] = json!(value);
    }
    Ok(object)
}

/// Notes on a Work what was put back.
pub(super) fn note(work: &mut Work, state: &State) {
    let noted = json!(state).to_string();
    work.metadata.annotations.get_or_insert_default().insert(RESTORED_STATE.to_owned(), noted);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(spec: Value, existing: Option<Value>, expect: &[(&str, &str)]) {
        let mut spec = spec;
        spec["resource"] = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "nginx"});
        let spec: ResourceBindingSpec = serde_json::from_value(spec).unwrap();
        let existing = existing.map(|annotations| {
            let work = json!({"apiVersion": "work.karmada.io/v1alpha1", "kind": "Work",
                "metadata": {"name": "w", "annotations": annotations}, "spec": {}});
            serde_json::from_value::<Work>(work).unwrap()
        });
        let expect: State =
            expect.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(state(&spec, "m1", existing.as_ref()), expect);
    }

    fn task(from: &str, mode: &str, state: Value) -> Value {
        json!({"fromCluster": from, "purgeMode": mode, "reason": "Preempted", "producer": "p", "preservedLabelState": state})
    }

    #[test]
    fn what_starts_anew_in_one_cluster_gets_what_it_had_in_the_last() {
        let tasks = |tasks: &[Value], clusters: &[&str]| {
            let clusters: Vec<Value> = clusters.iter().map(|name| json!({"name": name})).collect();
            json!({"clusters": clusters, "gracefulEvictionTasks": tasks})
        };
        let [old, new] = ["1", "2"].map(|n| task("m2", "Directly", json!({"n": n})));
        check(tasks(&[old.clone(), new.clone()], &["m1"]), None, &[("n", "2")]);
        check(tasks(&[task("m1", "Directly", json!({"n": "3"}))], &["m1"]), None, &[("n", "3")]);
        check(tasks(std::slice::from_ref(&old), &["m1", "m3"]), None, &[]);
        check(tasks(&[task("m2", "Gracefully", json!({"n": "3"}))], &["m1"]), None, &[]);
        let mut failed_over = new.clone();
        failed_over["clustersBeforeFailover"] = json!(["m1"]);
        check(tasks(&[failed_over], &["m1"]), None, &[]);
    }

    #[test]
    fn what_has_started_keeps_what_it_started_with() {
        let spec = json!({"clusters": [{"name": "m1"}],
            "gracefulEvictionTasks": [task("m2", "Directly", json!({"n": "2"}))]});
        check(spec.clone(), Some(json!({})), &[]);
        let noted = json!({RESTORED_STATE: "{\"n\":\"1\"}"});
        check(spec, Some(noted.clone()), &[("n", "1")]);
        check(json!({"clusters": [{"name": "m1"}]}), Some(noted), &[("n", "1")]);
    }
}
