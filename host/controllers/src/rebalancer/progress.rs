//! How far a rebalancer is: what its spec names, joined with what came of it. Pure.

use std::collections::BTreeMap;

use windlass_api::apps::{
    ObservedWorkload, RebalanceFailedReason, RebalanceResult, WorkloadRebalancer, WorkloadRebalancerStatus,
    WorkloadReference,
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

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
        let finish_time = match before.finish_time {
            Some(time) if self.observed == before.observed_workloads => Some(time),
            _ => Some(Time(whole_second(now))),
        };
        WorkloadRebalancerStatus {
            observed_workloads: self.observed,
            observed_generation: rebalancer.metadata.generation.unwrap_or_default(),
            finish_time: finish_time.filter(|_| finished),
        }
    }
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
