//! autoscaling/v1 over autoscaling/v2: version 1 knows one metric, the processors' utilisation. All other metrics,
//! the behaviour and what the status tells of them are kept in annotations while an object is served in version 1,
//! as Kubernetes keeps them.

use serde_json::{Map, Value, json};

use super::moves;

/// A metric's fields: in version 1, in version 2.
type Names = &'static [(&'static str, &'static str)];

const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const CURRENT_METRICS: &str = "autoscaling.alpha.kubernetes.io/current-metrics";
const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";
const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";
const KEPT: [&str; 4] = [METRICS, CURRENT_METRICS, CONDITIONS, BEHAVIOR];
/// What is aimed at where nothing is said.
const UTILIZATION_DEFAULT: i64 = 80;

const SOURCES: [(&str, Names); 5] = [
    (
        "resource",
        &[
            ("targetAverageUtilization", "target.averageUtilization"),
            ("targetAverageValue", "target.averageValue"),
        ],
    ),
    (
        "containerResource",
        &[
            ("targetAverageUtilization", "target.averageUtilization"),
            ("targetAverageValue", "target.averageValue"),
        ],
    ),
    (
        "pods",
        &[
            ("metricName", "metric.name"),
            ("selector", "metric.selector"),
            ("targetAverageValue", "target.averageValue"),
        ],
    ),
    (
        "object",
        &[
            ("target", "describedObject"),
            ("metricName", "metric.name"),
            ("selector", "metric.selector"),
            ("targetValue", "target.value"),
            ("averageValue", "target.averageValue"),
        ],
    ),
    (
        "external",
        &[
            ("metricName", "metric.name"),
            ("metricSelector", "metric.selector"),
            ("targetValue", "target.value"),
            ("targetAverageValue", "target.averageValue"),
        ],
    ),
];

const STATUSES: [(&str, Names); 5] = [
    (
        "resource",
        &[
            ("currentAverageUtilization", "current.averageUtilization"),
            ("currentAverageValue", "current.averageValue"),
        ],
    ),
    (
        "containerResource",
        &[
            ("currentAverageUtilization", "current.averageUtilization"),
            ("currentAverageValue", "current.averageValue"),
        ],
    ),
    (
        "pods",
        &[
            ("metricName", "metric.name"),
            ("selector", "metric.selector"),
            ("currentAverageValue", "current.averageValue"),
        ],
    ),
    (
        "object",
        &[
            ("target", "describedObject"),
            ("metricName", "metric.name"),
            ("selector", "metric.selector"),
            ("currentValue", "current.value"),
            ("averageValue", "current.averageValue"),
        ],
    ),
    (
        "external",
        &[
            ("metricName", "metric.name"),
            ("metricSelector", "metric.selector"),
            ("currentValue", "current.value"),
            ("currentAverageValue", "current.averageValue"),
        ],
    ),
];

/// From version 1 to version 2.
pub(super) fn store(object: &mut Value) {
    let mut metrics = Vec::new();
    for mut metric in kept(object, METRICS).and_then(list).unwrap_or_default() {
        forth(&mut metric, &SOURCES);
        aim(&mut metric);
        metrics.push(metric);
    }
    if let Some(utilization) = moves::take(object, "spec.targetCPUUtilizationPercentage") {
        metrics.push(processors(utilization));
    }
    if metrics.is_empty() {
        metrics.push(processors(json!(UTILIZATION_DEFAULT)));
    }
    if object["spec"].is_object() {
        object["spec"]["metrics"] = Value::Array(metrics);
        if let Some(behavior) = kept(object, BEHAVIOR).filter(Value::is_object) {
            object["spec"]["behavior"] = rename_keys(behavior, char::to_ascii_lowercase);
        }
    }

    let utilization = moves::take(object, "status.currentCPUUtilizationPercentage");
    let current = match kept(object, CURRENT_METRICS).and_then(list) {
        Some(mut current) => {
            current.iter_mut().for_each(|metric| forth(metric, &STATUSES));
            Some(current)
        }
        None => utilization.map(|utilization| {
            vec![json!({"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": utilization}}})]
        }),
    };
    if let Some(current) = current {
        moves::put(object, "status.currentMetrics", Value::Array(current));
    }
    if let Some(conditions) = kept(object, CONDITIONS).and_then(list) {
        moves::put(object, "status.conditions", Value::Array(conditions));
    }
    forget(object);
}

