//! The kernel alone: decisions a second, by strategy and number of clusters, on the clusters' summaries and on nodes.
//!
//! `cargo bench -p windlass-scheduler`

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use windlass_api::work::{ResourceBindingSpec, ResourceBindingStatus};
use windlass_scheduler::{
    Capacity, ClusterState, Context, Decision, Node, Resources, Room, Snapshot, decide, explain,
};

/// Each figure is the best of so many rounds, each of which takes so long.
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_millis(200);

fn main() {
    println!("{:<26}{:>10}{:>14}{:>12}", "decision", "clusters", "a second", "µs each");
    for count in [20, 100, 1000] {
        let clusters = summaries(count);
        for (name, spec) in scenarios() {
            measure(name, &count.to_string(), &clusters, &spec);
        }
        let placed = place(&clusters, &scenarios()[0].1);
        measure("dynamic weight, steady", &count.to_string(), &clusters, &placed);
        let mut scaled = placed;
        scaled.replicas += 10;
        measure("dynamic weight, scaled up", &count.to_string(), &clusters, &scaled);
        told(&clusters, &scenarios()[0].1, count);
    }
    for (count, nodes) in [(20, 50), (20, 500)] {
        let clusters = exact(count, nodes);
        for (name, spec) in scenarios() {
            if !name.starts_with("static") && !name.starts_with("duplicated") {
                measure(name, &format!("{count} × {nodes}"), &clusters, &spec);
            }
        }
    }
    extremes();
}

/// What nobody does on purpose, and has to end all the same: 5,000 clusters.
fn extremes() {
    let clusters = summaries(5000);
    let once = |name: &str, placement: Value| {
        let spec = deployment(placement);
        let (status, context) = (ResourceBindingStatus::default(), Context::default());
        let start = Instant::now();
        let decision = decide(&clusters, &spec, &status, &context);
        let taken = start.elapsed();
        let outcome = match decision {
            Decision::Scheduled { targets, .. } => format!("to {} clusters", targets.len()),
            Decision::Refused(refusal) => refusal.summary,
        };
        println!("{name:<26}{:>10}{:>20.1} ms   {outcome}", 5000, taken.as_secs_f64() * 1e3);
    };
    let terms: Vec<Value> = (0..5000)
        .map(|index| json!({"affinityName": format!("g{index}"), "labelSelector": {"matchLabels": {"a": "b"}}}))
        .collect();
    once("5,000 affinity terms", json!({"clusterAffinities": terms}));
    let weights: Vec<Value> = (0..5000)
        .map(|index| json!({"targetCluster": {"labelSelector": {"matchLabels": {"rack": format!("rack{}", index % 9)}}}, "weight": i64::MAX}))
        .collect();
    let scheduling = json!({"replicaSchedulingType": "Divided", "replicaDivisionPreference": "Weighted",
        "weightPreference": {"staticWeightList": weights}});
    once("5,000 fixed weights", json!({"replicaScheduling": scheduling}));
    let spread = |constraints: Value| json!({"spreadConstraints": constraints});
    once(
        "4 topologies",
        spread(
            json!([{"spreadByField": "region", "minGroups": 8}, {"spreadByField": "zone", "minGroups": 16},
            {"spreadByField": "provider", "minGroups": 3}, {"spreadByLabel": "rack", "minGroups": 7},
            {"minGroups": 16, "maxGroups": 16}]),
        ),
    );
    once(
        "4 topologies, in vain",
        spread(json!([{"spreadByField": "region", "minGroups": 4, "maxGroups": 4},
            {"spreadByField": "zone", "minGroups": 9}, {"spreadByField": "provider", "minGroups": 3},
            {"spreadByLabel": "rack", "minGroups": 7}])),
    );
}

fn measure(name: &str, clusters: &str, snapshot: &Snapshot, spec: &ResourceBindingSpec) {
    let (status, context) = (ResourceBindingStatus::default(), Context::default());
    let decision = decide(snapshot, spec, &status, &context);
    assert!(matches!(decision, Decision::Scheduled { .. }), "{name}: {decision:?}");
    print(name, clusters, || {
        black_box(decide(black_box(snapshot), black_box(spec), &status, &context));
    });
}

fn told(snapshot: &Snapshot, spec: &ResourceBindingSpec, count: usize) {
    let (status, context) = (ResourceBindingStatus::default(), Context::default());
    print("dynamic weight, explained", &count.to_string(), || {
        black_box(explain(black_box(snapshot), black_box(spec), &status, &context));
    });
}

fn print(name: &str, clusters: &str, mut work: impl FnMut()) {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let (start, mut done) = (Instant::now(), 0u32);
        while start.elapsed() < ROUND {
            work();
            done += 1;
        }
        best = best.min(start.elapsed().as_secs_f64() / f64::from(done));
    }
    println!("{name:<26}{clusters:>10}{:>14.0}{:>12.1}", 1.0 / best, best * 1e6);
}

/// The binding after its decision was carried out.
fn place(snapshot: &Snapshot, spec: &ResourceBindingSpec) -> ResourceBindingSpec {
    let mut spec = spec.clone();
    if let Decision::Scheduled { targets, .. } =
        decide(snapshot, &spec, &ResourceBindingStatus::default(), &Context::default())
    {
        spec.clusters = targets;
    }
    spec
}

fn amounts(list: &[(&str, &str)]) -> Resources {
    let list: BTreeMap<_, _> = list
        .iter()
        .map(|(name, amount)| ((*name).to_owned(), serde_json::from_value(json!(amount))))
        .collect();
    let list = list.into_iter().filter_map(|(name, amount)| Some((name, amount.ok()?))).collect();
    Resources::reported(&list)
}

