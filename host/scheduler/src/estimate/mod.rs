//! How often a workload fits into a cluster, and what stands in the way of once more.
//!
//! Where a cluster's nodes are known they are counted, with the namespace's quotas; otherwise what its estimator has
//! answered, where it has one; otherwise the cluster's own summary. The smallest count counts. All counts stop at
//! [`COUNT_MAX`].

mod answers;
mod estimator;
mod nodes;
mod packing;
mod quotas;
mod shortage;
mod summary;

pub use answers::{ANSWER_HOLDS, Answer, Answers, Counted, OpenQuestion, Question, decide_or_ask};
pub(crate) use estimator::Estimator;
pub use shortage::{RefusedNodes, Shortage};

use crate::snapshot::ClusterState;
use crate::workload::Need;

/// Nobody needs to know more.
pub(crate) const COUNT_MAX: i64 = i32::MAX as i64;

/// How often something fits.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// Whole sets, or replicas.
    pub count: i64,
    /// Why not even once; `None` if it does.
    pub shortage: Option<Shortage>,
}

impl Estimate {
    fn none(shortage: Shortage) -> Estimate {
        Estimate { count: 0, shortage: Some(shortage) }
    }

    fn of(count: i64) -> Estimate {
        Estimate { count: count.min(COUNT_MAX), shortage: None }
    }

    fn least(self, other: Option<Estimate>) -> Estimate {
        match other {
            Some(other) if other.count < self.count => other,
            _ => self,
        }
    }
}

/// How many more whole sets fit: of each need as many pods as it has replicas.
pub fn sets(cluster: &ClusterState, namespace: &str, needs: &[Need]) -> Estimate {
    Estimator::new(Counted::Sets, namespace, needs.into()).estimate(cluster)
}

