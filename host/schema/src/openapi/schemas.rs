//! The schemas of a document: those of the kinds, of their lists, and of all they refer to.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{group_version_kind, schema_name};
use crate::builtin;
use crate::kind::Kind;

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";
const INT_OR_STRING: &str = "io.k8s.apimachinery.pkg.util.intstr.IntOrString";
const QUANTITY: &str = "io.k8s.apimachinery.pkg.api.resource.Quantity";
/// Keywords that OpenAPI v2 doesn't have.
const ONLY_V3: [&str; 6] = ["nullable", "oneOf", "anyOf", "allOf", "not", "x-kubernetes-validations"];

pub(super) fn v3(kinds: &[Arc<Kind>]) -> Value {
    let mut schemas = all(kinds);
    schemas.values_mut().for_each(|schema| each(schema, &mut wrap_reference));
    // What has no type needs no leave to hold anything; fields of users' kinds say so on purpose.
    for (_, schema) in schemas.iter_mut().filter(|(name, _)| name.starts_with("io.k8s.")) {
        if let Value::Object(schema) = schema
            && schema.remove("x-kubernetes-preserve-unknown-fields").is_some()
        {
            schema.remove("x-kubernetes-map-type");
        }
    }
    if let Some(Value::Object(schema)) = schemas.get_mut(INT_OR_STRING) {
        schema.remove("x-kubernetes-int-or-string");
        schema.insert("format".to_owned(), json!("int-or-string"));
        schema.insert("oneOf".to_owned(), json!([{"type": "integer"}, {"type": "string"}]));
    }
    if let Some(Value::Object(schema)) = schemas.get_mut(QUANTITY) {
        schema.remove("x-kubernetes-int-or-string");
        schema.insert("oneOf".to_owned(), json!([{"type": "string"}, {"type": "number"}]));
    }
    Value::Object(schemas)
}

pub(super) fn v2(kinds: &[Arc<Kind>]) -> Value {
    let mut schemas = all(kinds);
    schemas.values_mut().for_each(|schema| each(schema, &mut to_v2));
    for (name, format) in [(INT_OR_STRING, Some("int-or-string")), (QUANTITY, None)] {
        if let Some(Value::Object(schema)) = schemas.get_mut(name) {
            schema.remove("x-kubernetes-int-or-string");
            schema.insert("type".to_owned(), json!("string"));
            if let Some(format) = format {
                schema.insert("format".to_owned(), json!(format));
            }
        }
    }
    Value::Object(schemas)
}

/// The schemas in v3's form but for the types with an encoding of their own.
fn all(kinds: &[Arc<Kind>]) -> Map<String, Value> {
    let named = |short: &str| format!("{META}.{short}");
    let extra = ["ObjectMeta", "ListMeta", "Status", "DeleteOptions"].map(named);
    let mut names: Vec<&str> = kinds.iter().filter_map(|kind| kind.definition()).collect();
    let others = kinds.iter().flat_map(|kind| &kind.subresources.others);
    names.extend(others.filter_map(|other| other.definition.as_deref()));
    names.extend(extra.iter().map(String::as_str));
    if kinds.iter().any(|kind| kind.subresources.scale.is_some()) {
        names.push(super::paths::SCALE);
    }
    let mut schemas: Map<String, Value> = builtin::described(&names).into_iter().collect();
    schemas.insert(named("Patch"), json!({"type": "object", "description": "A patch of an object, in the format that the content type names."}));
    for kind in kinds {
        let name = schema_name(kind);
        if let Some(open_api) = kind.open_api() {
            let mut schema = custom(open_api);
            if !kind.selectable_fields.is_empty() {
                let fields = kind.selectable_fields.iter().map(|path| json!({ "fieldPath": path }));
                schema["x-kubernetes-selectable-fields"] = fields.collect();
            }
            schemas.insert(name.clone(), schema);
        }
        let gvk = group_version_kind(kind);
        if let Some(Value::Object(schema)) = schemas.get_mut(&name) {
            schema.insert("x-kubernetes-group-version-kind".to_owned(), json!([gvk]));
        }
        if kind.verbs.iter().any(|verb| verb == "list") {
            let mut list_gvk = gvk;
            list_gvk["kind"] = json!(kind.names.list_kind);
            schemas.insert(list_name(kind), list(&name, list_gvk));
        }
    }
    schemas
}

/// The name of a list's schema stands beside that of its items.
pub(super) fn list_name(kind: &Kind) -> String {
    let name = schema_name(kind);
    let package = name.rsplit_once('.').map_or("", |(package, _)| package);
    format!("{package}.{}", kind.names.list_kind)
}