/// A cluster as they are: the kinds of Kubernetes and of thirty operators, labels, a taint here and there.
fn cluster(index: usize) -> ClusterState {
    let mut apis = BTreeMap::<String, BTreeSet<String>>::new();
    for group in 0..60 {
        let kinds = (0..6).map(|kind| format!("Kind{kind}")).collect();
        apis.insert(format!("group{group}.example.com/v1"), kinds);
    }
    apis.insert("apps/v1".to_owned(), ["Deployment", "StatefulSet"].map(str::to_owned).into());
    apis.insert("flink.apache.org/v1beta1".to_owned(), ["FlinkDeployment".to_owned()].into());
    let labels = [("env", "production"), ("tier", "high"), ("team", "shop"), ("owner", "platform")];
    let mut labels: BTreeMap<String, String> =
        labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    labels.insert("rack".to_owned(), format!("rack{}", index % 7));
    let taints = if index.is_multiple_of(10) {
        serde_json::from_value(json!([{"key": "gpu", "effect": "PreferNoSchedule"}])).unwrap_or_default()
    } else {
        Vec::new()
    };
    ClusterState {
        name: format!("member{index:04}"),
        labels,
        provider: format!("provider{}", index % 3),
        region: format!("region{}", index % 8),
        zones: vec![format!("zone{}", index % 16)],
        taints,
        apis,
        apis_complete: true,
        ..ClusterState::default()
    }
}

fn summaries(count: usize) -> Snapshot {
    Snapshot::new((0..count).map(|index| {
        let cpu = (50 + index * 37 % 400).to_string();
        let free = amounts(&[
            ("cpu", &cpu),
            ("ephemeral-storage", "2Ti"),
            ("memory", "900Gi"),
            ("nvidia.com/gpu", "0"),
            ("pods", "2000"),
        ]);
        Arc::new(ClusterState { capacity: Some(Capacity { free, ..Capacity::default() }), ..cluster(index) })
    }))
}

fn exact(count: usize, nodes: usize) -> Snapshot {
    let node = |index: usize| Node {
        name: format!("node{index}"),
        allocatable: amounts(&[("cpu", "16"), ("memory", "64Gi")]),
        requested: amounts(&[("cpu", &(index % 13).to_string()), ("memory", "8Gi")]),
        pod_slots: 110,
        pods: 20,
        ..Node::default()
    };
    Snapshot::new((0..count).map(|index| {
        let room = Room { nodes: (0..nodes).map(node).collect(), ..Room::default() };
        Arc::new(ClusterState { room: Some(room), ..cluster(index) })
    }))
}

fn scenarios() -> Vec<(&'static str, ResourceBindingSpec)> {
    let divided = |preference: &str, weights: Value| {
        json!({"clusterAffinity": {"labelSelector": {"matchLabels": {"env": "production"}}},
            "clusterTolerations": [{"key": "gpu", "operator": "Exists"}],
            "replicaScheduling": {"replicaSchedulingType": "Divided", "replicaDivisionPreference": preference,
                "weightPreference": weights}})
    };
    let dynamic = || divided("Weighted", json!({"dynamicWeight": "AvailableReplicas"}));
    let fixed = json!({"staticWeightList": [
        {"targetCluster": {"labelSelector": {"matchLabels": {"rack": "rack1"}}}, "weight": 3},
        {"targetCluster": {"labelSelector": {"matchExpressions":
            [{"key": "rack", "operator": "In", "values": ["rack2", "rack3"]}]}}, "weight": 2},
        {"targetCluster": {"clusterNames": ["member0004", "member0011"]}, "weight": 9}]});
    let mut regions = dynamic();
    regions["spreadConstraints"] = json!([{"spreadByField": "region", "minGroups": 2, "maxGroups": 4},
        {"spreadByField": "cluster", "minGroups": 3, "maxGroups": 10}]);
    let mut several = regions.clone();
    several["spreadConstraints"][1] = json!({"spreadByField": "zone", "minGroups": 3, "maxGroups": 6});
    vec![
        ("dynamic weight", deployment(dynamic())),
        ("aggregated", deployment(divided("Aggregated", Value::Null))),
        ("static weight", deployment(divided("Weighted", fixed))),
        ("duplicated", deployment(json!({}))),
        ("component set", flink()),
        ("regions", deployment(regions)),
        ("regions and zones", deployment(several)),
    ]
}

fn binding(spec: Value) -> ResourceBindingSpec {
    serde_json::from_value(spec).expect("the specs are written below")
}

fn deployment(placement: Value) -> ResourceBindingSpec {
    binding(json!({
        "resource": {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "default", "name": "shop",
            "uid": "8f1b0b0e-6a50-4a4f-9f7e-3a1f2b7c9d10"},
        "replicas": 40,
        "replicaRequirements": {"resourceRequest": {"cpu": "500m", "memory": "1Gi"}},
        "placement": placement,
    }))
}

fn flink() -> ResourceBindingSpec {
    let component = |name: &str, replicas: i32, cpu: &str| {
        json!({"name": name, "replicas": replicas,
            "replicaRequirements": {"resourceRequest": {"cpu": cpu, "memory": "2.048"}}})
    };
    binding(json!({
        "resource": {"apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkDeployment", "namespace": "default",
            "name": "job", "uid": "8f1b0b0e-6a50-4a4f-9f7e-3a1f2b7c9d10"},
        "components": [component("jobmanager", 1, "1"), component("taskmanager", 4, "2")],
        "placement": {"spreadConstraints": [{"spreadByField": "cluster", "minGroups": 1, "maxGroups": 1}]},
    }))
}
