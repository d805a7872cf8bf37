//! How far a rebalancer is: what its spec names, joined with what came of it. Pure.

use std::collections::BTreeMap;

use windlass_api::apps::{
    ObservedWorkload, RebalanceFailedReason, RebalanceResult, WorkloadRebalancer, WorkloadRebalancerStatus,
    WorkloadReference,
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use windlass_api::conditions::{OBJECT_TOO_LARGE, REBALANCER_SHORTENED};

/// How long a rebalancer may be as JSON. etcd takes 1.5 MiB, and an object has more to it than what is counted here.
const OBJECT_BYTES_MAX: usize = 1_300_000;

/// What came of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    Triggered,
    NotFound,
    /// It is to be tried again.
    Failed,
}

/// The workloads of a rebalancer, in the order of their group, kind, namespace and name.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Progress {
    observed: Vec<ObservedWorkload>,
}

impl Progress {
    /// What is in the spec with what the status says of it; what is not in the spec any more stays if it succeeded.
    pub(super) fn of(rebalancer: &WorkloadRebalancer) -> Progress {
        let wanted = rebalancer.spec.workloads.iter();
        let mut all: BTreeMap<_, _> = wanted.map(|workload| (place(workload), fresh(workload))).collect();
        for observed in rebalancer.status.iter().flat_map(|status| &status.observed_workloads) {
            let place = place(&observed.workload);
            if all.contains_key(&place) || observed.result == Some(RebalanceResult::Successful) {
                all.insert(place, observed.clone());
            }
        }
        Progress { observed: all.into_values().collect() }
    }

    /// Those that have no result yet, with their places.
    pub(super) fn open(&self) -> Vec<(usize, WorkloadReference)> {
        let all = self.observed.iter().enumerate();
        all.filter(|(_, observed)| observed.result.is_none())
            .map(|(index, observed)| (index, observed.workload.clone()))
            .collect()
    }

    /// Takes down what came of the attempt at one place.
    pub(super) fn note(&mut self, index: usize, attempt: Attempt) {
        let Some(observed) = self.observed.get_mut(index) else { return };
        (observed.result, observed.reason) = match attempt {
            Attempt::Triggered => (Some(RebalanceResult::Successful), None),
            Attempt::NotFound => {
                (Some(RebalanceResult::Failed), Some(RebalanceFailedReason::ReferencedBindingNotFound))
            }
            Attempt::Failed => (None, None),
        };
    }

    /// The status as it is now. The time of the end is that of the last result.
    pub(super) fn status(self, rebalancer: &WorkloadRebalancer, now: Timestamp) -> WorkloadRebalancerStatus {
        let before = rebalancer.status.clone().unwrap_or_default();
        let finished = self.observed.iter().all(|observed| observed.result.is_some());
        let room = OBJECT_BYTES_MAX.saturating_sub(length(&rebalancer.spec));
        let all = self.observed.len();
        let (observed_workloads, left_out) = fitting(self.observed, room);
        let finish_time = match before.finish_time {
            Some(time) if observed_workloads == before.observed_workloads => Some(time),
            _ => Some(Time(whole_second(now))),
        };
        let generation = rebalancer.metadata.generation.unwrap_or_default();
        let shortened = left_out.message(all).map(|message| Condition {
            last_transition_time: before
                .conditions
                .iter()
                .find(|condition| condition.type_ == REBALANCER_SHORTENED)
                .map_or_else(|| Time(whole_second(now)), |condition| condition.last_transition_time.clone()),
            message,
            observed_generation: None,
            reason: OBJECT_TOO_LARGE.to_owned(),
            status: "True".to_owned(),
            type_: REBALANCER_SHORTENED.to_owned(),
        });
        WorkloadRebalancerStatus {
            observed_workloads,
            observed_generation: generation,
            finish_time: finish_time.filter(|_| finished),
            conditions: shortened.into_iter().collect(),
        }
    }
}

