use super::*;
use crate::testing::{cluster, config_map, deployment, flink, node, quota, snapshot, unseen};
use proptest::prelude::*;
use serde_json::{Value, json};

fn placed(decision: &Decision) -> Vec<(&str, i32)> {
    match decision {
        Decision::Scheduled { targets, .. } => {
            targets.iter().map(|target| (target.name.as_str(), target.replicas)).collect()
        }
        Decision::Refused(refusal) => panic!("refused: {refusal}"),
    }
}

fn refused(decision: &Decision) -> (Reason, String) {
    match decision {
        Decision::Refused(refusal) => (refusal.reason, refusal.to_string()),
        Decision::Scheduled { targets, .. } => panic!("scheduled: {targets:?}"),
    }
}

fn now(snapshot: &Snapshot, spec: &ResourceBindingSpec) -> Decision {
    decide(snapshot, spec, &unseen(), &Context::default())
}

/// The binding after its decision was carried out.
fn after(snapshot: &Snapshot, mut spec: ResourceBindingSpec) -> ResourceBindingSpec {
    match now(snapshot, &spec) {
        Decision::Scheduled { targets, .. } => spec.clusters = targets,
        Decision::Refused(refusal) => panic!("refused: {refusal}"),
    }
    spec
}

fn divided(preference: &str, weights: Value) -> Value {
    json!({"replicaScheduling": {"replicaSchedulingType": "Divided", "replicaDivisionPreference": preference,
        "weightPreference": weights}})
}

fn dynamic() -> Value {
    divided("Weighted", json!({"dynamicWeight": "AvailableReplicas"}))
}

fn aggregated() -> Value {
    divided("Aggregated", Value::Null)
}

fn three() -> Snapshot {
    snapshot([cluster("member1").cpu("6"), cluster("member2").cpu("12"), cluster("member3").cpu("18")])
}

#[test]
fn a_workload_of_components_goes_whole_to_one_cluster_that_holds_the_pieces() {
    // member1 has room for the sum, five single cores, but for no task manager.
    let clusters = snapshot([
        cluster("member1").nodes((0..6).map(|index| node(&format!("n{index}"), "1", "8Gi"))),
        cluster("member2").cpu("5"),
        cluster("member3").cpu("4"),
    ]);
    let spec = flink();
    assert_eq!(placed(&now(&clusters, &spec)), [("member2", 0)]);
}

#[test]
fn a_set_that_fits_nowhere_says_for_each_cluster_what_is_missing() {
    let clusters = snapshot([
        cluster("member1").cpu("1"),
        cluster("member2").cpu("100").quota("default", quota("team", &[("cpu", "4")], &[("cpu", "1")])),
        cluster("member3").taint("gpu", "NoSchedule"),
    ]);
    let (reason, text) = refused(&now(&clusters, &flink()));
    assert_eq!(reason, Reason::Unschedulable);
    assert_eq!(
        text,
        "no cluster has room for the whole workload: \
         member1: taskmanager needs cpu 2 and no node has more than 1 free (1 node); \
         member2: a set needs cpu 5 and ResourceQuota default/team has 3 free; \
         member3 has the taint gpu:NoSchedule, which the placement does not tolerate"
    );
}

#[test]
fn a_set_stays_where_it_is_though_it_leaves_no_room_beside_it() {
    let clusters = snapshot([cluster("member1").cpu("0"), cluster("member2").cpu("50")]);
    let mut spec = flink();
    spec.clusters = vec![TargetCluster { name: "member1".to_owned(), replicas: 0 }];
    assert_eq!(placed(&now(&clusters, &spec)), [("member1", 0)]);
}

#[test]
fn a_promise_that_does_not_show_yet_is_not_promised_again() {
    let spec = flink();
    let target = TargetCluster { name: "member1".to_owned(), replicas: 0 };
    let promise = crate::Promise::of(&spec, &target).unwrap();
    let clusters = snapshot([cluster("member1").cpu("9").promise("default", promise.needs)]);
    assert_eq!(refused(&now(&clusters, &spec)).0, Reason::Unschedulable);
}

