//! A FederatedResourceQuota holds a namespace to its limits over all clusters, and gives single clusters their part.

use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::control_plane::ControlPlane;
use windlass_test_probe::{api, apply, condition, until, wait_for};

const MEMBERS: &str = "members:
  - {name: member1, nodes: [{count: 2, allocatable: {cpu: '8', memory: 8Gi, pods: '110'}}]}
  - {name: member2, nodes: [{count: 2, allocatable: {cpu: '8', memory: 8Gi, pods: '110'}}]}
";

const QUOTA: &str = "
apiVersion: policy.karmada.io/v1alpha1
kind: FederatedResourceQuota
metadata: {name: team, namespace: default}
spec:
  overall: {cpu: '1', pods: '100'}
  staticAssignments:
    - {clusterName: member1, hard: {pods: '50'}}
    - {clusterName: elsewhere, hard: {pods: '10'}}
---
apiVersion: policy.karmada.io/v1alpha1
kind: PropagationPolicy
metadata: {name: all, namespace: default}
spec:
  resourceSelectors: [{apiVersion: apps/v1, kind: Deployment}]
  placement:
    replicaScheduling: {replicaSchedulingType: Divided, replicaDivisionPreference: Weighted,
      weightPreference: {dynamicWeight: AvailableReplicas}}
";

fn deployment(name: &str, replicas: i64) -> String {
    format!(
        "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: {name}, namespace: default}}, spec: {{replicas: {replicas},
          selector: {{matchLabels: {{app: {name}}}}}, template: {{metadata: {{labels: {{app: {name}}}}},
          spec: {{containers: [{{name: nginx, image: nginx, resources: {{requests: {{cpu: 100m}}}}}}]}}}}}}}}"
    )
}

fn assigned(binding: &Value) -> i64 {
    let clusters = binding["spec"]["clusters"].as_array().into_iter().flatten();
    clusters.map(|cluster| cluster["replicas"].as_i64().unwrap_or(0)).sum()
}

fn is_over_quota(binding: &Value) -> bool {
    condition(binding, "Scheduled").is_some_and(|found| found["reason"] == "QuotaExceeded")
}

#[tokio::test]
async fn a_namespace_is_held_to_its_quota_and_goes_on_when_there_is_room() {
    let mut control_plane = ControlPlane::start(MEMBERS, &[]).await;
    let client = control_plane.client().await;
    apply(&client, QUOTA).await;
    let quotas = api(&client, "policy.karmada.io/v1alpha1", "FederatedResourceQuota", "default");
    let bindings = api(&client, "work.karmada.io/v1alpha2", "ResourceBinding", "default");
    wait_for(&quotas, "team", "enforced", |quota| quota["status"]["overall"]["cpu"] == "1").await;

    apply(&client, &deployment("web", 8)).await;
    wait_for(&bindings, "web-deployment", "placed", |binding| assigned(binding) == 8).await;
    apply(&client, &deployment("more", 5)).await;
    let refused = wait_for(&bindings, "more-deployment", "refused", is_over_quota).await;
    assert_eq!(assigned(&refused), 0);
    let said = condition(&refused, "Scheduled").unwrap()["message"].as_str().unwrap().to_owned();
    let want = "FederatedResourceQuota default/team is exceeded (cpu: wanted 500m, used 800m, limit 1, over by 300m)";
    assert!(said.contains(want), "{said}");
    wait_for(&quotas, "team", "counted", |quota| quota["status"]["overallUsed"] == json!({"cpu": "800m"}))
        .await;

    // A dry run is judged alike and leaves no trace.
    let grow = Patch::Merge(json!({"spec": {"clusters": [{"name": "member1", "replicas": 11}]}}));
    let dry = PatchParams { dry_run: true, ..PatchParams::default() };
    let error = bindings.patch("web-deployment", &dry, &grow).await.unwrap_err().to_string();
    assert!(error.contains("wanted 300m, used 800m") && error.contains("forbidden"), "{error}");

    control_plane.crash_and_restart().await;
    let client = control_plane.client().await;
    let quotas = api(&client, "policy.karmada.io/v1alpha1", "FederatedResourceQuota", "default");
    let bindings = api(&client, "work.karmada.io/v1alpha2", "ResourceBinding", "default");
    // Before all is known again, nobody grows either.
    until(
        "the quota to be enforced again",
        || async {
            bindings.patch("web-deployment", &PatchParams::default(), &grow).await.unwrap_err().to_string()
        },
        |error| {
            error.contains("FederatedResourceQuota default/team is exceeded (cpu: wanted 300m, used 800m")
        },
    )
    .await;

    // Room comes by others using less, and by a higher limit.
    apply(&client, &deployment("web", 5)).await;
    wait_for(&bindings, "more-deployment", "placed", |binding| assigned(binding) == 5).await;
    wait_for(&quotas, "team", "counted", |quota| quota["status"]["overallUsed"] == json!({"cpu": "1"})).await;
    apply(&client, &deployment("web", 9)).await;
    wait_for(&bindings, "web-deployment", "refused", is_over_quota).await;
    let raise = Patch::Merge(json!({"spec": {"overall": {"cpu": "2"}}}));
    quotas.patch("team", &PatchParams::default(), &raise).await.unwrap();
    wait_for(&bindings, "web-deployment", "placed", |binding| assigned(binding) == 9).await;
    wait_for(&quotas, "team", "counted", |quota| quota["status"]["overallUsed"] == json!({"cpu": "1400m"}))
        .await;
}