/// When the rebalancer had a result for all that it names now.
pub(super) fn finished(rebalancer: &WorkloadRebalancer) -> Option<Time> {
    let status = rebalancer.status.as_ref()?;
    let is_of_now = status.observed_generation == rebalancer.metadata.generation.unwrap_or_default();
    status.finish_time.clone().filter(|_| is_of_now)
}

/// Workloads that a status has no room for, by what came of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct LeftOut {
    successful: usize,
    failed: usize,
    open: usize,
}

impl LeftOut {
    /// `None` if there are none.
    fn message(self, of: usize) -> Option<String> {
        let LeftOut { successful, failed, open } = self;
        let count = successful + failed + open;
        (count > 0).then(|| {
            format!(
                "{count} of {of} workloads are left out of observedWorkloads, which would be too large to be stored: \
                 {successful} successful, {failed} failed, {open} still tried; name fewer in each rebalancer to see all"
            )
        })
    }
}

/// As many as have room in the order that they have, those that did not succeed before those that did.
fn fitting(observed: Vec<ObservedWorkload>, room: usize) -> (Vec<ObservedWorkload>, LeftOut) {
    let lengths: Vec<usize> = observed.iter().map(|one| length(one) + 1).collect();
    if lengths.iter().sum::<usize>() <= room {
        return (observed, LeftOut::default());
    }
    let succeeded = |one: &ObservedWorkload| one.result == Some(RebalanceResult::Successful);
    let mut order: Vec<usize> = (0..observed.len()).collect();
    order.sort_by_key(|index| succeeded(&observed[*index]));
    let mut left = room;
    let mut stays = vec![false; observed.len()];
    for index in order {
        let Some(rest) = left.checked_sub(lengths[index]) else { break };
        (left, stays[index]) = (rest, true);
    }
    let mut left_out = LeftOut::default();
    let mut stays = stays.into_iter();
    let kept = observed.into_iter().filter(|one| {
        let stays = stays.next().unwrap_or(false);
        if !stays {
            match one.result {
                Some(RebalanceResult::Successful) => left_out.successful += 1,
                Some(RebalanceResult::Failed) => left_out.failed += 1,
                None => left_out.open += 1,
            }
        }
        stays
    });
    (kept.collect(), left_out)
}

/// As JSON.
fn length(value: &impl serde::Serialize) -> usize {
    serde_json::to_vec(value).map_or(0, |json| json.len())
}

fn fresh(workload: &WorkloadReference) -> ObservedWorkload {
    ObservedWorkload { workload: workload.clone(), ..ObservedWorkload::default() }
}

type Place<'a> = (&'a str, &'a str, &'a str, &'a str);

fn place(workload: &WorkloadReference) -> Place<'_> {
    let WorkloadReference { api_version, kind, name, namespace } = workload;
    (api_version, kind, namespace, name)
}

