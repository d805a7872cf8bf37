//! Makes cases: clusters, a binding with its placement, and what is placed already.

use serde_json::{Map, Value, json};

use windlass_sdk::testing::Random;

const REGIONS: [&str; 4] = ["north", "east", "south", "west"];

/// What both are asked: a request as tests/peers/scheduling/karmada reads it.
pub(crate) fn case(random: &mut Random) -> Value {
    if random.chance(10) {
        return seats(random);
    }
    // Most questions are of a few clusters: with many, each single choice shows less.
    let count = if random.chance(10) { random.between(13, 40) } else { random.between(1, 9) };
    let spec = spec(random, count);
    let mut clusters: Vec<Value> = (0..count).map(|index| cluster(random, &name(index))).collect();
    // Both count whole sets over nodes by trying an order of their pieces, and not always the same one.
    if spec.get("components").is_none() {
        for cluster in
            clusters.iter_mut().filter(|cluster| cluster["status"].get("resourceSummary").is_some())
        {
            if random.chance(20) {
                grade(random, cluster);
            }
        }
    }
    let mut case = json!({"clusters": clusters, "spec": spec, "status": {}});
    if random.chance(15) {
        let (triggered, scheduled) = if random.chance(80) { (2, 1) } else { (1, 2) };
        case["spec"]["rescheduleTriggeredAt"] = json!(format!("2026-01-0{triggered}T00:00:00Z"));
        case["status"]["lastScheduledTime"] = json!(format!("2026-01-0{scheduled}T00:00:00Z"));
    }
    case
}

fn name(index: i64) -> String {
    format!("m{index:02}")
}

fn uid(random: &mut Random) -> String {
    if random.chance(10) { String::new() } else { format!("uid-{}", random.below(1000)) }
}

fn seats(random: &mut Random) -> Value {
    let most = *random.pick(&[3, 20, 1000, i64::MAX]);
    let votes: Vec<Value> = (0..random.between(1, 9))
        .map(|index| json!({"name": name(index), "votes": random.between(0, most - 1)}))
        .collect();
    json!({"seats": random.between(0, 60), "votes": votes, "uid": uid(random)})
}

