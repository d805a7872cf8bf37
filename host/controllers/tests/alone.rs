//! The scheduler alone, beside other writers; and who of several is the one.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::jiff::Timestamp;
use kube::api::{
    Api, ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams, WatchEvent,
    WatchParams,
};
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use windlass_apiserver::{ApiServer, Config, store};
use windlass_controllers::explain::{self, Verb};
use windlass_controllers::{
    Candidate, Election, NoRooms, Scheduler, SchedulerContext, SchedulerSettings, Term, Timing, run_scheduler,
};

const PATIENCE: Duration = Duration::from_secs(60);

struct Server {
    server: ApiServer,
    client: kube::Client,
    _folder: tempfile::TempDir,
}

impl Server {
    async fn open() -> Server {
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
        Server { client: server.client(), server, _folder: folder }
    }

    fn api(&self, group: &str, version: &str, kind: &str) -> Api<DynamicObject> {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        match kind {
            "Cluster" => Api::all_with(self.client.clone(), &resource),
            _ => Api::namespaced_with(self.client.clone(), "default", &resource),
        }
    }

    fn bindings(&self) -> Api<DynamicObject> {
        self.api("work.karmada.io", "v1alpha2", "ResourceBinding")
    }

    async fn cluster(&self, name: &str) {
        let api = self.api("cluster.karmada.io", "v1alpha1", "Cluster");
        let cluster = json!({"apiVersion": "cluster.karmada.io/v1alpha1", "kind": "Cluster",
            "metadata": {"name": name}, "spec": {"syncMode": "Push"}});
        api.create(&PostParams::default(), &serde_json::from_value(cluster).unwrap()).await.unwrap();
        let apis = json!([{"groupVersion": "apps/v1", "resources": [{"name": "deployments", "kind": "Deployment"}]}]);
        let status = json!({"status": {"apiEnablements": apis}});
        api.patch_status(name, &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    }

    async fn binding(&self, name: &str, labels: Value, scheduler: &str) {
        let binding = json!({"apiVersion": "work.karmada.io/v1alpha2", "kind": "ResourceBinding",
            "metadata": {"name": name, "labels": labels}, "spec": {"schedulerName": scheduler,
            "resource": {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "default", "name": name},
            "replicas": 2, "placement": {}}});
        self.bindings()
            .create(&PostParams::default(), &serde_json::from_value(binding).unwrap())
            .await
            .unwrap();
    }

    async fn get(&self, name: &str) -> Value {
        serde_json::to_value(self.bindings().get(name).await.unwrap()).unwrap()
    }

    /// Polls until the binding is scheduled in its present generation.
    async fn scheduled(&self, name: &str) -> Value {
        let begun = Instant::now();
        loop {
            let binding = self.get(name).await;
            if binding["status"]["schedulerObservedGeneration"] == binding["metadata"]["generation"] {
                return binding;
            }
            assert!(begun.elapsed() < PATIENCE, "{binding}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn scheduler(&self, scheduler: &Scheduler) -> SchedulerContext {
        SchedulerContext {
            client: self.client.clone(),
            rooms: Arc::new(NoRooms::default()),
            clock: Arc::new(Timestamp::now),
            scheduler: scheduler.clone(),
            interpreter: None,
        }
    }
}

fn condition<'a>(binding: &'a Value, kind: &str) -> Option<&'a Value> {
    binding["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

#[tokio::test(flavor = "multi_thread")]
async fn it_schedules_what_is_its_own_and_leaves_others_conditions_alone() {
    let server = Server::open().await;
    server.cluster("m1").await;
    let policy = json!({"propagationpolicy.karmada.io/permanent-id": "p"});
    server.binding("nobodys", json!({}), "").await;
    server.binding("others", policy.clone(), "another-scheduler").await;
    server.binding("web", policy.clone(), "default-scheduler").await;
    let term = Term::default();
    let scheduler = Scheduler::new(SchedulerSettings { writes_in_flight: 4, ..SchedulerSettings::default() });
    let running = tokio::spawn(run_scheduler(server.scheduler(&scheduler), term.clone()));

    let web = server.scheduled("web").await;
    assert_eq!(web["spec"]["clusters"], json!([{"name": "m1", "replicas": 2}]));
    assert_eq!(condition(&web, "Scheduled").unwrap()["reason"], "Success");
    assert!(web["status"]["lastScheduledTime"].is_string(), "{web}");

    let asked = |verb, path: &str, body: &[u8]| explain::answer(&scheduler, verb, path, body);
    let (code, report) = asked(Verb::Get, "bindings/default/web", b"");
    assert_eq!(
        (code, &report["source"], &report["queue"]["place"]),
        (200, &json!("Scheduler"), &json!("Settled"))
    );
    assert_eq!(report["explanation"]["groups"][0]["clusters"][0]["name"], "m1");
    let unknown = asked(Verb::Get, "/bindings/default/nobodys", b"");
    assert_eq!((unknown.0, &unknown.1["kind"]), (404, &json!("Status")));
    let mut scaled = web.clone();
    scaled["spec"]["replicas"] = json!(9);
    let (code, report) = asked(Verb::Post, "dry-run", scaled.to_string().as_bytes());
    assert_eq!((code, &report["explanation"]["decision"]["clusters"][0]["replicas"]), (200, &json!(9)));
    assert_eq!(asked(Verb::Post, "dry-run", b"{").0, 400);
    assert_eq!(asked(Verb::Post, "queue", b"").0, 405);
    assert_eq!(asked(Verb::Get, "elsewhere", b"").0, 404);
    assert_eq!(asked(Verb::Get, "queue", b"").1["bindings"], 1);
    let mut registry = Registry::default();
    scheduler.show(&mut registry);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    let counted = "karmada_scheduler_schedule_attempts_total{result=\"scheduled\",schedule_type=\"ReconcileSchedule\"} 1";
    assert!(text.contains(counted), "{text}");
    let came = "karmada_scheduler_queue_incoming_bindings_total{event=\"BindingAdd\"} 1";
    assert!(text.contains(came), "{text}");

    // Another writer has its condition there, ahead of the scheduler's; then the workload is scaled.
    let applied = json!({"type": "FullyApplied", "status": "True", "reason": "Theirs", "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z"});
    let both = json!({"status": {"conditions": [applied, condition(&web, "Scheduled")]}});
    server.bindings().patch_status("web", &PatchParams::default(), &Patch::Merge(both)).await.unwrap();
    let scaled = json!({"spec": {"replicas": 5}});
    server.bindings().patch("web", &PatchParams::default(), &Patch::Merge(scaled)).await.unwrap();
    let web = server.scheduled("web").await;
    assert_eq!(web["spec"]["clusters"], json!([{"name": "m1", "replicas": 5}]));
    assert_eq!(condition(&web, "FullyApplied").unwrap()["reason"], "Theirs");
    assert_eq!(web["status"]["conditions"].as_array().unwrap().len(), 2);

    // Bindings are looked at in turn: one that came later is done, and these are not.
    server.binding("last", policy, "").await;
    server.scheduled("last").await;
    for left_alone in ["nobodys", "others"] {
        let binding = server.get(left_alone).await;
        assert!(binding["spec"]["clusters"].is_null() && binding["status"].is_null(), "{binding}");
    }
    term.end.cancel();
    running.await.unwrap();
    server.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_and_its_status_are_one_write_where_the_server_takes_both() {
    let server = Server::open().await;
    server.cluster("m1").await;
    server.binding("web", json!({"propagationpolicy.karmada.io/permanent-id": "p"}), "").await;
    let from = server.get("web").await["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    let mut events = server.bindings().watch(&WatchParams::default(), &from).await.unwrap().boxed();
    let term = Term::default();
    let scheduler = Scheduler::new(SchedulerSettings { writes_in_flight: 4, ..SchedulerSettings::default() });
    let running = tokio::spawn(run_scheduler(server.scheduler(&scheduler), term.clone()));
    let written = match tokio::time::timeout(PATIENCE, events.next()).await.expect("an event").unwrap() {
        Ok(WatchEvent::Modified(binding)) => serde_json::to_value(binding).unwrap(),
        other => panic!("{other:?}"),
    };
    assert_eq!(written["spec"]["clusters"], json!([{"name": "m1", "replicas": 2}]));
    assert_eq!(written["metadata"]["generation"], 2);
    assert_eq!(written["status"]["schedulerObservedGeneration"], 2);
    assert_eq!(condition(&written, "Scheduled").unwrap()["reason"], "Success");
    assert_eq!(condition(&written, "Scheduled").unwrap()["observedGeneration"], 2);
    // At its end it writes what it has to say, which is nothing more.
    term.end.cancel();
    running.await.unwrap();
    assert_eq!(server.get("web").await, written);
    server.server.shutdown().await;
}

fn candidate(identity: &str) -> Candidate {
    let millis = Duration::from_millis;
    Candidate {
        namespace: "default".to_owned(),
        name: "scheduler".to_owned(),
        identity: identity.to_owned(),
        timing: Timing::new(millis(10_000), millis(6000), millis(50)).unwrap(),
    }
}

/// Runs a candidate that says when it begins and when it is told to end.
fn run(server: &Server, identity: &'static str, said: &mpsc::UnboundedSender<String>) -> CancellationToken {
    let election = Election::new(server.client.clone(), candidate(identity), Arc::new(Timestamp::now));
    let (shutdown, said) = (CancellationToken::new(), said.clone());
    let work = move |term: Term| {
        let said = said.clone();
        async move {
            said.send(format!("{identity} begins")).unwrap();
            let how = tokio::select! {
                () = term.end.cancelled() => "ends",
                () = term.lost.cancelled() => "has lost",
            };
            said.send(format!("{identity} {how}")).unwrap();
        }
    };
    tokio::spawn(election.run(work, shutdown.clone()));
    shutdown
}

async fn next(heard: &mut mpsc::UnboundedReceiver<String>) -> String {
    tokio::time::timeout(PATIENCE, heard.recv()).await.expect("something happens").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_leads_and_the_next_follows_when_it_is_done() {
    let server = Server::open().await;
    let (said, mut heard) = mpsc::unbounded_channel();
    let first = run(&server, "first", &said);
    assert_eq!(next(&mut heard).await, "first begins");
    let second = run(&server, "second", &said);
    first.cancel();
    assert_eq!(next(&mut heard).await, "first ends", "the Lease is not given up before the work has ended");
    assert_eq!(next(&mut heard).await, "second begins");
    let lease = Api::<Lease>::namespaced(server.client.clone(), "default").get("scheduler").await.unwrap();
    let spec = lease.spec.unwrap();
    assert_eq!((spec.holder_identity.as_deref(), spec.lease_duration_seconds), (Some("second"), Some(10)));
    second.cancel();
    assert_eq!(next(&mut heard).await, "second ends");
    server.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_loses_the_lease_stops_and_stands_by() {
    let server = Server::open().await;
    let (said, mut heard) = mpsc::unbounded_channel();
    let shutdown = run(&server, "first", &said);
    assert_eq!(next(&mut heard).await, "first begins");
    // Somebody takes it by force, and never renews it.
    let leases = Api::<Lease>::namespaced(server.client.clone(), "default");
    let taken = json!({"spec": {"holderIdentity": "thief", "leaseDurationSeconds": 1}});
    leases.patch("scheduler", &PatchParams::default(), &Patch::Merge(taken)).await.unwrap();
    assert_eq!(next(&mut heard).await, "first has lost");
    assert_eq!(next(&mut heard).await, "first begins");
    let spec = leases.get("scheduler").await.unwrap().spec.unwrap();
    assert_eq!(spec.holder_identity.as_deref(), Some("first"));
    shutdown.cancel();
    assert_eq!(next(&mut heard).await, "first ends");
    server.server.shutdown().await;
}
