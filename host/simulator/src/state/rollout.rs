//! Which of a workload's pods come and which go.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde_json::Value;
use windlass_core::Interpreter;

use super::pods::Stage;
use super::workloads::{Wanted, Workload, simulated};
use super::{State, WorkloadKey};
use crate::feed::Key;
use crate::placement::{Needs, place};
use crate::pod;
use crate::quota::{Claim, refusal};
use crate::template::Replacement;

/// A pod that lives: whether it is ready, its ordinal, its key.
type Living = (bool, u32, Key);

fn size(pods: &[Living]) -> u32 {
    u32::try_from(pods.len()).unwrap_or(u32::MAX)
}

/// The conditions by which one controller or another says that all is done.
const COMPLETE: [&str; 4] = ["Complete", "Completed", "Succeeded", "Finished"];

/// Whether a workload with this status is at its end.
pub(super) fn has_ended(status: &Value) -> bool {
    end(status).is_some()
}

/// The condition that says so.
pub(super) fn end(status: &Value) -> Option<&Value> {
    completion(status).or_else(|| condition(status, "Failed"))
}

fn completion(status: &Value) -> Option<&Value> {
    COMPLETE.iter().find_map(|name| condition(status, name))
}

/// The condition `name`, if it holds.
fn condition<'a>(status: &'a Value, name: &str) -> Option<&'a Value> {
    let conditions = status.get("conditions")?.as_array()?;
    conditions.iter().find(|one| one["type"] == name && one["status"] == "True")
}

impl State {
    pub(super) fn settle_pods(
        &mut self,
        key: &WorkloadKey,
        workload: &Workload,
        interpreter: &dyn Interpreter,
    ) {
        let mut sets: BTreeMap<String, Vec<Key>> = BTreeMap::new();
        for pod in self.pods_of_owner.get(workload.uid()).into_iter().flatten() {
            if let Some(entry) = self.pods.get(pod) {
                sets.entry(entry.component.clone()).or_default().push(pod.clone());
            }
        }
        for wanted in workload.wanted() {
            let pods = sets.remove(&wanted.component).unwrap_or_default();
            let missing = if wanted.finite() {
                self.settle_finite(workload, wanted, &pods, interpreter)
            } else {
                self.settle_lasting(workload, wanted, &pods)
            };
            self.create_pods(key, workload, wanted, missing);
        }
        for pod in sets.into_values().flatten() {
            self.delete_pod(&pod);
        }
    }

    /// Pods that are to run for ever. Says how many more there are to be.
    fn settle_lasting(&mut self, workload: &Workload, wanted: &Wanted, pods: &[Key]) -> u32 {
        let (mut current, mut outdated): (Vec<Living>, Vec<Living>) = Default::default();
        let mut ended = Vec::new();
        let mut old_leaving = false;
        for pod in pods {
            let Some(entry) = self.pods.get(pod) else { continue };
            let is_current = entry.template == wanted.hash;
            let living = || (entry.ready(), pod::ordinal(&pod.1).unwrap_or(u32::MAX), pod.clone());
            match () {
                () if entry.deleting => old_leaving |= !is_current,
                () if entry.stage == Stage::Ended => ended.push(pod.clone()),
                () if is_current => current.push(living()),
                () => outdated.push(living()),
            }
        }
        let replicas = wanted.replicas;
        // What is kept comes first: the ready ones, and the low ordinals.
        current.sort_by_key(|(ready, ordinal, _)| (!ready, *ordinal));
        let surplus = current.split_off(current.len().min(replicas as usize));
        // What goes comes first: those that aren't ready, and the high ordinals.
        outdated.sort_by_key(|(ready, ordinal, _)| (*ready, Reverse(*ordinal)));
        let missing = replicas - size(&current);
        let total = size(&current) + size(&outdated);
        let (create, leave) = match workload.replacement() {
            Replacement::AtOnce => (missing, size(&outdated)),
            Replacement::AfterTheOld if outdated.is_empty() && !old_leaving => (missing, 0),
            Replacement::AfterTheOld => (0, size(&outdated)),
            Replacement::ByHand => (replicas.saturating_sub(total), total.saturating_sub(replicas)),
            Replacement::Rolling { surge, unavailable } => {
                let create = missing.min(replicas.saturating_add(*surge).saturating_sub(total));
                let ready = |pods: &[Living]| pods.iter().filter(|(ready, ..)| *ready).count() as u32;
                let unready = size(&outdated) - ready(&outdated);
                let spare = (ready(&current) + ready(&outdated))
                    .saturating_sub(replicas.saturating_sub(*unavailable));
                (create, unready.saturating_add(spare))
            }
        };
        let leaving = outdated.into_iter().take(leave as usize).chain(surplus).map(|(.., pod)| pod);
        for pod in leaving.chain(ended) {
            self.delete_pod(&pod);
        }
        create
    }