/// From version 2 to version 1.
pub(super) fn serve(object: &mut Value) {
    forget(object);
    let metrics = moves::take(object, "spec.metrics").and_then(list).unwrap_or_default();
    let (processors, mut others): (Vec<Value>, Vec<Value>) =
        metrics.into_iter().partition(|metric| utilization(metric).is_some());
    if let Some(utilization) = processors.first().and_then(utilization) {
        moves::put(object, "spec.targetCPUUtilizationPercentage", utilization.clone());
    }
    others.iter_mut().for_each(|metric| back(metric, &SOURCES));
    keep(object, METRICS, others);

    if let Some(behavior) = moves::take(object, "spec.behavior") {
        annotate(object, BEHAVIOR, &rename_keys(behavior, char::to_ascii_uppercase));
    }

    let mut current = moves::take(object, "status.currentMetrics").and_then(list).unwrap_or_default();
    let of_processors = |metric: &&Value| metric["type"] == "Resource" && metric["resource"]["name"] == "cpu";
    let shown = current
        .iter()
        .rfind(of_processors)
        .and_then(|metric| metric.pointer("/resource/current/averageUtilization"))
        .cloned();
    if let Some(utilization) = shown {
        moves::put(object, "status.currentCPUUtilizationPercentage", utilization);
    }
    current.iter_mut().for_each(|metric| back(metric, &STATUSES));
    keep(object, CURRENT_METRICS, current);
    let conditions = moves::take(object, "status.conditions").and_then(list).unwrap_or_default();
    keep(object, CONDITIONS, conditions);
}

fn processors(utilization: Value) -> Value {
    json!({"type": "Resource", "resource": {"name": "cpu",
        "target": {"type": "Utilization", "averageUtilization": utilization}}})
}

/// The utilisation that a metric aims at, if it is of the processors.
fn utilization(metric: &Value) -> Option<&Value> {
    let resource = metric.get("resource").filter(|resource| resource["name"] == "cpu")?;
    (metric["type"] == "Resource").then(|| resource.pointer("/target/averageUtilization"))?
}

fn list(value: Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(items) => Some(items),
        _ => None,
    }
}

fn forth(metric: &mut Value, names: &[(&str, Names)]) {
    for (source, names) in names {
        if let Some(source) = metric.get_mut(source) {
            moves::forth(source, names.iter().copied());
        }
    }
}

fn back(metric: &mut Value, names: &[(&str, Names)]) {
    for (source, names) in names {
        let Some(source) = metric.get_mut(source) else { continue };
        let moved: Vec<(Value, &str)> =
            names.iter().filter_map(|(here, there)| Some((moves::take(source, there)?, *here))).collect();
        // What version 1 says without saying it: a target's type.
        for name in ["target", "current", "metric"] {
            moves::take(source, name);
        }
        for (value, name) in moved {
            moves::put(source, name, value);
        }
    }
}

/// Gives a metric's target the type that version 1 leaves to be guessed.
fn aim(metric: &mut Value) {
    for (source, _) in SOURCES {
        let Some(target) = metric.get_mut(source).and_then(|source| source.get_mut("target")) else {
            continue;
        };
        let Some(target) = target.as_object_mut() else { continue };
        let (average, utilization) =
            (target.contains_key("averageValue"), target.contains_key("averageUtilization"));
        // Version 1 can't leave the value out where the average counts.
        if average && source == "object" && target.get("value").is_some_and(|value| value == "0") {
            target.remove("value");
        }
        let value = target.contains_key("value");
        let kind = match source {
            "resource" | "containerResource" if utilization => "Utilization",
            "object" if !average => "Value",
            "external" if value => "Value",
            _ => "AverageValue",
        };
        target.insert("type".to_owned(), json!(kind));
    }
}

/// What an annotation keeps; what is not JSON is nobody's.
fn kept(object: &Value, annotation: &str) -> Option<Value> {
    let text = object.get("metadata")?.get("annotations")?.get(annotation)?.as_str()?;
    serde_json::from_str(text).ok()
}

fn keep(object: &mut Value, annotation: &str, list: Vec<Value>) {
    if !list.is_empty() {
        annotate(object, annotation, &Value::Array(list));
    }
}

fn annotate(object: &mut Value, annotation: &str, value: &Value) {
    let mut place = object;
    for name in ["metadata", "annotations"] {
        let Some(fields) = place.as_object_mut() else { return };
        place = fields.entry(name).or_insert_with(|| Value::Object(Map::new()));
    }
    if let Some(annotations) = place.as_object_mut() {
        annotations.insert(annotation.to_owned(), Value::String(value.to_string()));
    }
}

fn forget(object: &mut Value) {
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) else { return };
    let had = annotations.len();
    annotations.retain(|name, _| !KEPT.contains(&name.as_str()));
    if annotations.is_empty() && had > 0 {
        metadata.remove("annotations");
    }
}

