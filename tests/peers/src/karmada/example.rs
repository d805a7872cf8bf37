//! `windlass up` asks the interpreter webhook that Karmada has as an example: a program of Go, as its users write them,
//! and the configuration, the kind and the policy that come with it.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::control_plane::{certificate, document, until};
use super::objects::{self, apply};
use crate::servers::{Karmada, Process, free_port};

const PATIENCE: Duration = Duration::from_secs(180);
const WORKLOAD: [&str; 2] = ["workload.example.io/v1alpha1", "Workload"];
const MEMBERS: [&str; 2] = ["member1", "member2"];

struct Running {
    control_plane: kube::Client,
    members: [kube::Client; 2],
    programs: Vec<Process>,
}

pub(super) async fn run(karmada: &Karmada, windlass: &Path) -> anyhow::Result<()> {
    let folder = tempfile::tempdir().context("a temporary directory")?;
    let running = start(karmada, windlass, folder.path()).await?;
    let outcome = scenario(&running).await;
    if outcome.is_err() {
        for (name, words) in running.programs.iter().map(Process::last_words) {
            eprintln!("--- {name}\n{words}");
        }
    }
    outcome
}

/// Starts both, with the example registered, and what is to be propagated.
async fn start(karmada: &Karmada, windlass: &Path, folder: &Path) -> anyhow::Result<Running> {
    let data = folder.join("data");
    let arguments = ["up", "--port=0", "--members=2", "--data-dir"]
        .map(str::to_owned)
        .into_iter()
        .chain([data.display().to_string()]);
    let mut up = Process::start("windlass-up", windlass, &arguments.collect::<Vec<_>>(), folder)?;
    let kubeconfig = data.join("kubeconfig");
    let control_plane = up.until(PATIENCE, async || client(&kubeconfig).await.ok()).await?;
    let members =
        [client(&data.join("member1.kubeconfig")).await?, client(&data.join("member2.kubeconfig")).await?];

    let certificates = folder.join("example");
    let authority = certificate(&certificates)?;
    let port = free_port()?;
    let arguments = [
        "karmada-interpreter-webhook-example".to_owned(),
        format!("--kubeconfig={}", kubeconfig.display()),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--secure-port={port}"),
        format!("--cert-dir={}", certificates.display()),
    ];
    let mut webhook = Process::start("interpreter-webhook-example", &karmada.program, &arguments, folder)?;
    webhook.until(PATIENCE, async || TcpStream::connect(("127.0.0.1", port)).await.ok()).await?;

    let example = karmada.source.join("examples/customresourceinterpreter");
    let definition = document(&example.join("apis/workload.example.io_workloads.yaml"))?;
    for client in members.iter().chain([&control_plane]) {
        apply(client, &definition).await?;
    }
    // To a member that is not known to have the kind nothing is sent, then or later.
    until(PATIENCE, "the members have the kind", async || {
        for member in MEMBERS {
            let [version, kind] = ["cluster.karmada.io/v1alpha1", "Cluster"];
            let cluster = objects::get(&control_plane, version, kind, "", member).await?;
            let enabled = cluster["status"]["apiEnablements"].to_string();
            ensure!(enabled.contains(WORKLOAD[0]), "{member} has {enabled}");
        }
        Ok(())
    })
    .await?;
    let file = example.join("webhook-configuration.yaml");
    let written = std::fs::read_to_string(&file)
        .with_context(|| format!("{}", file.display()))?
        .replace("{{caBundle}}", &STANDARD.encode(authority))
        .replace("{{karmada-interpreter-webhook-example-svc-address}}:443", &format!("127.0.0.1:{port}"));
    for configuration in serde_saphyr::from_multiple::<Value>(&written).context("the configuration")? {
        apply(&control_plane, &configuration).await?;
    }
    let settings = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"namespace": "default", "name": "settings"}, "data": {"a": "b"}});
    apply(&control_plane, &settings).await?;
    let mut policy = document(&example.join("workload-propagationpolicy.yaml"))?;
    policy["metadata"]["namespace"] = json!("default");
    policy["spec"]["propagateDeps"] = json!(true);
    apply(&control_plane, &policy).await?;
    let mut workload = document(&example.join("workload-sample.yaml"))?;
    workload["metadata"]["namespace"] = json!("default");
    workload["spec"]["template"]["spec"]["containers"][0]["envFrom"] =
        json!([{"configMapRef": {"name": "settings"}}]);
    apply(&control_plane, &workload).await?;
    Ok(Running { control_plane, members, programs: vec![up, webhook] })
}

