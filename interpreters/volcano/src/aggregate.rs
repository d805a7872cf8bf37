//! One status of what several members report of a job.

use windlass_sdk::json::{Entries, Json, Numeric, Text, omit_empty, tree};
use windlass_sdk::serde::Serialize;
use windlass_sdk::serde_json::json;
use windlass_sdk::{Answer, Changes, Members, Reported};

use crate::status::Progress;

windlass_sdk::shape! {
    struct Status<'a> {
        state: Json<'a>,
        min_available: Numeric,
        pending: Numeric,
        running: Numeric,
        succeeded: Numeric,
        failed: Numeric,
        terminating: Numeric,
        unknown: Numeric,
        version: Numeric,
        retry_count: Numeric,
        running_duration: Json<'a>,
        task_status_count: Entries<'a, TaskStatus<'a>>,
        controlled_resources: Entries<'a, Json<'a>>,
        conditions: Vec<Json<'a>>,
    }

    struct TaskStatus<'a>: Serialize {
        phase: Entries<'a, Numeric>,
    }
}

#[derive(Serialize)]
#[serde(crate = "windlass_sdk::serde", rename_all = "camelCase")]
struct Ended<'a> {
    phase: &'static str,
    reason: &'static str,
    message: String,
    last_transition_time: Option<Text<'a>>,
}

impl Progress<'_> {
    /// The sums over the members. The job has failed if it has failed in one, and is complete when it is in all; the
    /// conditions are those of the first member that failed, or the latest of each kind.
    pub(crate) fn aggregate(&self, members: Members<'_>) -> Answer<Changes> {
        if let Some(changes) = members.at_most_one() {
            return Ok(changes);
        }
        let reported = members.reported::<Status<'_>>()?;
        let statuses = || reported.iter().map(|member| &member.status);
        let sum = |count: fn(&Status<'_>) -> Numeric| statuses().map(count).sum::<Numeric>();

        let longest =
            statuses().map(|status| status.running_duration).fold(Json::default(), |longest, it| {
                if seconds(it) > seconds(longest) { it } else { longest }
            });
        let version = statuses().filter_map(|status| status.version.get()).fold(0.0, f64::max);
        let mut tasks = Entries::<TaskStatus<'_>>::default();
        for status in statuses() {
            for (name, task) in &status.task_status_count.0 {
                let mut phases = tasks.get(name).cloned().unwrap_or_default().phase;
                for (phase, count) in &task.phase.0 {
                    let known = phases.get(phase).copied().unwrap_or_default();
                    phases.set(phase.clone(), [known, *count].into_iter().sum());
                }
                tasks.set(name.clone(), TaskStatus { phase: phases });
            }
        }
        let resources = statuses().flat_map(|status| status.controlled_resources.0.clone());
        let resources: Entries<'_, Json<'_>> = resources.filter(|(_, it)| !it.is_null()).collect();
        let status = json!({
            "state": ended(&reported, members.len()),
            "minAvailable": sum(|status| status.min_available),
            "taskStatusCount": tasks,
            "pending": sum(|status| status.pending),
            "running": sum(|status| status.running),
            "succeeded": sum(|status| status.succeeded),
            "failed": sum(|status| status.failed),
            "terminating": sum(|status| status.terminating),
            "unknown": sum(|status| status.unknown),
            "version": Numeric::from(version),
            "retryCount": sum(|status| status.retry_count),
            "controlledResources": tree("items[*].status.controlledResources", &resources)?,
            "conditions": tree("items[*].status.conditions", &conditions(&reported))?,
            "runningDuration": tree("items[*].status.runningDuration", &longest)?,
        });
        let status = omit_empty(status);
        Ok(Changes::none().set_option("/status", Some(status).filter(|status| !status.is_null())))
    }
}

/// The state of a job that is over, by what all members report together.
fn ended<'a>(reported: &[Reported<'a, Status<'a>>], members: usize) -> Option<Ended<'a>> {
    let in_phase = |phases: &'static [&str]| {
        reported.iter().filter(|member| {
            member.status.state.field("phase").string().is_some_and(|phase| phases.contains(&phase.as_str()))
        })
    };
    // No clock here: the job is over since it came to be in the last member.
    let since =
        |phases| in_phase(phases).filter_map(|it| it.status.state.field("lastTransitionTime").string()).max();
    const FAILED: &[&str] = &["Failed", "Aborted"];
    const COMPLETED: &[&str] = &["Completed"];
    let failed: Vec<&str> = in_phase(FAILED).map(|member| member.cluster).collect();
    if !failed.is_empty() {
        return Some(Ended {
            phase: "Failed",
            reason: "VolcanoJobFailed",
            message: format!("Job failed in clusters: {}", failed.join(",")),
            last_transition_time: since(FAILED),
        });
    }
    (in_phase(COMPLETED).count() == members).then(|| Ended {
        phase: "Completed",
        reason: "Completed",
        message: "Job completed successfully".to_owned(),
        last_transition_time: since(COMPLETED),
    })
}

/// Those of the first member with a condition of failure; without any, the latest of each kind.
fn conditions<'r>(reported: &'r [Reported<'_, Status<'r>>]) -> Vec<Json<'r>> {
    let kind = |condition: &Json<'r>| condition.field("status").string().unwrap_or_default();
    let since = |condition: &Json<'r>| condition.field("lastTransitionTime").string();
    let is_failure = |condition: &Json<'r>| {
        matches!(kind(condition).as_str(), "Failed" | "Aborted" | "Aborting" | "Terminated" | "Terminating")
    };
    let mut lists = reported.iter().map(|member| &member.status.conditions);
    if let Some(failed) = lists.clone().find(|conditions| conditions.iter().any(is_failure)) {
        return failed.clone();
    }
    let mut latest = Entries::<Json<'r>>::default();
    for condition in lists.by_ref().flatten() {
        let kind = kind(condition);
        if latest.get(&kind).is_none_or(|known| since(condition) > since(known)) {
            latest.set(kind, *condition);
        }
    }
    latest.0.into_iter().map(|(_, condition)| condition).collect()
}

/// The length of a duration as Go prints it (`1h2m3.5s`), or of a plain number; 0 for anything else.
fn seconds(duration: Json<'_>) -> f64 {
    if let Some(number) = duration.numeric().get() {
        return number;
    }
    let text = duration.string().unwrap_or_default();
    let mut rest = text.as_str();
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
        let (number, with_unit) = rest.split_at(number_end);
        let unit_end = with_unit.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(with_unit.len());
        let (unit, further) = with_unit.split_at(unit_end);
        let in_unit = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "\u{b5}s" => 1e-6,
            "ns" => 1e-9,
            _ => 0.0,
        };
        seconds += number.parse().unwrap_or(0.0) * in_unit;
        rest = further;
    }
    seconds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_prints_them() {
        for (text, want) in [
            ("\"35.5s\"", 35.5),
            ("\"1h2m3s\"", 3723.0),
            ("\"500ms\"", 0.5),
            ("\"90\"", 90.0),
            ("7", 7.0),
            ("\"soon\"", 0.0),
            ("\"5\"", 5.0),
            ("\"1.2.3s\"", 0.0),
            ("\"1E3\"", 0.0),
            ("\"at most 5m\"", 300.0),
            ("[]", 0.0),
            ("null", 0.0),
        ] {
            assert_eq!(seconds(Json::from_text(text)), want, "{text}");
        }
    }
}
