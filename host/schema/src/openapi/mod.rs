//! OpenAPI documents: v3 by group version, and v2 for all. kubectl reads from them how to explain, validate and
//! patch.

mod paths;
mod schemas;
mod v2_protobuf;

use std::sync::Arc;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha512};

use crate::kind::Kind;
use paths::Dialect;

/// A document as it is served, with the hash that the index and the ETag carry.
#[derive(Clone, Debug)]
pub struct Document {
    /// JSON, or what [`v2_protobuf`] writes.
    pub body: Arc<[u8]>,
    /// Upper-case hex of SHA-512, as in `?hash=`.
    pub hash: String,
}

impl Document {
    fn new(body: Vec<u8>) -> Document {
        let hash = Sha512::digest(&body).iter().map(|byte| format!("{byte:02X}")).collect();
        Document { body: body.into(), hash }
    }
}

/// The v3 document of one group version (`/openapi/v3/apis/apps/v1`): all `kinds` are of it.
pub fn v3(kinds: &[Arc<Kind>]) -> Document {
    let document = json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "unversioned"},
        "paths": paths::of(kinds, Dialect::V3),
        "components": {"schemas": schemas::v3(kinds)},
    });
    Document::new(document.to_string().into_bytes())
}

/// `/openapi/v3`: from `apis/apps/v1` or `api/v1` to the document's hash.
pub fn v3_index<'a>(documents: impl IntoIterator<Item = (String, &'a Document)>) -> Value {
    let paths: Map<String, Value> = documents
        .into_iter()
        .map(|(path, document)| {
            let url = format!("/openapi/v3/{path}?hash={}", document.hash);
            (path, json!({ "serverRelativeURL": url }))
        })
        .collect();
    json!({ "paths": paths })
}

/// `/openapi/v2` over all kinds.
pub fn v2(kinds: &[Arc<Kind>]) -> Document {
    Document::new(v2_value(kinds).to_string().into_bytes())
}

/// `/openapi/v2` over all kinds, as gnostic's `openapi.v2.Document`: the only form that client-go reads.
pub fn v2_protobuf(kinds: &[Arc<Kind>]) -> Document {
    Document::new(v2_protobuf::document(&v2_value(kinds)))
}

fn v2_value(kinds: &[Arc<Kind>]) -> Value {
    json!({
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": "unversioned"},
        "paths": paths::of(kinds, Dialect::V2),
        "definitions": schemas::v2(kinds),
    })
}

/// The name of a kind's schema: `io.k8s.api.apps.v1.Deployment`, `com.example.v1.Foo`.
fn schema_name(kind: &Kind) -> String {
    if let Some(definition) = kind.definition() {
        return definition.to_owned();
    }
    let mut steps: Vec<&str> = kind.group.split('.').rev().collect();
    steps.extend([kind.version.as_str(), kind.names.kind.as_str()]);
    steps.join(".")
}