#[test]
fn more_room_wins_and_then_the_name() {
    let clusters = snapshot([cluster("b").cpu("5"), cluster("a").cpu("5"), cluster("c").cpu("9")]);
    assert_eq!(placed(&now(&clusters, &flink())), [("a", 0)]);
    let clusters = snapshot([cluster("a").cpu("5"), cluster("c").cpu("10")]);
    assert_eq!(placed(&now(&clusters, &flink())), [("c", 0)]);
}

#[test]
fn components_without_a_bound_of_one_cluster_go_wherever_they_may() {
    let mut spec = flink();
    spec.placement = Some(windlass_api::policy::Placement::default());
    let clusters = snapshot([cluster("a").cpu("1"), cluster("b").cpu("50")]);
    assert_eq!(placed(&now(&clusters, &spec)), [("a", 0), ("b", 0)]);
}

#[test]
fn what_has_no_replicas_goes_to_all_clusters_without_any() {
    assert_eq!(
        placed(&now(&three(), &config_map(json!({})))),
        [("member1", 0), ("member2", 0), ("member3", 0)]
    );
    let one = json!({"clusterAffinity": {"clusterNames": ["member2"]}});
    assert_eq!(placed(&now(&three(), &config_map(one))), [("member2", 0)]);
    assert_eq!(placed(&now(&three(), &config_map(dynamic()))).len(), 3);
}

#[test]
fn duplicated_replicas_go_to_each_cluster() {
    let spec = deployment(10, json!({"replicaScheduling": {"replicaSchedulingType": "Duplicated"}}));
    assert_eq!(placed(&now(&three(), &spec)), [("member1", 10), ("member2", 10), ("member3", 10)]);
    assert_eq!(placed(&now(&three(), &deployment(10, json!({})))).len(), 3);
}

#[test]
fn fixed_weights_divide_replicas() {
    let weight =
        |name: &str, weight: i64| json!({"targetCluster": {"clusterNames": [name]}, "weight": weight});
    let list = json!({"staticWeightList": [weight("member1", 1), weight("member2", 2), weight("member2", 1), weight("member3", 2)]});
    let spec = deployment(10, divided("Weighted", list));
    assert_eq!(placed(&now(&three(), &spec)), [("member1", 2), ("member2", 4), ("member3", 4)]);
    let even = deployment(10, divided("Weighted", Value::Null));
    assert_eq!(placed(&now(&three(), &even)), [("member1", 4), ("member2", 3), ("member3", 3)]);
    let one = deployment(3, divided("Weighted", json!({"staticWeightList": [weight("member3", 1)]})));
    assert_eq!(placed(&now(&three(), &one)), [("member3", 3)]);
    let zero = deployment(3, divided("Weighted", json!({"staticWeightList": [weight("member3", 0)]})));
    assert_eq!(placed(&now(&three(), &zero)).len(), 3, "weights that are all zero count as one each");
    let huge = deployment(
        i32::MAX,
        divided(
            "Weighted",
            json!({"staticWeightList": [weight("member1", i64::MAX), weight("member2", i64::MAX)]}),
        ),
    );
    assert_eq!(placed(&now(&three(), &huge)), [("member1", i32::MAX / 2 + 1), ("member2", i32::MAX / 2)]);
}

#[test]
fn room_divides_replicas() {
    assert_eq!(
        placed(&now(&three(), &deployment(12, dynamic()))),
        [("member1", 2), ("member2", 4), ("member3", 6)]
    );
    let (reason, text) = refused(&now(&three(), &deployment(37, dynamic())));
    assert_eq!(reason, Reason::Unschedulable);
    assert_eq!(
        text,
        "the chosen clusters have room for 36 of 37 more replicas: member1: has room for 6 replicas; \
         member2: has room for 12 replicas; member3: has room for 18 replicas"
    );
}

