//! Who is urgent goes first: while many bindings of priority 0 wait, others arrive at priority 1000, one after the other;
//! how long each takes from its creation to its place in the spec. And how long the embedded server takes for all.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use futures::StreamExt as _;
use kube::api::{ListParams, PostParams, WatchEvent, WatchParams};
use serde_json::json;
use windlass_controllers::{NoRooms, Scheduler, SchedulerContext, SchedulerSettings, Term, run_scheduler};

use super::load::{Counting, Kind, binding, bindings, create, is_placed};
use super::workloads::{MEMBERS_OF_BENCHES, cluster, cluster_status};
use crate::karmada::control_plane::until;
use crate::karmada::objects::{apply, apply_status};
use crate::servers::{self, Durability, Embedded, Kubernetes, Process};

const PATIENCE: Duration = Duration::from_secs(60);
/// Between two urgent ones.
const PACE: Duration = Duration::from_millis(10);

#[derive(Args)]
pub(crate) struct Options {
    /// The `windlass` binary, of the release profile.
    #[arg(long, value_name = "FILE")]
    windlass: PathBuf,
    /// How many wait.
    #[arg(long, default_value_t = 5_000)]
    bindings: usize,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let Options { windlass, bindings: count } = options;
    let windlass =
        windlass.canonicalize().with_context(|| format!("{}: build it first", windlass.display()))?;
    let embedded = Embedded::open().await?;
    prepare(&embedded.client).await?;
    create(&embedded.client, Kind::Dynamic, "alone", count, "windlass").await?;
    let counting = Counting::start(embedded.client.clone(), "alone", count).await?;
    let (all, ()) = scheduled(&embedded.client, counting, async |_| Ok(())).await?;
    println!("embedded server, in process: {count} bindings in {all:.2?}, each on disk");
    create(&embedded.client, Kind::Dynamic, "wait", count, "windlass").await?;
    let counting = Counting::start(embedded.client.clone(), "wait", count).await?;
    let (all, ours) =
        scheduled(&embedded.client, counting, async |counting| urgent(&embedded.client, counting).await)
            .await?;
    embedded.shutdown().await;
    println!("embedded server, in process: {count} bindings and {} urgent ones in {all:.2?}", ours.len());
    tell("embedded server", &ours);

    let programs = servers::build().await?;
    let kubernetes = Kubernetes::start(&programs, Durability::Kept).await?;
    let folder = tempfile::tempdir().context("a temporary directory")?;
    let kubeconfig = kubernetes.write_kubeconfig(folder.path())?;
    prepare(&kubernetes.client).await?;
    create(&kubernetes.client, Kind::Dynamic, "wait", count, "windlass").await?;
    let counting = Counting::start(kubernetes.another_client()?, "wait", count).await?;
    let scheduler = start(&windlass, &kubeconfig, folder.path())?;
    let theirs = urgent(&kubernetes.another_client()?, &counting).await;
    let theirs = theirs.with_context(|| scheduler.last_words().1)?;
    scheduler.stop().await?;
    tell("kube-apiserver and etcd", &theirs);
    Ok(())
}

/// Schedules all that is counted, while something else is done; how long it takes from the scheduler's beginning.
async fn scheduled<T>(
    client: &kube::Client,
    counting: Counting,
    meanwhile: impl AsyncFnOnce(&Counting) -> anyhow::Result<T>,
) -> anyhow::Result<(Duration, T)> {
    let term = Term::default();
    let began = Instant::now();
    let running = tokio::spawn(run_scheduler(context(client), term.clone()));
    let outcome = meanwhile(&counting).await?;
    let done = counting.seen().await?.done;
    term.end.cancel();
    running.await.context("the scheduler panicked")?;
    Ok((done.last().map(|last| last.duration_since(began)).unwrap_or_default(), outcome))
}

fn tell(where_: &str, urgent: &[Duration]) {
    let at =
        |share: f64| urgent.get(((urgent.len() - 1) as f64 * share) as usize).copied().unwrap_or_default();
    println!(
        "{where_}: of {} urgent ones, from create to spec: p50 {:.1?}, p99 {:.1?}, longest {:.1?}",
        urgent.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

/// As `windlass up` runs it: without a network between it and the API.
pub(super) fn context(client: &kube::Client) -> SchedulerContext {
    SchedulerContext {
        client: client.clone(),
        rooms: Arc::new(NoRooms::default()),
        clock: Arc::new(jiff::Timestamp::now),
        scheduler: Scheduler::new(SchedulerSettings {
            name: "windlass".to_owned(),
            ..SchedulerSettings::default()
        }),
        interpreter: None,
    }
}

fn start(windlass: &Path, kubeconfig: &Path, folder: &Path) -> anyhow::Result<Process> {
    let arguments = [
        "scheduler".to_owned(),
        format!("--kubeconfig={}", kubeconfig.display()),
        "--leader-elect=false".to_owned(),
        "--scheduler-name=windlass".to_owned(),
        "--metrics-bind-address=0".to_owned(),
        "--health-probe-bind-address=0".to_owned(),
    ];
    Process::start("windlass-scheduler", windlass, &arguments, folder)
}

pub(super) async fn prepare(client: &kube::Client) -> anyhow::Result<()> {
    for definition in windlass_api::crds() {
        let definition = serde_json::to_value(definition)?;
        until(PATIENCE, "definitions", async || apply(client, &definition).await).await?;
    }
    for number in 1..=MEMBERS_OF_BENCHES {
        let name = format!("m{number}");
        until(PATIENCE, "clusters are served", async || apply(client, &cluster(&name)).await).await?;
        apply_status(client, &cluster_status(&name, "40000")).await?;
    }
    Ok(())
}

/// Creates urgent ones for as long as others wait; how long each took, the quickest first.
async fn urgent(client: &kube::Client, counting: &Counting) -> anyhow::Result<Vec<Duration>> {
    let api = bindings(client);
    let version = api.list_metadata(&ListParams::default().limit(1)).await?.metadata.resource_version;
    let mut events = api.watch(&WatchParams::default(), &version.unwrap_or_default()).await?.boxed();
    let mut times = Vec::new();
    let mut pace = tokio::time::interval(PACE);
    for number in 0.. {
        if counting.is_over() {
            break;
        }
        pace.tick().await;
        let name = format!("urgent-{number}");
        let mut object = binding(Kind::Dynamic, &name, "windlass");
        object["spec"]["schedulePriority"] = json!({"priority": 1000});
        let object = serde_json::from_value(object)?;
        let began = Instant::now();
        api.create(&PostParams::default(), &object).await?;
        let placed = async {
            while let Some(event) = events.next().await {
                if let WatchEvent::Modified(binding) = event?
                    && binding.metadata.name.as_deref() == Some(name.as_str())
                    && is_placed(&binding)
                {
                    return Ok(began.elapsed());
                }
            }
            anyhow::bail!("the watch ended")
        };
        times.push(tokio::time::timeout(PATIENCE, placed).await.context("an urgent one is not placed")??);
    }
    times.sort_unstable();
    Ok(times)
}