/// How many more replicas fit; `need.replicas` is not read.
pub fn replicas(cluster: &ClusterState, namespace: &str, need: &Need) -> Estimate {
    let one = vec![Need { replicas: 1, ..need.clone() }];
    Estimator::new(Counted::Replicas, namespace, one.into()).estimate(cluster)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{cluster, need, node, quota};

    fn flink(task_managers: i64) -> Vec<Need> {
        vec![
            need("jobmanager", 1, &[("cpu", "1"), ("memory", "1.024")]),
            need("taskmanager", task_managers, &[("cpu", "2"), ("memory", "2.048")]),
        ]
    }

    fn text(estimate: &Estimate) -> String {
        estimate.shortage.as_ref().map(ToString::to_string).unwrap_or_default()
    }

    #[test]
    fn whole_sets_are_counted_node_by_node() {
        let one = cluster("a").nodes([node("n1", "4", "8Gi"), node("n2", "6", "8Gi")]);
        assert_eq!(sets(&one.clone().into(), "default", &flink(2)).count, 2);
        assert_eq!(sets(&one.into(), "default", &flink(1)).count, 3);
    }

    #[test]
    fn room_for_the_sum_is_not_room_for_the_pieces() {
        // Five single cores hold the sum, and no task manager.
        let many = cluster("a").nodes((0..5).map(|i| node(&format!("n{i}"), "1", "8Gi")));
        let estimate = sets(&many.into(), "default", &flink(2));
        assert_eq!(estimate.count, 0);
        assert_eq!(text(&estimate), "taskmanager needs cpu 2 and no node has more than 1 free (5 nodes)");
    }

    #[test]
    fn a_set_that_does_not_pack_says_which_piece_is_left_over() {
        let estimate = sets(&cluster("a").nodes([node("n1", "3", "8Gi")]).into(), "default", &flink(2));
        assert_eq!(estimate.count, 0);
        assert_eq!(text(&estimate), "taskmanager: only 1 of 2 pods fit beside the rest of the set (1 node)");
    }

    #[test]
    fn a_second_order_is_tried_before_giving_up() {
        // First-fit in the given order puts the small piece where only the large one has room.
        let needs = [need("small", 1, &[("cpu", "1")]), need("large", 1, &[("cpu", "2")])];
        let state = cluster("a").nodes([node("n1", "2", "1Gi"), node("n2", "1", "1Gi")]).into();
        assert_eq!(sets(&state, "default", &needs).count, 1);
    }

    #[test]
    fn what_runs_and_what_was_promised_is_not_free() {
        let mut busy = node("n1", "10", "64Gi");
        busy.requested = crate::Resources::read(&crate::testing::list(&[("cpu", "4")])).unwrap();
        let built = cluster("a").nodes([busy]);
        assert_eq!(replicas(&built.clone().into(), "default", &need("", 7, &[("cpu", "1")])).count, 6);
        let promised = built.promise("default", vec![need("", 5, &[("cpu", "1")])]);
        assert_eq!(replicas(&promised.into(), "default", &need("", 7, &[("cpu", "1")])).count, 1);
    }

    #[test]
    fn pod_slots_are_room_too() {
        let mut full = node("n1", "10", "64Gi");
        (full.pod_slots, full.pods) = (10, 8);
        let state = cluster("a").nodes([full.clone()]).into();
        assert_eq!(replicas(&state, "default", &need("", 1, &[("cpu", "1")])).count, 2);
        assert_eq!(replicas(&state, "default", &need("", 1, &[])).count, 2);
        full.pods = 10;
        let estimate = replicas(&cluster("a").nodes([full]).into(), "default", &need("", 1, &[("cpu", "1")]));
        assert_eq!(text(&estimate), "a replica needs a pod slot and no node has one free (1 node)");
    }

    #[test]
    fn nodes_that_refuse_the_pods_are_named_by_their_reasons() {
        let mut cordoned = node("n1", "8", "64Gi");
        cordoned.unschedulable = true;
        let mut tainted = node("n2", "8", "64Gi");
        tainted.taints =
            serde_json::from_value(serde_json::json!([{"key": "gpu", "effect": "NoSchedule"}])).unwrap();
        let built = cluster("a").nodes([cordoned, tainted, node("n3", "8", "64Gi")]);
        let mut picky = need("jobmanager", 1, &[("cpu", "1")]);
        picky.claim = Some(crate::testing::node_claim(&[("disk", "ssd")]));
        let estimate = sets(&built.clone().into(), "default", std::slice::from_ref(&picky));
        assert_eq!(
            text(&estimate),
            "jobmanager finds no node that takes it (3 nodes: 1 cordoned, 1 with the taint gpu:NoSchedule, \
             1 not selected)"
        );
        let estimate = sets(&built.into(), "default", &[need("jobmanager", 1, &[("cpu", "9")])]);
        assert_eq!(
            text(&estimate),
            "jobmanager needs cpu 9 and no node has more than 8 free (1 node; 1 cordoned, \
             1 with the taint gpu:NoSchedule)"
        );
    }

    #[test]
    fn quotas_bound_whole_sets() {
        let built = cluster("a").nodes([node("n1", "100", "64Gi")]);
        let limited = built.quota(
            "default",
            quota("q", &[("requests.cpu", "11"), ("pods", "100")], &[("requests.cpu", "1")]),
        );
        let state: ClusterState = limited.clone().into();
        assert_eq!(sets(&state, "default", &flink(2)).count, 2);
        assert_eq!(sets(&state, "other", &flink(2)).count, 20);
        let tight: ClusterState = limited.promise("default", flink(3)).into();
        let estimate = sets(&tight, "default", &flink(2));
        assert_eq!(text(&estimate), "a set needs cpu 5 and ResourceQuota default/q has 3 free");
    }

    #[test]
    fn without_nodes_the_summary_counts() {
        let state: ClusterState =
            cluster("a").summary(&[("cpu", "11"), ("memory", "1Gi"), ("pods", "100")]).into();
        assert_eq!(sets(&state, "default", &flink(2)).count, 2);
        let estimate = sets(&state, "default", &flink(20));
        assert_eq!(text(&estimate), "a set needs cpu 41 and 11 is free in all");
        assert_eq!(
            text(&sets(&cluster("a").into(), "default", &flink(1))),
            "has not reported how much room it has"
        );
    }

    #[test]
    fn grades_of_nodes_refine_the_summary() {
        let state: ClusterState = cluster("a")
            .summary(&[("cpu", "12"), ("memory", "64Gi"), ("pods", "100")])
            .grade(0, "1", "4Gi", 6)
            .grade(1, "2", "8Gi", 3)
            .into();
        assert_eq!(sets(&state, "default", &flink(1)).count, 3);
        let estimate = sets(&state, "default", &[need("a", 1, &[("cpu", "3")])]);
        assert_eq!(text(&estimate), "a needs cpu 3 and no node has more than 2 free (9 nodes)");
    }

    #[test]
    fn grades_are_filled_by_the_better_of_two_orders() {
        let state: ClusterState = cluster("a")
            .summary(&[("cpu", "221"), ("memory", "908Gi"), ("pods", "95")])
            .grade(1, "1", "4Gi", 4)
            .grade(2, "2", "8Gi", 3)
            .grade(3, "6", "32Gi", 3)
            .into();
        let needs = [
            need("jobmanager", 1, &[("cpu", "100m"), ("memory", "1Gi")]),
            need("taskmanager", 2, &[("cpu", "1"), ("memory", "64Mi")]),
        ];
        assert_eq!(sets(&state, "default", &needs).count, 13, "small pieces first leave room for 12");
        let slots = [need("a", 1, &[])];
        assert_eq!(sets(&state, "default", &slots).count, 95, "grades say nothing of what requests nothing");
    }

    #[test]
    fn a_set_of_nothing_is_bounded_by_pod_slots_alone() {
        let state: ClusterState = cluster("a").nodes([node("n1", "1", "1Gi")]).into();
        assert_eq!(sets(&state, "default", &[need("a", 0, &[("cpu", "100")])]).count, COUNT_MAX);
        assert_eq!(sets(&state, "default", &[]).count, COUNT_MAX);
    }

    #[test]
    fn huge_counts_end() {
        let built = cluster("a").nodes((0..500).map(|i| {
            let mut node = node(&format!("n{i}"), "9E", "9E");
            node.pod_slots = i64::MAX;
            node
        }));
        let state: ClusterState = built.into();
        assert_eq!(replicas(&state, "d", &need("", 1, &[("cpu", "1n")])).count, COUNT_MAX);
        let needs: Vec<Need> = (0..200)
            .map(|i| need(&format!("c{i}"), i64::from(i32::MAX), &[("cpu", "1n"), ("memory", "1")]))
            .collect();
        assert!(sets(&state, "d", &needs).count > 0);
    }
}
