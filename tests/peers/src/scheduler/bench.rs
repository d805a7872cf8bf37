//! How fast bindings are scheduled, as ratios of one run: by a bare client that makes just the two writes a binding
//! which any scheduler has to make, by `windlass scheduler`, and by karmada-scheduler with its limits lifted.
//!
//! All on the same kube-apiserver and etcd, one after the other, each with bindings of its own that are there before it
//! begins. The same watch counts for all of them, from the first binding that is done to the last.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use futures::StreamExt as _;
use futures::stream;
use kube::api::{
    Api, ApiResource, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams, PostParams,
};
use kube::api::{WatchEvent, WatchParams};
use serde_json::{Value, json};

use super::workloads::{cluster, cluster_status};
use crate::karmada::control_plane::{document, files, until};
use crate::karmada::objects::{apply, apply_status};
use crate::servers::{self, Durability, Kubernetes, Process};

const PATIENCE: Duration = Duration::from_secs(120);
/// Bare clients, and requests of whoever prepares.
const CLIENTS: usize = 32;
const CLUSTERS: usize = 20;
const NAMESPACE: &str = "default";

#[derive(Args)]
pub(crate) struct Options {
    /// The `windlass` binary, of the release profile.
    #[arg(long, value_name = "FILE")]
    windlass: PathBuf,
    /// Bindings that are scheduled by the bare client, and by Windlass.
    #[arg(long, default_value_t = 5_000)]
    bindings: usize,
    /// Bindings that are scheduled by karmada-scheduler.
    #[arg(long, default_value_t = 500)]
    karmada_bindings: usize,
    /// What is scheduled; all three if not given.
    #[arg(long, value_enum)]
    kind: Vec<Kind>,
    /// More flags for `windlass scheduler`.
    #[arg(long, value_name = "FLAG", allow_hyphen_values = true)]
    flag: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    Dynamic,
    Aggregated,
    Components,
}

struct Bench {
    options: Options,
    karmada: servers::Karmada,
    server: Kubernetes,
    kubeconfig: PathBuf,
    folder: tempfile::TempDir,
}

pub(crate) async fn run(mut options: Options) -> anyhow::Result<()> {
    options.windlass = options
        .windlass
        .canonicalize()
        .with_context(|| format!("{}: build it first", options.windlass.display()))?;
    let kinds = match options.kind.as_slice() {
        [] => vec![Kind::Dynamic, Kind::Aggregated, Kind::Components],
        some => some.to_vec(),
    };
    let mut karmada = servers::build_karmada().await?;
    let programs = servers::build().await?;
    println!(
        "{CLUSTERS} clusters; kube-apiserver and etcd on this machine, every write on disk when it is acknowledged"
    );
    println!(
        "{:<12} {:>10} {:>10} {:>10} {:>16} {:>19}",
        "bindings/s", "bare", "windlass", "karmada", "windlass/bare", "windlass/karmada"
    );
    for kind in kinds {
        let server = Kubernetes::start(&programs, Durability::Kept).await?;
        let folder = tempfile::tempdir().context("a temporary directory")?;
        let kubeconfig = server.write_kubeconfig(folder.path())?;
        let bench = Bench { options, karmada, server, kubeconfig, folder };
        bench.prepare().await?;
        let bare = bench.bare(kind).await.context("the bare client")?;
        let windlass = bench.windlass(kind).await.context("windlass scheduler")?;
        let karmada_rate = bench.karmada(kind).await.context("karmada-scheduler")?;
        println!(
            "{:<12} {bare:>10.1} {windlass:>10.1} {karmada_rate:>10.1} {:>15.0} % {:>18.1}x",
            format!("{kind:?}").to_lowercase(),
            100.0 * windlass / bare,
            windlass / karmada_rate
        );
        Bench { options, karmada, .. } = bench;
    }
    Ok(())
}

