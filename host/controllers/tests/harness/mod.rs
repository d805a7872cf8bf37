//! A control plane and its members, each on an embedded API server in this process, with the control loops running.

mod interpreter;

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use windlass_apiserver::{ApiServer, Config, store};
use windlass_controllers::{Clock, Context, Members, Options, Rooms, Scheduler, WatchedPods};

pub(crate) use interpreter::Plain;

/// How long a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// A control plane with members `member1`, `member2`, ...
pub(crate) struct Fleet {
    pub(crate) control: kube::Client,
    pub(crate) members: Vec<kube::Client>,
    loops: CancellationToken,
    shutdown: CancellationToken,
    running: Option<JoinHandle<()>>,
    context: Context,
    /// Kept for their housekeeping.
    _servers: Vec<ApiServer>,
    _dirs: Vec<TempDir>,
}

async fn server(name: &str, crds: bool) -> (ApiServer, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let mut definitions = if crds { windlass_api::crds() } else { Vec::new() };
    definitions.push(serde_json::from_value(flink_definition()).unwrap());
    let config = Config {
        data_dir: dir.path().to_owned(),
        name: name.to_owned(),
        definitions,
        hooks: Vec::new(),
        store: store::Options::default(),
    };
    (ApiServer::open(config).await.unwrap(), dir)
}

fn flink_definition() -> Value {
    let anything = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "flinkdeployments.flink.apache.org"},
        "spec": {"group": "flink.apache.org", "scope": "Namespaced",
            "names": {"kind": "FlinkDeployment", "plural": "flinkdeployments", "singular": "flinkdeployment"},
            "versions": [{"name": "v1beta1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": anything, "status": anything}}}}]}})
}

impl Fleet {
    /// A running fleet whose members are ready and have plenty of room.
    pub(crate) async fn start(count: usize) -> Fleet {
        let (control, dir) = server("control", true).await;
        let (mut servers, mut dirs) = (vec![control.clone()], vec![dir]);
        let mut clients = HashMap::new();
        let mut members = Vec::new();
        for index in 1..=count {
            let (member, dir) = server(&format!("member{index}"), false).await;
            clients.insert(format!("member{index}"), member.client());
            members.push(member.client());
            servers.push(member);
            dirs.push(dir);
        }
        let shutdown = CancellationToken::new();
        let options = Options::default();
        let clients = Arc::new(Members::new(control.client(), clients, options.member_timeout));
        let rooms = Arc::new(Rooms::default());
        tokio::spawn(clients.clone().run(shutdown.clone()));
        tokio::spawn(rooms.clone().run(clients.clone(), shutdown.clone()));
        let clock: Clock = Arc::new(Timestamp::now);
        let waiting = Arc::new(WatchedPods::new(rooms.clone(), clients.clone(), clock.clone()));
        let (_, interpreters_changed) = watch::channel(0);
        let context = Context {
            client: control.client(),
            interpreter: Arc::new(Plain),
            interpreters_changed,
            members: clients,
            rooms,
            waiting,
            quotas: Arc::default(),
            clock,
            scheduler: Scheduler::default(),
            descheduled: Default::default(),
            options,
        };
        let mut fleet = Fleet {
            control: control.client(),
            members,
            loops: CancellationToken::new(),
            shutdown,
            running: None,
            context,
            _servers: servers,
            _dirs: dirs,
        };
        fleet.run();
        for (index, member) in fleet.members.iter().enumerate() {
            fleet.join(&format!("member{}", index + 1), member).await;
        }
        fleet
    }

    /// Starts the control loops.
    pub(crate) fn run(&mut self) {
        self.loops = self.shutdown.child_token();
        self.running =
            Some(tokio::spawn(windlass_controllers::run(self.context.clone(), self.loops.clone())));
    }

    /// Stops the control loops, and waits until they have ended.
    pub(crate) async fn stop(&mut self) {
        self.loops.cancel();
        if let Some(running) = self.running.take() {
            running.await.unwrap();
        }
    }