/// The API's times have no fractions.
fn whole_second(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn workload(name: &str) -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": name, "namespace": "shop"})
    }

    fn rebalancer(workloads: &[&str], status: Value) -> WorkloadRebalancer {
        let workloads: Vec<_> = workloads.iter().map(|name| workload(name)).collect();
        serde_json::from_value(json!({"apiVersion": "apps.karmada.io/v1alpha1", "kind": "WorkloadRebalancer",
            "metadata": {"name": "r", "generation": 2}, "spec": {"workloads": workloads}, "status": status}))
        .unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// The names in the status, with what came of each: `+`, `-` or nothing.
    fn check(status: &WorkloadRebalancerStatus, want: &[&str], finished_at: Option<i64>) {
        let got: Vec<_> = status
            .observed_workloads
            .iter()
            .map(|observed| match (observed.result, observed.reason) {
                (Some(RebalanceResult::Successful), None) => format!("{}+", observed.workload.name),
                (Some(RebalanceResult::Failed), Some(_)) => format!("{}-", observed.workload.name),
                (None, None) => observed.workload.name.clone(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(got, want);
        assert_eq!(status.finish_time.as_ref().map(|time| time.0.as_second()), finished_at);
        assert_eq!(status.observed_generation, 2);
    }

    #[test]
    fn a_rebalancer_has_finished_when_each_of_its_workloads_has_a_result() {
        let mut rebalancer = rebalancer(&["c", "a", "b", "a"], json!({}));
        let mut progress = Progress::of(&rebalancer);
        assert_eq!(progress.open().len(), 3);
        progress.note(0, Attempt::Triggered);
        progress.note(1, Attempt::NotFound);
        progress.note(2, Attempt::Failed);
        let status = progress.status(&rebalancer, at(10));
        check(&status, &["a+", "b-", "c"], None);

        rebalancer.status = Some(status);
        let mut progress = Progress::of(&rebalancer);
        assert_eq!(progress.open(), [(2, serde_json::from_value(workload("c")).unwrap())]);
        progress.note(2, Attempt::Triggered);
        let status = progress.status(&rebalancer, at(20));
        check(&status, &["a+", "b-", "c+"], Some(20));

        rebalancer.status = Some(status);
        let progress = Progress::of(&rebalancer);
        assert!(progress.open().is_empty());
        check(&progress.status(&rebalancer, at(30)), &["a+", "b-", "c+"], Some(20));
    }

    #[test]
    fn a_status_that_is_too_long_to_be_stored_tells_of_failures_first_and_says_what_is_missing() {
        let names: Vec<String> = (0..10_000).map(|index| format!("workload-{index:05}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut rebalancer = rebalancer(&names, json!({}));
        let mut progress = Progress::of(&rebalancer);
        for (index, _) in progress.open() {
            progress.note(index, if index == 9_999 { Attempt::NotFound } else { Attempt::Triggered });
        }
        rebalancer.status = Some(progress.status(&rebalancer, at(10)));
        let size = length(&rebalancer);
        assert!((1_200_000..1_400_000).contains(&size), "{size}");
        let status = rebalancer.status.as_ref().unwrap();
        assert_eq!(status.observed_workloads.last().unwrap().workload.name, "workload-09999");
        let missing = 10_000 - status.observed_workloads.len();
        let [condition] = status.conditions.as_slice() else { panic!("{:?}", status.conditions) };
        let want = format!("{missing} successful, 0 failed");
        assert!(missing > 0 && condition.message.contains(&want), "{}", condition.message);
        assert_eq!(finished(&rebalancer), Some(Time(at(10))));

        // What is missing is tried once more after a change, and ends when it ended.
        rebalancer.spec.ttl_seconds_after_finished = Some(60);
        rebalancer.metadata.generation = Some(3);
        assert_eq!(finished(&rebalancer), None);
        let mut progress = Progress::of(&rebalancer);
        assert_eq!(progress.open().len(), missing);
        for (index, _) in progress.open() {
            progress.note(index, Attempt::Triggered);
        }
        let again = progress.status(&rebalancer, at(20));
        assert_eq!(again.finish_time, Some(Time(at(10))));
        assert_eq!(again.conditions, rebalancer.status.unwrap().conditions);
    }

    #[test]
    fn what_is_added_is_tried_and_what_is_taken_out_stays_only_if_it_succeeded() {
        let observed = |name: &str, result: &str| {
            let reason = (result == "Failed").then_some("ReferencedBindingNotFound");
            let mut observed = json!({"workload": workload(name), "result": result});
            if let Some(reason) = reason {
                observed["reason"] = json!(reason);
            }
            observed
        };
        let status = json!({"finishTime": "1970-01-01T00:00:05Z", "observedGeneration": 1, "observedWorkloads":
            [observed("done", "Successful"), observed("lost", "Failed"), {"workload": workload("tried")}]});
        let rebalancer = rebalancer(&["new"], status);
        let mut progress = Progress::of(&rebalancer);
        check(&progress.clone().status(&rebalancer, at(9)), &["done+", "new"], None);
        progress.note(1, Attempt::Triggered);
        progress.note(7, Attempt::Triggered);
        check(&progress.status(&rebalancer, at(9)), &["done+", "new+"], Some(9));
    }
}
