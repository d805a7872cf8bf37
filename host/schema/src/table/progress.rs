//! Cells that sum up how far something has come: conditions, completions, metrics, events.

use jiff::Timestamp;
use serde_json::Value;

use super::age;
use super::cells::{or_none, plain};

/// `Ready,SchedulingDisabled`.
pub(super) fn ready_condition(object: &Value) -> String {
    let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    let ready = conditions.into_iter().find(|condition| condition["type"] == "Ready");
    let mut text = match ready {
        None => "Unknown",
        Some(ready) if ready["status"] == "True" => "Ready",
        Some(_) => "NotReady",
    }
    .to_owned();
    if object["spec"]["unschedulable"] == true {
        text.push_str(",SchedulingDisabled");
    }
    text
}

/// A condition's status.
pub(super) fn condition(object: &Value, name: &str, default: &str) -> String {
    let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    let found = conditions.into_iter().find(|condition| condition["type"] == name);
    found.map_or_else(|| default.to_owned(), |condition| plain(&condition["status"]))
}

/// How far a request for a certificate has come: `Approved,Issued`.
pub(super) fn signing_state(object: &Value) -> String {
    let conditions = object["status"]["conditions"].as_array();
    let has = |name: &str| conditions.into_iter().flatten().any(|condition| condition["type"] == name);
    let state = if has("Denied") {
        "Denied"
    } else if has("Approved") {
        "Approved"
    } else {
        "Pending"
    };
    let issued = object["status"]["certificate"].as_str().is_some_and(|text| !text.is_empty());
    let mut text = state.to_owned();
    for (holds, more) in [(has("Failed"), ",Failed"), (issued, ",Issued")] {
        if holds {
            text.push_str(more);
        }
    }
    text
}

/// Roles from the labels `node-role.kubernetes.io/ROLE` and `kubernetes.io/role=ROLE`.
pub(super) fn roles(object: &Value) -> String {
    let labels = object["metadata"]["labels"].as_object().into_iter().flatten();
    let mut roles: Vec<String> = labels
        .filter_map(|(key, value)| match key.strip_prefix("node-role.kubernetes.io/") {
            Some(role) if !role.is_empty() => Some(role.to_owned()),
            None if key == "kubernetes.io/role" => {
                value.as_str().filter(|role| !role.is_empty()).map(str::to_owned)
            }
            _ => None,
        })
        .collect();
    roles.sort();
    roles.dedup();
    or_none(roles.join(","))
}

/// The first of the conditions that is true, in order of weight; `Running` without any.
pub(super) fn completion_status(object: &Value) -> String {
    let holds = |name: &str| {
        let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
        conditions.into_iter().any(|condition| condition["type"] == name && condition["status"] == "True")
    };
    if let Some(end) = ["Complete", "Failed"].into_iter().find(|name| holds(name)) {
        return end.to_owned();
    }
    if object["metadata"]["deletionTimestamp"].is_string() {
        return "Terminating".to_owned();
    }
    ["Suspended", "FailureTarget", "SuccessCriteriaMet"]
        .into_iter()
        .find(|name| holds(name))
        .unwrap_or("Running")
        .to_owned()
}

/// `2/3`, or `2/1 of 4` where work is shared without a count.
pub(super) fn completions(object: &Value) -> String {
    let succeeded = object["status"]["succeeded"].as_i64().unwrap_or(0);
    let (spec, one) = (&object["spec"], 1);
    match (spec["completions"].as_i64(), spec["parallelism"].as_i64().unwrap_or(0)) {
        (Some(completions), _) => format!("{succeeded}/{completions}"),
        (None, parallelism) if parallelism > one => format!("{succeeded}/1 of {parallelism}"),
        _ => format!("{succeeded}/1"),
    }
}

/// From the start to completion, or to now.
pub(super) fn run_time(object: &Value, now: Timestamp) -> String {
    let time = |name: &str| object["status"][name].as_str().and_then(|text| text.parse::<Timestamp>().ok());
    match (time("startTime"), time("completionTime")) {
        (None, _) => String::new(),
        (Some(start), end) => age::human(age::seconds_between(start, end.unwrap_or(now))),
    }
}

/// `cpu: 10%/80%`: each metric's current value and its target; two are shown.
pub(super) fn metrics(object: &Value) -> String {
    const SHOWN: usize = 2;
    let none = Vec::new();
    let specs = object["spec"]["metrics"].as_array().unwrap_or(&none);
    // autoscaling/v1 has but one.
    if let Some(target) = object["spec"]["targetCPUUtilizationPercentage"].as_i64() {
        let current = object["status"]["currentCPUUtilizationPercentage"].as_i64();
        let current = current.map_or_else(|| "<unknown>".to_owned(), |percent| format!("{percent}%"));
        return format!("cpu: {current}/{target}%");
    }
    let texts: Vec<String> = specs
        .iter()
        .enumerate()
        .take(SHOWN)
        .map(|(index, spec)| metric(spec, &object["status"]["currentMetrics"][index]))
        .collect();
    let mut text = or_none(texts.join(", "));
    if specs.len() > SHOWN {
        text.push_str(&format!(" + {} more...", specs.len() - SHOWN));
    }
    text
}

fn metric(spec: &Value, status: &Value) -> String {
    let name = plain(&spec["type"]);
    let mut field = name.clone();
    if let Some(first) = field.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    let (target, current) = (&spec[&field]["target"], &status[&field]["current"]);
    let or_unknown = |text: String| if text.is_empty() { "<unknown>".to_owned() } else { text };
    let prefix = match plain(&spec[&field]["name"]).as_str() {
        "" => String::new(),
        name => format!("{name}: "),
    };
    if let Some(percent) = target["averageUtilization"].as_i64() {
        let current =
            current["averageUtilization"].as_i64().map(|percent| format!("{percent}%")).unwrap_or_default();
        return format!("{prefix}{}/{percent}%", or_unknown(current));
    }
    if target["averageValue"].is_null() {
        return format!("{prefix}{}/{}", or_unknown(plain(&current["value"])), plain(&target["value"]));
    }
    let suffix = if prefix.is_empty() && name != "Pods" { " (avg)" } else { "" };
    format!(
        "{prefix}{}/{}{suffix}",
        or_unknown(plain(&current["averageValue"])),
        plain(&target["averageValue"])
    )
}

/// `component, instance`.
pub(super) fn event_source(object: &Value) -> String {
    let source = if object["source"].is_object() { &object["source"] } else { &object["deprecatedSource"] };
    let component = plain(&source["component"]);
    let (component, instance) = if component.is_empty() {
        (plain(&object["reportingComponent"]), plain(&object["reportingInstance"]))
    } else {
        (component, plain(&source["host"]))
    };
    if instance.is_empty() { component } else { format!("{component}, {instance}") }
}

pub(super) fn event_count(object: &Value) -> Value {
    let counts = [&object["series"]["count"], &object["count"], &object["deprecatedCount"]];
    let found = counts.iter().filter_map(|count| count.as_i64()).find(|count| *count > 0);
    found.unwrap_or(1).into()
}
