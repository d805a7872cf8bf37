//! In a Karmada control plane, `windlass scheduler` takes the place of karmada-scheduler while bindings keep coming, and
//! gives it back. Both run with leader election: whoever is second waits for the first to be gone.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::workloads::{KINDS, Kind, MEMBERS, cluster, cluster_status, deployment, policy, scaled};
use crate::karmada::control_plane::{ControlPlane, until};
use crate::karmada::objects::{apply, apply_status, get, list, merge};
use crate::servers::{Durability, Karmada, Process, Programs};

const PATIENCE: Duration = Duration::from_secs(120);
const SCHEDULER: &str = "karmada-scheduler";
/// Short, so that who follows one that was stopped need not wait long.
const ELECTION: [&str; 3] = [
    "--leader-elect-lease-duration=3s",
    "--leader-elect-renew-deadline=2s",
    "--leader-elect-retry-period=250ms",
];
/// Between two Deployments of the stream.
const PACE: Duration = Duration::from_millis(100);
/// Deployments that a scheduler has to itself before the other comes.
const EACH: usize = 12;

pub(super) async fn run(karmada: &Karmada, programs: &Programs, windlass: &Path) -> anyhow::Result<()> {
    let folder = tempfile::tempdir().context("a temporary directory")?;
    let mut control_plane = ControlPlane::start(karmada, programs, folder.path(), Durability::Waived).await?;
    // Members in pull mode are not looked at for a while.
    let patient =
        ["--leader-elect=false", "--cluster-monitor-grace-period=1h", "--cluster-startup-grace-period=1h"];
    control_plane.run("karmada-controller-manager", &patient)?;
    let mut schedulers = Vec::new();
    let outcome = scenario(&control_plane, windlass, folder.path(), &mut schedulers).await;
    if outcome.is_err() {
        let words = schedulers.iter().map(Process::last_words).chain(control_plane.last_words());
        for (name, words) in words {
            eprintln!("--- {name}\n{words}");
        }
    }
    outcome
}

async fn scenario(
    control_plane: &ControlPlane,
    windlass: &Path,
    folder: &Path,
    schedulers: &mut Vec<Process>,
) -> anyhow::Result<()> {
    let client = &control_plane.client;
    let begun = Instant::now();
    let said = |what: String| println!("{:>4} s  {what}", begun.elapsed().as_secs());
    for member in MEMBERS {
        apply(client, &cluster(member)).await?;
        apply_status(client, &cluster_status(member, "4000")).await?;
    }
    for kind in KINDS {
        until(PATIENCE, "the webhook takes policies", async || apply(client, &policy(kind)).await).await?;
    }

    let karmada = control_plane.program(SCHEDULER, &ELECTION)?;
    schedulers.push(karmada);
    let stream = Stream::start(client.clone());
    let first = holder(client, None).await?;
    let by_karmada = stream.all_scheduled(EACH).await?;
    said(format!("karmada-scheduler leads and has scheduled {}", by_karmada.len()));

    schedulers.push(start_windlass(windlass, &control_plane.kubeconfig, folder)?);
    schedulers.swap_remove(0).stop().await?;
    let second = holder(client, Some(&first)).await?;
    let before = by_karmada.len();
    let by_windlass = stream.all_scheduled(before + EACH).await?;
    untouched(&by_karmada, &by_windlass)?;
    said(format!("windlass leads and has scheduled {} more, and no other again", by_windlass.len() - before));
    for kind in KINDS {
        merge(client, &scaled(kind, 0, 2)).await?;
    }
    until(PATIENCE, "what was scaled is scheduled anew", async || {
        for kind in KINDS {
            let name = format!("{}-0-deployment", kind.name());
            let binding =
                get(client, "work.karmada.io/v1alpha2", "ResourceBinding", "default", &name).await?;
            ensure!(is_scheduled(&binding), "{name} is not");
            kind.check(&binding["spec"]["clusters"], 2)?;
        }
        Ok(())
    })
    .await?;
    said("windlass has scheduled anew what was scaled".to_owned());

    let scaled_by_windlass = stream.all_scheduled(by_windlass.len()).await?;
    schedulers.push(control_plane.program(SCHEDULER, &ELECTION)?);
    schedulers.swap_remove(0).stop().await?;
    holder(client, Some(&second)).await?;
    let before = scaled_by_windlass.len();
    let again_by_karmada = stream.all_scheduled(before + EACH).await?;
    // Karmada decides again, on what is duplicated, whenever it starts: to the same.
    unmoved(&scaled_by_windlass, &again_by_karmada)?;
    said(format!("karmada-scheduler leads again: {} more; nothing moved", again_by_karmada.len() - before));

    let count = stream.stop().await?;
    until(PATIENCE, "everything is scheduled", async || {
        let bindings = scheduled(client).await?;
        ensure!(bindings.len() == count, "{} of {count} are", bindings.len());
        for (name, binding) in &bindings {
            let times = if name.contains("-0-") { 2 } else { 1 };
            Kind::of(name)?.check(&binding.clusters, times).with_context(|| name.clone())?;
        }
        Ok(())
    })
    .await?;
    said(format!("all {count} are where any of the two would have put them"));
    Ok(())
}

