//! A simulated member on an embedded API server, seen through that server alone.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Node, Pod, ResourceQuota, Secret};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use support::{Running, eventually, started};

fn running(pod: &Pod) -> bool {
    pod.status.as_ref().is_some_and(|status| status.phase.as_deref() == Some("Running"))
}

fn why_pending(pod: &Pod) -> String {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let unscheduled = conditions.iter().find(|c| c.type_ == "PodScheduled" && c.status == "False");
    unscheduled.and_then(|condition| condition.message.clone()).unwrap_or_default()
}

fn with_name(mut object: Value, name: &str) -> Value {
    object["metadata"] = json!({"name": name});
    object
}

async fn apply<K>(api: &Api<K>, object: Value) -> K
where
    K: Clone + std::fmt::Debug + serde::Serialize + serde::de::DeserializeOwned,
{
    api.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap()
}

fn deployment(name: &str, replicas: i64, cpu: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "default"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": cpu}}}]}}}})
}

async fn pods_of(member: &Running, workload: &str) -> Vec<Pod> {
    let pods = member.pods().list(&Default::default()).await.unwrap().items;
    let owned = |pod: &Pod| pod.owner_references().iter().any(|owner| owner.name == workload);
    pods.into_iter().filter(owned).collect()
}

async fn ready_pods(member: &Running, workload: &str) -> usize {
    pods_of(member, workload).await.iter().filter(|pod| running(pod)).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workload_gets_its_pods_and_its_status() {
    let member = started("members: [{name: m1, podStartupDelay: 1ms}]").await;
    let nodes: Api<Node> = Api::all(member.client.clone());
    eventually("three nodes are there", || async {
        nodes.list(&Default::default()).await.unwrap().items.len() == 3
    })
    .await;
    let deployments: Api<Deployment> = Api::namespaced(member.client.clone(), "default");
    apply(&deployments, deployment("web", 3, "1")).await;
    eventually("three pods run, and the status says so", || async {
        let status = deployments.get("web").await.unwrap().status.unwrap_or_default();
        ready_pods(&member, "web").await == 3 && status.ready_replicas == Some(3)
    })
    .await;
    let pod = pods_of(&member, "web").await.remove(0);
    assert_eq!(pod.labels()["windlass.io/component"], "");
    assert!(pod.status.as_ref().unwrap().pod_ip.is_some());

    for replicas in [5, 1] {
        let patch = json!({"spec": {"replicas": replicas}});
        deployments.patch("web", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
        eventually("the pods follow the replicas", || async {
            let status = deployments.get("web").await.unwrap().status.unwrap_or_default();
            let pods = pods_of(&member, "web").await;
            pods.len() == replicas
                && pods.iter().all(running)
                && status.ready_replicas == Some(replicas as i32)
        })
        .await;
    }
    deployments.delete("web", &DeleteParams::default()).await.unwrap();
    eventually("the pods go with their owner", || async { pods_of(&member, "web").await.is_empty() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_that_fits_nowhere_waits_until_there_is_room() {
    let spec = "members: [{name: m1, podStartupDelay: 0s, nodes: [{name: small, allocatable: {cpu: '2'}}]}]";
    let member = started(spec).await;
    let deployments: Api<Deployment> = Api::namespaced(member.client.clone(), "default");
    apply(&deployments, deployment("big", 1, "4")).await;
    eventually("the pod says what is missing", || async {
        let pods = pods_of(&member, "big").await;
        pods.iter().any(|pod| why_pending(pod).starts_with("0/1 nodes are available: 1 Insufficient cpu."))
    })
    .await;
    let nodes: Api<Node> = Api::all(member.client.clone());
    // As somebody would who adds one with kubectl: capacity alone.
    apply(&nodes, json!({"metadata": {"name": "large"}, "status": {"capacity": {"cpu": "8", "memory": "8Gi", "pods": "10"}}})).await;
    eventually("the pod runs on the new node", || async {
        let pods = pods_of(&member, "big").await;
        pods.iter()
            .any(|pod| running(pod) && pod.spec.as_ref().unwrap().node_name.as_deref() == Some("large"))
    })
    .await;
    nodes.delete("large", &DeleteParams::default()).await.unwrap();
    eventually("the pod goes with its node, and another one waits", || async {
        let pods = pods_of(&member, "big").await;
        pods.len() == 1 && why_pending(&pods[0]).contains("Insufficient cpu")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quota_limits_what_is_created() {
    let spec = "members: [{name: m1, podStartupDelay: 0s, resourceQuotas: [{namespace: default, hard: {requests.cpu: '2'}}]}]";
    let member = started(spec).await;
    let quotas: Api<ResourceQuota> = Api::namespaced(member.client.clone(), "default");
    let used = || async {
        let status =
            quotas.get_opt("quota").await.unwrap().and_then(|quota| quota.status).unwrap_or_default();
        status.used.and_then(|used| used.get("requests.cpu").cloned()).map(|cpu| cpu.0)
    };
    eventually("the quota is counted", || async { used().await.as_deref() == Some("0") }).await;
    let deployments: Api<Deployment> = Api::namespaced(member.client.clone(), "default");
    apply(&deployments, deployment("web", 3, "1")).await;
    eventually("as many pods as the quota lets in", || async {
        pods_of(&member, "web").await.len() == 2 && used().await.as_deref() == Some("2")
    })
    .await;
    let user_pod = json!({"metadata": {"name": "mine"}, "spec": {"containers": [{"name": "c", "image": "i",
        "resources": {"requests": {"cpu": "1"}}}]}});
    let refused =
        member.pods().create(&PostParams::default(), &serde_json::from_value(user_pod).unwrap()).await;
    let message = refused.unwrap_err().to_string();
    assert!(
        message.contains("exceeded quota: quota, requested: requests.cpu=1, used: requests.cpu=2"),
        "{message}"
    );

    let small = json!({"spec": {"hard": {"secrets": "2", "count/deployments.apps": "9"}}});
    quotas
        .create(&PostParams::default(), &serde_json::from_value(with_name(small, "objects")).unwrap())
        .await
        .unwrap();
    let objects_used = || async {
        let status = quotas.get("objects").await.unwrap().status.unwrap_or_default();
        let used = status.used.unwrap_or_default();
        used.into_iter().map(|(name, amount)| format!("{name}={}", amount.0)).collect::<Vec<_>>().join(",")
    };
    eventually("objects are counted", || async {
        objects_used().await == "count/deployments.apps=1,secrets=0"
    })
    .await;
    let secrets: Api<Secret> = Api::namespaced(member.client.clone(), "default");
    for name in ["a", "b"] {
        apply(&secrets, json!({"metadata": {"name": name}})).await;
    }
    let third = serde_json::from_value(json!({"metadata": {"name": "c"}})).unwrap();
    let refused = secrets.create(&PostParams::default(), &third).await.unwrap_err().to_string();
    let want = "secrets \"c\" is forbidden: exceeded quota: objects, requested: secrets=1, used: secrets=2, limited: secrets=2";
    assert!(refused.contains(want), "{refused}");
    secrets.delete("a", &DeleteParams::default()).await.unwrap();
    eventually("what is deleted makes room", || async {
        secrets.create(&PostParams::default(), &third).await.is_ok()
    })
    .await;

    let patch = json!({"spec": {"hard": {"requests.cpu": "4"}}});
    quotas.patch("quota", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    eventually("the third pod comes", || async { ready_pods(&member, "web").await == 3 }).await;
    deployments.delete("web", &DeleteParams::default()).await.unwrap();
    eventually("what is gone is given back", || async { used().await.as_deref() == Some("0") }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_users_pod_is_bound_and_runs() {
    let member = started("members: [{name: m1, podStartupDelay: 0s}]").await;
    let pod = json!({"metadata": {"name": "mine"}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    apply(&member.pods(), pod).await;
    eventually("it runs", || async { running(&member.pods().get("mine").await.unwrap()) }).await;
    member.pods().delete("mine", &DeleteParams::default()).await.unwrap();
    eventually("it can be deleted", || async { member.pods().get_opt("mine").await.unwrap().is_none() })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kind_that_is_defined_later_is_simulated_too() {
    let member = started("members: [{name: m1, podStartupDelay: 0s}]").await;
    let definitions: Api<CustomResourceDefinition> = Api::all(member.client.clone());
    apply(
        &definitions,
        json!({"metadata": {"name": "gangs.example.com"}, "spec": {"group": "example.com", "scope": "Namespaced",
            "names": {"plural": "gangs", "kind": "Gang"}, "versions": [{"name": "v1", "served": true, "storage": true,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}}),
    )
    .await;
    let gvk = GroupVersionKind::gvk("example.com", "v1", "Gang");
    let gangs: Api<DynamicObject> = Api::namespaced_with(
        member.client.clone(),
        "default",
        &ApiResource::from_gvk_with_plural(&gvk, "gangs"),
    );
    let gang = json!({"apiVersion": "example.com/v1", "kind": "Gang", "metadata": {"name": "g"},
        "spec": {"leader": 1, "followers": 2}});
    eventually("the kind is served", || async {
        gangs.create(&PostParams::default(), &serde_json::from_value(gang.clone()).unwrap()).await.is_ok()
    })
    .await;
    eventually("each component has its pods", || async {
        let pods = pods_of(&member, "g").await;
        let of = |component: &str| {
            pods.iter()
                .filter(|pod| pod.labels()["windlass.io/component"] == component && running(pod))
                .count()
        };
        of("leader") == 1 && of("followers") == 2
    })
    .await;
    eventually("its status is written", || async {
        gangs.get("g").await.unwrap().data.pointer("/status/ready") == Some(&json!(3))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_completes_and_a_deployment_rolls_out() {
    let member = started("members: [{name: m1, podStartupDelay: 1ms, podRunTime: 100ms}]").await;
    let jobs: Api<Job> = Api::namespaced(member.client.clone(), "default");
    let spec = json!({"completions": 3, "parallelism": 2, "template": {
        "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}});
    apply(&jobs, json!({"metadata": {"name": "sum"}, "spec": spec})).await;
    eventually("the job is complete", || async {
        let status = jobs.get("sum").await.unwrap().status.unwrap_or_default();
        let complete = status.conditions.iter().flatten().any(|condition| condition.type_ == "Complete");
        complete && status.succeeded == Some(3)
    })
    .await;
    let phases = pods_of(&member, "sum").await.into_iter().map(|pod| pod.status.unwrap().phase.unwrap());
    assert_eq!(phases.collect::<Vec<_>>(), ["Succeeded"; 3]);

    let deployments: Api<Deployment> = Api::namespaced(member.client.clone(), "default");
    apply(&deployments, deployment("web", 3, "1")).await;
    eventually("three pods run", || async { ready_pods(&member, "web").await == 3 }).await;
    let patch = json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "i2"}]}}}});
    deployments.patch("web", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    eventually("all pods have the new image, and the status says so", || async {
        let pods = pods_of(&member, "web").await;
        let updated = |pod: &Pod| pod.spec.as_ref().unwrap().containers[0].image.as_deref() == Some("i2");
        let status = deployments.get("web").await.unwrap().status.unwrap_or_default();
        pods.len() == 3
            && pods.iter().all(|pod| updated(pod) && running(pod) && pod.labels()["app"] == "web")
            && (status.updated_replicas, status.replicas, status.ready_replicas)
                == (Some(3), Some(3), Some(3))
    })
    .await;
    let gone = pods_of(&member, "web").await.remove(0).name_any();
    member.pods().delete(&gone, &DeleteParams::default()).await.unwrap();
    eventually("a deleted pod is replaced", || async {
        let pods = pods_of(&member, "web").await;
        pods.iter().filter(|pod| running(pod) && pod.metadata.deletion_timestamp.is_none()).count() == 3
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_fails_and_comes_back_by_an_annotation() {
    let member = started("members: [{name: m1, podStartupDelay: 0s, nodes: [{name: n1}]}]").await;
    let deployments: Api<Deployment> = Api::namespaced(member.client.clone(), "default");
    apply(&deployments, deployment("web", 2, "1")).await;
    let nodes: Api<Node> = Api::all(member.client.clone());
    for (annotated, ready, taints) in [("true", 2, 0), ("false", 0, 2), ("true", 2, 0)] {
        let patch = json!({"metadata": {"annotations": {"simulator.windlass.io/ready": annotated}}});
        eventually("the node takes the annotation", || async {
            nodes.patch("n1", &PatchParams::default(), &Patch::Merge(&patch)).await.is_ok()
        })
        .await;
        eventually("node, pods and workload say so", || async {
            let node = nodes.get("n1").await.unwrap();
            let status = deployments.get("web").await.unwrap().status.unwrap_or_default();
            node.spec.unwrap_or_default().taints.unwrap_or_default().len() == taints
                && status.ready_replicas.unwrap_or_default() == ready
                && pods_of(&member, "web").await.len() == 2
        })
        .await;
    }
}

/// The API server counts its writes in resource versions.
async fn revision(member: &Running) -> u64 {
    let pods = member.pods().list(&Default::default()).await.unwrap();
    pods.metadata.resource_version.unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_cost_five_writes() {
    let member = started("members: [{name: m1}]").await;
    let deployments: Api<Deployment> = Api::namespaced(member.client.clone(), "default");
    let ready = |name: &'static str| {
        let deployments = deployments.clone();
        async move {
            let status = deployments.get(name).await.unwrap().status.unwrap_or_default();
            status.ready_replicas == Some(2)
        }
    };
    apply(&deployments, deployment("warm", 2, "100m")).await;
    eventually("the first is ready", || ready("warm")).await;
    let before = revision(&member).await;
    apply(&deployments, deployment("web", 2, "100m")).await;
    eventually("the second is ready", || ready("web")).await;
    // Its own creation, two pods created, two that run, and the status.
    let writes = revision(&member).await - before;
    eprintln!("a workload of two replicas: {} writes", writes - 1);
    assert_eq!(writes, 1 + 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_workloads_at_once_are_all_ready_in_the_end() {
    let spec = "members: [{name: m1, podStartupDelay: 0s, nodes: [{count: 20}]}]";
    let member = started(spec).await;
    let deployments: Api<Deployment> = Api::namespaced(member.client.clone(), "default");
    let started = std::time::Instant::now();
    let created = (0..1000).map(|number| {
        let deployments = deployments.clone();
        async move { apply(&deployments, deployment(&format!("web-{number}"), 1, "100m")).await }
    });
    futures::future::join_all(created).await;
    eventually("all are ready", || async {
        let all = deployments.list(&Default::default()).await.unwrap().items;
        let ready =
            |one: &Deployment| one.status.as_ref().is_some_and(|status| status.ready_replicas == Some(1));
        all.len() == 1000 && all.iter().all(ready)
    })
    .await;
    eprintln!("1000 workloads were ready after {:?}", started.elapsed());
}