impl Bench {
    async fn prepare(&self) -> anyhow::Result<()> {
        let client = &self.server.client;
        let system = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "karmada-system"}});
        apply(client, &system).await?;
        for file in files(&self.karmada.source.join("charts/karmada/_crds/bases"))? {
            apply(client, &document(&file)?).await?;
        }
        let clusters = windlass_api::crds().into_iter().find(|crd| crd.spec.names.kind == "Cluster");
        apply(client, &serde_json::to_value(clusters.context("the definition of Cluster")?)?).await?;
        for number in 1..=CLUSTERS {
            let name = format!("m{number}");
            until(PATIENCE, "clusters are served", async || apply(client, &cluster(&name)).await).await?;
            apply_status(client, &cluster_status(&name, "40000")).await?;
        }
        Ok(())
    }

    /// The two writes of each binding, by many clients at once.
    async fn bare(&self, kind: Kind) -> anyhow::Result<f64> {
        let (prefix, count) = ("bare", self.options.bindings);
        self.create(kind, prefix, count, "nobody").await?;
        let counting = self.count(prefix, count).await?;
        let clients =
            (0..CLIENTS).map(|_| self.server.another_client()).collect::<anyhow::Result<Vec<_>>>()?;
        let writing = stream::iter(0..count).map(|number| {
            let api = bindings(&clients[number % CLIENTS]);
            async move {
                let name = format!("{prefix}-{number}");
                let params = PatchParams::default();
                let (spec, status) = two_writes(kind);
                api.patch(&name, &params, &Patch::Merge(spec)).await?;
                api.patch_status(&name, &params, &Patch::Merge(status)).await
            }
        });
        let mut writing = writing.buffer_unordered(CLIENTS);
        while let Some(written) = writing.next().await {
            written?;
        }
        counting.rate().await
    }

    async fn windlass(&self, kind: Kind) -> anyhow::Result<f64> {
        let (prefix, count) = ("windlass", self.options.bindings);
        self.create(kind, prefix, count, "windlass").await?;
        let counting = self.count(prefix, count).await?;
        let mut arguments = vec![
            "scheduler".to_owned(),
            format!("--kubeconfig={}", self.kubeconfig.display()),
            "--leader-elect=false".to_owned(),
            "--scheduler-name=windlass".to_owned(),
            "--metrics-bind-address=0".to_owned(),
            "--health-probe-bind-address=0".to_owned(),
        ];
        arguments.extend(self.options.flag.iter().cloned());
        let scheduler =
            Process::start("windlass-scheduler", &self.options.windlass, &arguments, self.folder.path())?;
        let rate = counting.rate().await.with_context(|| scheduler.last_words().1)?;
        scheduler.stop().await?;
        Ok(rate)
    }

    async fn karmada(&self, kind: Kind) -> anyhow::Result<f64> {
        let (prefix, count) = ("karmada", self.options.karmada_bindings);
        self.create(kind, prefix, count, "default-scheduler").await?;
        let counting = self.count(prefix, count).await?;
        let arguments = [
            "karmada-scheduler".to_owned(),
            format!("--kubeconfig={}", self.kubeconfig.display()),
            "--leader-elect=false".to_owned(),
            "--metrics-bind-address=0".to_owned(),
            "--health-probe-bind-address=0".to_owned(),
            "--kube-api-qps=100000".to_owned(),
            "--kube-api-burst=100000".to_owned(),
            "--rate-limiter-qps=100000".to_owned(),
            "--rate-limiter-bucket-size=100000".to_owned(),
            "--feature-gates=MultiplePodTemplatesScheduling=true".to_owned(),
        ];
        let scheduler =
            Process::start("karmada-scheduler", &self.karmada.program, &arguments, self.folder.path())?;
        let rate = counting.rate().await.with_context(|| scheduler.last_words().1)?;
        scheduler.stop().await?;
        Ok(rate)
    }

    async fn create(&self, kind: Kind, prefix: &str, count: usize, scheduler: &str) -> anyhow::Result<()> {
        let api = bindings(&self.server.client);
        let creating =
            stream::iter(0..count).map(|number| {
                let (api, object) = (api.clone(), binding(kind, &format!("{prefix}-{number}"), scheduler));
                async move {
                    anyhow::Ok(api.create(&PostParams::default(), &serde_json::from_value(object)?).await?)
                }
            });
        let mut creating = creating.buffer_unordered(CLIENTS);
        while let Some(created) = creating.next().await {
            created?;
        }
        Ok(())
    }

    /// Watches those of the prefix from now on.
    async fn count(&self, prefix: &'static str, count: usize) -> anyhow::Result<Counting> {
        let api = bindings(&self.server.another_client()?);
        let version = api.list_metadata(&ListParams::default().limit(1)).await?.metadata.resource_version;
        let done = tokio::spawn(async move {
            let params = WatchParams::default().timeout(290);
            let mut version = version.unwrap_or_default();
            let mut seen: HashMap<String, Instant> = HashMap::new();
            while seen.len() < count {
                let mut events = api.watch(&params, &version).await?.boxed();
                while let Some(event) = events.next().await {
                    let WatchEvent::Modified(binding) = event? else { continue };
                    version = binding.metadata.resource_version.clone().unwrap_or_default();
                    let name = binding.metadata.name.as_deref().unwrap_or_default();
                    if name.starts_with(prefix) && is_done(&binding) && !seen.contains_key(name) {
                        seen.insert(name.to_owned(), Instant::now());
                        if seen.len() == count {
                            break;
                        }
                    }
                }
            }
            Ok(seen.into_values().collect())
        });
        Ok(Counting { done, count })
    }
}

/// A count under way.
struct Counting {
    done: tokio::task::JoinHandle<anyhow::Result<Vec<Instant>>>,
    count: usize,
}

impl Counting {
    /// Bindings a second, once all are done.
    async fn rate(self) -> anyhow::Result<f64> {
        let patience = PATIENCE + Duration::from_millis(200) * u32::try_from(self.count)?;
        let mut times = tokio::time::timeout(patience, self.done).await.with_context(|| {
            format!("{} bindings are not done in {} s", self.count, patience.as_secs())
        })???;
        times.sort_unstable();
        let (Some(first), Some(last)) = (times.first(), times.last()) else { return Ok(0.0) };
        Ok((times.len() - 1) as f64 / last.duration_since(*first).as_secs_f64())
    }
}