fn start_windlass(windlass: &Path, kubeconfig: &Path, folder: &Path) -> anyhow::Result<Process> {
    let mut arguments = vec!["scheduler".to_owned(), format!("--kubeconfig={}", kubeconfig.display())];
    arguments.extend(ELECTION.map(str::to_owned));
    arguments.extend(
        [
            "--metrics-bind-address=0",
            "--health-probe-bind-address=0",
            "--feature-gates=MultiplePodTemplatesScheduling=true,PriorityBasedScheduling=true",
        ]
        .map(str::to_owned),
    );
    Process::start("windlass-scheduler", windlass, &arguments, folder)
}

/// Waits until somebody other than `before` leads; who that is.
async fn holder(client: &kube::Client, before: Option<&str>) -> anyhow::Result<String> {
    until(PATIENCE, "somebody leads", async || {
        let lease = get(client, "coordination.k8s.io/v1", "Lease", "karmada-system", SCHEDULER).await?;
        let holder = lease["spec"]["holderIdentity"].as_str().unwrap_or_default();
        ensure!(!holder.is_empty() && before != Some(holder), "{holder:?} leads");
        Ok(holder.to_owned())
    })
    .await
}

/// What a scheduler said of a binding.
#[derive(Clone, Debug, PartialEq)]
struct Scheduled {
    clusters: Value,
    at: Value,
}

async fn scheduled(client: &kube::Client) -> anyhow::Result<Bindings> {
    let bindings = list(client, "work.karmada.io/v1alpha2", "ResourceBinding", "default").await?;
    let done = bindings.into_iter().filter(is_scheduled);
    Ok(done
        .map(|binding| {
            let name = binding["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            let clusters = binding["spec"]["clusters"].clone();
            (name, Scheduled { clusters, at: binding["status"]["lastScheduledTime"].clone() })
        })
        .collect())
}

fn is_scheduled(binding: &Value) -> bool {
    let mut conditions = binding["status"]["conditions"].as_array().into_iter().flatten();
    binding["spec"]["clusters"].as_array().is_some_and(|clusters| !clusters.is_empty())
        && binding["status"]["schedulerObservedGeneration"] == binding["metadata"]["generation"]
        && conditions.any(|condition| {
            condition["type"] == "Scheduled"
                && condition["status"] == "True"
                && condition["reason"] == "Success"
        })
}

type Bindings = BTreeMap<String, Scheduled>;

/// Nothing has gone from where it was.
fn unmoved(before: &Bindings, after: &Bindings) -> anyhow::Result<()> {
    for (name, was) in before {
        let is = after.get(name).with_context(|| format!("{name} is no longer scheduled"))?;
        ensure!(was.clusters == is.clusters, "{name} has moved, from {was:?} to {is:?}");
    }
    Ok(())
}

/// Nothing was even decided on again.
fn untouched(before: &Bindings, after: &Bindings) -> anyhow::Result<()> {
    for (name, was) in before {
        let is = after.get(name).with_context(|| format!("{name} is no longer scheduled"))?;
        ensure!(was == is, "{name} was scheduled again, from {was:?} to {is:?}");
    }
    Ok(())
}

/// Deployments that keep coming.
struct Stream {
    client: kube::Client,
    stop: CancellationToken,
    creating: JoinHandle<anyhow::Result<usize>>,
}

impl Stream {
    fn start(client: kube::Client) -> Stream {
        let stop = CancellationToken::new();
        let (to, until) = (client.clone(), stop.clone());
        let creating = tokio::spawn(async move {
            let mut pace = tokio::time::interval(PACE);
            for number in 0.. {
                let (kind, number) = (KINDS[number % KINDS.len()], number / KINDS.len());
                if until.run_until_cancelled(pace.tick()).await.is_none() {
                    return Ok(
                        number * KINDS.len() + KINDS.iter().position(|other| *other == kind).unwrap_or(0)
                    );
                }
                apply(&to, &deployment(kind, number)).await?;
            }
            unreachable!("it is stopped")
        });
        Stream { client, stop, creating }
    }

    /// Waits until at least so many bindings are scheduled, and gives them all.
    async fn all_scheduled(&self, at_least: usize) -> anyhow::Result<Bindings> {
        until(PATIENCE, &format!("{at_least} bindings are scheduled"), async || {
            ensure!(!self.creating.is_finished(), "nothing comes any more");
            let bindings = scheduled(&self.client).await?;
            ensure!(bindings.len() >= at_least, "{} are", bindings.len());
            Ok(bindings)
        })
        .await
    }

    /// Ends it; how many there are.
    async fn stop(self) -> anyhow::Result<usize> {
        self.stop.cancel();
        self.creating.await.context("the stream panicked")?
    }
}