fn cluster(random: &mut Random, name: &str) -> Value {
    let mut spec = Map::new();
    spec.insert("syncMode".to_owned(), json!("Push"));
    if random.chance(90) {
        spec.insert("region".to_owned(), json!(random.pick(&REGIONS)));
    }
    if random.chance(80) {
        spec.insert("provider".to_owned(), json!(random.pick(&["cloud", "metal"])));
    }
    if random.chance(80) {
        let zones = random.pick(&[vec!["z1"], vec!["z2"], vec!["z1", "z2"], vec!["z3"]]).clone();
        spec.insert("zones".to_owned(), json!(zones));
        spec.insert("zone".to_owned(), json!(zones[0]));
    }
    if random.chance(15) {
        let effect = random.pick(&["NoSchedule", "NoExecute", "PreferNoSchedule"]);
        let key = random.pick(&["gpu", "down"]);
        spec.insert("taints".to_owned(), json!([{"key": key, "value": "yes", "effect": effect}]));
    }
    let mut metadata = json!({"name": name, "labels": {"tier": random.pick(&["high", "low"])}});
    if random.chance(4) {
        metadata["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    }
    let mut status = json!({});
    if random.chance(92) {
        status["apiEnablements"] = json!([
            {"groupVersion": "apps/v1", "resources": [{"name": "deployments", "kind": "Deployment"}]},
            {"groupVersion": "v1", "resources": [{"name": "configmaps", "kind": "ConfigMap"}]},
            {"groupVersion": "flink.apache.org/v1beta1",
                "resources": [{"name": "flinkdeployments", "kind": "FlinkDeployment"}]}]);
        status["conditions"] = json!([{"type": "CompleteAPIEnablements", "status": "True",
            "reason": "Complete", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}]);
    }
    if random.chance(93) {
        let amounts = |cpu: i64, memory: i64, pods: i64| json!({"cpu": format!("{cpu}m"), "memory": format!("{memory}Mi"), "pods": pods.to_string()});
        status["resourceSummary"] = json!({
            "allocatable": amounts(random.between(0, 80) * 500, random.between(0, 200) * 256, random.between(0, 80)),
            "allocated": amounts(random.between(0, 10) * 500, random.between(0, 20) * 256, random.between(0, 10)),
            "allocating": amounts(random.between(0, 3) * 250, random.between(0, 3) * 100, random.between(0, 3))});
    }
    json!({"metadata": metadata, "spec": spec, "status": status})
}

/// Sorts a cluster's nodes into grades. What is left in all is at least what the nodes have left by their grades.
fn grade(random: &mut Random, cluster: &mut Value) {
    const GRADES: [(i64, i64); 4] = [(0, 0), (1, 4), (2, 8), (6, 32)];
    let (mut models, mut counts) = (Vec::new(), Vec::new());
    let (mut cpu, mut memory) = (0, 0);
    for (grade, (cores, gibibytes)) in GRADES.iter().enumerate() {
        let (max_cores, max_gibibytes) = GRADES.get(grade + 1).unwrap_or(&(64, 256));
        models.push(json!({"grade": grade, "ranges": [
            {"name": "cpu", "min": cores.to_string(), "max": max_cores.to_string()},
            {"name": "memory", "min": format!("{gibibytes}Gi"), "max": format!("{max_gibibytes}Gi")}]}));
        let count = random.between(0, 4);
        counts.push(json!({"grade": grade, "count": count}));
        cpu += count * max_cores;
        memory += count * max_gibibytes;
    }
    cluster["spec"]["resourceModels"] = json!(models);
    cluster["status"]["resourceSummary"] = json!({
        "allocatable": {"cpu": cpu.to_string(), "memory": format!("{memory}Gi"),
            "pods": random.between(0, 120).to_string()},
        "allocatableModelings": counts});
}

fn spec(random: &mut Random, clusters: i64) -> Value {
    let mut spec = match random.below(10) {
        0 => json!({"resource": {"apiVersion": "v1", "kind": "ConfigMap"}}),
        1 | 2 => flink(random),
        _ => deployment(random),
    };
    spec["resource"]["namespace"] = json!("default");
    spec["resource"]["name"] = json!("shop");
    let uid = uid(random);
    if !uid.is_empty() {
        spec["resource"]["uid"] = json!(uid);
    }
    let components = spec.get("components").is_some();
    let replicas = spec["replicas"].as_i64().unwrap_or(0);
    if random.chance(50) {
        let most = random.between(1, 20);
        let mut targets = Vec::new();
        for index in 0..clusters + 1 {
            // The last one is gone.
            if random.chance(if index == clusters { 10 } else { 45 }) {
                let duplicated = random.chance(10);
                let share = if duplicated { replicas } else { random.between(0, most) };
                let share = if components { 0 } else { share };
                targets.push(json!({"name": name(index), "replicas": share}));
            }
        }
        spec["clusters"] = json!(targets);
    }
    if random.chance(10) {
        let from = name(random.between(0, clusters - 1));
        spec["gracefulEvictionTasks"] = json!([{"fromCluster": from, "reason": "Taint", "producer": "test"}]);
    }
    spec["placement"] = placement(random, clusters);
    spec
}

fn request(random: &mut Random) -> Value {
    let mut request = json!({"cpu": random.pick(&["100m", "250m", "1", "1500m", "3"])});
    if random.chance(60) {
        request["memory"] = json!(random.pick(&["64Mi", "1Gi", "1500M", "4Gi"]));
    }
    json!({"resourceRequest": request})
}

fn deployment(random: &mut Random) -> Value {
    let mut spec = json!({"resource": {"apiVersion": "apps/v1", "kind": "Deployment"},
        "replicas": if random.chance(5) { 0 } else { random.between(1, 60) }});
    if random.chance(90) {
        spec["replicaRequirements"] = request(random);
    }
    spec
}

fn flink(random: &mut Random) -> Value {
    json!({"resource": {"apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkDeployment"}, "components": [
        {"name": "jobmanager", "replicas": 1, "replicaRequirements": request(random)},
        {"name": "taskmanager", "replicas": random.between(0, 6), "replicaRequirements": request(random)}]})
}

fn affinity(random: &mut Random, clusters: i64) -> Value {
    let mut affinity = json!({});
    match random.below(4) {
        0 => {
            let names: Vec<String> = (0..clusters).filter(|_| random.chance(60)).map(name).collect();
            affinity["clusterNames"] = json!(names);
        }
        1 => affinity["labelSelector"] = json!({"matchLabels": {"tier": random.pick(&["high", "low"])}}),
        2 => {
            let (key, values) = match random.below(3) {
                0 => ("provider", json!([random.pick(&["cloud", "metal"])])),
                1 => ("region", json!([random.pick(&REGIONS), random.pick(&REGIONS)])),
                _ => ("zone", json!([random.pick(&["z1", "z2"]), "z3"])),
            };
            let operator = random.pick(&["In", "NotIn"]);
            affinity["fieldSelector"] =
                json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]});
        }
        _ => affinity["exclude"] = json!([name(random.between(0, clusters - 1))]),
    }
    affinity
}

