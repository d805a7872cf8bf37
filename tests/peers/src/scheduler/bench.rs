//! How fast bindings are scheduled, as ratios of one run: by a bare client that makes just the two writes a binding
//! which any scheduler has to make, by `windlass scheduler`, and by karmada-scheduler with its limits lifted.
//!
//! All on the same kube-apiserver and etcd, one after the other, each with bindings of its own that are there before it
//! begins. The same watch counts for all of them, from the first binding that is done to the last.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use futures::StreamExt as _;
use futures::stream;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::cost::{Cost, Meter};
use super::load::{CLIENTS, Counting, Kind, Pace, bindings, create, placement};
use super::workloads::{MEMBERS_OF_BENCHES, cluster, cluster_status};
use crate::karmada::control_plane::{document, files, until};
use crate::karmada::objects::{apply, apply_status};
use crate::servers::{self, Durability, Kubernetes, Process};

const PATIENCE: Duration = Duration::from_secs(120);
const CLUSTERS: usize = MEMBERS_OF_BENCHES;

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
    /// How often they take turns, so that what else the machine does is shared by all.
    #[arg(long, default_value_t = 1)]
    rounds: usize,
    /// What is scheduled; all three if not given.
    #[arg(long, value_enum)]
    kind: Vec<Kind>,
    /// How many bare clients there are.
    #[arg(long, default_value_t = CLIENTS, value_parser = clients)]
    clients: usize,
    /// More flags for `windlass scheduler`.
    #[arg(long, value_name = "FLAG", allow_hyphen_values = true)]
    flag: Vec<String>,
}

fn clients(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|clients| *clients > 0).ok_or_else(|| format!("{text:?} is no number from 1 on"))
}

/// How fast somebody was, and at which cost.
#[derive(Clone, Default)]
struct Figures {
    pace: Pace,
    cost: Cost,
}

impl std::ops::AddAssign for Figures {
    fn add_assign(&mut self, other: Figures) {
        let Figures { pace, cost } = other;
        self.pace += pace;
        self.cost += cost;
    }
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
    ensure!(options.rounds > 0, "--rounds 0 measures nothing: 1 or more");
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
        "what was written to the API server, and each one's processor time, are of one binding on average"
    );
    println!("{:<30} {:>10} {}", "", "bindings/s", Cost::heading());
    for kind in kinds {
        let server = Kubernetes::start(&programs, Durability::Kept).await?;
        let folder = tempfile::tempdir().context("a temporary directory")?;
        let kubeconfig = server.write_kubeconfig(folder.path())?;
        let bench = Bench { options, karmada, server, kubeconfig, folder };
        bench.prepare().await?;
        let [mut bare, mut windlass, mut by_karmada] = std::array::from_fn(|_| Figures::default());
        for round in 0..bench.options.rounds {
            bare += bench.bare(kind, round).await.context("the bare client")?;
            windlass += bench.windlass(kind, round).await.context("windlass scheduler")?;
            by_karmada += bench.karmada(kind, round).await.context("karmada-scheduler")?;
        }
        let kind = format!("{kind:?}").to_lowercase();
        for (who, figures) in
            [("bare client", &bare), ("windlass scheduler", &windlass), ("karmada-scheduler", &by_karmada)]
        {
            let Figures { pace, cost } = figures;
            println!("{kind:<11}{who:<19} {:>10.1} {}", pace.per_second(), cost.of_each(pace.done));
        }
        let [bare, windlass, by_karmada] = [bare, windlass, by_karmada].map(|it| it.pace.per_second());
        println!(
            "{kind:<11}windlass/bare client {:.0} %, windlass/karmada-scheduler {:.1}x",
            100.0 * windlass / bare,
            windlass / by_karmada
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
    async fn bare(&self, kind: Kind, round: usize) -> anyhow::Result<Figures> {
        let (prefix, count) = (&format!("bare-{round}"), self.options.bindings / self.options.rounds);
        create(&self.server.client, kind, prefix, count, "nobody").await?;
        let counting = Counting::start(self.server.another_client()?, prefix, count).await?;
        let many = self.options.clients;
        let clients = (0..many).map(|_| self.server.another_client()).collect::<anyhow::Result<Vec<_>>>()?;
        let meter = Meter::start(&self.server).await?;
        let writing = stream::iter(0..count).map(|number| {
            let api = bindings(&clients[number % many]);
            async move {
                let name = format!("{prefix}-{number}");
                let params = PatchParams::default();
                let (spec, status) = two_writes(kind);
                api.patch(&name, &params, &Patch::Merge(spec)).await?;
                api.patch_status(&name, &params, &Patch::Merge(status)).await
            }
        });
        let mut writing = writing.buffer_unordered(many);
        while let Some(written) = writing.next().await {
            written?;
        }
        let pace = counting.pace().await?;
        Ok(Figures { pace, cost: meter.read(None).await? })
    }

    async fn windlass(&self, kind: Kind, round: usize) -> anyhow::Result<Figures> {
        let (prefix, count) = (&format!("windlass-{round}"), self.options.bindings / self.options.rounds);
        create(&self.server.client, kind, prefix, count, "windlass").await?;
        let counting = Counting::start(self.server.another_client()?, prefix, count).await?;
        let mut arguments = vec![
            "scheduler".to_owned(),
            format!("--kubeconfig={}", self.kubeconfig.display()),
            "--leader-elect=false".to_owned(),
            "--scheduler-name=windlass".to_owned(),
            "--metrics-bind-address=0".to_owned(),
            "--health-probe-bind-address=0".to_owned(),
        ];
        arguments.extend(self.options.flag.iter().cloned());
        let meter = Meter::start(&self.server).await?;
        let scheduler =
            Process::start("windlass-scheduler", &self.options.windlass, &arguments, self.folder.path())?;
        let pace = counting.pace().await.with_context(|| scheduler.last_words().1)?;
        let cost = meter.read(Some(&scheduler)).await?;
        scheduler.stop().await?;
        Ok(Figures { pace, cost })
    }

    async fn karmada(&self, kind: Kind, round: usize) -> anyhow::Result<Figures> {
        let (prefix, count) =
            (&format!("karmada-{round}"), self.options.karmada_bindings / self.options.rounds);
        create(&self.server.client, kind, prefix, count, "default-scheduler").await?;
        let counting = Counting::start(self.server.another_client()?, prefix, count).await?;
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
        let meter = Meter::start(&self.server).await?;
        let scheduler =
            Process::start("karmada-scheduler", &self.karmada.program, &arguments, self.folder.path())?;
        let pace = counting.pace().await.with_context(|| scheduler.last_words().1)?;
        let cost = meter.read(Some(&scheduler)).await?;
        scheduler.stop().await?;
        Ok(Figures { pace, cost })
    }
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
    use super::super::load::{binding, is_done};
    use super::*;
    use kube::api::DynamicObject;

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