#[test]
fn scaling_up_deals_out_only_what_is_more() {
    let mut spec = deployment(6, dynamic());
    spec.clusters = serde_json::from_value(
        json!([{"name": "member1", "replicas": 2}, {"name": "member2", "replicas": 1}]),
    )
    .unwrap();
    // Three more, by 6 to 12 to 18: one each, as a tie goes to who has been dealt less.
    assert_eq!(placed(&now(&three(), &spec)), [("member1", 3), ("member2", 2), ("member3", 1)]);
}

#[test]
fn scaling_down_keeps_the_proportions() {
    let mut spec = deployment(5, dynamic());
    spec.clusters = serde_json::from_value(
        json!([{"name": "member1", "replicas": 8}, {"name": "member2", "replicas": 2}]),
    )
    .unwrap();
    assert_eq!(placed(&now(&three(), &spec)), [("member1", 4), ("member2", 1)]);
    spec.replicas = 1;
    assert_eq!(placed(&now(&three(), &spec)), [("member1", 1)]);
    spec.replicas = 0;
    assert_eq!(placed(&now(&three(), &spec)), []);
}

#[test]
fn a_fresh_decision_forgets_the_present_one() {
    let mut spec = deployment(6, dynamic());
    spec.clusters = serde_json::from_value(json!([{"name": "member1", "replicas": 6}])).unwrap();
    assert_eq!(placed(&now(&three(), &spec)), [("member1", 6)]);
    spec.reschedule_triggered_at = Some(serde_json::from_value(json!("2026-01-02T00:00:00Z")).unwrap());
    let mut status = unseen();
    status.last_scheduled_time = Some(serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap());
    assert_eq!(
        placed(&decide(&three(), &spec, &status, &Context::default())),
        [("member1", 2), ("member2", 2), ("member3", 2)]
    );
}

#[test]
fn aggregated_replicas_go_to_as_few_clusters_as_hold_them() {
    assert_eq!(placed(&now(&three(), &deployment(12, aggregated()))), [("member3", 12)]);
    assert_eq!(placed(&now(&three(), &deployment(20, aggregated()))), [("member2", 8), ("member3", 12)]);
    let mut spec = deployment(10, aggregated());
    spec.clusters = serde_json::from_value(json!([{"name": "member2", "replicas": 4}])).unwrap();
    assert_eq!(placed(&now(&three(), &spec)), [("member2", 10)], "what has replicas goes first");
}

#[test]
fn a_bound_on_clusters_takes_the_ones_that_hold_the_replicas() {
    let mut placement = dynamic();
    placement["spreadConstraints"] = json!([{"spreadByField": "cluster", "minGroups": 1, "maxGroups": 2}]);
    assert_eq!(
        placed(&now(&three(), &deployment(30, placement.clone()))),
        [("member2", 12), ("member3", 18)]
    );
    // member1 is where it is now, but the two best by score do not hold it all.
    let mut spec = deployment(30, placement.clone());
    spec.clusters = serde_json::from_value(json!([{"name": "member1", "replicas": 1}])).unwrap();
    assert_eq!(placed(&now(&three(), &spec)).len(), 2);
    let (reason, text) = refused(&now(&three(), &deployment(31, placement.clone())));
    assert_eq!(reason, Reason::Unschedulable);
    assert!(text.starts_with("the 2 clusters with the most room hold 30 of 31 replicas"), "{text}");
    placement["spreadConstraints"] = json!([{"spreadByField": "cluster", "minGroups": 4}]);
    let (reason, text) = refused(&now(&three(), &deployment(1, placement)));
    assert_eq!(reason, Reason::Unschedulable);
    assert!(text.starts_with("3 of at least 4 clusters fit"), "{text}");
}