/// As operations and schemas name their kind.
fn group_version_kind(kind: &Kind) -> Value {
    json!({"group": kind.group, "version": kind.version, "kind": kind.names.kind})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{builtin, kind};

    fn parsed(document: &Document) -> Value {
        serde_json::from_slice(&document.body).unwrap()
    }

    fn apps() -> Vec<Arc<Kind>> {
        builtin::kinds().into_iter().filter(|kind| kind.group == "apps").collect()
    }

    #[test]
    fn kubectl_finds_what_it_looks_for() {
        let document = parsed(&v3(&apps()));
        let item = &document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"];
        let patch = &item["patch"];
        assert_eq!(
            patch["x-kubernetes-group-version-kind"],
            json!({"group": "apps", "version": "v1", "kind": "Deployment"})
        );
        assert_eq!(patch["x-kubernetes-action"], "patch");
        let names: Vec<&Value> =
            patch["parameters"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
        for name in ["dryRun", "fieldManager", "fieldValidation", "force"] {
            assert!(names.contains(&&json!(name)), "{name}");
        }
        assert!(patch["requestBody"]["content"].get("application/strategic-merge-patch+json").is_some());
        let schemas = &document["components"]["schemas"];
        assert_eq!(
            schemas["io.k8s.api.apps.v1.Deployment"]["x-kubernetes-group-version-kind"][0]["kind"],
            "Deployment"
        );
        let containers = &schemas["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"];
        assert_eq!(containers["x-kubernetes-patch-merge-key"], "name");
        assert_eq!(containers["items"]["$ref"], "#/components/schemas/io.k8s.api.core.v1.Container");
        assert!(schemas["io.k8s.api.apps.v1.DeploymentList"]["properties"]["items"].is_object());
        assert!(document["paths"]["/apis/apps/v1/deployments"]["get"].is_object());
        assert!(
            document["paths"].get("/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale").is_some()
        );
    }

    #[test]
    fn every_reference_resolves() {
        fn check(value: &Value, document: &Value) {
            match value {
                Value::Object(fields) => {
                    if let Some(Value::String(reference)) = fields.get("$ref") {
                        let pointer = reference.trim_start_matches('#');
                        assert!(document.pointer(pointer).is_some(), "{reference}");
                    }
                    fields.values().for_each(|value| check(value, document));
                }
                Value::Array(items) => items.iter().for_each(|item| check(item, document)),
                _ => {}
            }
        }
        let all = builtin::kinds();
        for document in [parsed(&v2(&all)), parsed(&v3(&all))] {
            check(&document, &document);
        }
    }

    #[test]
    fn custom_kinds_are_described_by_their_own_schema() {
        let kinds = kind::from_crd(&json!({"metadata": {"name": "foos.example.com"}, "spec": {
            "group": "example.com", "scope": "Cluster", "names": {"kind": "Foo", "plural": "foos"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "description": "A foo.", "properties": {"spec": {"type": "object"}}}}}]}}))
        .unwrap();
        let document = v3(&kinds);
        let parsed = parsed(&document);
        let schema = &parsed["components"]["schemas"]["com.example.v1.Foo"];
        assert_eq!(schema["description"], "A foo.");
        assert!(schema["properties"]["metadata"].is_object());
        let patch = &parsed["paths"]["/apis/example.com/v1/foos/{name}"]["patch"];
        assert!(patch["requestBody"]["content"].get("application/strategic-merge-patch+json").is_none());
        let index = v3_index([("apis/example.com/v1".to_owned(), &document)]);
        let url = index["paths"]["apis/example.com/v1"]["serverRelativeURL"].as_str().unwrap();
        assert_eq!(url, format!("/openapi/v3/apis/example.com/v1?hash={}", document.hash));
        assert_eq!(document.hash.len(), 128);
    }

    #[test]
    fn what_kubectl_cannot_read_is_left_out_of_v2() {
        let spec = json!({"type": "object", "required": ["any", "open"], "properties": {
            "any": {"type": "string", "nullable": true},
            "list": {"type": "array", "x-kubernetes-preserve-unknown-fields": true, "items": {"type": "string"}},
            "open": {"type": "object", "x-kubernetes-preserve-unknown-fields": true,
                "properties": {"a": {"type": "string"}}},
        }});
        let kinds = kind::from_crd(&json!({"metadata": {"name": "foos.example.com"}, "spec": {
            "group": "example.com", "scope": "Cluster", "names": {"kind": "Foo", "plural": "foos"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "properties": {"spec": spec}}}}]}}))
        .unwrap();
        let definitions = &parsed(&v2(&kinds))["definitions"];
        let open = json!({"x-kubernetes-preserve-unknown-fields": true});
        assert_eq!(
            definitions["com.example.v1.Foo"]["properties"]["spec"],
            json!({"type": "object", "required": ["open"],
                "properties": {"any": {}, "list": open, "open": open}})
        );
    }
}
