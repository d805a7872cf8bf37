//! Schedulers that place by estimators: Karmada's by ours, ours by Karmada's.
//!
//! Two clusters report the same room, which is more than anybody wants. What their estimators know is less: both count
//! the same nodes, and the first one's a quota, too. So where replicas go shows whom the scheduler listened to.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use windlass_scheduler::Counted;

use super::ask::Asker;
use super::running::{self, Estimator, Place, Which};
use super::{MEMBERS, descheduling, questions};
use crate::karmada::control_plane::until;
use crate::karmada::objects::{apply, apply_status, delete, get};
use crate::servers::{Karmada, Process};

const PATIENCE: Duration = Duration::from_secs(120);
/// Where the quota leaves [`BY_QUOTA`] cores.
const NAMESPACE: &str = "cores";
const BY_QUOTA: i64 = 4;
/// Where both schedulers look for estimators by default.
const PREFIX: &str = "karmada-scheduler-estimator";
const BINDING: &str = "work.karmada.io/v1alpha2";

/// The member's API server is the control plane's, too: nothing in the one minds the other.
pub(super) async fn run(
    karmada: &Karmada,
    windlass: &Path,
    control_plane: &kube::Client,
    place: &Place,
) -> anyhow::Result<Vec<String>> {
    for definition in windlass_api::crds() {
        apply(control_plane, &serde_json::to_value(definition)?).await?;
    }
    for name in MEMBERS {
        let cluster = cluster(name);
        until(PATIENCE, "a cluster", async || apply(control_plane, &cluster).await).await?;
        apply_status(control_plane, &cluster).await?;
    }

    let ours = both(async |which| running::windlass(windlass, place, which).await).await?;
    announce(&ours, control_plane).await?;
    let by_nodes = room(control_plane, place).await?;
    let scheduler = scheduler("karmada-scheduler", &karmada.program, place)?;
    let outcome = placed(control_plane, "by-ours", by_nodes).await;
    report(&outcome, &scheduler, &ours);
    outcome.context("Karmada's scheduler and our estimators")?;
    drop(scheduler);
    for descheduler in [("descheduler", windlass), ("karmada-descheduler", &karmada.program)] {
        let outcome = descheduling::run(descheduler, control_plane, place, &ours).await;
        outcome.with_context(|| format!("{} and our estimators", descheduler.0))?;
    }
    drop(ours);

    let theirs = both(async |which| running::karmada(karmada, place, which).await).await?;
    announce(&theirs, control_plane).await?;
    let scheduler = scheduler_of_ours(windlass, place)?;
    let outcome = placed(control_plane, "by-theirs", by_nodes).await;
    report(&outcome, &scheduler, &theirs);
    outcome.context("our scheduler and Karmada's estimators")?;
    let outcome = descheduling::run(("descheduler", windlass), control_plane, place, &theirs).await;
    outcome.context("our descheduler and Karmada's estimators")?;
    Ok(vec![
        "Karmada's scheduler has placed by our estimators".to_owned(),
        "our scheduler has placed by Karmada's estimators".to_owned(),
        "Karmada's descheduler has taken what waits by our estimators, and ours by both".to_owned(),
    ])
}

/// The first cluster's estimator counts quotas, the second one's does not.
async fn both(start: impl AsyncFn(Which) -> anyhow::Result<Estimator>) -> anyhow::Result<[Estimator; 2]> {
    let first = start(Which { cluster: MEMBERS[0], quotas: true }).await?;
    Ok([first, start(Which { cluster: MEMBERS[1], quotas: false }).await?])
}

async fn announce(estimators: &[Estimator; 2], control_plane: &kube::Client) -> anyhow::Result<()> {
    for estimator in estimators {
        estimator.announce(control_plane, PREFIX).await?;
    }
    Ok(())
}

/// How many cores fit where no quota counts.
async fn room(control_plane: &kube::Client, place: &Place) -> anyhow::Result<i64> {
    let question = questions::cores(Counted::Replicas, NAMESPACE, "1")?;
    let first = Asker::new(control_plane, place.options(PREFIX), MEMBERS[0])?.ask(&question).await?;
    ensure!(first == BY_QUOTA, "the quota leaves {first}");
    let second = Asker::new(control_plane, place.options(PREFIX), MEMBERS[1])?.ask(&question).await?;
    ensure!(second > BY_QUOTA, "the nodes hold {second}");
    Ok(second)
}