#[tokio::test]
async fn an_assignment_is_a_resource_quota_in_its_member_until_it_is_taken_back() {
    let control_plane = ControlPlane::start(MEMBERS, &[]).await;
    let client = control_plane.client().await;
    apply(&client, QUOTA).await;
    let quotas = api(&client, "policy.karmada.io/v1alpha1", "FederatedResourceQuota", "default");
    let in_member = api(&control_plane.member("member1").await, "v1", "ResourceQuota", "default");
    let made = wait_for(&in_member, "team", "made", |_| true).await;
    assert_eq!(made["spec"]["hard"], json!({"pods": "50"}));
    assert_eq!(made["metadata"]["labels"]["karmada.io/managed"], "true");

    wait_for(&quotas, "team", "reported", |quota| {
        quota["status"]["aggregatedStatus"]
            == json!([{"clusterName": "member1", "hard": {"pods": "50"}, "used": {"pods": "0"}}])
    })
    .await;
    let works = api(&client, "work.karmada.io/v1alpha1", "Work", "karmada-es-member1");
    let of_quota = ListParams::default().labels(
        "federatedresourcequota.karmada.io/namespace=default,federatedresourcequota.karmada.io/name=team",
    );
    assert_eq!(works.list(&of_quota).await.unwrap().items.len(), 1);
    let events = api(&client, "events.k8s.io/v1", "Event", "default");
    until(
        "an event about the unknown cluster",
        || async { events.list(&ListParams::default()).await.unwrap().items },
        |events| events.iter().any(|event| event.data["reason"] == "AssignmentToUnknownCluster"),
    )
    .await;

    let change = Patch::Merge(
        json!({"spec": {"staticAssignments": [{"clusterName": "member2", "hard": {"pods": "7"}}]}}),
    );
    quotas.patch("team", &PatchParams::default(), &change).await.unwrap();
    let in_other = api(&control_plane.member("member2").await, "v1", "ResourceQuota", "default");
    wait_for(&in_other, "team", "made", |quota| quota["spec"]["hard"]["pods"] == "7").await;
    let gone = |quotas: Api<DynamicObject>| async move {
        until("the ResourceQuota to go", || async { quotas.get_opt("team").await.unwrap() }, Option::is_none)
            .await;
    };
    gone(in_member).await;
    quotas.delete("team", &DeleteParams::default()).await.unwrap();
    gone(in_other).await;
}