#[test]
fn replicas_spread_over_regions() {
    let clusters = snapshot([
        cluster("a1").cpu("4").region("a"),
        cluster("a2").cpu("4").region("a"),
        cluster("b1").cpu("9").region("b"),
        cluster("c1").cpu("2").region("c"),
        cluster("x1").cpu("99"),
    ]);
    let regions = |min: i64, max: i64, clusters: i64| {
        let mut placement = dynamic();
        placement["spreadConstraints"] = json!([
            {"spreadByField": "region", "minGroups": min, "maxGroups": max},
            {"spreadByField": "cluster", "minGroups": clusters}]);
        placement
    };
    let names =
        |decision: &Decision| placed(decision).iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>();
    assert_eq!(names(&now(&clusters, &deployment(8, regions(2, 2, 1)))), ["a1", "a2", "b1"]);
    assert_eq!(names(&now(&clusters, &deployment(6, regions(1, 3, 4)))), ["a1", "a2", "b1", "c1"]);
    let (reason, text) = refused(&now(&clusters, &deployment(6, regions(4, 5, 1))));
    assert_eq!(reason, Reason::Unschedulable);
    assert!(text.starts_with("the clusters that fit are in 3 of at least 4 region groups"), "{text}");
    assert!(text.contains("x1 has no spec.region, by which the placement spreads"), "{text}");
    let (_, text) = refused(&now(&clusters, &deployment(6, regions(1, 2, 4))));
    assert!(text.starts_with("no choice of at most 2 region groups has 4 clusters that fit"), "{text}");
}

#[test]
fn a_region_without_room_for_duplicates_does_not_stop_the_scheduler() {
    let clusters = snapshot([cluster("a").cpu("1").region("a"), cluster("b").cpu("1").region("b")]);
    let placement =
        json!({"spreadConstraints": [{"spreadByField": "region", "minGroups": 1, "maxGroups": 1}]});
    assert_eq!(placed(&now(&clusters, &deployment(10, placement))), [("a", 10)]);
}

#[test]
fn each_cluster_that_is_out_of_the_question_says_why() {
    let clusters = snapshot([
        cluster("deleting").with(|state| state.deleting = true),
        cluster("other").label("tier", "low"),
        cluster("tainted").label("tier", "high").taint("gpu", "NoExecute"),
        cluster("without").label("tier", "high").with(|state| state.apis.clear()),
        cluster("silent").label("tier", "high").with(|state| {
            state.apis.clear();
            state.apis_complete = false;
        }),
        cluster("leaving").label("tier", "high"),
    ]);
    let mut spec =
        deployment(1, json!({"clusterAffinity": {"labelSelector": {"matchLabels": {"tier": "high"}}}}));
    spec.graceful_eviction_tasks =
        serde_json::from_value(json!([{"fromCluster": "leaving", "reason": "R", "producer": "p"}])).unwrap();
    let (reason, text) = refused(&now(&clusters, &spec));
    assert_eq!(reason, Reason::NoClusterFit);
    for want in [
        "the placement allows none of the 6 clusters: ",
        "deleting is being deleted",
        "other is not selected by the placement's cluster affinity",
        "tainted has the taint gpu:NoExecute, which the placement does not tolerate",
        "without does not serve Deployment (apps/v1)",
        "silent has not reported that it serves Deployment (apps/v1)",
        "leaving is being left",
    ] {
        assert!(text.contains(want), "{text:?} does not say {want:?}");
    }
    assert_eq!(refused(&now(&snapshot([]), &spec)), (Reason::NoClusterFit, "there is no cluster".to_owned()));
}

#[test]
fn what_is_placed_is_driven_out_neither_by_a_taint_nor_by_a_lost_kind() {
    let clusters = snapshot([cluster("a").taint("down", "NoExecute").with(|state| state.apis.clear())]);
    let mut spec = deployment(1, json!({}));
    spec.clusters = serde_json::from_value(json!([{"name": "a", "replicas": 1}])).unwrap();
    assert_eq!(placed(&now(&clusters, &spec)), [("a", 1)]);
    spec.placement.as_mut().unwrap().cluster_tolerations =
        serde_json::from_value(json!([{"operator": "Exists"}])).unwrap();
    spec.clusters.clear();
    assert_eq!(refused(&now(&clusters, &spec)).0, Reason::NoClusterFit);
}

