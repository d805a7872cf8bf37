//! What Karmada v1.16 does not decide: several topologies at once, components that grow, overflow, workload affinity,
//! and what contradicts itself.

use super::*;

fn named(decision: &Decision) -> Vec<String> {
    placed(decision).into_iter().map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn several_topologies_hold_together() {
    let at = |name: &str, cpu: &str, region: &str, zones: &[&str], rack: &str| {
        cluster(name).cpu(cpu).region(region).label("rack", rack).with(|state| {
            state.zones = zones.iter().map(|zone| (*zone).to_owned()).collect();
        })
    };
    let clusters = snapshot([
        at("a1", "9", "a", &["z1"], "r1"),
        at("a2", "8", "a", &["z2"], "r1"),
        at("b1", "7", "b", &["z1", "z3"], "r2"),
        at("b2", "6", "b", &["z4"], "r1"),
        cluster("bare").cpu("99").region("c").with(|state| state.zones = vec!["z9".to_owned()]),
    ]);
    let spread = |constraints: Value| {
        let mut placement = dynamic();
        placement["spreadConstraints"] = constraints;
        deployment(8, placement)
    };
    let spec = spread(json!([{"spreadByField": "region", "minGroups": 2, "maxGroups": 2},
        {"spreadByField": "zone", "minGroups": 1, "maxGroups": 2}, {"spreadByLabel": "rack", "maxGroups": 2}]));
    assert_eq!(named(&now(&clusters, &spec)), ["a1", "b2"]);
    let spec = spread(json!([{"spreadByLabel": "rack", "minGroups": 2}, {"minGroups": 2, "maxGroups": 3}]));
    assert_eq!(named(&now(&clusters, &spec)).len(), 3);
    let (reason, text) =
        refused(&now(&clusters, &spread(json!([{"spreadByLabel": "rack", "minGroups": 3}]))));
    assert_eq!(reason, Reason::Unschedulable);
    assert!(text.starts_with("the clusters that fit are in 2 of at least 3 rack groups: a1"), "{text}");
    assert!(text.contains("bare has no label rack, by which the placement spreads"), "{text}");
}

#[test]
fn what_has_grown_stays_only_where_its_growth_fits() {
    let clusters = |a: &str, b: &str| snapshot([cluster("a").cpu(a), cluster("b").cpu(b)]);
    let mut spec = flink();
    spec.clusters = vec![TargetCluster { name: "a".to_owned(), ..TargetCluster::default() }];
    let context = Context { held: Some(spec.components.clone()), ..Context::default() };
    spec.components[1].replicas = 5;
    let ask = |a: &str, b: &str| decide(&clusters(a, b), &spec, &unseen(), &context);
    assert_eq!(named(&ask("6", "90")), ["a"]);
    assert_eq!(named(&ask("5", "90")), ["b"]);
    let (reason, text) = refused(&ask("5", "10"));
    assert_eq!(reason, Reason::Unschedulable);
    assert_eq!(
        text,
        "no cluster has room for the whole workload: a: is too small for what it holds, which has grown: \
         taskmanager: only 2 of 3 pods fit beside the rest of the set (1 node); b: taskmanager: only 4 of 5 pods fit \
         beside the rest of the set (1 node)"
    );
    // Nobody remembers what it was.
    assert_eq!(named(&now(&clusters("0", "90"), &spec)), ["a"]);
}

#[test]
fn a_set_whose_cluster_is_left_moves_whole() {
    let mut spec = flink();
    spec.clusters = vec![TargetCluster { name: "a".to_owned(), ..TargetCluster::default() }];
    spec.graceful_eviction_tasks =
        serde_json::from_value(json!([{"fromCluster": "a", "reason": "R", "producer": "p"}])).unwrap();
    let clusters = snapshot([cluster("a").cpu("90"), cluster("b").cpu("5"), cluster("c").cpu("4")]);
    assert_eq!(placed(&now(&clusters, &spec)), [("b", 0)]);
}

#[test]
fn a_set_never_goes_where_none_fits_though_several_clusters_are_wanted() {
    let mut spec = flink();
    let two = json!({"spreadConstraints": [{"spreadByField": "cluster", "minGroups": 2, "maxGroups": 2}]});
    spec.placement = Some(serde_json::from_value(two).unwrap());
    let clusters = snapshot([cluster("a").cpu("4"), cluster("b").cpu("5"), cluster("c").cpu("9")]);
    assert_eq!(named(&now(&clusters, &spec)), ["b", "c"]);
    let clusters = snapshot([cluster("a").cpu("4"), cluster("b").cpu("5")]);
    assert!(refused(&now(&clusters, &spec)).1.starts_with("1 of at least 2 clusters fit: a: "));
}

fn overflow() -> Value {
    let mut placement = dynamic();
    placement["clusterAffinities"] = json!([{"affinityName": "own", "clusterNames": ["member1"], "overflowAffinities": [
        {"affinityName": "cloud", "clusterNames": ["member1", "member2"]},
        {"affinityName": "far", "clusterNames": ["member3"]}]}]);
    placement
}

#[test]
fn replicas_overflow_tier_by_tier_and_the_last_is_reclaimed_first() {
    let clusters = three();
    assert_eq!(placed(&now(&clusters, &deployment(5, overflow()))), [("member1", 5)]);
    assert_eq!(placed(&now(&clusters, &deployment(10, overflow()))), [("member1", 6), ("member2", 4)]);
    let spec = deployment(20, overflow());
    assert_eq!(placed(&now(&clusters, &spec)), [("member1", 6), ("member2", 12), ("member3", 2)]);
    assert!(
        refused(&now(&clusters, &deployment(37, overflow())))
            .1
            .starts_with("in group own, the chosen clusters have room for 36 of 37 more replicas")
    );
    let mut spec = after(&clusters, spec);
    let full =
        snapshot([cluster("member1").cpu("0"), cluster("member2").cpu("0"), cluster("member3").cpu("16")]);
    for (replicas, want) in [
        (19, vec![("member1", 6), ("member2", 12), ("member3", 1)]),
        (12, vec![("member1", 6), ("member2", 6)]),
        (4, vec![("member1", 4)]),
        (21, vec![("member1", 6), ("member2", 12), ("member3", 3)]),
    ] {
        spec.replicas = replicas;
        assert_eq!(placed(&now(&full, &spec)), want);
    }
    // Where room comes back nothing moves of itself.
    let mut spec = deployment(4, overflow());
    spec.clusters = serde_json::from_value(json!([{"name": "member3", "replicas": 4}])).unwrap();
    assert_eq!(placed(&now(&clusters, &spec)), [("member3", 4)]);
}

#[test]
fn workloads_of_a_group_stay_together_or_apart() {
    let bind = |together: &str, apart: &str, clusters: Value| {
        let mut spec = config_map(json!({}));
        spec.workload_affinity_groups =
            serde_json::from_value(json!({"affinityGroup": together, "antiAffinityGroup": apart})).unwrap();
        spec.clusters = serde_json::from_value(clusters).unwrap();
        spec
    };
    let others = [
        bind("app=a", "app=x", json!([{"name": "member1"}, {"name": "member2"}])),
        bind("app=a", "", json!([{"name": "member2"}, {"name": "member3"}])),
        bind("app=a", "", json!([])),
        bind("app=b", "app=y", json!([{"name": "member3"}])),
    ];
    let ask = |spec: &ResourceBindingSpec| {
        let context = Context { peers: crate::Peers::of(spec, &others), ..Context::default() };
        decide(&three(), spec, &unseen(), &context)
    };
    assert_eq!(named(&ask(&bind("app=a", "", json!([])))), ["member2"]);
    assert_eq!(named(&ask(&bind("app=new", "", json!([])))).len(), 3, "the first of a group goes anywhere");
    assert_eq!(named(&ask(&bind("", "app=x", json!([])))), ["member3"]);
    assert_eq!(named(&ask(&bind("", "app=x", json!([{"name": "member1"}])))), ["member1", "member3"]);
    let (reason, text) = refused(&ask(&bind("app=b", "app=y", json!([]))));
    assert_eq!(reason, Reason::NoClusterFit);
    assert!(text.contains("member1 does not hold all other workloads of the group app=b"), "{text}");
    assert!(text.contains("member3 holds another workload of the group app=y"), "{text}");
}

#[test]
fn contradictions_of_any_size_are_refused_in_bounded_time() {
    let start = std::time::Instant::now();
    let clusters = snapshot((0..1000).map(|index| cluster(&format!("m{index}"))));
    let terms: Vec<Value> = (0..5000)
        .map(|index| json!({"affinityName": format!("g{index}"), "labelSelector": {"matchLabels": {"a": "b"}}}))
        .collect();
    let mut placement = dynamic();
    placement["clusterAffinities"] = json!(terms);
    assert_eq!(refused(&now(&clusters, &deployment(1, placement))).0, Reason::NoClusterFit);
    let weights: Vec<Value> = (0..5000)
        .map(|index| json!({"targetCluster": {"clusterNames": [format!("m{index}")]}, "weight": i64::MAX}))
        .collect();
    let spec = deployment(i32::MAX, divided("Weighted", json!({"staticWeightList": weights})));
    assert_eq!(placed(&now(&clusters, &spec)).len(), 1000);
    let mut spec = flink();
    for component in &mut spec.components {
        component.replicas = i32::MAX;
        component.replica_requirements.as_mut().unwrap().resource_request =
            crate::testing::list(&[("cpu", "9223372036854775807"), ("memory", "9E")]);
    }
    assert_eq!(refused(&now(&three(), &spec)).0, Reason::Unschedulable);
    spec.components[0].replicas = -1;
    let (reason, text) = refused(&now(&three(), &spec));
    assert_eq!(
        (reason, text.contains("spec.components[0].replicas is -1")),
        (Reason::SchedulerError, true),
        "{text}"
    );
    spec.components[0].replicas = 1;
    spec.components[1].replica_requirements.as_mut().unwrap().resource_request =
        crate::testing::list(&[("cpu", "1e99999999999")]);
    assert_eq!(refused(&now(&three(), &spec)).0, Reason::Unschedulable);
    spec.components[1].replica_requirements.as_mut().unwrap().resource_request =
        crate::testing::list(&[("cpu", "-1")]);
    let (reason, text) = refused(&now(&three(), &spec));
    assert_eq!(reason, Reason::SchedulerError);
    assert_eq!(
        text,
        "spec.components[1].replicaRequirements.resourceRequest.cpu is -1: it has to be 0 or more"
    );
    assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
}