fn placement(random: &mut Random, clusters: i64) -> Value {
    let mut placement = json!({});
    match random.below(10) {
        0..=2 => placement["clusterAffinity"] = affinity(random, clusters),
        3 => {
            let term = |(index, mut term): (usize, Value)| {
                term["affinityName"] = json!(format!("group{index}"));
                term
            };
            let terms: Vec<Value> = (0..random.between(1, 3)).map(|_| affinity(random, clusters)).collect();
            placement["clusterAffinities"] = terms.into_iter().enumerate().map(term).collect();
        }
        _ => {}
    }
    if random.chance(20) {
        placement["clusterTolerations"] = json!([{"key": "gpu", "operator": "Exists"}]);
    }
    if random.chance(60) {
        placement["spreadConstraints"] = spread(random);
    }
    if random.chance(92) {
        placement["replicaScheduling"] = scheduling(random, clusters);
    }
    placement
}

fn spread(random: &mut Random) -> Value {
    let range = |random: &mut Random, field: &str, most: i64| {
        let min = random.between(1, most);
        json!({"spreadByField": field, "minGroups": min, "maxGroups": min + random.between(0, 3)})
    };
    let mut constraints = Vec::new();
    let mut cluster = range(random, "cluster", 4);
    if random.chance(40) {
        let region = range(random, "region", 3);
        // Seldom fewer clusters than regions.
        if random.chance(95) {
            let regions = region["maxGroups"].as_i64().unwrap_or(0);
            let most = cluster["maxGroups"].as_i64().unwrap_or(0).max(regions);
            cluster["maxGroups"] = json!(most);
        }
        constraints.push(region);
    } else if random.chance(40) {
        (cluster["minGroups"], cluster["maxGroups"]) = (json!(1), json!(1));
    }
    if random.chance(2) {
        cluster["maxGroups"] = json!(0);
    }
    constraints.push(cluster);
    if random.chance(4) {
        let field = random.pick(&["zone", "provider"]);
        constraints.push(range(random, field, 2));
    }
    Value::Array(constraints)
}

fn scheduling(random: &mut Random, clusters: i64) -> Value {
    let divided = |preference: &str| json!({"replicaSchedulingType": "Divided", "replicaDivisionPreference": preference});
    match random.below(10) {
        0 | 1 => json!({"replicaSchedulingType": "Duplicated"}),
        2..=4 => divided("Aggregated"),
        5..=7 => {
            let mut scheduling = divided("Weighted");
            scheduling["weightPreference"] = json!({"dynamicWeight": "AvailableReplicas"});
            scheduling
        }
        _ => {
            let mut scheduling = divided("Weighted");
            if random.chance(80) {
                let most = *random.pick(&[3, 10, 1 << 40, i64::MAX]);
                let weights: Vec<Value> = (0..random.between(0, 5))
                    .map(|_| json!({"targetCluster": affinity(random, clusters), "weight": random.between(1, most - 1)}))
                    .collect();
                scheduling["weightPreference"] = json!({"staticWeightList": weights});
            }
            scheduling
        }
    }
}
