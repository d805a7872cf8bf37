//! Writes what the scheduler has to say in a binding's status, and leaves alone what others say there.
//!
//! The list of conditions has several writers, and a merge patch replaces a list whole. So a condition that is there is
//! replaced in its place, on condition that it is still in that place; the first one is added on condition that the
//! binding is still the one that was looked at.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use serde_json::{Map, Value, json};
use windlass_api::work::ResourceBindingStatus;

use crate::error::{Error, is_not_found};
use crate::index::{Binding, Index, Key};
use crate::runner::{Outcome, Reconcile};
use crate::status::{Note, Notes, apply_conditions};

/// Writes the scheduler's part of one binding's status.
pub(super) struct ScheduleStatuses {
    pub(super) index: Arc<Index>,
    pub(super) notes: Arc<Notes>,
}

impl Reconcile for ScheduleStatuses {
    type Key = Key;
    const NAME: &'static str = "schedule-status";

    async fn reconcile(&self, key: &Key) -> Result<Outcome, Error> {
        let note = self.notes.take(key);
        let Some(binding) = self.index.binding(key) else { return Ok(Outcome::Done) };
        let written = self.write(key, &binding, &note).await;
        if written.is_err() {
            self.notes.put_back(key, note);
        }
        written.map(|()| Outcome::Done)
    }
}

