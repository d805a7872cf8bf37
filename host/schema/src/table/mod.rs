//! Server-side printing: `meta.k8s.io/v1 Table`, which plain `kubectl get` asks for.

mod addresses;
mod age;
mod cells;
mod containers;
mod progress;

use jiff::Timestamp;
use serde_json::{Value, json};
use windlass_jsonpath::Path;

use crate::kind::Kind;

pub(crate) use cells::Cell;

/// One printed column.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// `string`, `integer`, `number`, `boolean`, `date`.
    pub(crate) type_name: String,
    pub(crate) format: String,
    pub(crate) description: String,
    /// Shown with `-o wide` only where greater than 0.
    pub(crate) priority: i64,
    pub(crate) cell: Cell,
}

/// What stands in `rows[].object`: the `includeObject` parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IncludeObject {
    None,
    /// A PartialObjectMetadata.
    #[default]
    Metadata,
    Object,
}

/// The columns of a custom resource, from its `additionalPrinterColumns`: the name, then those, or the age where
/// there are none.
pub(crate) fn custom_columns(printer_columns: &Value) -> Vec<Column> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut columns = vec![name_column()];
    for column in printer_columns.as_array().into_iter().flatten() {
        // As in Kubernetes, a path that can't be read is the end of the columns, not of the definition.
        let Ok(path) = Path::parse(&text(&column["jsonPath"])) else { break };
        let type_name = text(&column["type"]);
        columns.push(Column {
            name: text(&column["name"]),
            format: text(&column["format"]),
            description: text(&column["description"]),
            priority: column["priority"].as_i64().unwrap_or(0),
            cell: Cell::Custom { path, type_name: type_name.clone() },
            type_name,
        });
    }
    if columns.len() == 1 {
        columns.push(Column {
            name: "Age".to_owned(),
            type_name: "date".to_owned(),
            format: String::new(),
            description: String::new(),
            priority: 0,
            cell: Cell::parse("age .metadata.creationTimestamp"),
        });
    }
    columns
}

/// The first column of nearly every table.
pub(crate) fn name_column() -> Column {
    Column {
        name: "Name".to_owned(),
        type_name: "string".to_owned(),
        format: "name".to_owned(),
        description: "The name of the object, unique within its namespace.".to_owned(),
        priority: 0,
        cell: Cell::parse("text .metadata.name"),
    }
}

/// The `columnDefinitions` of a kind.
pub fn column_definitions(kind: &Kind) -> Value {
    let define = |column: &Column| {
        let Column { name, type_name, format, description, priority, cell: _ } = column;
        json!({"name": name, "type": type_name, "format": format, "description": description, "priority": priority})
    };
    Value::Array(kind.columns.iter().map(define).collect())
}

/// One row of a kind's table: `{"cells": [...], "object": {...}}`.
pub fn row(kind: &Kind, object: &Value, include: IncludeObject, now: Timestamp) -> Value {
    let cells: Vec<Value> = kind.columns.iter().map(|column| column.cell.print(object, now)).collect();
    let object = match include {
        IncludeObject::None => Value::Null,
        IncludeObject::Metadata => json!({
            "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"],
        }),
        IncludeObject::Object => object.clone(),
    };
    json!({"cells": cells, "object": object})
}

