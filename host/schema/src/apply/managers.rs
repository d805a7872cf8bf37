//! managedFields: who owns what, read from an object's metadata and written back.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::fields::FieldSet;

/// More managers by Update than these are drawn together, oldest first.
const UPDATE_MANAGERS_MAX: usize = 10;
/// Under which name.
const ANCIENT: &str = "ancient-changes";

/// Who a manager is. An applier is the same whichever version it applies in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Identity {
    pub(super) manager: String,
    pub(super) applies: bool,
    /// Empty for appliers.
    pub(super) api_version: String,
    pub(super) subresource: String,
}

/// What a manager owns.
#[derive(Clone, Debug)]
pub(super) struct Owned {
    pub(super) fields: FieldSet,
    pub(super) api_version: String,
    /// RFC 3339; `None` where an entry came without.
    pub(super) time: Option<String>,
}

pub(super) type Managers = BTreeMap<Identity, Owned>;

/// The managers in `metadata.managedFields`. `None` where there are none, or an entry is malformed.
pub(super) fn read(object: &Value) -> Option<Managers> {
    let entries = object["metadata"]["managedFields"].as_array()?;
    let mut managers = Managers::new();
    for entry in entries {
        let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        let applies = match text("operation").as_str() {
            "Apply" => true,
            "Update" => false,
            _ => return None,
        };
        let api_version = text("apiVersion");
        if api_version.is_empty() || text("fieldsType") != "FieldsV1" {
            return None;
        }
        let fields = match &entry["fieldsV1"] {
            Value::Null => FieldSet::default(),
            fields => FieldSet::decode(fields)?,
        };
        let identity = Identity {
            manager: text("manager"),
            applies,
            api_version: if applies { String::new() } else { api_version.clone() },
            subresource: text("subresource"),
        };
        managers
            .insert(identity, Owned { fields, api_version, time: entry["time"].as_str().map(str::to_owned) });
    }
    (!managers.is_empty()).then_some(managers)
}

/// Whether an update asks to forget all owners, which it does by one empty entry.
pub(super) fn asks_for_reset(object: &Value) -> bool {
    matches!(object["metadata"]["managedFields"].as_array().map(Vec::as_slice), Some([entry])
        if entry.as_object().is_some_and(serde_json::Map::is_empty))
}

/// Takes managedFields out of an object.
pub(super) fn strip(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
}

/// Gives an object the managedFields of another.
pub(super) fn copy(from: &Value, to: &mut Value) {
    let fields = from["metadata"]["managedFields"].clone();
    if let Some(metadata) = to.get_mut("metadata").and_then(Value::as_object_mut)
        && !fields.is_null()
    {
        metadata.insert("managedFields".to_owned(), fields);
    }
}

/// Writes the managers into an object's metadata; those that own nothing are left out.
pub(super) fn write(object: &mut Value, managers: &Managers) {
    let mut owners: Vec<(&Identity, &Owned)> =
        managers.iter().filter(|(_, owned)| !owned.fields.is_empty()).collect();
    owners.sort_by_key(|(identity, owned)| (!identity.applies, owned.time.clone(), *identity));
    let entries: Vec<Value> = owners
        .into_iter()
        .map(|(identity, owned)| {
            let Identity { manager, applies, api_version: _, subresource } = identity;
            let mut entry = json!({
                "manager": manager, "operation": if *applies { "Apply" } else { "Update" },
                "apiVersion": owned.api_version, "fieldsType": "FieldsV1", "fieldsV1": owned.fields.encode(),
            });
            if let Some(time) = &owned.time {
                entry["time"] = json!(time);
            }
            if !subresource.is_empty() {
                entry["subresource"] = json!(subresource);
            }
            entry
        })
        .collect();
    let Some(fields) = object.as_object_mut() else { return };
    let metadata = fields.entry("metadata").or_insert_with(|| json!({}));
    if let Some(metadata) = metadata.as_object_mut() {
        if entries.is_empty() {
            metadata.remove("managedFields");
        } else {
            metadata.insert("managedFields".to_owned(), Value::Array(entries));
        }
    }
}

/// Seconds are all that managedFields keeps.
pub(super) fn stamp(now: Timestamp) -> String {
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Forgets the fields that nobody owns: an object's identity and what the server writes.
pub(super) fn strip_unowned(managers: &mut Managers) {
    for owned in managers.values_mut() {
        for step in ["f:apiVersion", "f:kind", "f:metadata"] {
            owned.fields.forget(&[step], false);
        }
        for name in [
            "f:name",
            "f:namespace",
            "f:creationTimestamp",
            "f:selfLink",
            "f:uid",
            "f:clusterName",
            "f:generation",
            "f:managedFields",
            "f:resourceVersion",
        ] {
            owned.fields.forget(&["f:metadata", name], true);
        }
    }
    managers.retain(|_, owned| !owned.fields.is_empty());
}

/// Draws the oldest updaters of each version together, so that managedFields stays small.
pub(super) fn cap(managers: &mut Managers) {
    let mut updaters: Vec<Identity> = managers.keys().filter(|identity| !identity.applies).cloned().collect();
    updaters.sort_by_key(|identity| {
        (managers.get(identity).and_then(|owned| owned.time.clone()), identity.clone())
    });
    let mut count = updaters.len();
    let mut first: BTreeMap<String, Identity> = BTreeMap::new();
    for identity in updaters {
        if count <= UPDATE_MANAGERS_MAX {
            break;
        }
        let bucket = Identity {
            manager: ANCIENT.to_owned(),
            applies: false,
            api_version: identity.api_version.clone(),
            subresource: String::new(),
        };
        let Some(earlier) = first.get(&identity.api_version).cloned() else {
            first.insert(identity.api_version.clone(), identity);
            continue;
        };
        let (Some(older), Some(newer)) = (managers.remove(&earlier), managers.remove(&identity)) else {
            continue;
        };
        let fields = older.fields.union(&newer.fields);
        managers.insert(bucket.clone(), Owned { fields, api_version: newer.api_version, time: newer.time });
        first.insert(identity.api_version, bucket);
        count -= 1;
    }
}