/// Whether both its spec and its status say that it is scheduled.
fn is_done(binding: &DynamicObject) -> bool {
    binding.metadata.generation.is_some()
        && binding.data["status"]["schedulerObservedGeneration"].as_i64() == binding.metadata.generation
        && binding.data["spec"]["clusters"].as_array().is_some_and(|clusters| !clusters.is_empty())
        && binding.data["status"]["conditions"].is_array()
}

fn bindings(client: &kube::Client) -> Api<DynamicObject> {
    let gvk = GroupVersionKind::gvk("work.karmada.io", "v1alpha2", "ResourceBinding");
    Api::namespaced_with(client.clone(), NAMESPACE, &ApiResource::from_gvk(&gvk))
}

fn placement(kind: Kind) -> Value {
    let divided = |preference: &str| json!({"replicaSchedulingType": "Divided", "replicaDivisionPreference": preference});
    match kind {
        Kind::Dynamic => {
            let mut scheduling = divided("Weighted");
            scheduling["weightPreference"] = json!({"dynamicWeight": "AvailableReplicas"});
            json!({"clusterAffinity": {}, "replicaScheduling": scheduling})
        }
        Kind::Aggregated => json!({"clusterAffinity": {}, "replicaScheduling": divided("Aggregated")}),
        Kind::Components => json!({"clusterAffinity": {}, "replicaScheduling": divided("Aggregated"),
            "spreadConstraints": [{"spreadByField": "cluster", "minGroups": 1, "maxGroups": 1}]}),
    }
}

fn binding(kind: Kind, name: &str, scheduler: &str) -> Value {
    let request = json!({"resourceRequest": {"cpu": "100m", "memory": "128Mi"}});
    let mut spec = json!({
        "resource": {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": NAMESPACE, "name": name,
            "uid": format!("uid-of-{name}"), "resourceVersion": "1"},
        "schedulerName": scheduler, "conflictResolution": "Abort", "placement": placement(kind)});
    if kind == Kind::Components {
        let component = |name: &str, replicas: u32| json!({"name": name, "replicas": replicas, "replicaRequirements": request});
        spec["components"] = json!([component("jobmanager", 1), component("taskmanager", 2)]);
    } else {
        spec["replicas"] = json!(40);
        spec["replicaRequirements"] = request;
    }
    json!({"apiVersion": "work.karmada.io/v1alpha2", "kind": "ResourceBinding",
        "metadata": {"namespace": NAMESPACE, "name": name,
            "labels": {"propagationpolicy.karmada.io/permanent-id": "e8bdc2ac-3f0c-4b0a-9a0e-0d6a5b1f6b0c",
                "resourcebinding.karmada.io/permanent-id": "e8bdc2ac-3f0c-4b0a-9a0e-0d6a5b1f6b0c"},
            "annotations": {"propagationpolicy.karmada.io/name": "p",
                "propagationpolicy.karmada.io/namespace": NAMESPACE},
            "finalizers": ["karmada.io/binding-controller"]},
        "spec": spec})
}

/// What any scheduler has to write: as Windlass writes it, without knowing anything.
fn two_writes(kind: Kind) -> (Value, Value) {
    let clusters: Vec<Value> = match kind {
        Kind::Dynamic => {
            (1..=CLUSTERS).map(|number| json!({"name": format!("m{number}"), "replicas": 2})).collect()
        }
        Kind::Aggregated => vec![json!({"name": "m1", "replicas": 40})],
        Kind::Components => vec![json!({"name": "m1"})],
    };
    let applied = placement(kind).to_string();
    let spec = json!({"metadata": {"annotations": {"policy.karmada.io/applied-placement": applied}},
        "spec": {"clusters": clusters}});
    let condition = json!({"type": "Scheduled", "status": "True", "reason": "Success",
        "message": "Binding has been scheduled successfully.", "observedGeneration": 2,
        "lastTransitionTime": "2026-01-01T00:00:00Z"});
    let status = json!({"status": {"schedulerObservedGeneration": 2, "conditions": [condition],
        "lastScheduledTime": "2026-01-01T00:00:00Z"}});
    (spec, status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_bare_client_writes_counts_as_done() {
        for kind in [Kind::Dynamic, Kind::Aggregated, Kind::Components] {
            let mut object = binding(kind, "a", "nobody");
            let (spec, status) = two_writes(kind);
            object["metadata"]["generation"] = json!(2);
            let before: DynamicObject = serde_json::from_value(object.clone()).unwrap();
            assert!(!is_done(&before));
            object["spec"]["clusters"] = spec["spec"]["clusters"].clone();
            object["status"] = status["status"].clone();
            assert!(is_done(&serde_json::from_value(object).unwrap()));
        }
    }
}