    /// Joins a member and waits until it is ready.
    async fn join(&self, name: &str, member: &kube::Client) {
        self.create(member, json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node"}})).await;
        self.set_room(member, "100").await;
        let cluster = json!({"apiVersion": "cluster.karmada.io/v1alpha1", "kind": "Cluster",
            "metadata": {"name": name}, "spec": {"syncMode": "Push"}});
        self.create(&self.control, cluster).await;
        eventually("the member is ready", || async {
            let cluster = self.get(&self.control, "cluster.karmada.io/v1alpha1", "Cluster", "", name).await?;
            (condition(&cluster, "Ready")?.0 == "True").then_some(())
        })
        .await;
    }

    /// Sets how many CPUs a member's node has.
    pub(crate) async fn set_room(&self, member: &kube::Client, cpu: &str) {
        let room = json!({"cpu": cpu, "memory": "1000Gi", "pods": "10000"});
        let ready = json!({"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z", "lastHeartbeatTime": "2026-01-01T00:00:00Z"});
        let status = json!({"status": {"capacity": room, "allocatable": room, "conditions": [ready]}});
        let nodes = self.api(member, "v1", "Node", "");
        nodes.patch_status("node", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    }

    pub(crate) fn api(
        &self,
        client: &kube::Client,
        api_version: &str,
        kind: &str,
        namespace: &str,
    ) -> Api<DynamicObject> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        if namespace.is_empty() {
            Api::all_with(client.clone(), &resource)
        } else {
            Api::namespaced_with(client.clone(), namespace, &resource)
        }
    }

    pub(crate) async fn create(&self, client: &kube::Client, object: Value) {
        let text =
            |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let api = self.api(client, &text("/apiVersion"), &text("/kind"), &text("/metadata/namespace"));
        api.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
    }

    pub(crate) async fn get(
        &self,
        client: &kube::Client,
        api_version: &str,
        kind: &str,
        namespace: &str,
        name: &str,
    ) -> Option<Value> {
        let object = self.api(client, api_version, kind, namespace).get_opt(name).await.unwrap();
        object.map(|object| serde_json::to_value(object).unwrap())
    }

    /// Has so many pods of one CPU each run on a member's node.
    pub(crate) async fn occupy(&self, member: &kube::Client, name: &str, pods: i32) {
        for index in 0..pods {
            let pod = json!({"apiVersion": "v1", "kind": "Pod",
                "metadata": {"name": format!("{name}-{index}"), "namespace": "default"},
                "spec": {"nodeName": "node", "containers": [{"name": "c", "image": "nginx",
                    "resources": {"requests": {"cpu": "1"}}}]}});
            self.create(member, pod).await;
        }
    }

    /// The binding of a resource in `default`.
    pub(crate) async fn binding(&self, name: &str) -> Option<Value> {
        self.get(&self.control, "work.karmada.io/v1alpha2", "ResourceBinding", "default", name).await
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// Waits until `look` gives something, and gives it.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut look: impl FnMut() -> F,
) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// The status of a condition, and why.
pub(crate) fn condition(object: &Value, kind: &str) -> Option<(String, String, String)> {
    let conditions = object.pointer("/status/conditions")?.as_array()?;
    let condition = conditions.iter().find(|condition| condition["type"] == kind)?;
    let text = |field: &str| condition[field].as_str().unwrap_or_default().to_owned();
    Some((text("status"), text("reason"), text("message")))
}

/// A policy in `default` for one kind.
pub(crate) fn policy(name: &str, api_version: &str, kind: &str, placement: Value) -> Value {
    json!({"apiVersion": "policy.karmada.io/v1alpha1", "kind": "PropagationPolicy",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"resourceSelectors": [{"apiVersion": api_version, "kind": kind}], "placement": placement}})
}

/// A Deployment in `default`.
pub(crate) fn deployment(name: &str, replicas: i32) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "default"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "c", "image": "nginx", "resources": {"requests": {"cpu": "1"}}}]}}}})
}

/// The order in which something happened.
#[derive(Clone, Default)]
pub(crate) struct Order(Arc<Mutex<Vec<String>>>);

impl Order {
    pub(crate) fn push(&self, what: String) {
        self.0.lock().push(what);
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock())
    }
}
