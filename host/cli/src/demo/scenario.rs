//! The steps of the demo. Each does one thing through the API and then looks, through the API, at what came of it.

use anyhow::{Context as _, ensure};
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use windlass_api::names;

use super::screen::Screen;
use super::seen::{apply, clusters, condition, has_condition, objects, wait_for};
use crate::up::ControlPlane;

const CRD: &str = include_str!("../../demo/flinkdeployment-crd.yaml");
const CRD_POLICY: &str = include_str!("../../demo/crd-policy.yaml");
const POLICY: &str = include_str!("../../demo/policy.yaml");
const QUOTA: &str = include_str!("../../demo/quota.yaml");
const EXAMPLE: &str = include_str!("../../demo/flink-example.yaml");
const LARGE: &str = include_str!("../../demo/flink-large.yaml");
const LARGE_NODE: &str = include_str!("../../demo/large-node.yaml");
const WEB: &str = include_str!("../../demo/web.yaml");

const FLINK: (&str, &str) = ("flink.apache.org/v1beta1", "FlinkDeployment");

/// The demo's view of the control plane: clients made from the kubeconfig files, as anybody else would.
struct Demo<'a> {
    control_plane: &'a ControlPlane,
    screen: &'a Screen,
    client: kube::Client,
    bindings: Api<DynamicObject>,
}

pub(super) async fn run(control_plane: &ControlPlane, screen: &Screen) -> anyhow::Result<()> {
    let client = control_plane.client_by_kubeconfig().await?;
    let bindings = objects(&client, "work.karmada.io/v1alpha2", "ResourceBinding", "default");
    let demo = Demo { control_plane, screen, client, bindings };
    demo.members_are_ready().await?;
    demo.flink_is_known_everywhere().await?;
    demo.template_is_understood_and_held().await?;
    demo.released_set_goes_whole_to_one_member().await?;
    demo.job_is_seen_running().await?;
    demo.quota_counts_components().await?;
    demo.large_set_waits_for_room().await?;
    demo.deployment_is_divided().await
}