impl ScheduleStatuses {
    async fn write(&self, key: &Key, binding: &Binding, note: &Note) -> Result<(), Error> {
        let Some(patch) = patch(binding, note, (self.notes.clock)())? else { return Ok(()) };
        let api = self.index.binding_api(key);
        let params = PatchParams::default();
        let written = match patch {
            StatusPatch::InPlace(operations) => {
                let operations = serde_json::from_value(operations)?;
                api.patch_status(&key.name, &params, &Patch::Json::<Binding>(operations)).await
            }
            StatusPatch::Whole(merge) => api.patch_status(&key.name, &params, &Patch::Merge(merge)).await,
        };
        match written {
            Ok(written) => self.index.bindings_for(key).offer(written),
            Err(error) if is_not_found(&error) => {}
            Err(kube::Error::Api(status)) if status.code == 422 => {
                return Err(Error::Waiting { what: "the status as somebody else has written it".to_owned() });
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

/// One write of a status.
#[derive(Debug, PartialEq)]
enum StatusPatch {
    /// A JSON patch.
    InPlace(Value),
    /// A merge patch for one version of the binding.
    Whole(Value),
}

/// What has to be written for the status to say what was noted; `None`: it says so.
fn patch(binding: &Binding, note: &Note, now: Timestamp) -> Result<Option<StatusPatch>, Error> {
    let none = ResourceBindingStatus::default();
    let old = binding.status.as_ref().unwrap_or(&none);
    let mut conditions = old.conditions.clone();
    apply_conditions(&mut conditions, &note.conditions, binding.metadata.generation, now);

    let mut fields = Map::new();
    if let Some(decision) = &note.decision {
        if let Some(observed) = decision.observed_generation
            && observed != old.scheduler_observed_generation
        {
            fields.insert("schedulerObservedGeneration".to_owned(), observed.into());
        }
        if let Some(name) = &decision.affinity_name
            && *name != old.scheduler_observed_affinity_name
        {
            fields.insert("schedulerObservingAffinityName".to_owned(), name.as_str().into());
        }
        if let Some(at) = decision.scheduled_at {
            fields.insert("lastScheduledTime".to_owned(), serde_json::to_value(Time(at))?);
        }
    }
    if fields.is_empty() && conditions == old.conditions {
        return Ok(None);
    }
    if binding.status.is_none() || conditions.len() != old.conditions.len() {
        if conditions != old.conditions {
            fields.insert("conditions".to_owned(), serde_json::to_value(&conditions)?);
        }
        let version = &binding.metadata.resource_version;
        return Ok(Some(StatusPatch::Whole(
            json!({"metadata": {"resourceVersion": version}, "status": fields}),
        )));
    }
    let mut operations = Vec::with_capacity(2 * conditions.len() + fields.len());
    for (at, (new, old)) in conditions.iter().zip(&old.conditions).enumerate() {
        if new != old {
            let path = format!("/status/conditions/{at}");
            operations.push(json!({"op": "test", "path": format!("{path}/type"), "value": new.type_}));
            operations.push(json!({"op": "replace", "path": path, "value": new}));
        }
    }
    for (name, value) in fields {
        operations.push(json!({"op": "add", "path": format!("/status/{name}"), "value": value}));
    }
    Ok(Some(StatusPatch::InPlace(Value::Array(operations))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{Decision, NewCondition};

    const APPLIED: &str = "FullyApplied";
    const SCHEDULED: &str = "Scheduled";

    fn binding(status: Value) -> Binding {
        serde_json::from_value(json!({
            "metadata": {"name": "b", "namespace": "n", "resourceVersion": "7", "generation": 2},
            "spec": {"resource": {"apiVersion": "v1", "kind": "ConfigMap", "name": "b"}}, "status": status,
        }))
        .unwrap()
    }

    fn condition(kind: &str, status: &str) -> Value {
        json!({"type": kind, "status": status, "reason": "R", "message": "m",
            "lastTransitionTime": "1970-01-01T00:00:00Z", "observedGeneration": 2})
    }

    fn note(status: bool) -> Note {
        let new = NewCondition { status, reason: "R".to_owned(), message: "m".to_owned() };
        Note {
            conditions: [(SCHEDULED, Some(new))].into(),
            decision: Some(Decision {
                observed_generation: Some(2),
                affinity_name: Some("group".to_owned()),
                scheduled_at: None,
            }),
        }
    }

    fn written(status: Value, note: &Note) -> Option<StatusPatch> {
        patch(&binding(status), note, Timestamp::UNIX_EPOCH).unwrap()
    }

    #[test]
    fn the_first_condition_is_added_to_the_binding_that_was_looked_at() {
        let Some(StatusPatch::Whole(patch)) = written(Value::Null, &note(true)) else { panic!("not whole") };
        assert_eq!(patch["metadata"]["resourceVersion"], "7");
        assert_eq!(patch["status"]["conditions"], json!([condition(SCHEDULED, "True")]));
        assert_eq!(patch["status"]["schedulerObservingAffinityName"], "group");
        let others = json!({"conditions": [condition(APPLIED, "True")]});
        let Some(StatusPatch::Whole(patch)) = written(others, &note(true)) else { panic!("not whole") };
        assert_eq!(patch["status"]["conditions"].as_array().map(Vec::len), Some(2), "others' stay");
    }

    #[test]
    fn a_condition_is_replaced_in_its_place_and_others_fields_are_not_named() {
        let status = json!({"conditions": [condition(APPLIED, "True"), condition(SCHEDULED, "False")],
            "schedulerObservedGeneration": 1, "schedulerObservingAffinityName": "group",
            "aggregatedStatus": [{"clusterName": "m1"}]});
        let Some(StatusPatch::InPlace(patch)) = written(status, &note(true)) else { panic!("not in place") };
        assert_eq!(
            patch,
            json!([
                {"op": "test", "path": "/status/conditions/1/type", "value": SCHEDULED},
                {"op": "replace", "path": "/status/conditions/1", "value": condition(SCHEDULED, "True")},
                {"op": "add", "path": "/status/schedulerObservedGeneration", "value": 2},
            ])
        );
    }

    #[test]
    fn what_the_status_says_already_is_not_written() {
        let status = json!({"conditions": [condition(SCHEDULED, "True")], "schedulerObservedGeneration": 2,
            "schedulerObservingAffinityName": "group"});
        assert_eq!(written(status, &note(true)), None);
    }
}
