//! Workloads: what the interpreter says they want, the pods they get, and the status they show.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::ResourceExt;
use kube::api::DynamicObject;
use serde_json::{Map, Value, json};
use windlass_api::work::{Component, ComponentReplicaRequirements};
use windlass_core::{Ask, Interpreter, Object, PodCount, WorkloadPods};

use super::pods::Stage;
use super::rollout::{end, has_ended};
use super::timers::Due;
use super::{Action, Kind, KindAccess, State, WorkloadKey};
use crate::behaviour::{Restarts, Wishes};
use crate::feed::{Key, News, key_of};
use crate::pod_status::seconds;
use crate::template::{Replacement, Template};
use crate::times::stamped;

/// No simulated workload gets more pods than this; a typing error in `replicas` shouldn't cost gigabytes.
const MAX_PODS: u32 = 20_000;

/// How long a status waits for pods that are on their way, so that a burst of changes makes one write.
const STATUS_PATIENCE: SignedDuration = SignedDuration::from_millis(250);

/// A set of alike pods that a workload wants.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) component: String,
    pub(super) replicas: u32,
    pub(super) template: Template,
    pub(super) hash: String,
    /// Whether the interpreter spoke of replicas rather than of components.
    pub(super) by_replicas: bool,
}

impl Wanted {
    /// Whether the pods come to an end.
    pub(super) fn finite(&self) -> bool {
        Restarts::of(&self.template.spec).finite()
    }
}

/// A workload as last seen, and what was made of it.
#[derive(Debug)]
pub(crate) struct Workload {
    access: Arc<KindAccess>,
    uid: String,
    version: Option<u64>,
    deleting: bool,
    /// What was seen last, without what changes at every write, and without the status.
    watched: (ObjectMeta, Value),
    object: Object,
    status: Value,
    wanted: Vec<Wanted>,
    replacement: Replacement,
    /// How its pods are to behave.
    pub(super) wishes: Wishes,
    /// `spec.ttlSecondsAfterFinished`, whatever the kind.
    keep_ended: Option<SignedDuration>,
    writing: bool,
    /// The status that was asked for last, and what became of it: an API server may prune or default.
    settled: Option<(Value, Value)>,
    /// Until when the status waits for pods on their way.
    patient_until: Option<Timestamp>,
}

impl Workload {
    pub(super) fn write_failed(&mut self) {
        self.writing = false;
    }

    pub(super) fn uid(&self) -> &str {
        &self.uid
    }

    pub(super) fn status(&self) -> &Value {
        &self.status
    }

    pub(super) fn wanted(&self) -> &[Wanted] {
        &self.wanted
    }

    pub(super) fn replacement(&self) -> &Replacement {
        &self.replacement
    }

    /// When it may be forgotten, if it has ended and says so.
    fn forget_at(&self) -> Option<Timestamp> {
        let ended = end(&self.status)?;
        let since: Timestamp = ended["lastTransitionTime"].as_str()?.parse().ok()?;
        since.checked_add(self.keep_ended?).ok()
    }

    fn differs_only_in_version(&self, seen: &DynamicObject) -> bool {
        seen.data.get("status").unwrap_or(&Value::Null) == &self.status
            && without_versions(seen) == self.watched
    }

    pub(super) fn owner_reference(&self, key: &Key) -> OwnerReference {
        OwnerReference {
            api_version: self.object.gvk().api_version(),
            kind: self.object.gvk().kind.clone(),
            name: key.1.clone(),
            uid: self.uid.clone(),
            controller: Some(true),
            block_owner_deletion: Some(true),
        }
    }
}

impl State {
    pub(crate) fn workload_news(
        &mut self,
        kind: &Kind,
        access: &Arc<KindAccess>,
        news: News<DynamicObject>,
        interpreter: &dyn Interpreter,
    ) {
        match news {
            News::Seen(object) => {
                self.workload_seen((kind.clone(), key_of(&object)), access, object, interpreter)
            }
            News::Gone(key) => self.workload_gone(&(kind.clone(), key)),
            News::Listed(listed) => {
                let of_kind = self.workloads.keys().filter(|(of, key)| of == kind && !listed.contains(key));
                let gone: Vec<WorkloadKey> = of_kind.cloned().collect();
                gone.iter().for_each(|key| self.workload_gone(key));
            }
        }
    }