fn flags(place: &Place) -> Vec<String> {
    [place.flags(), vec!["--enable-scheduler-estimator=true".to_owned()]].concat()
}

fn scheduler(command: &'static str, program: &Path, place: &Place) -> anyhow::Result<Process> {
    let arguments: Vec<String> = [command.to_owned()].into_iter().chain(flags(place)).collect();
    Process::start(command, program, &arguments, &place.folder)
}

fn scheduler_of_ours(windlass: &Path, place: &Place) -> anyhow::Result<Process> {
    let arguments: Vec<String> = ["scheduler".to_owned()].into_iter().chain(flags(place)).collect();
    Process::start("windlass-scheduler", windlass, &arguments, &place.folder)
}

/// Has as many replicas placed as there is room for, by weight and together, and sees whether they went there.
async fn placed(control_plane: &kube::Client, name: &str, by_nodes: i64) -> anyhow::Result<()> {
    let weighted = json!({"replicaSchedulingType": "Divided", "replicaDivisionPreference": "Weighted",
        "weightPreference": {"dynamicWeight": "AvailableReplicas"}});
    let aggregated = json!({"replicaSchedulingType": "Divided", "replicaDivisionPreference": "Aggregated"});
    let all = BY_QUOTA + by_nodes;
    // No more than the nodes hold goes to where no quota is in the way.
    let cases = [("weighted", weighted, all, Some(BY_QUOTA)), ("aggregated", aggregated, by_nodes, None)];
    for (kind, division, replicas, first) in cases {
        let name = format!("{name}-{kind}");
        apply(control_plane, &binding(&name, replicas, &division)).await?;
        until(PATIENCE, &name, async || {
            let binding = get(control_plane, BINDING, "ResourceBinding", NAMESPACE, &name).await?;
            let clusters = &binding["spec"]["clusters"];
            let of = |member: &str| {
                let mut found = clusters.as_array().into_iter().flatten();
                found
                    .find(|cluster| cluster["name"] == member)
                    .and_then(|cluster| cluster["replicas"].as_i64())
            };
            let got = MEMBERS.map(of);
            ensure!(
                got == [first, Some(replicas - first.unwrap_or(0))],
                "{replicas} replicas went to {clusters}: {}",
                binding["status"]["conditions"]
            );
            Ok(())
        })
        .await?;
        // The room is the next one's. While both were there, our scheduler would keep free what it has promised.
        delete(control_plane, BINDING, "ResourceBinding", NAMESPACE, &name).await?;
    }
    Ok(())
}

fn report(outcome: &anyhow::Result<()>, scheduler: &Process, estimators: &[Estimator; 2]) {
    if outcome.is_err() {
        let estimators = estimators.iter().map(|estimator| &estimator.process);
        for (name, words) in [scheduler].into_iter().chain(estimators).map(Process::last_words) {
            eprintln!("--- {name}\n{words}");
        }
    }
}

fn binding(name: &str, replicas: i64, division: &Value) -> Value {
    json!({"apiVersion": BINDING, "kind": "ResourceBinding",
        "metadata": {"namespace": NAMESPACE, "name": name,
            "labels": {"propagationpolicy.karmada.io/permanent-id": "1b9f8a4e-0b6e-4f0c-9b0b-7a3f3a3e9c11"}},
        "spec": {
            "resource": {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": NAMESPACE, "name": name},
            "schedulerName": "default-scheduler", "replicas": replicas,
            "replicaRequirements": {"resourceRequest": {"cpu": "1"}, "namespace": NAMESPACE},
            "placement": {"clusterAffinity": {"clusterNames": MEMBERS}, "replicaScheduling": division}}})
}

fn cluster(name: &str) -> Value {
    let condition = |kind: &str| {
        json!({"type": kind, "status": "True", "reason": "Ready", "message": "as it says",
            "lastTransitionTime": "2026-01-01T00:00:00Z"})
    };
    json!({"apiVersion": "cluster.karmada.io/v1alpha1", "kind": "Cluster", "metadata": {"name": name},
        "spec": {"id": format!("id-of-{name}"), "syncMode": "Pull", "apiEndpoint": "https://localhost:1"},
        "status": {"kubernetesVersion": "v1.36.0",
            "apiEnablements": [{"groupVersion": "apps/v1", "resources": [{"name": "deployments", "kind": "Deployment"}]}],
            "conditions": [condition("Ready"), condition("CompleteAPIEnablements")],
            "resourceSummary": {"allocatable": {"cpu": "4k", "memory": "4000Gi", "pods": "100k"}}}})
}
