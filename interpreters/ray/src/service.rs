//! ray.io/v1 RayService: applications served by a Ray cluster.

use windlass_sdk::json::{Json, Numeric, Text};
use windlass_sdk::kubernetes::{Condition, Metadata, dependencies_of_pods};
use windlass_sdk::serde_json::{Value, json};
use windlass_sdk::{Answer, Changes, Component, Dependent, Members, Pods};

use crate::pods::ClusterSpec;
use crate::simulation::{cluster_status, components_ready};

windlass_sdk::shape! {
    pub(crate) struct RayService<'a> {
        metadata: Metadata<'a>,
        spec: Spec<'a>,
    }

    struct Spec<'a> {
        ray_cluster_config: ClusterSpec<'a>,
    }

    pub(crate) struct ServiceProgress<'a> {
        status: Json<'a>,
    }

    struct Status<'a> {
        service_status: Text<'a>,
        num_serve_endpoints: Numeric,
        conditions: Vec<Json<'a>>,
        last_update_time: Text<'a>,
    }
}

impl<'a> RayService<'a> {
    pub(crate) fn components(&self) -> Answer<Vec<Component<'a>>> {
        self.spec.ray_cluster_config.components("spec.rayClusterConfig")
    }

    pub(crate) fn dependencies(&self) -> Answer<Vec<Dependent>> {
        Ok(dependencies_of_pods(self.spec.ray_cluster_config.pods(), &self.metadata.namespace))
    }

    /// What the operator reports of a cluster whose pods do like this.
    pub(crate) fn simulate(&self, pods: Pods<'_>) -> Answer<Value> {
        let cluster = &self.spec.ray_cluster_config;
        let ready = components_ready(cluster, pods);
        let reason = if ready { "NonZeroServeEndpoints" } else { "Initializing" };
        let mut status = json!({
            "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }, "reason": reason,
                "message": "", "lastTransitionTime": null}],
            "activeServiceStatus": {
                "rayClusterName": format!("{}-raycluster", self.metadata.name),
                "rayClusterStatus": cluster_status(&self.metadata, cluster, pods)?,
            },
            "numServeEndpoints": cluster.ready_pods(pods),
            "observedGeneration": self.metadata.generation,
        });
        if ready {
            status["serviceStatus"] = "Running".into();
        }
        Ok(status)
    }
}

impl ServiceProgress<'_> {
    /// Healthy when it is ready; operators before 1.3 say only that it is running.
    pub(crate) fn health(&self) -> Answer<bool> {
        let Status { service_status, conditions, .. } = self.status.read("status")?;
        for (index, condition) in conditions.iter().enumerate() {
            let condition: Condition<'_> = condition.read(format_args!("status.conditions[{index}]"))?;
            if condition.r#type == "Ready" {
                return Ok(condition.status == "True");
            }
        }
        Ok(service_status == "Running")
    }

    /// All endpoints; what holds in every member, and what is amiss in the first where anything is.
    pub(crate) fn aggregate(&self, members: Members<'_>) -> Answer<Changes> {
        if let Some(changes) = members.at_most_one() {
            return Ok(changes);
        }
        self.status.expect_object("status")?;
        let reported = members.reported::<Status<'_>>()?;
        let statuses = || reported.iter().map(|member| &member.status);
        let running = statuses().filter(|status| status.service_status == "Running").count() == members.len();
        let not_ready = |status: &&Status<'_>| {
            let unready = |condition: &Json<'_>| {
                condition.field("type").string().is_some_and(|name| name == "Ready")
                    && condition.field("status").string().is_none_or(|holds| holds != "True")
            };
            status.conditions.iter().any(unready)
        };
        let shown = statuses().find(not_ready).or_else(|| statuses().next());
        let updated = statuses().map(|status| status.last_update_time.as_str()).max();
        let endpoints: Numeric = statuses().map(|status| status.num_serve_endpoints).sum();
        Ok(Changes::none()
            .set("/status/numServeEndpoints", endpoints)
            .set_option("/status/serviceStatus", running.then_some("Running"))
            .set_option("/status/conditions", shown.map(|status| &status.conditions))
            .set_option("/status/lastUpdateTime", updated.filter(|time| !time.is_empty())))
    }
}