    /// The interpreters have changed, and with them perhaps what every workload wants.
    pub(crate) fn interpret_again(&mut self, interpreter: &dyn Interpreter) {
        for (key, workload) in &mut self.workloads {
            if !workload.deleting {
                workload.wanted = wanted(&workload.object, &workload.uid, &workload.wishes, interpreter);
            }
            self.dirty.insert(key.clone());
        }
    }

    /// The kind isn't looked after any more: its CRD is gone, or nobody interprets it.
    pub(crate) fn kind_gone(&mut self, kind: &Kind) {
        let gone: Vec<WorkloadKey> = self.workloads.keys().filter(|(of, _)| of == kind).cloned().collect();
        for key in gone {
            if let Some(workload) = self.workloads.remove(&key) {
                self.workload_of_uid.remove(&workload.uid);
            }
            self.dirty.remove(&key);
        }
    }

    fn workload_seen(
        &mut self,
        key: WorkloadKey,
        access: &Arc<KindAccess>,
        object: DynamicObject,
        interpreter: &dyn Interpreter,
    ) {
        let version = object.resource_version().and_then(|version| version.parse().ok());
        let uid = object.uid().unwrap_or_default();
        let before = self.workloads.get(&key).filter(|before| before.uid == uid);
        if before.is_some_and(|before| version.is_some() && before.version >= version) {
            return;
        }
        let deleting = object.metadata.deletion_timestamp.is_some();
        if let Some(before) = self.workloads.get_mut(&key).filter(|before| before.uid == uid)
            && before.deleting == deleting
            && before.differs_only_in_version(&object)
        {
            // The answer to a write told it before the watch.
            before.version = version;
            return;
        }
        let watched = without_versions(&object);
        let Ok(mut value) = serde_json::to_value(&object) else { return };
        value["apiVersion"] = json!(access.resource.api_version);
        value["kind"] = json!(access.resource.kind);
        let status = value.get("status").cloned().unwrap_or(Value::Null);
        let metadata = object.metadata;
        let Ok(object) = Object::from_value(&value) else { return };
        let wishes = Wishes::of(metadata.annotations.as_ref());
        let wanted = if deleting { Vec::new() } else { wanted(&object, &uid, &wishes, interpreter) };
        let replacement = match wanted.first() {
            Some(first) if first.by_replicas => Replacement::in_object(&value, first.replicas),
            _ => Replacement::AtOnce,
        };
        let keep_ended = value.pointer("/spec/ttlSecondsAfterFinished").and_then(Value::as_i64);
        let keep_ended = keep_ended.map(SignedDuration::from_secs);
        let before = self.workloads.get(&key).filter(|before| before.uid == uid);
        let (writing, settled, patient_until) = before
            .map(|before| (before.writing, before.settled.clone(), before.patient_until))
            .unwrap_or_default();
        if let Some(replaced) = self.workloads.get(&key).filter(|replaced| replaced.uid != uid) {
            let replaced = replaced.uid.clone();
            self.disown(&replaced);
        }
        if self.workloads.get(&key).is_none_or(|before| before.wishes != wishes) {
            let pods = self.pods_of_owner.get(&uid).into_iter().flatten();
            self.lives.extend(pods.cloned());
        }
        self.workload_of_uid.insert(uid.clone(), key.clone());
        self.dirty.insert(key.clone());
        let access = Arc::clone(access);
        let workload = Workload {
            access,
            uid,
            version,
            deleting,
            watched,
            object,
            status,
            wanted,
            replacement,
            wishes,
            keep_ended,
            writing,
            settled,
            patient_until,
        };
        self.workloads.insert(key, workload);
    }

    fn workload_gone(&mut self, key: &WorkloadKey) {
        if let Some(workload) = self.workloads.remove(key) {
            self.disown(&workload.uid);
        }
        self.dirty.remove(key);
    }

    /// Deletes the pods of an owner that is gone. The API server's garbage collection would come to it too.
    fn disown(&mut self, uid: &str) {
        self.workload_of_uid.remove(uid);
        for pod in self.pods_of_owner.get(uid).cloned().unwrap_or_default() {
            self.delete_pod(&pod);
        }
    }

    pub(super) fn workload_written(&mut self, key: &WorkloadKey, written: &Value) {
        let Some(workload) = self.workloads.get_mut(key) else { return };
        workload.writing = false;
        let status = written.get("status").cloned().unwrap_or(Value::Null);
        if let Some((_, became)) = &mut workload.settled {
            became.clone_from(&status);
        }
        // Of the answer only the status is taken: a change of the spec comes by the watch.
        workload.status = status;
        self.dirty.insert(key.clone());
    }