/// The behaviour is kept under the names of Go's fields, which begin with a capital.
fn rename_keys(value: Value, first: fn(&char) -> char) -> Value {
    match value {
        Value::Object(fields) => {
            let renamed = fields.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| {
                let mut letters = name.chars();
                let name = letters.next().iter().map(first).chain(letters).collect::<String>();
                (name, rename_keys(value, first))
            });
            Value::Object(renamed.collect::<Map<String, Value>>())
        }
        Value::Array(items) => items.into_iter().map(|item| rename_keys(item, first)).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_target_of_processors_is_all_that_version_1_says() {
        let mut object = json!({"metadata": {"name": "a"}, "spec": {"maxReplicas": 3, "targetCPUUtilizationPercentage": 50},
            "status": {"currentReplicas": 1, "currentCPUUtilizationPercentage": 40}});
        let served = object.clone();
        store(&mut object);
        assert_eq!(
            object,
            json!({"metadata": {"name": "a"}, "spec": {"maxReplicas": 3, "metrics": [{"type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}]},
                "status": {"currentReplicas": 1, "currentMetrics": [{"type": "Resource",
                    "resource": {"name": "cpu", "current": {"averageUtilization": 40}}}]}})
        );
        serve(&mut object);
        let kept = moves::take(&mut object, "metadata.annotations").unwrap();
        assert_eq!(object, served);
        assert_eq!(
            kept[CURRENT_METRICS],
            r#"[{"resource":{"currentAverageUtilization":40,"name":"cpu"},"type":"Resource"}]"#
        );
        let mut bare = json!({"metadata": {}, "spec": {"maxReplicas": 3}});
        store(&mut bare);
        assert_eq!(bare["spec"]["metrics"], json!([processors(json!(80))]));
    }

    #[test]
    fn everything_else_survives_in_annotations() {
        let average = |value: &str| json!({"type": "AverageValue", "averageValue": value});
        let stored = json!({"metadata": {"name": "a", "annotations": {"mine": "1"}}, "spec": {"maxReplicas": 3,
            "metrics": [
                {"type": "Resource", "resource": {"name": "memory", "target": average("1Gi")}},
                {"type": "ContainerResource", "containerResource": {"name": "cpu", "container": "c",
                    "target": {"type": "Utilization", "averageUtilization": 5}}},
                {"type": "Pods", "pods": {"metric": {"name": "m", "selector": {"matchLabels": {"a": "b"}}}, "target": average("7")}},
                {"type": "Object", "object": {"describedObject": {"kind": "Service", "name": "s"},
                    "metric": {"name": "m"}, "target": {"type": "Value", "value": "9"}}},
                {"type": "External", "external": {"metric": {"name": "m"}, "target": average("2")}},
                {"type": "Resource", "resource": {"name": "cpu",
                    "target": {"type": "Utilization", "averageUtilization": 60}}},
            ],
            "behavior": {"scaleDown": {"selectPolicy": "Max", "policies": [{"type": "Pods", "value": 1, "periodSeconds": 2}]}}},
            "status": {"conditions": [{"type": "AbleToScale", "status": "True"}],
                "currentMetrics": [{"type": "Pods", "pods": {"metric": {"name": "m"}, "current": {"averageValue": "1"}}}]}});
        let mut object = stored.clone();
        serve(&mut object);
        assert_eq!(object["spec"], json!({"maxReplicas": 3, "targetCPUUtilizationPercentage": 60}));
        let annotations = object["metadata"]["annotations"].as_object().unwrap();
        assert_eq!(annotations.len(), 5);
        assert!(annotations[METRICS].as_str().unwrap().contains(r#""targetAverageValue":"1Gi""#));
        assert!(annotations[BEHAVIOR].as_str().unwrap().contains(r#""PeriodSeconds":2"#));
        store(&mut object);
        assert_eq!(object, stored);
    }

    #[test]
    fn annotations_that_make_no_sense_are_nobodys() {
        let mut object =
            json!({"metadata": {"annotations": {METRICS: "{", CONDITIONS: "1", BEHAVIOR: "[]"}}, "spec": {}});
        store(&mut object);
        assert_eq!(object, json!({"metadata": {}, "spec": {"metrics": [processors(json!(80))]}}));
        for mut odd in [
            json!(1),
            json!({"spec": 1, "metadata": 2, "status": []}),
            json!({"spec": {"metrics": [1, {"resource": 2}]}}),
        ] {
            serve(&mut odd);
            if odd.is_object() {
                store(&mut odd);
            }
        }
    }
}
