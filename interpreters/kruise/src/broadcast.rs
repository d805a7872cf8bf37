//! BroadcastJobs: a pod on each node, until it has ended.

use windlass_sdk::json::{Int, Json, Object};
use windlass_sdk::kubernetes::{Metadata, PodTemplate, pod_requirements};
use windlass_sdk::serde_json::{Value, json};
use windlass_sdk::status::{Field, Fields, Status, StatusMetadata};
use windlass_sdk::{Answer, Changes, Component, Dependent, Members, Pods, Replicas, Requirements};

use crate::template::dependencies;

/// The conditions of the whole are made of how it has ended in each member; when that was stays with the members.
pub(crate) static BROADCAST_JOB: Fields = Fields(&[
    Field::sum("active"),
    Field::sum("desired"),
    Field::sum("failed"),
    Field::sum("succeeded"),
    Field::last_text("phase"),
    Field::of_members_only("conditions"),
    Field::of_members_only("startTime"),
    Field::of_members_only("completionTime"),
]);

windlass_sdk::shape! {
    pub(crate) struct BroadcastJobTemplate<'a> {
        metadata: Metadata<'a>,
        spec: BroadcastJobSpec<'a>,
    }

    struct BroadcastJobSpec<'a> {
        parallelism: Option<Int>,
        template: PodTemplate<'a>,
    }

    /// Revising it sets the parallelism, whatever it was.
    pub(crate) struct BroadcastJobScale {
        #[serde(rename = "spec")]
        _spec: Object,
    }

    pub(crate) struct BroadcastJob<'a> {
        metadata: StatusMetadata<'a>,
        status: Option<Status<'a>>,
    }

    struct Conditions<'a> {
        conditions: Vec<Condition<'a>>,
    }

    struct Condition<'a> {
        r#type: Json<'a>,
        status: Json<'a>,
    }
}

impl BroadcastJobTemplate<'_> {
    pub(crate) fn replicas(&self) -> Answer<Replicas<'_>> {
        let BroadcastJobSpec { parallelism, template } = &self.spec;
        let replicas = parallelism.map_or(1, |Int(pods)| pods);
        Ok(Replicas { replicas, requirements: pod_requirements(template).map(Requirements::reread) })
    }

    /// One: the pods are all alike.
    pub(crate) fn components(&self) -> Answer<Vec<Component<'_>>> {
        Ok(self.replicas()?.component("BroadcastJob"))
    }

    pub(crate) fn dependencies(&self) -> Answer<Vec<Dependent>> {
        Ok(dependencies(&self.spec.template, &self.metadata))
    }
}

impl BroadcastJobScale {
    pub(crate) fn revise(&self, replicas: i32) -> Answer<Changes> {
        Ok(Changes::none().set("/spec/parallelism", replicas))
    }
}

impl BroadcastJob<'_> {
    /// No pod has failed, and some run or have ended well.
    pub(crate) fn health(&self) -> Answer<bool> {
        let Some(status) = &self.status else { return Ok(false) };
        let is_zero =
            |name| status.get(name).copied().unwrap_or_default().number().is_some_and(|count| count == 0.0);
        Ok(!is_zero("desired") && is_zero("failed") && !(is_zero("succeeded") && is_zero("active")))
    }

    /// The job has failed if it has failed in one member, and is complete when it is in all. (Karmada takes a member
    /// where the job goes on for one like the member before it.)
    pub(crate) fn aggregate(&self, members: Members<'_>) -> Answer<Changes> {
        if members.is_empty() {
            return Ok(Changes::none());
        }
        let reported = members.reported::<Conditions<'_>>()?;
        let ended = |how| reported.iter().filter(move |member| member.status.end() == Some(how));
        let failed: Vec<&str> = ended(End::Failed).map(|member| member.cluster).collect();

        let mut conditions = Vec::new();
        if !failed.is_empty() {
            let message = format!("Job executed failed in member clusters: {}", failed.join(", "));
            conditions.push(holding("Failed", "JobFailed", &message));
        }
        if ended(End::Complete).count() == members.len() {
            conditions.push(holding("Completed", "Completed", "Job completed"));
        }
        let changes = BROADCAST_JOB.aggregate(&self.metadata, self.status.as_ref(), members)?;
        Ok(match conditions.is_empty() {
            true => changes.remove("/status/conditions"),
            false => changes.set("/status/conditions", conditions),
        })
    }

    /// What the job's controller reports. Times are the simulated cluster's to fill in.
    pub(crate) fn simulate(&self, pods: Pods<'_>) -> Answer<Value> {
        let pods = pods.of("");
        let ended = pods.succeeded.saturating_add(pods.failed);
        let has_ended = pods.desired > 0 && ended >= pods.desired;
        let mut status = json!({
            "desired": pods.desired,
            "active": pods.created.saturating_sub(ended),
            "succeeded": pods.succeeded,
            "failed": pods.failed,
            "phase": if has_ended { "completed" } else { "running" },
            "startTime": null,
        });
        if has_ended {
            status["completionTime"] = Value::Null;
            let mut complete = holding("Complete", "Complete", "Job completed, all pods have ended");
            complete["lastProbeTime"] = Value::Null;
            complete["lastTransitionTime"] = Value::Null;
            status["conditions"] = [complete].into();
        }
        Ok(status)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Complete,
    Failed,
}

impl Conditions<'_> {
    /// How the job has ended, if it has.
    fn end(&self) -> Option<End> {
        let holding = self.conditions.iter().filter(|condition| condition.status.is("True"));
        let mut ends = holding.filter_map(|condition| {
            let is = |name| condition.r#type.is(name);
            if is("Complete") { Some(End::Complete) } else { is("Failed").then_some(End::Failed) }
        });
        ends.next()
    }
}

fn holding(name: &str, reason: &str, message: &str) -> Value {
    json!({"type": name, "status": "True", "reason": reason, "message": message})
}
