//! The descheduler alone, with members' estimators that it asks over the network.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Service as KubernetesService;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams};
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use windlass_apiserver::{ApiServer, Config, store};
use windlass_controllers::{Descheduled, DeschedulerContext, Descheduling, Term, run_descheduler};
use windlass_estimator::client::{Estimators, Options};
use windlass_estimator::protocol::ObjectReference;
use windlass_estimator::server::{GrpcService, Member, Metrics, Service, serve};
use windlass_scheduler::Room;

const PATIENCE: Duration = Duration::from_secs(60);

/// A member that has found no node for so many pods of any workload.
struct Waiting(usize);

impl Member for Waiting {
    fn room(&self) -> Option<Arc<Room>> {
        None
    }

    fn unschedulable(&self, workload: ObjectReference, _: Duration) -> BoxFuture<'_, Result<usize, String>> {
        let told = if workload.name == "strange" { Err("not that one".to_owned()) } else { Ok(self.0) };
        std::future::ready(told).boxed()
    }
}

async fn estimator(cluster: &str, waiting: usize, shutdown: &CancellationToken) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let service = Arc::new(Service::new(cluster.to_owned(), Arc::new(Waiting(waiting)), 4));
    let service = GrpcService::new(service, Metrics::registered(&mut Registry::default()));
    tokio::spawn(serve(listener, None, service, shutdown.clone()));
    port
}

fn api(client: &kube::Client, group: &str, version: &str, kind: &str) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    match kind {
        "Cluster" => Api::all_with(client.clone(), &resource),
        _ => Api::namespaced_with(client.clone(), "default", &resource),
    }
}

/// A workload of 3 replicas in each member, none of them ready.
async fn binding(client: &kube::Client, name: &str) {
    let placement = json!({"replicaScheduling": {"replicaSchedulingType": "Divided",
        "replicaDivisionPreference": "Aggregated"}});
    let binding = json!({"apiVersion": "work.karmada.io/v1alpha2", "kind": "ResourceBinding",
        "metadata": {"name": name, "annotations": {
            "policy.karmada.io/applied-placement": placement.to_string()}},
        "spec": {"resource": {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "default", "name": name},
            "replicas": 9, "clusters": (1..=3).map(|index| json!({"name": format!("m{index}"), "replicas": 3}))
                .collect::<Vec<_>>()}});
    let bindings = api(client, "work.karmada.io", "v1alpha2", "ResourceBinding");
    bindings.create(&PostParams::default(), &serde_json::from_value(binding).unwrap()).await.unwrap();
    report(client, name, [3, 3, 3]).await;
}

/// The members have so many pods of the workload.
async fn report(client: &kube::Client, name: &str, pods: [i64; 3]) {
    let items = pods.iter().enumerate().map(|(index, pods)| {
        json!({"clusterName": format!("m{}", index + 1), "applied": true, "status": {"replicas": pods}})
    });
    let status = json!({"status": {"aggregatedStatus": items.collect::<Vec<_>>()}});
    let bindings = api(client, "work.karmada.io", "v1alpha2", "ResourceBinding");
    bindings.patch_status(name, &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
}

async fn until(what: &str, probe: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !probe().await {
        assert!(Instant::now() < deadline, "{what}");
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn remote_estimators_are_asked_and_one_that_is_silent_keeps_nobody_from_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let server = ApiServer::open(Config {
        data_dir: folder.path().to_owned(),
        name: "alone".to_owned(),
        definitions: windlass_api::crds(),
        hooks: Vec::new(),
        store: store::Options::default(),
    })
    .await
    .unwrap();
    let (client, shutdown) = (server.client(), CancellationToken::new());
    let clusters = api(&client, "cluster.karmada.io", "v1alpha1", "Cluster");
    let services: Api<KubernetesService> = Api::namespaced(client.clone(), "default");
    // Nobody listens where the third one's is said to be.
    let ports = [estimator("m1", 2, &shutdown).await, estimator("m2", 1, &shutdown).await, 1];
    for (index, port) in ports.into_iter().enumerate() {
        let name = format!("m{}", index + 1);
        let cluster = json!({"apiVersion": "cluster.karmada.io/v1alpha1", "kind": "Cluster",
            "metadata": {"name": name}, "spec": {"syncMode": "Pull"}});
        clusters.create(&PostParams::default(), &serde_json::from_value(cluster).unwrap()).await.unwrap();
        let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": format!("asked-{name}")},
            "spec": {"type": "ExternalName", "externalName": "127.0.0.1",
                "ports": [{"port": 10352, "targetPort": port}]}});
        let service = Patch::Apply(service);
        services.patch(&format!("asked-{name}"), &PatchParams::apply("test"), &service).await.unwrap();
    }
    for name in ["strange", "web"] {
        binding(&client, name).await;
    }

    let options = Options {
        service_prefix: "asked".to_owned(),
        service_namespace: "default".to_owned(),
        ..Options::default()
    };
    let mut registry = Registry::default();
    let descheduled = Descheduled::registered(&mut registry);
    let context = DeschedulerContext {
        client: client.clone(),
        estimators: Arc::new(Estimators::new(client.clone(), options, shutdown.clone()).unwrap()),
        options: Descheduling { interval: Duration::from_millis(100), threshold: Duration::ZERO },
        descheduled,
    };
    let term = Term::default();
    let running = tokio::spawn(run_descheduler(context, term.clone()));

    let bindings = api(&client, "work.karmada.io", "v1alpha2", "ResourceBinding");
    let replicas = async |name: &str| -> Value {
        let binding = bindings.get(name).await.unwrap();
        let targets = binding.data["spec"]["clusters"].as_array().unwrap().clone();
        targets.iter().map(|target| target["replicas"].clone()).collect()
    };
    // From the third nothing is taken: nobody has said that they wait.
    until("replicas are taken", async || replicas("web").await == json!([1, 2, 3])).await;
    let rounds = |registry: &Registry| {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
        let count = text.lines().find_map(|line| line.strip_prefix("windlass_descheduler_rounds_total "));
        count.unwrap().parse::<u64>().unwrap()
    };
    let later = rounds(&registry) + 3;
    until("all is looked at again", async || rounds(&registry) >= later).await;
    assert_eq!(replicas("web").await, json!([1, 2, 3]), "the members haven't heard of it yet");
    report(&client, "web", [1, 2, 3]).await;
    until("the second has, and one still waits", async || replicas("web").await == json!([1, 1, 3])).await;
    assert_eq!(replicas("strange").await, json!([3, 3, 3]), "the estimators don't know it");
    term.end.cancel();
    running.await.unwrap();
    shutdown.cancel();
    server.shutdown().await;
}