#[test]
fn fields_select_clusters() {
    let clusters = snapshot([
        cluster("a").with(|state| {
            state.provider = "p".to_owned();
            state.zones = vec!["z1".to_owned(), "z2".to_owned()];
        }),
        cluster("b").with(|state| state.provider = "q".to_owned()),
    ]);
    let check = |key: &str, operator: &str, values: &[&str], want: &[&str]| {
        let placement = json!({"clusterAffinity": {"fieldSelector": {"matchExpressions":
            [{"key": key, "operator": operator, "values": values}]}}});
        let names: Vec<_> = match now(&clusters, &config_map(placement)) {
            Decision::Scheduled { targets, .. } => targets.into_iter().map(|target| target.name).collect(),
            Decision::Refused(_) => Vec::new(),
        };
        assert_eq!(names, want, "{key} {operator} {values:?}");
    };
    check("provider", "In", &["p"], &["a"]);
    check("provider", "NotIn", &["p"], &["b"]);
    check("zone", "In", &["z1"], &[]);
    check("zone", "In", &["z1", "z2", "z3"], &["a"]);
    check("zone", "NotIn", &["z1"], &["b"]);
    check("zone", "Exists", &[], &["a"]);
    check("planet", "In", &["earth"], &[]);
}

#[test]
fn groups_of_clusters_are_tried_in_order() {
    let groups = json!({"clusterAffinities": [
        {"affinityName": "near", "clusterNames": ["member1"]},
        {"affinityName": "far", "clusterNames": ["member3"]}],
        "replicaScheduling": {"replicaSchedulingType": "Divided", "replicaDivisionPreference": "Aggregated"}});
    let decision = now(&three(), &deployment(6, groups.clone()));
    assert!(matches!(&decision, Decision::Scheduled { affinity: Some(name), .. } if name == "near"));
    let decision = now(&three(), &deployment(10, groups.clone()));
    assert_eq!(placed(&decision), [("member3", 10)]);
    assert!(matches!(&decision, Decision::Scheduled { affinity: Some(name), .. } if name == "far"));
    let (reason, text) = refused(&now(&three(), &deployment(100, groups)));
    assert_eq!(reason, Reason::Unschedulable);
    assert_eq!(
        text,
        "in group near, the chosen clusters have room for 6 of 100 more replicas: \
         member1: has room for 6 replicas; member2 is not selected by the placement's cluster affinity; \
         member3: has room for 18 replicas"
    );
}

#[test]
fn a_group_without_clusters_does_not_hide_that_another_one_is_full() {
    let groups = json!({"clusterAffinities": [
        {"affinityName": "none", "clusterNames": ["gone"]}, {"affinityName": "full", "clusterNames": ["member1"]}],
        "replicaScheduling": {"replicaSchedulingType": "Divided", "replicaDivisionPreference": "Aggregated"}});
    let (reason, text) = refused(&now(&three(), &deployment(7, groups)));
    assert_eq!(reason, Reason::Unschedulable);
    assert!(text.starts_with("in group full, the chosen clusters have room for 6 of 7"), "{text}");
}

#[test]
fn contradictions_are_errors_and_never_panics() {
    let mut spec = deployment(1, json!({"spreadConstraints": [{"minGroups": -1}]}));
    assert_eq!(refused(&now(&three(), &spec)).0, Reason::SchedulerError);
    spec.placement = None;
    assert_eq!(refused(&now(&three(), &spec)).0, Reason::SchedulerError);
    let mut spec = deployment(-1, dynamic());
    assert!(refused(&now(&three(), &spec)).1.contains("spec.replicas is -1"));
    spec = deployment(1, dynamic());
    spec.replica_requirements.as_mut().unwrap().resource_request = crate::testing::list(&[("cpu", "lots")]);
    let (reason, text) = refused(&now(&three(), &spec));
    assert_eq!(reason, Reason::SchedulerError);
    assert!(
        text.starts_with("spec.replicaRequirements.resourceRequest.cpu: \"lots\" is not a quantity"),
        "{text}"
    );
}