/// A whole table; `list_metadata` is the list's (resourceVersion, continue, remainingItemCount). A watch sends a
/// table of one row for each event.
pub fn table<'a>(
    kind: &Kind,
    objects: impl IntoIterator<Item = &'a Value>,
    list_metadata: Value,
    include: IncludeObject,
    now: Timestamp,
) -> Value {
    let rows: Vec<Value> = objects.into_iter().map(|object| row(kind, object, include, now)).collect();
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": list_metadata,
        "columnDefinitions": column_definitions(kind), "rows": rows,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin;

    fn check(kind: &str, object: Value, expected: &str) {
        let kinds = builtin::kinds();
        let kind = kinds.iter().find(|candidate| candidate.names.kind == kind).unwrap();
        let now = "2024-01-02T00:00:00Z".parse().unwrap();
        let row = row(kind, &object, IncludeObject::None, now);
        let cells: Vec<String> = row["cells"]
            .as_array()
            .unwrap()
            .iter()
            .map(|cell| cell.as_str().map_or_else(|| cell.to_string(), str::to_owned))
            .collect();
        assert_eq!(cells.join(" | "), expected);
    }

    #[test]
    fn built_in_kinds_print_as_kubectl_shows_them() {
        let metadata = json!({"name": "x", "creationTimestamp": "2024-01-01T00:00:00Z"});
        check(
            "Deployment",
            json!({"metadata": metadata, "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "x"}},
                "template": {"spec": {"containers": [{"name": "a", "image": "i:1"}, {"name": "b", "image": "i:2"}]}}},
                "status": {"readyReplicas": 2, "updatedReplicas": 3, "availableReplicas": 2}}),
            "x | 2/3 | 3 | 2 | 24h | a,b | i:1,i:2 | app=x",
        );
        check(
            "Service",
            json!({"metadata": metadata, "spec": {"type": "NodePort", "clusterIP": "10.0.0.1",
                "ports": [{"port": 80, "protocol": "TCP", "nodePort": 30080}, {"port": 53, "protocol": "UDP"}]}}),
            "x | NodePort | 10.0.0.1 | <none> | 80:30080/TCP,53/UDP | 24h | <none>",
        );
        check("Namespace", json!({"metadata": metadata, "status": {"phase": "Active"}}), "x | Active | 24h");
        check(
            "ConfigMap",
            json!({"metadata": metadata, "data": {"a": "1"}, "binaryData": {"b": ""}}),
            "x | 2 | 24h",
        );
        check(
            "Node",
            json!({"metadata": {"name": "n", "creationTimestamp": "2024-01-01T00:00:00Z",
                    "labels": {"node-role.kubernetes.io/worker": "", "kubernetes.io/role": "edge"}},
                "spec": {"unschedulable": true},
                "status": {"conditions": [{"type": "Ready", "status": "True"}], "addresses": [{"type": "InternalIP", "address": "1.2.3.4"}],
                    "nodeInfo": {"kubeletVersion": "v1.36.0", "osImage": "os", "kernelVersion": "k", "containerRuntimeVersion": "c"}}}),
            "n | Ready,SchedulingDisabled | edge,worker | 24h | v1.36.0 | 1.2.3.4 | <none> | os | k | c",
        );
        check(
            "Job",
            json!({"metadata": metadata, "spec": {"completions": 2}, "status": {"succeeded": 2, "startTime": "2024-01-01T00:00:00Z",
                "completionTime": "2024-01-01T00:01:00Z", "conditions": [{"type": "Complete", "status": "True"}]}}),
            "x | Complete | 2/2 | 60s | 24h | <none> | <none> | <none>",
        );
        check(
            "ResourceQuota",
            json!({"metadata": metadata, "status": {"hard": {"cpu": "4", "limits.cpu": "8"}, "used": {"cpu": "1"}}}),
            "x | cpu: 1/4 | limits.cpu: 0/8 | 24h",
        );
    }

    #[test]
    fn pods_show_what_their_containers_do() {
        let pod = |status: Value| {
            json!({"metadata": {"name": "p", "creationTimestamp": "2024-01-01T00:00:00Z"},
                "spec": {"containers": [{"name": "a"}, {"name": "b"}], "nodeName": "n"}, "status": status})
        };
        check(
            "Pod",
            pod(
                json!({"phase": "Running", "podIP": "10.1.1.1", "conditions": [{"type": "Ready", "status": "True"}], "containerStatuses": [
                {"ready": true, "restartCount": 0, "state": {"running": {}}}, {"ready": true, "restartCount": 0, "state": {"running": {}}}]}),
            ),
            "p | 2/2 | Running | 0 | 24h | 10.1.1.1 | n | <none> | <none>",
        );
        check(
            "Pod",
            pod(json!({"phase": "Running", "containerStatuses": [
                {"ready": true, "restartCount": 0, "state": {"running": {}}},
                {"ready": false, "restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                 "lastState": {"terminated": {"finishedAt": "2024-01-01T23:00:00Z"}}}]})),
            "p | 1/2 | CrashLoopBackOff | 3 (60m ago) | 24h | <none> | n | <none> | <none>",
        );
        check(
            "Pod",
            pod(json!({"phase": "Pending"})),
            "p | 0/2 | Pending | 0 | 24h | <none> | n | <none> | <none>",
        );
    }

    #[test]
    fn every_built_in_kind_has_columns_and_prints_an_empty_object() {
        let now = "2024-01-02T00:00:00Z".parse().unwrap();
        for kind in builtin::kinds() {
            assert!(kind.columns.len() >= 2, "{}", kind.names.kind);
            let row = row(&kind, &json!({}), IncludeObject::Metadata, now);
            assert_eq!(row["cells"].as_array().unwrap().len(), kind.columns.len(), "{}", kind.names.kind);
        }
    }

    #[test]
    fn a_column_that_cannot_be_read_ends_the_table() {
        let columns = custom_columns(&json!([
            {"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status"},
            {"name": "Broken", "type": "string", "jsonPath": ".status.conditions[?(@.a==1 && @.b==2)].status"},
            {"name": "After", "type": "string", "jsonPath": ".status.after"},
        ]));
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["Name", "Ready"]);
        let object = json!({"metadata": {"name": "c"}, "status": {"conditions": [
            {"type": "Other"}, {"status": "x"}, {"type": "Ready", "status": {"by": "<a>", "at": 1e21}}]}});
        let cell = columns[1].cell.print(&object, Timestamp::UNIX_EPOCH);
        assert_eq!(cell, json!(r#"{"at":1e+21,"by":"\u003ca\u003e"}"#));
    }

    #[test]
    fn custom_columns_follow_their_paths_and_types() {
        let columns = custom_columns(&json!([
            {"name": "Size", "type": "string", "jsonPath": ".spec.size"},
            {"name": "N", "type": "integer", "jsonPath": ".spec.n"},
            {"name": "Since", "type": "date", "jsonPath": ".status.at"},
            {"name": "Missing", "type": "string", "jsonPath": ".spec.nothing"}
        ]));
        let object = json!({"metadata": {"name": "c"}, "spec": {"size": "l", "n": 3}, "status": {"at": "2024-01-01T00:00:00Z"}});
        let now = "2024-01-01T01:00:00Z".parse().unwrap();
        let cells: Vec<Value> = columns.iter().map(|column| column.cell.print(&object, now)).collect();
        assert_eq!(cells, [json!("c"), json!("l"), json!(3), json!("60m"), Value::Null]);
        assert_eq!(custom_columns(&Value::Null).len(), 2);
    }
}
