//! What is propagated, and what Karmada makes of it by asking Windlass.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::control_plane::until;
use super::member;
use super::objects::{self, LEADER_WORKER_SET, REPLICAS_OF_A_THING, REVISED, THING, apply};
use crate::servers::Kubernetes;

const PATIENCE: Duration = Duration::from_secs(180);

pub(super) async fn run(
    control_plane: &kube::Client,
    member: &Kubernetes,
    begun: Instant,
) -> anyhow::Result<()> {
    let said = |what: &str| println!("{:>4} s  {what}", begun.elapsed().as_secs());
    member::join(control_plane, member).await?;
    until(PATIENCE, "the member is ready", async || {
        let cluster =
            objects::get(control_plane, "cluster.karmada.io/v1alpha1", "Cluster", "", member::NAME).await?;
        let conditions = cluster["status"]["conditions"].as_array().context("no conditions")?;
        let ready =
            conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True");
        ensure!(ready, "{conditions:?}");
        ensure!(
            cluster["status"]["apiEnablements"].to_string().contains("LeaderWorkerSet"),
            "its kinds are not known"
        );
        ensure!(!cluster["status"]["resourceSummary"]["allocatable"].is_null(), "its room is not known");
        Ok(())
    })
    .await?;
    said("the member is ready");

    apply(control_plane, &objects::policy()).await?;
    apply(control_plane, &objects::leader_worker_set()).await?;
    apply(control_plane, &objects::thing()).await?;
    components(control_plane).await?;
    said("a LeaderWorkerSet's binding has its components, a Thing's its replicas");

    let in_member = async |[version, kind]: [&str; 2], name: &str| {
        objects::get(&member.client, version, kind, "default", name).await
    };
    let sent = until(PATIENCE, "both are in the member", async || {
        let thing = in_member(THING, "t").await?;
        ensure!(
            thing["spec"] == json!({"size": "large", "replicas": REVISED}),
            "the Thing is {}",
            thing["spec"]
        );
        in_member(LEADER_WORKER_SET, "llm").await
    })
    .await?;
    said("both are in the member, the Thing's replicas as the plugin revised them");

    let mut observed = objects::leader_worker_set();
    observed["status"] = objects::leader_worker_set_status(&sent["metadata"]["generation"]);
    objects::apply_status(&member.client, &observed).await?;
    reflected(control_plane).await?;
    said("the status came back: without what the plugin left out, healthy, and aggregated on the template");

    observed["status"]["readyReplicas"] = json!(1);
    observed["status"]["conditions"][0]["status"] = json!("False");
    objects::apply_status(&member.client, &observed).await?;
    until(PATIENCE, "it is unhealthy", async || {
        let item = status_item(&binding(control_plane, "llm-leaderworkerset").await?)?;
        ensure!(item["health"] == "Unhealthy", "{item}");
        Ok(())
    })
    .await?;
    said("a group that is not ready is unhealthy");

    let mut refused = objects::leader_worker_set();
    refused["metadata"]["name"] = json!("refused");
    refused["spec"]["replicas"] = json!("many");
    apply(control_plane, &refused).await?;
    until(PATIENCE, "the reason why it is refused", async || {
        let events = objects::list(control_plane, "v1", "Event", "default").await?;
        let told = events.iter().filter_map(|event| event["message"].as_str());
        let seen: Vec<_> = told.filter(|message| message.contains("default/refused")).collect();
        let whose = "plugin kubernetes-sigs rejects LeaderWorkerSet default/refused in InterpretComponent: spec.replicas";
        ensure!(seen.iter().any(|message| message.contains(whose)), "events say {seen:?}");
        Ok(())
    })
    .await?;
    said("Karmada's event on an object that the plugin rejects names the plugin and the field");
    Ok(())
}

async fn binding(control_plane: &kube::Client, name: &str) -> anyhow::Result<Value> {
    objects::get(control_plane, "work.karmada.io/v1alpha2", "ResourceBinding", "default", name).await
}

async fn components(control_plane: &kube::Client) -> anyhow::Result<()> {
    until(PATIENCE, "the bindings", async || {
        let spec = &binding(control_plane, "llm-leaderworkerset").await?["spec"];
        let component = |name: &str, replicas: u32, cpu: &str| {
            json!({"name": name, "replicas": replicas,
                "replicaRequirements": {"resourceRequest": {"cpu": cpu, "memory": "1Gi"}}})
        };
        let want = json!([component("leader", 2, "1"), component("worker", 6, "500m")]);
        ensure!(spec["components"] == want, "components are {}", spec["components"]);
        let spec = &binding(control_plane, "t-thing").await?["spec"];
        ensure!(spec["replicas"] == json!(REPLICAS_OF_A_THING), "replicas are {}", spec["replicas"]);
        Ok(())
    })
    .await
}

async fn reflected(control_plane: &kube::Client) -> anyhow::Result<()> {
    until(PATIENCE, "the status", async || {
        let item = status_item(&binding(control_plane, "llm-leaderworkerset").await?)?;
        ensure!(item["health"] == "Healthy" && item["applied"] == json!(true), "{item}");
        ensure!(item["status"]["readyReplicas"] == json!(2), "{item}");
        ensure!(item["status"]["unheardOf"].is_null(), "{item}");
        let [version, kind] = LEADER_WORKER_SET;
        let template = objects::get(control_plane, version, kind, "default", "llm").await?;
        let status = &template["status"];
        ensure!(status["readyReplicas"] == json!(2), "the template's status is {status}");
        ensure!(status["observedGeneration"] == template["metadata"]["generation"], "{status}");
        let thing = status_item(&binding(control_plane, "t-thing").await?)?;
        ensure!(thing["health"] == "Healthy", "the Thing: {thing}");
        Ok(())
    })
    .await
}

fn status_item(binding: &Value) -> anyhow::Result<Value> {
    binding.pointer("/status/aggregatedStatus/0").cloned().context("no status yet")
}
