//! How a job does, as Volcano reports it.

use windlass_sdk::json::{Entries, Json, Numeric, Text};
use windlass_sdk::serde_json::{Map, Value, json};
use windlass_sdk::{Answer, PodCount, Pods};

use crate::job::task_name;

const REFLECTED: [&str; 14] = [
    "minAvailable",
    "pending",
    "running",
    "succeeded",
    "failed",
    "terminating",
    "unknown",
    "version",
    "retryCount",
    "runningDuration",
    "taskStatusCount",
    "controlledResources",
    "state",
    "conditions",
];

windlass_sdk::shape! {
    pub(crate) struct Progress<'a> {
        status: Json<'a>,
    }

    pub(crate) struct Simulation<'a> {
        spec: Spec<'a>,
    }

    struct Spec<'a> {
        min_available: Numeric,
        tasks: Vec<Task<'a>>,
    }

    struct Task<'a> {
        name: Text<'a>,
    }
}

impl<'a> Progress<'a> {
    /// Conditions that are no list are none.
    pub(crate) fn status(&self) -> Answer<Option<Entries<'a, Json<'a>>>> {
        let mut status = self.status.pick(&REFLECTED);
        if let Some(Entries(fields)) = &mut status {
            fields.retain(|(name, value)| *name != "conditions" || !value.items().is_empty());
        }
        Ok(status)
    }

    /// Healthy in any phase but failure: an aborted or terminated job was told to be.
    pub(crate) fn health(&self) -> Answer<bool> {
        let phase = self.status.field("state").field("phase").string().unwrap_or_default();
        Ok(matches!(
            phase.as_str(),
            "Running"
                | "Completed"
                | "Pending"
                | "Aborting"
                | "Aborted"
                | "Restarting"
                | "Completing"
                | "Terminating"
                | "Terminated"
        ))
    }
}

impl Simulation<'_> {
    /// What Volcano reports of a cluster whose pods do like this.
    pub(crate) fn simulate(&self, pods: Pods<'_>) -> Answer<Value> {
        let mut all = PodCount::default();
        let mut ended_well = !self.spec.tasks.is_empty();
        let mut tasks = Map::new();
        for (index, Task { name }) in self.spec.tasks.iter().enumerate() {
            let name = task_name(name, index);
            let pods = pods.of(&name);
            ended_well &= pods.succeeded >= pods.desired;
            for (total, count) in [
                (&mut all.desired, pods.desired),
                (&mut all.created, pods.created),
                (&mut all.ready, pods.ready),
                (&mut all.succeeded, pods.succeeded),
                (&mut all.failed, pods.failed),
            ] {
                *total = total.saturating_add(count);
            }
            tasks.insert(name.to_string(), json!({"phase": phases(pods)}));
        }
        let least = self.spec.min_available.get().unwrap_or(all.desired.into());
        let phase = match all {
            _ if ended_well => "Completed",
            PodCount { failed: 1.., .. } => "Failed",
            PodCount { ready, succeeded, .. } if f64::from(ready) + f64::from(succeeded) >= least => {
                "Running"
            }
            _ => "Pending",
        };
        Ok(json!({
            "state": {"phase": phase, "lastTransitionTime": null},
            "minAvailable": Numeric::from(least),
            "pending": pending(all),
            "running": all.ready,
            "succeeded": all.succeeded,
            "failed": all.failed,
            "taskStatusCount": tasks,
            "version": 1,
        }))
    }
}

fn pending(pods: PodCount) -> u32 {
    let ended = pods.succeeded.saturating_add(pods.failed);
    pods.created.saturating_sub(ended.saturating_add(pods.ready))
}

/// How many pods are in each phase that any is in.
fn phases(pods: PodCount) -> Map<String, Value> {
    [
        ("Pending", pending(pods)),
        ("Running", pods.ready),
        ("Succeeded", pods.succeeded),
        ("Failed", pods.failed),
    ]
    .into_iter()
    .filter(|(_, count)| *count > 0)
    .map(|(phase, count)| (phase.to_owned(), count.into()))
    .collect()
}