async fn scenario(running: &Running) -> anyhow::Result<()> {
    let begun = Instant::now();
    let said = |what: &str| println!("{:>4} s  {what}", begun.elapsed().as_secs());
    divided(running, 3).await?;
    said("a Workload's replicas are divided, and each member's are revised");
    until(PATIENCE, "the ConfigMap", async || {
        for member in &running.members {
            objects::get(member, "v1", "ConfigMap", "default", "settings").await?;
        }
        Ok(())
    })
    .await?;
    said("the ConfigMap that it depends on came along");

    let [version, kind] = WORKLOAD;
    let paused = |pause: bool| {
        json!({"apiVersion": version, "kind": kind, "metadata": {"namespace": "default", "name": "nginx"},
            "spec": {"paused": pause}})
    };
    objects::merge(&running.members[0], &paused(true)).await?;
    let replicas = json!({"apiVersion": version, "kind": kind,
        "metadata": {"namespace": "default", "name": "nginx"}, "spec": {"replicas": 5}});
    objects::merge(&running.control_plane, &replicas).await?;
    let assigned = divided(running, 5).await?;
    let kept = objects::get(&running.members[0], version, kind, "default", "nginx").await?;
    ensure!(kept["spec"]["paused"] == json!(true), "the member's own field is {}", kept["spec"]["paused"]);
    said("what the member paused stays paused");

    for (member, replicas) in running.members.iter().zip(&assigned) {
        let status = json!({"apiVersion": version, "kind": kind,
            "metadata": {"namespace": "default", "name": "nginx"}, "status": {"readyReplicas": replicas}});
        objects::apply_status(member, &status).await?;
    }
    until(PATIENCE, "the status", async || {
        let template = objects::get(&running.control_plane, version, kind, "default", "nginx").await?;
        ensure!(template["status"]["readyReplicas"] == json!(5), "the template's is {}", template["status"]);
        let binding = binding(running).await?;
        let items = binding["status"]["aggregatedStatus"].as_array().context("no items")?;
        ensure!(items.len() == 2 && items.iter().all(|item| item["health"] == "Healthy"), "{items:?}");
        Ok(())
    })
    .await?;
    said("the members' statuses are added up, and they are healthy");
    Ok(())
}

/// Waits until that many replicas are divided among the members, and each has its own; gives each one's.
async fn divided(running: &Running, replicas: i64) -> anyhow::Result<[i64; 2]> {
    let [version, kind] = WORKLOAD;
    until(PATIENCE, "the replicas", async || {
        let spec = &binding(running).await?["spec"];
        ensure!(spec["replicas"] == json!(replicas), "the binding's are {}", spec["replicas"]);
        let clusters = spec["clusters"].as_array().context("not scheduled")?;
        let mut assigned = [0; 2];
        for (index, name) in MEMBERS.into_iter().enumerate() {
            let cluster = clusters.iter().find(|cluster| cluster["name"] == name);
            assigned[index] =
                cluster.and_then(|cluster| cluster["replicas"].as_i64()).context("no replicas")?;
            let object = objects::get(&running.members[index], version, kind, "default", "nginx").await?;
            ensure!(object["spec"]["replicas"] == json!(assigned[index]), "{name} has {}", object["spec"]);
        }
        ensure!(assigned.iter().sum::<i64>() == replicas, "{assigned:?}");
        Ok(assigned)
    })
    .await
}

async fn binding(running: &Running) -> anyhow::Result<Value> {
    let client = &running.control_plane;
    objects::get(client, "work.karmada.io/v1alpha2", "ResourceBinding", "default", "nginx-workload").await
}

async fn client(kubeconfig: &Path) -> anyhow::Result<kube::Client> {
    let read = Kubeconfig::read_from(kubeconfig)?;
    let config = kube::Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await?;
    Ok(kube::Client::try_from(config)?)
}
