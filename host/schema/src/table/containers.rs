//! What the containers of a pod say together: how many are ready, the one word for it all, the restarts. The rules
//! are those of kubectl's own printer.

use jiff::Timestamp;
use serde_json::Value;

use super::age;
use super::cells::plain;

pub(super) struct Summary {
    pub(super) ready: String,
    pub(super) reason: String,
    pub(super) restarts: String,
}

pub(super) fn summary(pod: &Value, now: Timestamp) -> Summary {
    let list =
        |path: &str| pod.pointer(path).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let (init, init_statuses) = (list("/spec/initContainers"), list("/status/initContainerStatuses"));
    let is_sidecar =
        |name: &Value| init.iter().any(|one| one["name"] == *name && one["restartPolicy"] == "Always");
    let total =
        list("/spec/containers").len() + init.iter().filter(|one| one["restartPolicy"] == "Always").count();
    let mut reason = plain(&pod["status"]["reason"]);
    if reason.is_empty() {
        reason = plain(&pod["status"]["phase"]);
    }
    let (mut ready, mut restarts, mut sidecar_restarts) = (0, 0, 0);
    let (mut last, mut sidecar_last) = (None, None);
    let mut initializing = false;
    for (index, status) in init_statuses.iter().enumerate() {
        restarts += status["restartCount"].as_i64().unwrap_or(0);
        last = last.max(finished(status));
        let sidecar = is_sidecar(&status["name"]);
        if sidecar {
            sidecar_restarts += status["restartCount"].as_i64().unwrap_or(0);
            sidecar_last = sidecar_last.max(finished(status));
        }
        let state = &status["state"];
        if state["terminated"]["exitCode"] == 0 {
            continue;
        }
        if sidecar && status["started"] == true {
            ready += usize::from(status["ready"] == true);
            continue;
        }
        reason = match (state["terminated"].is_object(), plain(&state["waiting"]["reason"]).as_str()) {
            (true, _) => format!("Init:{}", termination(&state["terminated"])),
            (false, waiting) if !waiting.is_empty() && waiting != "PodInitializing" => {
                format!("Init:{waiting}")
            }
            _ => format!("Init:{index}/{}", init.len()),
        };
        initializing = true;
        break;
    }
    if !initializing || condition(pod, "Initialized") {
        restarts = sidecar_restarts;
        last = sidecar_last;
        let mut running = false;
        for status in list("/status/containerStatuses").iter().rev() {
            restarts += status["restartCount"].as_i64().unwrap_or(0);
            last = last.max(finished(status));
            let state = &status["state"];
            let waiting = plain(&state["waiting"]["reason"]);
            if !waiting.is_empty() {
                reason = waiting;
            } else if state["terminated"].is_object() {
                reason = termination(&state["terminated"]);
            } else if status["ready"] == true && state["running"].is_object() {
                running = true;
                ready += 1;
            }
        }
        if reason == "Completed" && running {
            reason = if condition(pod, "Ready") { "Running" } else { "NotReady" }.to_owned();
        }
    }
    let phase = plain(&pod["status"]["phase"]);
    if pod["metadata"]["deletionTimestamp"].is_string() && phase != "Succeeded" && phase != "Failed" {
        let lost = pod["status"]["reason"] == "NodeLost";
        reason = if lost { "Unknown" } else { "Terminating" }.to_owned();
    }
    let restarts = match last {
        Some(last) if restarts != 0 => {
            format!("{restarts} ({} ago)", age::human(age::seconds_between(last, now)))
        }
        _ => restarts.to_string(),
    };
    Summary { ready: format!("{ready}/{total}"), reason, restarts }
}

pub(super) fn readiness_gates(pod: &Value) -> String {
    let gates = pod["spec"]["readinessGates"].as_array().map(Vec::as_slice).unwrap_or_default();
    if gates.is_empty() {
        return "<none>".to_owned();
    }
    let met = gates.iter().filter(|gate| condition(pod, &plain(&gate["conditionType"]))).count();
    format!("{met}/{}", gates.len())
}

fn condition(pod: &Value, name: &str) -> bool {
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().any(|condition| condition["type"] == name && condition["status"] == "True")
}

fn termination(terminated: &Value) -> String {
    let reason = plain(&terminated["reason"]);
    if !reason.is_empty() {
        return reason;
    }
    match terminated["signal"].as_i64().unwrap_or(0) {
        0 => format!("ExitCode:{}", terminated["exitCode"].as_i64().unwrap_or(0)),
        signal => format!("Signal:{signal}"),
    }
}

/// When the container's last run ended.
fn finished(status: &Value) -> Option<Timestamp> {
    status["lastState"]["terminated"]["finishedAt"].as_str()?.parse().ok()
}
