//! The paths of a document: each endpoint's operations with the parameters that clients look for.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::schemas::list_name;
use super::{group_version_kind, schema_name};
use crate::kind::Kind;

pub(super) const SCALE: &str = "io.k8s.api.autoscaling.v1.Scale";
const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";

/// Which version of OpenAPI is spoken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    V2,
    V3,
}

/// One operation, before it is written in a dialect.
struct Operation<'a> {
    method: &'static str,
    /// `list`, `post`, `patch`, ...: `x-kubernetes-action`.
    action: &'static str,
    /// The operation's verb in its id: `list`, `create`, `replace`, ...
    verb: &'static str,
    /// Beside `name` and `namespace`, with their types.
    parameters: &'a [(&'static str, &'static str)],
    body: Option<String>,
    answer: String,
}

const LIST: [(&str, &str); 9] = [
    ("allowWatchBookmarks", "boolean"),
    ("continue", "string"),
    ("fieldSelector", "string"),
    ("labelSelector", "string"),
    ("limit", "integer"),
    ("resourceVersion", "string"),
    ("resourceVersionMatch", "string"),
    ("timeoutSeconds", "integer"),
    ("watch", "boolean"),
];
const WRITE: [(&str, &str); 3] =
    [("dryRun", "string"), ("fieldManager", "string"), ("fieldValidation", "string")];
const PATCH: [(&str, &str); 4] =
    [("dryRun", "string"), ("fieldManager", "string"), ("fieldValidation", "string"), ("force", "boolean")];
const DELETE: [(&str, &str); 4] = [
    ("dryRun", "string"),
    ("gracePeriodSeconds", "integer"),
    ("orphanDependents", "boolean"),
    ("propagationPolicy", "string"),
];

pub(super) fn of(kinds: &[Arc<Kind>], dialect: Dialect) -> Value {
    let mut paths = Map::new();
    for kind in kinds {
        let root = if kind.group.is_empty() {
            format!("/api/{}", kind.version)
        } else {
            format!("/apis/{}/{}", kind.group, kind.version)
        };
        let plural = &kind.names.plural;
        let collection = if kind.namespaced {
            format!("{root}/namespaces/{{namespace}}/{plural}")
        } else {
            format!("{root}/{plural}")
        };
        let writer = Writer { kind, dialect };
        if kind.namespaced && kind.verbs.iter().any(|verb| verb == "list") {
            paths.insert(format!("{root}/{plural}"), writer.item(&[writer.list()], "ForAllNamespaces", &[]));
        }
        let scope: &[&str] = if kind.namespaced { &["namespace"] } else { &[] };
        let allowed = |operation: &Operation<'_>| {
            let verb = match operation.action {
                "post" => "create",
                "put" => "update",
                action => action,
            };
            kind.verbs.iter().any(|allowed| allowed == verb)
        };
        let mut operations = vec![writer.list(), writer.create(), writer.delete_all()];
        operations.retain(allowed);
        paths.insert(collection.clone(), writer.item(&operations, "", scope));
        let named: Vec<&str> = ["name"].into_iter().chain(scope.iter().copied()).collect();
        let own = schema_name(kind);
        let mut operations =
            vec![writer.read(&own), writer.replace(&own), writer.patch(&own), writer.delete()];
        operations.retain(allowed);
        if !operations.is_empty() {
            paths.insert(format!("{collection}/{{name}}"), writer.item(&operations, "", &named));
        }
        let mut subresources = Vec::new();
        if kind.subresources.status {
            subresources.push(("status", own.clone()));
        }
        if kind.subresources.scale.is_some() {
            subresources.push(("scale", SCALE.to_owned()));
        }
        for (name, schema) in subresources {
            let operations = [writer.read(&schema), writer.replace(&schema), writer.patch(&schema)];
            paths.insert(
                format!("{collection}/{{name}}/{name}"),
                writer.item(&operations, &capital(name), &named),
            );
        }
        for other in &kind.subresources.others {
            let schema = other.definition.as_ref().unwrap_or(&own);
            let operations: Vec<Operation<'_>> = other
                .verbs
                .iter()
                .filter_map(|verb| match verb.as_str() {
                    "create" => Some(writer.create_of(schema)),
                    "get" => Some(writer.read(schema)),
                    "update" => Some(writer.replace(schema)),
                    "patch" => Some(writer.patch(schema)),
                    _ => None,
                })
                .collect();
            paths.insert(
                format!("{collection}/{{name}}/{}", other.name),
                writer.item(&operations, &capital(&other.name), &named),
            );
        }
    }
    Value::Object(paths)
}

struct Writer<'a> {
    kind: &'a Kind,
    dialect: Dialect,
}

