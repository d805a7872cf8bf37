//! From a template's creation in the control plane to the object in both of two members.
//!
//! Everything runs in this process: the control plane, its controllers, and two simulated members, each with a durable
//! store of its own. The clients of the bench use TLS, as anybody's do.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use k8s_openapi::api::apps::v1::Deployment;
use kube::ResourceExt as _;
use kube::api::{Api, DynamicObject, PostParams, WatchEvent, WatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::json;
use windlass::up::{ControlPlane, Members, Options};
use windlass_bench::{deployment, percentile};

const IDLE_ROUNDS: usize = 300;
const AT_ONCE: usize = 1_000;

fn main() -> anyhow::Result<()> {
    windlass::up::runtime()?.block_on(run())
}

async fn run() -> anyhow::Result<()> {
    let folder = tempfile::TempDir::new()?;
    let control_plane = ControlPlane::start(Options {
        data_dir: folder.path().to_owned(),
        port: 0,
        webhook_port: None,
        members: Members::Count(2),
        descheduling: None,
        plugin_dir: None,
        plugin_settings: None,
    })
    .await?;
    let client = control_plane.client_by_kubeconfig().await?;
    let templates: Api<Deployment> = Api::namespaced(client.clone(), "default");
    create_policy(&client).await?;
    let mut arrivals = Arrivals::watch(&control_plane).await?;

    // One object first, so that every watch of the kind is running.
    create(&templates, "warm").await?;
    arrivals.wait_for(2).await?;
    let mut times = Vec::with_capacity(IDLE_ROUNDS);
    for round in 0..IDLE_ROUNDS {
        let began = Instant::now();
        create(&templates, &format!("idle-{round}")).await?;
        arrivals.wait_for(2).await?;
        times.push(began.elapsed());
    }
    println!(
        "template to object in both of two members, idle, {IDLE_ROUNDS} rounds: p50 {:.1} ms, p99 {:.1} ms",
        milliseconds(percentile(&mut times, 50.0)),
        milliseconds(percentile(&mut times, 99.0))
    );

    let began = Instant::now();
    let names: Vec<String> = (0..AT_ONCE).map(|index| format!("many-{index}")).collect();
    let created = stream::iter(names).map(|name| {
        let templates = templates.clone();
        async move { create(&templates, &name).await }
    });
    let (created, arrived) =
        futures::join!(created.buffer_unordered(32).collect::<Vec<_>>(), arrivals.wait_for(2 * AT_ONCE));
    created.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    arrived?;
    let took = began.elapsed();
    println!(
        "{AT_ONCE} Deployments at once, created and in both members: {:.2} s, {:.0}/s",
        took.as_secs_f64(),
        AT_ONCE as f64 / took.as_secs_f64()
    );
    control_plane.stop().await;
    Ok(())
}

async fn create_policy(client: &kube::Client) -> anyhow::Result<()> {
    let kind = GroupVersionKind::gvk("policy.karmada.io", "v1alpha1", "PropagationPolicy");
    let policies: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), "default", &ApiResource::from_gvk(&kind));
    let policy = serde_json::from_value(json!({
        "apiVersion": "policy.karmada.io/v1alpha1", "kind": "PropagationPolicy",
        "metadata": {"name": "all", "namespace": "default"},
        "spec": {"resourceSelectors": [{"apiVersion": "apps/v1", "kind": "Deployment"}],
                 "placement": {"clusterAffinity": {"clusterNames": ["member1", "member2"]}}}
    }))?;
    policies.create(&PostParams::default(), &policy).await?;
    Ok(())
}

async fn create(templates: &Api<Deployment>, name: &str) -> anyhow::Result<()> {
    let template = serde_json::from_value(deployment(name))?;
    templates.create(&PostParams::default(), &template).await?;
    Ok(())
}

/// ADDED events of Deployments in all members.
struct Arrivals {
    events: BoxStream<'static, kube::Result<WatchEvent<Deployment>>>,
    seen: HashMap<String, usize>,
}

impl Arrivals {
    async fn watch(control_plane: &ControlPlane) -> anyhow::Result<Arrivals> {
        let mut streams = Vec::new();
        for member in control_plane.members() {
            let client = control_plane.member_client_by_kubeconfig(&member.name).await?;
            let api: Api<Deployment> = Api::namespaced(client, "default");
            streams.push(api.watch(&WatchParams::default().timeout(290), "0").await?.boxed());
        }
        Ok(Arrivals { events: stream::select_all(streams).boxed(), seen: HashMap::new() })
    }

    async fn wait_for(&mut self, count: usize) -> anyhow::Result<()> {
        let mut arrived = 0;
        while arrived < count {
            let event = tokio::time::timeout(Duration::from_secs(60), self.events.next()).await?;
            match event {
                Some(Ok(WatchEvent::Added(object))) => {
                    *self.seen.entry(object.name_any()).or_default() += 1;
                    arrived += 1;
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
                None => anyhow::bail!("the watch ended after {arrived} of {count} objects"),
            }
        }
        Ok(())
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
