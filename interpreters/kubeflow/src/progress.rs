//! How a training job does, as its operator reports it.

use windlass_sdk::json::{Entries, Json, Numeric, Text, omit_empty};
use windlass_sdk::kubernetes::Condition;
use windlass_sdk::serde::Serialize;
use windlass_sdk::serde_json::{Value, json};
use windlass_sdk::{Answer, Changes, Members, Pods};

use crate::roles::of_kind;
use crate::simulation::{RunPolicy, simulated};

windlass_sdk::shape! {
    pub(crate) struct Progress<'a> {
        kind: Text<'a>,
        status: Json<'a>,
    }

    pub(crate) struct Simulation<'a> {
        kind: Text<'a>,
        spec: Spec,
    }

    struct Spec {
        run_policy: RunPolicy,
    }

    struct Status<'a> {
        conditions: Option<Vec<Condition<'a>>>,
        replica_statuses: Entries<'a, ReplicaStatus>,
        start_time: Option<Text<'a>>,
        completion_time: Option<Text<'a>>,
        last_reconcile_time: Option<Text<'a>>,
    }

    pub(crate) struct ReplicaStatus: Serialize {
        pub(crate) active: Numeric,
        pub(crate) succeeded: Numeric,
        pub(crate) failed: Numeric,
    }
}

/// A condition of the jobs in all members together.
#[derive(Serialize)]
#[serde(crate = "windlass_sdk::serde", rename_all = "camelCase")]
pub(crate) struct Aggregated<'a> {
    pub(crate) r#type: &'static str,
    pub(crate) status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_probe_time: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_transition_time: Option<&'a str>,
    pub(crate) reason: String,
    pub(crate) message: String,
}

impl ReplicaStatus {
    pub(crate) fn add(&mut self, other: &ReplicaStatus) {
        for (sum, count) in [
            (&mut self.active, other.active),
            (&mut self.succeeded, other.succeeded),
            (&mut self.failed, other.failed),
        ] {
            *sum = [*sum, count].into_iter().sum();
        }
    }
}

impl Status<'_> {
    /// How the job has ended, if it has.
    fn end(&self) -> Option<&Condition<'_>> {
        let ends = |it: &&Condition<'_>| it.holds("Succeeded") || it.holds("Failed");
        self.conditions.iter().flatten().rfind(ends)
    }
}

impl Progress<'_> {
    /// A job that the operator has taken up is healthy until it fails.
    pub(crate) fn health(&self) -> Answer<bool> {
        let Status { conditions, .. } = self.status.read("status")?;
        Ok(conditions.is_some_and(|conditions| !conditions.iter().any(|it| it.holds("Failed"))))
    }

    /// The sums over the members. The job has failed if it has failed in one, and has succeeded when it has in all.
    pub(crate) fn aggregate(&self, members: Members<'_>) -> Answer<Changes> {
        if members.is_empty() {
            let fields = ["startTime", "completionTime", "replicaStatuses", "conditions"];
            let remove = |changes: Changes, field| changes.remove(format!("/status/{field}"));
            return Ok(fields.into_iter().fold(Changes::none(), remove));
        }
        let kind = of_kind(&self.kind);
        let reported = members.reported::<Status<'_>>()?;
        let statuses = || reported.iter().map(|member| &member.status);
        let mut replica_statuses = Entries::default();
        for role in kind.roles {
            let mut sum = ReplicaStatus::default();
            statuses().filter_map(|status| status.replica_statuses.get(role.key)).for_each(|it| sum.add(it));
            replica_statuses.set(role.key, sum);
        }

        let ended = |how: &'static str| {
            reported.iter().filter_map(move |member| {
                let end = member.status.end().filter(|end| end.r#type == how)?;
                Some((member.cluster, end))
            })
        };
        // No clock here: a condition holds since it came to hold in the last member.
        let condition = |how: &'static str, reason: String, message: String| {
            let since = ended(how).filter_map(|(_, end)| end.last_transition_time.as_deref()).max();
            Aggregated {
                r#type: how,
                status: "True",
                last_probe_time: since,
                last_transition_time: since,
                reason,
                message,
            }
        };
        let name = kind.kind;
        let mut conditions = Vec::new();
        let failed: Vec<&str> = ended("Failed").map(|(cluster, _)| cluster).collect();
        if !failed.is_empty() {
            let message = format!("{name} executed failed in member clusters: {}", failed.join(", "));
            conditions.push(condition("Failed", format!("{name}Failed"), message));
        }
        let succeeded = ended("Succeeded").count() == members.len();
        if succeeded {
            let message = format!("{name} completed successfully");
            conditions.push(condition("Succeeded", "Completed".to_owned(), message));
        }

        let mut status: Entries<'_, Value> = self.status.read("status")?;
        status.set("startTime", json!(statuses().filter_map(|it| it.start_time.as_ref()).min()));
        status.set(
            "lastReconcileTime",
            json!(statuses().filter_map(|it| it.last_reconcile_time.as_ref()).max()),
        );
        status.set("replicaStatuses", json!(replica_statuses));
        status.set("conditions", json!(conditions));
        if succeeded {
            status
                .set("completionTime", json!(statuses().filter_map(|it| it.completion_time.as_ref()).max()));
        }
        let status = omit_empty(json!(status));
        Ok(Changes::none().set_option("/status", Some(status).filter(|status| !status.is_null())))
    }
}

impl Simulation<'_> {
    pub(crate) fn simulate(&self, pods: Pods<'_>) -> Answer<Value> {
        let kind = of_kind(&self.kind);
        let roles = kind.roles.iter().map(|role| (role.key, pods.of(role.component)));
        Ok(simulated(kind.kind, &self.spec.run_policy, roles))
    }
}