impl Writer<'_> {
    fn list(&self) -> Operation<'static> {
        let answer = list_name(self.kind);
        Operation { method: "get", action: "list", verb: "list", parameters: &LIST, body: None, answer }
    }

    fn create(&self) -> Operation<'static> {
        self.create_of(&schema_name(self.kind))
    }

    fn create_of(&self, schema: &str) -> Operation<'static> {
        let (body, answer) = (Some(schema.to_owned()), schema.to_owned());
        Operation { method: "post", action: "post", verb: "create", parameters: &WRITE, body, answer }
    }

    fn read(&self, schema: &str) -> Operation<'static> {
        Operation {
            method: "get",
            action: "get",
            verb: "read",
            parameters: &[],
            body: None,
            answer: schema.to_owned(),
        }
    }

    fn replace(&self, schema: &str) -> Operation<'static> {
        let (body, answer) = (Some(schema.to_owned()), schema.to_owned());
        Operation { method: "put", action: "put", verb: "replace", parameters: &WRITE, body, answer }
    }

    fn patch(&self, schema: &str) -> Operation<'static> {
        let body = Some(format!("{META}.Patch"));
        let answer = schema.to_owned();
        Operation { method: "patch", action: "patch", verb: "patch", parameters: &PATCH, body, answer }
    }

    fn delete(&self) -> Operation<'static> {
        let body = Some(format!("{META}.DeleteOptions"));
        let answer = format!("{META}.Status");
        Operation { method: "delete", action: "delete", verb: "delete", parameters: &DELETE, body, answer }
    }

    fn delete_all(&self) -> Operation<'static> {
        Operation { action: "deletecollection", verb: "deletecollection", ..self.delete() }
    }

    /// The path item: its operations, and the parameters of the path itself.
    fn item(&self, operations: &[Operation<'_>], suffix: &str, path_parameters: &[&str]) -> Value {
        let mut item = Map::new();
        for operation in operations {
            item.insert(operation.method.to_owned(), self.operation(operation, suffix));
        }
        let parameters: Vec<Value> =
            path_parameters.iter().map(|name| self.parameter(name, "string", "path")).collect();
        if !parameters.is_empty() {
            item.insert("parameters".to_owned(), Value::Array(parameters));
        }
        Value::Object(item)
    }

    fn operation(&self, operation: &Operation<'_>, suffix: &str) -> Value {
        let Operation { method: _, action, verb, parameters, body, answer } = operation;
        let kind = self.kind;
        let group: String = match kind.group.split('.').next() {
            Some("") | None => "Core".to_owned(),
            Some(first) => capital(first),
        };
        let scope = if kind.namespaced && suffix != "ForAllNamespaces" { "Namespaced" } else { "" };
        let id = format!("{verb}{group}{}{scope}{}{suffix}", capital(&kind.version), kind.names.kind);
        let mut parameters: Vec<Value> =
            parameters.iter().map(|(name, kind)| self.parameter(name, kind, "query")).collect();
        let mut written = json!({
            "operationId": id,
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": group_version_kind(kind),
        });
        match (self.dialect, body) {
            (_, None) => {}
            (Dialect::V3, Some(schema)) => {
                let content: Map<String, Value> = self
                    .consumes(action)
                    .into_iter()
                    .map(|media| (media.to_owned(), json!({"schema": self.reference(schema)})))
                    .collect();
                written["requestBody"] = json!({ "content": content });
            }
            (Dialect::V2, Some(schema)) => {
                written["consumes"] = json!(self.consumes(action));
                parameters.push(json!({"name": "body", "in": "body", "schema": self.reference(schema)}));
            }
        }
        let answer = self.reference(answer);
        written["responses"]["200"] = match self.dialect {
            Dialect::V3 => json!({"description": "OK", "content": {"application/json": {"schema": answer}}}),
            Dialect::V2 => json!({"description": "OK", "schema": answer}),
        };
        if self.dialect == Dialect::V2 {
            written["produces"] = json!(["application/json"]);
        }
        written["parameters"] = Value::Array(parameters);
        written
    }

    fn consumes(&self, action: &str) -> Vec<&'static str> {
        if action != "patch" {
            return vec!["application/json", "application/yaml"];
        }
        let mut media = vec![
            "application/apply-patch+yaml",
            "application/json-patch+json",
            "application/merge-patch+json",
        ];
        if self.kind.has_strategic_merge() {
            media.push("application/strategic-merge-patch+json");
        }
        media
    }

    fn parameter(&self, name: &str, kind: &str, place: &str) -> Value {
        let mut parameter = json!({"name": name, "in": place});
        match self.dialect {
            Dialect::V3 => parameter["schema"] = json!({"type": kind, "uniqueItems": true}),
            Dialect::V2 => {
                parameter["type"] = json!(kind);
                parameter["uniqueItems"] = json!(true);
            }
        }
        if place == "path" {
            parameter["required"] = json!(true);
        }
        parameter
    }

    fn reference(&self, schema: &str) -> Value {
        let place = match self.dialect {
            Dialect::V2 => "#/definitions",
            Dialect::V3 => "#/components/schemas",
        };
        json!({ "$ref": format!("{place}/{schema}") })
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_ascii_uppercase().to_string() + chars.as_str()).unwrap_or_default()
}