    /// Pods that come to an end, and then stay to be looked at. Says how many more there are to be.
    fn settle_finite(
        &mut self,
        workload: &Workload,
        wanted: &Wanted,
        pods: &[Key],
        interpreter: &dyn Interpreter,
    ) -> u32 {
        let mut active: Vec<Living> = Vec::new();
        let (mut succeeded, mut failed) = (0, 0);
        for pod in pods {
            let Some(entry) = self.pods.get(pod).filter(|entry| !entry.deleting) else { continue };
            match entry.stage {
                Stage::Ended if entry.succeeded => succeeded += 1,
                Stage::Ended => failed += 1,
                _ => active.push((entry.ready(), pod::ordinal(&pod.1).unwrap_or(u32::MAX), pod.clone())),
            }
        }
        let counts = self.count_pods(workload);
        let status = simulated(workload, &counts, self.node_count(), interpreter).unwrap_or_default();
        let stopped =
            has_ended(workload.status()) || has_ended(&status) || condition(&status, "Suspended").is_some();
        let at_once = if stopped { 0 } else { wanted.replicas };
        active.sort_by_key(|(ready, ordinal, _)| (!ready, *ordinal));
        for (.., pod) in active.split_off(active.len().min(at_once as usize)) {
            self.delete_pod(&pod);
        }
        let ended = succeeded + failed;
        let mut living = size(&active);
        // Whether the workload would be complete with so many that have succeeded.
        let would_do = |succeeded: u32| {
            let mut counts = counts.clone();
            if let Some(count) = counts.get_mut(&wanted.component) {
                count.created = succeeded.saturating_add(failed);
                (count.ready, count.succeeded, count.failed) = (0, succeeded, failed);
            }
            simulated(workload, &counts, self.node_count(), interpreter)
                .is_some_and(|status| completion(&status).is_some())
        };
        // One whose interpreter never calls it complete wants each of its pods once.
        let knows_completion = wanted.by_replicas && ended > 0 && would_do(u32::MAX / 2);
        let mut create = 0;
        while living < at_once
            && (living + ended < at_once || (knows_completion && !would_do(succeeded + living)))
        {
            living += 1;
            create += 1;
        }
        create
    }

    fn create_pods(&mut self, key: &WorkloadKey, workload: &Workload, wanted: &Wanted, count: u32) {
        let (needs, claim) = (Needs::of(&wanted.template.spec), Claim::of(&wanted.template.spec));
        let (namespace, workload_name) = &key.1;
        let mut ordinals = 0..;
        for _ in 0..count {
            if self.quotas.get(namespace).and_then(|quotas| refusal(quotas, &claim, &self.listed)).is_some() {
                self.refused_by_quota.entry(namespace.clone()).or_default().insert(key.clone());
                return;
            }
            let name = ordinals.find_map(|ordinal| {
                let name = pod::pod_name(workload_name, &wanted.component, &wanted.hash, ordinal);
                // One that has ended or is being deleted still holds its name.
                (!self.pods.contains_key(&(namespace.clone(), name.clone()))).then_some(name)
            });
            let Some(name) = name else { return };
            let node = place(&self.nodes, &needs).ok();
            let owner = workload.owner_reference(&key.1);
            let template = wanted.template.clone();
            let pod = pod::build(owner, namespace, name, &wanted.component, &wanted.hash, template, node);
            self.create_pod(pod);
        }
    }
}