    /// Brings every workload that something happened to nearer to what it wants.
    pub(super) fn settle_workloads(&mut self, interpreter: &dyn Interpreter, now: Timestamp) {
        for key in std::mem::take(&mut self.dirty) {
            if self.failed.contains(&key) {
                // Its turn comes with the next try.
                continue;
            }
            let Some(workload) = self.workloads.remove(&key) else { continue };
            if !workload.deleting {
                self.settle_pods(&key, &workload, interpreter);
            }
            let ended = workload.wanted.iter().any(Wanted::finite) && has_ended(&workload.status);
            self.workloads.insert(key.clone(), workload);
            if ended {
                // What has ended stays as it ended, whatever becomes of its pods.
                self.forget_in_time(&key, now);
            } else if !self.waits_for_pods(&key, now) {
                self.settle_status(&key, interpreter, now);
            }
        }
    }

    /// Whether the status would soon be another: pods are on their way, and there is still time to wait for them.
    fn waits_for_pods(&mut self, key: &WorkloadKey, now: Timestamp) -> bool {
        let Some(workload) = self.workloads.get_mut(key) else { return false };
        let mut pods = self.pods_of_owner.get(&workload.uid).into_iter().flatten();
        let in_transit = pods
            .any(|pod| self.pods.get(pod).is_some_and(|entry| !entry.deleting && entry.stage.in_transit()));
        if !in_transit {
            workload.patient_until = None;
            return false;
        }
        let until = *workload.patient_until.get_or_insert_with(|| {
            let until = now.saturating_add(STATUS_PATIENCE).unwrap_or(now);
            self.timers.set(until, Due::Status(key.clone()));
            until
        });
        now < until
    }

    fn forget_in_time(&mut self, key: &WorkloadKey, now: Timestamp) {
        let Some(workload) = self.workloads.get_mut(key).filter(|workload| !workload.deleting) else {
            return;
        };
        match workload.forget_at() {
            Some(at) if at <= now => {
                workload.deleting = true;
                let (access, uid) = (Arc::clone(&workload.access), workload.uid.clone());
                self.actions.push(Action::DeleteWorkload { key: key.clone(), access, uid });
            }
            Some(at) => self.timers.set(at, Due::Forget(key.clone())),
            None => {}
        }
    }

    fn settle_status(&mut self, key: &WorkloadKey, interpreter: &dyn Interpreter, now: Timestamp) {
        let nodes = self.node_count();
        let Some(workload) = self.workloads.get(key) else { return };
        if workload.writing {
            return;
        }
        let pods = self.count_pods(workload);
        let Some(want) = simulated(workload, &pods, nodes, interpreter) else { return };
        let want = stamped(want, &workload.status, &seconds(now));
        let as_wanted = workload
            .settled
            .as_ref()
            .is_some_and(|(asked, became)| *asked == want && *became == workload.status);
        if want == workload.status || as_wanted {
            return;
        }
        let patch =
            json!({"metadata": {"uid": workload.uid}, "status": merge_patch(&workload.status, &want)});
        let access = Arc::clone(&workload.access);
        if let Some(workload) = self.workloads.get_mut(key) {
            workload.writing = true;
            workload.settled = Some((want, Value::Null));
        }
        self.actions.push(Action::WorkloadStatus { key: key.clone(), access, patch });
    }

    pub(super) fn count_pods(&self, workload: &Workload) -> WorkloadPods {
        let wanted = workload.wanted.iter();
        let mut counts: WorkloadPods = wanted
            .map(|wanted| {
                (wanted.component.clone(), PodCount { desired: wanted.replicas, ..PodCount::default() })
            })
            .collect();
        for pod in self.pods_of_owner.get(&workload.uid).into_iter().flatten() {
            let Some(entry) = self.pods.get(pod).filter(|entry| !entry.deleting) else { continue };
            let of = |wanted: &&Wanted| wanted.component == entry.component;
            let Some(wanted) = workload.wanted.iter().find(of) else { continue };
            let Some(count) = counts.get_mut(&entry.component) else { continue };
            if entry.stage == Stage::Creating {
                continue;
            }
            if entry.template == wanted.hash || wanted.finite() {
                count.created += 1;
                count.ready += u32::from(entry.ready());
                count.succeeded += u32::from(entry.succeeded);
                count.failed += u32::from(entry.stage == Stage::Ended && !entry.succeeded);
            } else {
                count.outdated += 1;
                count.outdated_ready += u32::from(entry.ready());
            }
        }
        counts
    }
}

