//! The main job: a FlinkDeployment, from its template to its pods and back.

use serde_json::{Value, json};

use crate::control_plane::ControlPlane;
use windlass_test_probe::{api, apply, condition, has_condition, until, wait_for};

const CRD: &str = include_str!("../../../../host/cli/demo/flinkdeployment-crd.yaml");
const CRD_POLICY: &str = include_str!("../../../../host/cli/demo/crd-policy.yaml");
const POLICY: &str = include_str!("../../../../host/cli/demo/policy.yaml");
const EXAMPLE: &str = include_str!("../../../../host/cli/demo/flink-example.yaml");
const BINDING: &str = "flink-example-flinkdeployment";

/// member1 has room for the sum and not for the pieces, member2's quota is too small, member3 holds the set.
const MEMBERS: &str = include_str!("../../../../host/cli/demo/members.yaml");

async fn with_flink(members: &str) -> (ControlPlane, kube::Client) {
    let control_plane = ControlPlane::start(members, &[]).await;
    let client = control_plane.client().await;
    for yaml in [CRD, CRD_POLICY, POLICY] {
        apply(&client, yaml).await;
    }
    (control_plane, client)
}

#[tokio::test]
async fn a_flink_deployment_is_scheduled_whole_and_seen_running() {
    let (mut control_plane, client) = with_flink(MEMBERS).await;
    apply(&client, EXAMPLE).await;

    let bindings = api(&client, "work.karmada.io/v1alpha2", "ResourceBinding", "default");
    let binding =
        wait_for(&bindings, BINDING, "scheduled", |binding| has_condition(binding, "Scheduled", "True"))
            .await;
    let components = &binding["spec"]["components"];
    assert_eq!(components[0]["name"], "jobmanager");
    assert_eq!(components[0]["replicas"], 1);
    assert_eq!(
        components[0]["replicaRequirements"]["resourceRequest"],
        json!({"cpu": "1", "memory": "1.024"})
    );
    assert_eq!(components[1]["name"], "taskmanager");
    assert_eq!(components[1]["replicas"], 2);
    assert_eq!(
        components[1]["replicaRequirements"]["resourceRequest"],
        json!({"cpu": "2", "memory": "2.048"})
    );
    assert_eq!(binding["spec"].get("replicas"), None, "components take the place of replicas");
    assert_eq!(names(&binding["spec"]["clusters"]), ["member3"]);

    let works = api(&client, "work.karmada.io/v1alpha1", "Work", "karmada-es-member3");
    until(
        "the Work of the FlinkDeployment",
        || async { works.list(&Default::default()).await.unwrap().items },
        |works| {
            works
                .iter()
                .any(|work| work.data["spec"]["workload"]["manifests"][0]["kind"] == "FlinkDeployment")
        },
    )
    .await;

    let member = control_plane.member("member3").await;
    let jobs = api(&member, "flink.apache.org/v1beta1", "FlinkDeployment", "default");
    wait_for(&jobs, "flink-example", "running", |job| job["status"]["jobStatus"]["state"] == "RUNNING").await;
    let pods = api(&member, "v1", "Pod", "default").list(&Default::default()).await.unwrap();
    assert_eq!(pods.items.len(), 3);

    wait_for(&bindings, BINDING, "healthy in member3", |binding| {
        let item = &binding["status"]["aggregatedStatus"][0];
        item["clusterName"] == "member3" && item["health"] == "Healthy" && item["applied"] == true
    })
    .await;
    let templates = api(&client, "flink.apache.org/v1beta1", "FlinkDeployment", "default");
    wait_for(&templates, "flink-example", "running", |job| job["status"]["jobStatus"]["state"] == "RUNNING")
        .await;
    assert!(control_plane.stop().await, "SIGTERM ends it cleanly");
}

#[tokio::test]
async fn the_quota_of_a_namespace_counts_components() {
    let (_control_plane, client) = with_flink(MEMBERS).await;
    apply(
        &client,
        "{apiVersion: policy.karmada.io/v1alpha1, kind: FederatedResourceQuota,
          metadata: {name: team, namespace: default}, spec: {overall: {cpu: '20', memory: 64Gi}}}",
    )
    .await;
    apply(&client, &EXAMPLE.replace("{replicas: 2,", "{replicas: 1,")).await;
    let quotas = api(&client, "policy.karmada.io/v1alpha1", "FederatedResourceQuota", "default");
    wait_for(&quotas, "team", "used", |quota| {
        quota["status"]["overallUsed"] == json!({"cpu": "3", "memory": "3072m"})
    })
    .await;
}

#[tokio::test]
async fn a_set_that_fits_nowhere_says_why_and_is_scheduled_when_a_member_gains_room() {
    let (control_plane, client) = with_flink(MEMBERS).await;
    apply(&client, &EXAMPLE.replace("cpu: 2,", "cpu: 6,")).await;

    let bindings = api(&client, "work.karmada.io/v1alpha2", "ResourceBinding", "default");
    let binding =
        wait_for(&bindings, BINDING, "unschedulable", |binding| has_condition(binding, "Scheduled", "False"))
            .await;
    let message = condition(&binding, "Scheduled").unwrap()["message"].as_str().unwrap();
    for cluster in ["member1", "member2", "member3"] {
        assert!(message.contains(cluster), "{message}");
    }

    let member = control_plane.member("member3").await;
    for index in 0..2 {
        apply(
            &member,
            &format!(
                "{{apiVersion: v1, kind: Node, metadata: {{name: large-{index}}}, status: {{
                  capacity: {{cpu: '8', memory: 32Gi, pods: '110'}}, allocatable: {{cpu: '8', memory: 32Gi, pods: '110'}},
                  conditions: [{{type: Ready, status: 'True'}}]}}}}"
            ),
        )
        .await;
    }
    let gained = std::time::Instant::now();
    wait_for(&bindings, BINDING, "scheduled", |binding| names(&binding["spec"]["clusters"]) == ["member3"])
        .await;
    println!("scheduled {:?} after a member gained room", gained.elapsed());
}

fn names(clusters: &Value) -> Vec<&str> {
    clusters.as_array().into_iter().flatten().filter_map(|cluster| cluster["name"].as_str()).collect()
}