impl Demo<'_> {
    async fn members_are_ready(&self) -> anyhow::Result<()> {
        self.screen.heading("Three members");
        let api = objects(&self.client, "cluster.karmada.io/v1alpha1", "Cluster", "");
        for (member, what) in [
            ("member1", "8 nodes of 1 CPU: room for the sum of the job, not for its pieces"),
            ("member2", "2 nodes of 4 CPUs, and a ResourceQuota of 3 CPUs in the namespace"),
            ("member3", "2 nodes of 4 CPUs"),
        ] {
            let (_, took) =
                wait_for(&api, member, "ready", |cluster| has_condition(cluster, "Ready", "True")).await?;
            self.screen.passed(&format!("{member} is ready: {what}"), took);
        }
        Ok(())
    }

    async fn flink_is_known_everywhere(&self) -> anyhow::Result<()> {
        self.screen.heading("A CRD, propagated like anything else");
        apply(&self.client, CRD).await?;
        apply(&self.client, CRD_POLICY).await?;
        for member in self.control_plane.members() {
            let client = self.control_plane.member_client_by_kubeconfig(&member.name).await?;
            let api = objects(&client, "apiextensions.k8s.io/v1", "CustomResourceDefinition", "");
            let name = "flinkdeployments.flink.apache.org";
            let (_, took) =
                wait_for(&api, name, "established", |crd| has_condition(crd, "Established", "True")).await?;
            self.screen.passed(&format!("{} serves FlinkDeployment", member.name), took);
        }
        Ok(())
    }

    async fn template_is_understood_and_held(&self) -> anyhow::Result<()> {
        self.screen.heading("A FlinkDeployment, understood by a WebAssembly plugin and held by another");
        apply(&self.client, POLICY).await?;
        apply(&self.client, EXAMPLE).await?;
        let binding = "flink-example-flinkdeployment";
        let (found, took) =
            wait_for(&self.bindings, binding, "held", |binding| has_condition(binding, "Scheduled", "False"))
                .await?;
        ensure!(
            found["spec"]["components"]
                == json!([
                    {"name": "jobmanager", "replicas": 1,
                     "replicaRequirements": {"resourceRequest": {"cpu": "1", "memory": "1.024"}}},
                    {"name": "taskmanager", "replicas": 2,
                     "replicaRequirements": {"resourceRequest": {"cpu": "2", "memory": "2.048"}}}
                ]),
            "the components are wrong: {}",
            found["spec"]["components"]
        );
        self.screen.passed("the binding knows its components", took);
        self.screen.detail("jobmanager 1 × (cpu 1, memory 1.024), taskmanager 2 × (cpu 2, memory 2.048)");
        ensure!(
            found["spec"]["suspension"]["scheduling"] == true,
            "the suspension hook did not hold {binding}"
        );
        ensure!(clusters(&found).is_empty(), "{binding} was scheduled while it was held");
        self.screen.passed("the suspension hook holds it: spec.suspension.scheduling is true", took);
        Ok(())
    }

    async fn released_set_goes_whole_to_one_member(&self) -> anyhow::Result<()> {
        self.screen.heading("Released, and scheduled whole onto the one member that holds it");
        let binding = "flink-example-flinkdeployment";
        self.release(binding).await?;
        let (found, took) = wait_for(&self.bindings, binding, "scheduled", |binding| {
            has_condition(binding, "Scheduled", "True")
        })
        .await?;
        ensure!(clusters(&found) == ["member3"], "{binding} went to {:?}, not to member3", clusters(&found));
        self.screen.passed("all three pods are promised to member3", took);
        Ok(())
    }

    async fn job_is_seen_running(&self) -> anyhow::Result<()> {
        self.screen.heading("Running there, and seen here");
        let works =
            objects(&self.client, "work.karmada.io/v1alpha1", "Work", &names::execution_namespace("member3"));
        let (_, took) =
            wait_for(&works, &names::work(FLINK.1, "flink-example", "default"), "carrying the job", |work| {
                work["spec"]["workload"]["manifests"][0]["kind"] == FLINK.1
            })
            .await?;
        self.screen.passed("a Work carries it to member3", took);

        let member = self.control_plane.member_client_by_kubeconfig("member3").await?;
        let jobs = objects(&member, FLINK.0, FLINK.1, "default");
        let running = |job: &Value| job["status"]["jobStatus"]["state"] == "RUNNING";
        let (_, took) = wait_for(&jobs, "flink-example", "running", running).await?;
        let pods = objects(&member, "v1", "Pod", "default").list(&ListParams::default()).await?;
        ensure!(pods.items.len() == 3, "member3 runs {} pods, not 3", pods.items.len());
        self.screen.passed("its 3 pods run in member3", took);

        let (_, took) = wait_for(&self.bindings, "flink-example-flinkdeployment", "healthy", |binding| {
            binding["status"]["aggregatedStatus"][0]["health"] == "Healthy"
        })
        .await?;
        self.screen.passed("the binding says that it is healthy", took);
        let templates = objects(&self.client, FLINK.0, FLINK.1, "default");
        let (_, took) = wait_for(&templates, "flink-example", "running", running).await?;
        self.screen.passed("the template's own status says RUNNING", took);
        Ok(())
    }

    async fn quota_counts_components(&self) -> anyhow::Result<()> {
        self.screen.heading("A quota over all clusters counts components");
        apply(&self.client, QUOTA).await?;
        let api = objects(&self.client, "policy.karmada.io/v1alpha1", "FederatedResourceQuota", "default");
        let want = json!({"cpu": "5", "memory": "5120m"});
        let (_, took) =
            wait_for(&api, "team", "counted", |quota| quota["status"]["overallUsed"] == want).await?;
        self.screen.passed("overallUsed is cpu 5, memory 5120m", took);
        Ok(())
    }

    async fn large_set_waits_for_room(&self) -> anyhow::Result<()> {
        self.screen.heading("A set that fits nowhere says why, and waits");
        apply(&self.client, LARGE).await?;
        let binding = "flink-large-flinkdeployment";
        wait_for(&self.bindings, binding, "held", |binding| {
            binding["spec"]["suspension"]["scheduling"] == true
        })
        .await?;
        self.release(binding).await?;
        let (found, took) = wait_for(&self.bindings, binding, "found unschedulable", |binding| {
            condition(binding, "Scheduled").is_some_and(|condition| {
                ["member1", "member2", "member3"].iter().all(|member| {
                    condition["message"].as_str().is_some_and(|message| message.contains(member))
                })
            })
        })
        .await?;
        self.screen.passed("the binding's condition names each cluster and what it lacks", took);
        let message = condition(&found, "Scheduled").and_then(|condition| condition["message"].as_str());
        self.screen.detail(&message.unwrap_or_default().replace("; ", "\n"));

        let member = self.control_plane.member_client_by_kubeconfig("member3").await?;
        apply(&member, LARGE_NODE).await?;
        let (_, took) =
            wait_for(&self.bindings, binding, "scheduled", |binding| clusters(binding) == ["member3"])
                .await?;
        self.screen.passed("member3 gains a node of 8 CPUs, and it is scheduled", took);
        Ok(())
    }

    async fn deployment_is_divided(&self) -> anyhow::Result<()> {
        self.screen.heading("A Deployment of 10 replicas, divided 1 : 2 : 2 over the three");
        apply(&self.client, WEB).await?;
        let deployments = objects(&self.client, "apps/v1", "Deployment", "default");
        let ready = |deployment: &Value| deployment["status"]["readyReplicas"] == 10;
        let (_, took) = wait_for(&deployments, "web", "ready", ready).await?;
        for (name, want) in [("member1", 2), ("member2", 4), ("member3", 4)] {
            let member = self.control_plane.member_client_by_kubeconfig(name).await?;
            let found = objects(&member, "apps/v1", "Deployment", "default").get("web").await?;
            ensure!(
                found.data["spec"]["replicas"] == want,
                "{name} has {} replicas, not {want}",
                found.data["spec"]["replicas"]
            );
        }
        self.screen.passed("2, 4 and 4 replicas; the template's status counts 10 ready", took);
        Ok(())
    }

    /// What a user or a queueing system does to let a held binding go.
    async fn release(&self, binding: &str) -> anyhow::Result<()> {
        let patch = json!({"spec": {"suspension": {"scheduling": false}}});
        self.bindings
            .patch(binding, &PatchParams::default(), &Patch::Merge(&patch))
            .await
            .with_context(|| format!("cannot release {binding}"))?;
        Ok(())
    }
}