/// The object but for its status and what tells its states apart.
fn without_versions(object: &DynamicObject) -> (ObjectMeta, Value) {
    let mut data = object.data.clone();
    if let Value::Object(fields) = &mut data {
        fields.remove("status");
    }
    let metadata = ObjectMeta { managed_fields: None, resource_version: None, ..object.metadata.clone() };
    (metadata, data)
}

/// The status that the interpreter simulates, if it does.
pub(super) fn simulated(
    workload: &Workload,
    pods: &WorkloadPods,
    nodes: u32,
    interpreter: &dyn Interpreter,
) -> Option<Value> {
    match interpreter.simulate_status(&workload.object, pods, nodes)?.result {
        Ok(status) => Some(status),
        Err(error) => {
            tracing::debug!(%error, "no status simulated");
            None
        }
    }
}

/// The sets of pods that a workload wants: its components, or its replicas where it is no more than these.
fn wanted(object: &Object, uid: &str, wishes: &Wishes, interpreter: &dyn Interpreter) -> Vec<Wanted> {
    let inspection = interpreter.inspect(object, Ask::TEMPLATE);
    let make = |component: &str, replicas: i32, template: Template, by_replicas: bool| Wanted {
        component: component.to_owned(),
        replicas: u32::try_from(replicas).unwrap_or(0).min(MAX_PODS),
        hash: template.hash(component, uid),
        template,
        by_replicas,
    };
    let required = |component: &str, needs: ComponentReplicaRequirements| {
        let mut template = Template::requiring(
            component,
            needs.node_claim,
            needs.resource_request,
            needs.priority_class_name,
        );
        if wishes.run_time.is_some() {
            template.spec.restart_policy = Some("Never".to_owned());
        }
        template
    };
    if inspection.by_components()
        && let Some(answer) = inspection.components
    {
        let components = match answer.result {
            Ok(components) => components,
            Err(error) => {
                tracing::debug!(%error, "no components interpreted, so no pods simulated");
                return Vec::new();
            }
        };
        let components = components.into_iter().map(|Component { name, replicas, replica_requirements }| {
            let template = required(&name, replica_requirements.unwrap_or_default());
            make(&name, replicas, template, false)
        });
        return components.collect();
    }
    match inspection.replicas.map(|answer| answer.result) {
        Some(Ok(answer)) => {
            let template = Template::in_object(&object.to_value()).unwrap_or_else(|| {
                let needs = answer.requirements.unwrap_or_default();
                let (node_claim, resource_request) = (needs.node_claim, needs.resource_request);
                let priority_class_name = needs.priority_class_name;
                required(
                    "",
                    ComponentReplicaRequirements { node_claim, resource_request, priority_class_name },
                )
            });
            vec![make("", answer.replicas, template, true)]
        }
        Some(Err(error)) => {
            tracing::debug!(%error, "no replicas interpreted, so no pods simulated");
            Vec::new()
        }
        None => Vec::new(),
    }
}

/// The JSON merge patch that turns `from` into `to`.
fn merge_patch(from: &Value, to: &Value) -> Value {
    let (Value::Object(from), Value::Object(to)) = (from, to) else { return to.clone() };
    let mut patch = Map::new();
    for key in from.keys().filter(|key| !to.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    for (key, value) in to {
        match from.get(key) {
            Some(before) if before == value => {}
            Some(before) => {
                patch.insert(key.clone(), merge_patch(before, value));
            }
            None => {
                patch.insert(key.clone(), value.clone());
            }
        }
    }
    Value::Object(patch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merge_patch_says_just_what_differs() {
        let from = json!({"a": 1, "b": {"c": [1], "d": 2}, "e": 3});
        let to = json!({"a": 1, "b": {"c": [1, 2], "d": 2}, "f": null});
        assert_eq!(merge_patch(&from, &to), json!({"b": {"c": [1, 2]}, "e": null, "f": null}));
        assert_eq!(merge_patch(&Value::Null, &json!({"a": 1})), json!({"a": 1}));
    }
}