fn list(item: &str, gvk: Value) -> Value {
    json!({
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"$ref": format!("#/components/schemas/{META}.ListMeta")},
            "items": {"type": "array", "items": {"$ref": format!("#/components/schemas/{item}")}},
        },
        "x-kubernetes-group-version-kind": [gvk],
    })
}

/// A custom resource's schema, with what every resource has.
fn custom(open_api: &Value) -> Value {
    let mut schema = if open_api.is_object() { open_api.clone() } else { json!({"type": "object"}) };
    if schema.get("properties").is_none_or(|properties| !properties.is_object()) {
        schema["properties"] = json!({});
    }
    each(&mut schema, &mut spell_out);
    schema["properties"]["apiVersion"] = json!({"type": "string",
        "description": "The group and version of this representation of the object."});
    schema["properties"]["kind"] = json!({"type": "string", "description": "The kind of the object."});
    schema["properties"]["metadata"] = json!({"description": "Standard object's metadata.",
        "$ref": format!("#/components/schemas/{META}.ObjectMeta")});
    schema
}

/// Says of a place what its extensions imply.
fn spell_out(fields: &mut Map<String, Value>) {
    let flag = |name: &str| fields.get(name).is_some_and(|value| *value == true);
    let (either, resource) = (flag("x-kubernetes-int-or-string"), flag("x-kubernetes-embedded-resource"));
    if either && !fields.contains_key("anyOf") && !fields.contains_key("allOf") {
        fields.insert("anyOf".to_owned(), json!([{"type": "integer"}, {"type": "string"}]));
    }
    if resource {
        let properties = fields.entry("properties").or_insert_with(|| json!({}));
        for name in ["apiVersion", "kind"] {
            properties[name] = json!({"type": "string"});
        }
        properties["metadata"] = json!({"$ref": format!("#/components/schemas/{META}.ObjectMeta")});
        fields.insert("required".to_owned(), json!(["apiVersion", "kind"]));
    }
}

/// Visits a schema, and then all schemas that are left in it.
fn each(schema: &mut Value, visit: &mut impl FnMut(&mut Map<String, Value>)) {
    let Some(fields) = schema.as_object_mut() else { return };
    visit(fields);
    for name in ["items", "additionalProperties", "not"] {
        if let Some(inner) = fields.get_mut(name) {
            each(inner, visit);
        }
    }
    for name in ["allOf", "anyOf", "oneOf"] {
        if let Some(Value::Array(inner)) = fields.get_mut(name) {
            inner.iter_mut().for_each(|inner| each(inner, visit));
        }
    }
    if let Some(Value::Object(properties)) = fields.get_mut("properties") {
        properties.values_mut().for_each(|property| each(property, visit));
    }
}

/// In OpenAPI v3.0 a `$ref` stands alone; what belongs beside it goes around it.
fn wrap_reference(fields: &mut Map<String, Value>) {
    if fields.len() > 1
        && let Some(reference) = fields.remove("$ref")
    {
        fields.insert("allOf".to_owned(), json!([{ "$ref": reference }]));
    }
}

/// What OpenAPI v2 lacks is dropped, and with it what kubectl would then read too strictly or refuse to read at all:
/// one schema that it doesn't understand costs it the whole document.
fn to_v2(fields: &mut Map<String, Value>) {
    // Asked before the properties themselves are visited: a client may leave out what may be null.
    let nullable: Vec<String> = match fields.get("properties") {
        Some(Value::Object(properties)) => properties
            .iter()
            .filter(|(_, schema)| schema["nullable"] == true)
            .map(|(name, _)| name.clone())
            .collect(),
        _ => Vec::new(),
    };
    if let Some(Value::Array(required)) = fields.get_mut("required") {
        required.retain(|name| !nullable.iter().any(|nullable| name == nullable));
    }
    let flag = |name: &str| fields.get(name).is_some_and(|value| *value == true);
    let (null, open) = (flag("nullable"), flag("x-kubernetes-preserve-unknown-fields"));
    if null || open {
        fields.remove("items");
        fields.remove("properties");
    }
    let is = |name: &str| fields.get("type").is_some_and(|kind| kind == name);
    if null || (open && is("object")) || (is("array") && !fields.contains_key("items")) {
        fields.remove("type");
    }
    for keyword in ONLY_V3 {
        fields.remove(keyword);
    }
    if let Some(Value::String(reference)) = fields.get_mut("$ref") {
        *reference = reference.replace("#/components/schemas/", "#/definitions/");
    }
}