#[test]
fn extremes_are_decided_in_bounded_time() {
    let clusters = snapshot((0..200).map(|index| {
        cluster(&format!("m{index}")).cpu("9E").region(&format!("r{index}")).with(|state| {
            state.room.get_or_insert_default().nodes[0].pod_slots = i64::MAX;
        })
    }));
    let mut spec = deployment(i32::MAX, dynamic());
    spec.replica_requirements.as_mut().unwrap().resource_request = crate::testing::list(&[("cpu", "1n")]);
    assert_eq!(placed(&now(&clusters, &spec)).len(), 200);
    let mut placement = dynamic();
    placement["spreadConstraints"] = json!([
        {"spreadByField": "region", "minGroups": 100, "maxGroups": 150}, {"spreadByField": "cluster", "minGroups": 150}]);
    assert_eq!(placed(&now(&clusters, &deployment(1000, placement.clone()))).len(), 150);
    placement["spreadConstraints"] =
        json!([{"spreadByField": "region", "minGroups": i64::MAX, "maxGroups": i64::MAX}]);
    assert_eq!(refused(&now(&clusters, &deployment(1000, placement))).0, Reason::Unschedulable);
    let terms: Vec<Value> = (0..3000)
        .map(|index| json!({"affinityName": format!("g{index}"), "clusterNames": [format!("none{index}")]}))
        .collect();
    assert_eq!(
        refused(&now(&clusters, &config_map(json!({"clusterAffinities": terms})))).0,
        Reason::NoClusterFit
    );
}

#[test]
fn a_cluster_that_has_not_reported_its_room_has_none() {
    let clusters = snapshot([cluster("new")]);
    let (reason, text) = refused(&now(&clusters, &deployment(1, dynamic())));
    assert_eq!(reason, Reason::Unschedulable);
    assert!(text.ends_with("new: has not reported how much room it has"), "{text}");
}

mod beyond;
mod properties;

proptest! {
    #[test]
    fn a_decision_carried_out_is_decided_again_in_the_same_way(
        cpus in prop::collection::vec(0u32..20, 1..6),
        replicas in 0i32..40,
        kind in 0..4,
        limit in prop::option::of(1i64..4),
    ) {
        let clusters = snapshot(cpus.iter().enumerate().map(|(index, cpu)| {
            cluster(&format!("m{index}")).cpu(&cpu.to_string())
        }));
        let mut placement = match kind {
            0 => json!({}),
            1 => divided("Weighted", Value::Null),
            2 => dynamic(),
            _ => aggregated(),
        };
        if let Some(max) = limit {
            placement["spreadConstraints"] = json!([{"spreadByField": "cluster", "maxGroups": max}]);
        }
        let spec = deployment(replicas, placement);
        if let Decision::Scheduled { targets, .. } = now(&clusters, &spec) {
            if kind != 0 {
                prop_assert_eq!(targets.iter().map(|target| target.replicas).sum::<i32>(), replicas);
            }
            prop_assert!(targets.iter().all(|target| target.replicas > 0));
            // The replicas now run there.
            let full = snapshot(cpus.iter().enumerate().map(|(index, cpu)| {
                let name = format!("m{index}");
                let there = targets.iter().find(|target| target.name == name).map_or(0, |target| target.replicas);
                cluster(&name).cpu(&(i64::from(*cpu) - i64::from(there)).max(0).to_string())
            }));
            let settled = after(&clusters, spec);
            prop_assert_eq!(now(&full, &settled), Decision::Scheduled { targets, affinity: None });
        }
    }

    #[test]
    fn whole_sets_never_go_where_none_fits(cpus in prop::collection::vec(0u32..9, 1..6)) {
        let clusters = snapshot(cpus.iter().enumerate().map(|(index, cpu)| {
            cluster(&format!("m{index}")).cpu(&cpu.to_string())
        }));
        match now(&clusters, &flink()) {
            Decision::Scheduled { targets, .. } => {
                prop_assert_eq!(targets.len(), 1);
                let index: usize = targets[0].name[1..].parse().unwrap();
                prop_assert!(cpus[index] >= 5);
            }
            Decision::Refused(refusal) => {
                prop_assert!(cpus.iter().all(|cpu| *cpu < 5));
                prop_assert_eq!(refusal.clusters.len(), cpus.len());
            }
        }
    }
}
