//! Fragments of schemas: the types that Kubernetes lends to the API, as its own definitions write them.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

const QUANTITY: &str = r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$";
const CONDITION_TYPE: &str = r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$";
const CONDITION_REASON: &str = r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$";

/// For `skip_serializing_if`, where Go's `omitempty` leaves a zero out.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn of(schema: Value) -> Schema {
    Schema::try_from(schema).expect("a fragment is a JSON object")
}

fn requirement() -> Value {
    json!({
        "type": "object",
        "required": ["key", "operator"],
        "properties": {
            "key": {"type": "string", "description": "What the requirement is about."},
            "operator": {"type": "string", "description": "In, NotIn, Exists, DoesNotExist; for nodes also Gt and Lt."},
            "values": {
                "type": "array",
                "items": {"type": "string"},
                "x-kubernetes-list-type": "atomic",
                "description": "The values for In and NotIn, or the one for Gt and Lt."
            }
        }
    })
}

fn requirements(atomic: bool) -> Value {
    let mut list = json!({"type": "array", "items": requirement()});
    if atomic {
        list["x-kubernetes-list-type"] = json!("atomic");
    }
    list
}

fn int_or_quantity() -> Value {
    json!({"pattern": QUANTITY, "x-kubernetes-int-or-string": true})
}

fn preserved() -> Value {
    json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

pub(crate) fn quantity(_: &mut SchemaGenerator) -> Schema {
    of(int_or_quantity())
}

pub(crate) fn resource_list(_: &mut SchemaGenerator) -> Schema {
    of(json!({"type": "object", "additionalProperties": int_or_quantity()}))
}

pub(crate) fn preserved_object(_: &mut SchemaGenerator) -> Schema {
    of(preserved())
}

pub(crate) fn preserved_objects(_: &mut SchemaGenerator) -> Schema {
    of(json!({"type": "array", "items": preserved()}))
}

pub(crate) fn any_value(_: &mut SchemaGenerator) -> Schema {
    of(json!({"x-kubernetes-preserve-unknown-fields": true}))
}

/// Go's `int`: no width is promised.
pub(crate) fn integer(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "integer"})
}

/// Go's `uint`.
pub(crate) fn unsigned(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "integer", "minimum": 0})
}

/// How often something was counted, by what.
pub(crate) fn counts(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}})
}

/// Text that only the control plane writes, whatever it is.
pub(crate) fn text(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string"})
}

pub(crate) fn time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "format": "date-time"})
}

pub(crate) fn label_selector(_: &mut SchemaGenerator) -> Schema {
    of(json!({
        "type": "object",
        "x-kubernetes-map-type": "atomic",
        "properties": {
            "matchLabels": {"type": "object", "additionalProperties": {"type": "string"}},
            "matchExpressions": requirements(true)
        }
    }))
}

pub(crate) fn node_selector_requirements(_: &mut SchemaGenerator) -> Schema {
    of(requirements(false))
}

pub(crate) fn node_selector(_: &mut SchemaGenerator) -> Schema {
    of(json!({
        "type": "object",
        "x-kubernetes-map-type": "atomic",
        "required": ["nodeSelectorTerms"],
        "properties": {
            "nodeSelectorTerms": {
                "type": "array",
                "x-kubernetes-list-type": "atomic",
                "description": "A node is selected if one of the terms selects it.",
                "items": {
                    "type": "object",
                    "x-kubernetes-map-type": "atomic",
                    "properties": {"matchExpressions": requirements(true), "matchFields": requirements(true)}
                }
            }
        }
    }))
}

pub(crate) fn tolerations(_: &mut SchemaGenerator) -> Schema {
    of(json!({
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "key": {"type": "string"},
                "operator": {"type": "string", "description": "Exists or Equal; Equal if absent."},
                "value": {"type": "string"},
                "effect": {"type": "string", "description": "NoSchedule, PreferNoSchedule or NoExecute; any if absent."},
                "tolerationSeconds": {"type": "integer", "format": "int64"}
            }
        }
    }))
}

pub(crate) fn taints(_: &mut SchemaGenerator) -> Schema {
    of(json!({
        "type": "array",
        "items": {
            "type": "object",
            "required": ["effect", "key"],
            "properties": {
                "key": {"type": "string"},
                "value": {"type": "string"},
                "effect": {"type": "string", "description": "NoSchedule, PreferNoSchedule or NoExecute."},
                "timeAdded": {"type": "string", "format": "date-time"}
            }
        }
    }))
}

pub(crate) fn conditions(_: &mut SchemaGenerator) -> Schema {
    of(json!({
        "type": "array",
        "items": {
            "type": "object",
            "required": ["lastTransitionTime", "message", "reason", "status", "type"],
            "properties": {
                "type": {"type": "string", "maxLength": 316, "pattern": CONDITION_TYPE},
                "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
                "reason": {"type": "string", "minLength": 1, "maxLength": 1024, "pattern": CONDITION_REASON},
                "message": {"type": "string", "maxLength": 32768},
                "lastTransitionTime": {"type": "string", "format": "date-time"},
                "observedGeneration": {"type": "integer", "format": "int64", "minimum": 0}
            }
        }
    }))
}

fn purge_mode(modes: &[&str]) -> Value {
    json!({"type": "string", "enum": modes})
}

/// A cluster's failover knows fewer modes than an application's.
pub(crate) fn cluster_purge_mode(_: &mut SchemaGenerator) -> Schema {
    let mut schema = purge_mode(&["Directly", "Gracefully"]);
    schema["default"] = json!("Gracefully");
    of(schema)
}

/// An eviction task has no default: its producer says what it wants.
pub(crate) fn eviction_purge_mode(_: &mut SchemaGenerator) -> Schema {
    of(purge_mode(&["Immediately", "Directly", "Graciously", "Gracefully", "Never"]))
}

pub(crate) fn webhook_client_config(_: &mut SchemaGenerator) -> Schema {
    of(json!({
        "type": "object",
        "properties": {
            "url": {"type": "string", "description": "https://host:port/path. Excludes service."},
            "caBundle": {"type": "string", "format": "byte", "description": "PEM certificates to trust there."},
            "service": {
                "type": "object",
                "required": ["name", "namespace"],
                "properties": {
                    "name": {"type": "string"},
                    "namespace": {"type": "string"},
                    "path": {"type": "string"},
                    "port": {"type": "integer", "format": "int32", "description": "443 if absent."}
                }
            }
        }
    }))
}
