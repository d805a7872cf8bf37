//! CustomResourceDefinitions: the kinds that one serves, what makes one valid, and its own defaults.

mod validate;

use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};

use crate::field::FieldError;
use crate::kind::{Kind, Names, Scale, Source, Subresources};
use crate::structural::Schema;
use crate::table;

pub use validate::{validate, validate_update};

const VERBS: [&str; 8] = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];

/// The kinds of `definition`, one for each served version, in the order written.
///
/// # Errors
/// The definition is not valid.
pub(crate) fn kinds(definition: &Value) -> Result<Vec<Arc<Kind>>, Vec<FieldError>> {
    let mut definition = definition.clone();
    default(&mut definition);
    let errors = validate(&definition);
    if !errors.is_empty() {
        return Err(errors);
    }
    let spec = &definition["spec"];
    let versions = spec["versions"].as_array().into_iter().flatten();
    let served = versions.filter(|version| version["served"] == true);
    Ok(served.map(|version| Arc::new(kind(spec, version))).collect())
}

/// The version that objects are stored in.
pub fn storage_version(definition: &Value) -> Option<&str> {
    let versions = definition["spec"]["versions"].as_array()?;
    versions.iter().find(|version| version["storage"] == true)?["name"].as_str()
}

/// What Kubernetes fills into a definition: `singular`, `listKind`, the conversion strategy.
pub fn default(definition: &mut Value) {
    let Some(spec) = definition.get_mut("spec").and_then(Value::as_object_mut) else { return };
    if let Some(names) = spec.get_mut("names").and_then(Value::as_object_mut) {
        let kind = names.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
        if !kind.is_empty() {
            fill(names, "singular", kind.to_lowercase());
            fill(names, "listKind", format!("{kind}List"));
        }
    }
    spec.entry("conversion").or_insert_with(|| json!({"strategy": "None"}));
}

fn fill(fields: &mut serde_json::Map<String, Value>, name: &str, value: String) {
    if fields.get(name).and_then(Value::as_str).unwrap_or_default().is_empty() {
        fields.insert(name.to_owned(), Value::String(value));
    }
}

fn kind(spec: &Value, version: &Value) -> Kind {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let texts = |value: &Value| value.as_array().into_iter().flatten().map(text).collect();
    let names = &spec["names"];
    let open_api = &version["schema"]["openAPIV3Schema"];
    let scale = version.pointer("/subresources/scale").map(|scale| Scale {
        spec_replicas_path: text(&scale["specReplicasPath"]),
        status_replicas_path: text(&scale["statusReplicasPath"]),
        label_selector_path: scale["labelSelectorPath"].as_str().map(str::to_owned),
    });
    let selectable = version["selectableFields"].as_array().into_iter().flatten();
    Kind {
        group: text(&spec["group"]),
        version: text(&version["name"]),
        names: Names {
            kind: text(&names["kind"]),
            list_kind: text(&names["listKind"]),
            plural: text(&names["plural"]),
            singular: text(&names["singular"]),
            short_names: texts(&names["shortNames"]),
            categories: texts(&names["categories"]),
        },
        namespaced: spec["scope"] == "Namespaced",
        generation: true,
        creates_on_update: false,
        orphans: false,
        returns_deleted: false,
        unconditional_updates: false,
        verbs: VERBS.map(str::to_owned).to_vec(),
        subresources: Subresources {
            status: version.pointer("/subresources/status").is_some(),
            scale,
            others: Vec::new(),
        },
        selectable_fields: selectable
            .map(|field| text(&field["jsonPath"]).trim_start_matches('.').to_owned())
            .collect(),
        columns: table::custom_columns(&version["additionalPrinterColumns"]),
        source: Source::Custom { open_api: open_api.clone() },
        schema: OnceLock::from(Schema::from_open_api(open_api)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn definition() -> Value {
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "foos.example.com"},
            "spec": {
                "group": "example.com", "scope": "Namespaced", "names": {"kind": "Foo", "plural": "foos", "shortNames": ["fo"]},
                "versions": [
                    {"name": "v1", "served": true, "storage": true,
                     "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.n", "statusReplicasPath": ".status.n"}},
                     "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                        "spec": {"type": "object", "required": ["size"], "properties": {
                            "size": {"type": "string", "enum": ["s", "l"]},
                            "n": {"type": "integer", "default": 1, "minimum": 0}}}}}}},
                    {"name": "v1alpha1", "served": false, "storage": false,
                     "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}
                ]
            }
        })
    }

    #[test]
    fn a_definition_serves_its_served_versions() {
        let kinds = kinds(&definition()).unwrap();
        let [kind] = kinds.as_slice() else { panic!("{kinds:?}") };
        assert_eq!(kind.api_version(), "example.com/v1");
        assert_eq!(kind.names.list_kind, "FooList");
        assert_eq!(kind.names.singular, "foo");
        assert!(kind.subresources.status);
        assert_eq!(kind.subresources.scale.as_ref().unwrap().spec_replicas_path, ".spec.n");
        assert_eq!(storage_version(&definition()), Some("v1"));
    }

    #[test]
    fn custom_objects_are_pruned_defaulted_and_validated() {
        let kinds = kinds(&definition()).unwrap();
        let mut object = json!({"apiVersion": "example.com/v1", "kind": "Foo", "x": 1,
            "metadata": {"name": "a", "namespace": "b", "y": 2}, "spec": {"size": "xl", "z": 3}});
        let warnings = kinds[0].decode(&mut object).unwrap();
        assert_eq!(
            warnings,
            [r#"unknown field "metadata.y""#, r#"unknown field "spec.z""#, r#"unknown field "x""#]
        );
        kinds[0].default(&mut object);
        assert_eq!(object["spec"], json!({"size": "xl", "n": 1}));
        let texts: Vec<String> = kinds[0].validate_create(&object).iter().map(ToString::to_string).collect();
        assert_eq!(texts, [r#"spec.size: Unsupported value: "xl": supported values: "s", "l""#]);
    }
}
