//! Deschedulers, Karmada's and ours, take from a member what its estimator says waits there, be it Karmada's or ours.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::json;

use super::MEMBERS;
use super::member::{WAITING, WAITING_PODS};
use super::running::{Estimator, Place};
use crate::karmada::control_plane::until;
use crate::karmada::objects::{apply, delete, get};
use crate::servers::Process;

const PATIENCE: Duration = Duration::from_secs(60);
const BINDING: &str = "work.karmada.io/v1alpha2";
/// More than the pods that wait.
const REPLICAS: i64 = 6;

/// The control plane's Clusters and the Services of these estimators are there.
pub(super) async fn run(
    (command, program): (&'static str, &Path),
    control_plane: &kube::Client,
    place: &Place,
    estimators: &[Estimator; 2],
) -> anyhow::Result<()> {
    let arguments = [
        vec![command.to_owned(), "--descheduling-interval=200ms".to_owned()],
        vec!["--unschedulable-threshold=0s".to_owned()],
        place.flags(),
    ];
    let descheduler = Process::start(command, program, &arguments.concat(), &place.folder)?;
    let outcome = taken(control_plane).await;
    if outcome.is_err() {
        let estimators = estimators.iter().map(|estimator| &estimator.process);
        for (name, words) in [&descheduler].into_iter().chain(estimators).map(Process::last_words) {
            eprintln!("--- {name}\n{words}");
        }
    }
    outcome
}

/// Nobody schedules this binding, so what is taken stays taken.
async fn taken(control_plane: &kube::Client) -> anyhow::Result<()> {
    let (namespace, name) = WAITING;
    let placement = json!({"replicaScheduling": {"replicaSchedulingType": "Divided",
        "replicaDivisionPreference": "Aggregated"}});
    let binding = json!({"apiVersion": BINDING, "kind": "ResourceBinding",
        "metadata": {"namespace": namespace, "name": name,
            "annotations": {"policy.karmada.io/applied-placement": placement.to_string()}},
        "spec": {"resource": {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": namespace, "name": name},
            "schedulerName": "nobody", "replicas": REPLICAS,
            "clusters": [{"name": MEMBERS[0], "replicas": REPLICAS}]}});
    apply(control_plane, &binding).await.context("a binding")?;
    until(PATIENCE, "what waits is taken", async || {
        let binding = get(control_plane, BINDING, "ResourceBinding", namespace, name).await?;
        let left = &binding["spec"]["clusters"][0]["replicas"];
        ensure!(*left == REPLICAS - WAITING_PODS, "{left} of {REPLICAS} are left, and {WAITING_PODS} wait");
        Ok(())
    })
    .await?;
    delete(control_plane, BINDING, "ResourceBinding", namespace, name).await
}
