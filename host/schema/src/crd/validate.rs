//! What makes a CustomResourceDefinition valid.

use serde_json::Value;

use crate::field::FieldError;
use crate::meta;
use crate::structural::check_structural;

const COLUMN_TYPES: [&str; 5] = ["boolean", "date", "integer", "number", "string"];

/// What is wrong with a defaulted definition.
pub fn validate(definition: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let spec = &definition["spec"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (group, plural) = (text(&spec["group"]), text(&spec["names"]["plural"]));
    let expected = format!("{plural}.{group}");
    let name = &definition["metadata"]["name"];
    if !group.is_empty() && !plural.is_empty() && name.as_str() != Some(&expected) {
        let detail = "must be spec.names.plural+\".\"+spec.group";
        errors.push(FieldError::invalid("metadata.name", name, detail));
    }
    errors.extend(validate_group(&group));
    match spec["scope"].as_str() {
        Some("Cluster" | "Namespaced") => {}
        None | Some("") => errors.push(FieldError::required("spec.scope", "")),
        Some(_) => {
            errors.push(FieldError::not_supported("spec.scope", &spec["scope"], ["Cluster", "Namespaced"]))
        }
    }
    errors.extend(validate_names(&spec["names"], "spec.names"));
    errors.extend(validate_versions(spec));
    errors.extend(validate_conversion(&spec["conversion"]));
    if spec["preserveUnknownFields"] == true {
        let detail = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead";
        errors.push(FieldError::invalid("spec.preserveUnknownFields", &Value::Bool(true), detail));
    }
    errors
}

/// What a definition may not change. An established one keeps its scope, group and kind.
pub fn validate_update(definition: &Value, old: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for path in ["/spec/group", "/spec/names/plural"] {
        errors.extend(immutable(definition, old, path));
    }
    let established = old["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|condition| condition["type"] == "Established" && condition["status"] == "True");
    if established {
        for path in ["/spec/scope", "/spec/names/kind"] {
            errors.extend(immutable(definition, old, path));
        }
    }
    let versions: Vec<&str> = definition["spec"]["versions"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|version| version["name"].as_str())
        .collect();
    let stored = old["status"]["storedVersions"].as_array().into_iter().flatten().filter_map(Value::as_str);
    for (index, stored) in stored.enumerate().filter(|(_, stored)| !versions.contains(stored)) {
        let detail = format!(
            "missing from spec.versions; {stored} was previously a storage version, and must remain in spec.versions \
             until a storage migration ensures no data remains persisted in {stored} and removes {stored} from \
             status.storedVersions"
        );
        errors.push(FieldError::invalid(format!("status.storedVersions[{index}]"), &stored.into(), &detail));
    }
    errors
}

fn immutable(new: &Value, old: &Value, path: &str) -> Option<FieldError> {
    let (new, old) = (new.pointer(path), old.pointer(path));
    let field = path.trim_start_matches('/').replace('/', ".");
    (new != old).then(|| FieldError::invalid(field, new.unwrap_or(&Value::Null), "field is immutable"))
}

fn validate_group(group: &str) -> Vec<FieldError> {
    let at = "spec.group";
    if group.is_empty() {
        return vec![FieldError::required(at, "")];
    }
    let complaints = meta::subdomain(group);
    if !complaints.is_empty() {
        return vec![FieldError::invalid(at, &group.into(), &complaints.join(","))];
    }
    if !group.contains('.') {
        return vec![FieldError::invalid(at, &group.into(), "should be a domain with at least one dot")];
    }
    Vec::new()
}

fn validate_names(names: &Value, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for name in ["plural", "singular", "kind", "listKind"] {
        let value = names[name].as_str().unwrap_or_default();
        let field = format!("{path}.{name}");
        if value.is_empty() {
            errors.push(FieldError::required(field, ""));
            continue;
        }
        let mixed_case = name.to_lowercase().ends_with("kind");
        let complaints = meta::label_1035(&if mixed_case { value.to_lowercase() } else { value.to_owned() });
        if !complaints.is_empty() {
            let lead = if mixed_case { "may have mixed case, but should otherwise match: " } else { "" };
            errors.push(FieldError::invalid(
                field,
                &value.into(),
                &format!("{lead}{}", complaints.join(",")),
            ));
        }
    }
    if names["kind"] == names["listKind"] && names["kind"].is_string() {
        let detail = "kind and listKind may not be the same";
        errors.push(FieldError::invalid(format!("{path}.listKind"), &names["listKind"], detail));
    }
    for list in ["shortNames", "categories"] {
        for (index, name) in names[list].as_array().into_iter().flatten().enumerate() {
            let complaints = meta::label_1035(name.as_str().unwrap_or_default());
            if !complaints.is_empty() {
                errors.push(FieldError::invalid(
                    format!("{path}.{list}[{index}]"),
                    name,
                    &complaints.join(","),
                ));
            }
        }
    }
    errors
}

fn validate_versions(spec: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let none = Vec::new();
    let versions = spec["versions"].as_array().unwrap_or(&none);
    let at = "spec.versions";
    let shown = Value::Array(versions.iter().map(|version| version["name"].clone()).collect());
    if versions.iter().filter(|version| version["storage"] == true).count() != 1 {
        errors.push(FieldError::invalid(
            at,
            &shown,
            "must have exactly one version marked as storage version",
        ));
    }
    let mut names: Vec<&str> = versions.iter().filter_map(|version| version["name"].as_str()).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    if names.len() != count {
        errors.push(FieldError::invalid(at, &shown, "must contain unique version names"));
    }
    // Kubernetes reports a schema that all versions share at the place it had in the first API version.
    let schema = |version: &Value| version.pointer("/schema/openAPIV3Schema").cloned();
    let shared = versions.windows(2).all(|pair| schema(&pair[0]) == schema(&pair[1]));
    for (index, version) in versions.iter().enumerate() {
        let path = format!("{at}[{index}]");
        let complaints = meta::label_1035(version["name"].as_str().unwrap_or_default());
        if !complaints.is_empty() {
            errors.push(FieldError::invalid(format!("{path}.name"), &version["name"], &complaints.join(",")));
        }
        match schema(version) {
            None => {
                let field = format!("{path}.schema.openAPIV3Schema");
                errors.push(FieldError::required(field, "schemas are required"));
            }
            Some(_) if shared && index > 0 => {}
            Some(schema) => {
                let path = if shared { "spec.validation".to_owned() } else { format!("{path}.schema") };
                errors.extend(check_structural(&schema, &format!("{path}.openAPIV3Schema")));
            }
        }
        errors.extend(validate_columns(&version["additionalPrinterColumns"], &path));
        errors.extend(validate_scale(&version["subresources"]["scale"], &path));
        for (index, field) in version["selectableFields"].as_array().into_iter().flatten().enumerate() {
            if !field["jsonPath"].as_str().is_some_and(is_simple_path) {
                let at = format!("{path}.selectableFields[{index}].jsonPath");
                errors.push(FieldError::invalid(
                    at,
                    &field["jsonPath"],
                    "must be a simple json path starting with .",
                ));
            }
        }
    }
    errors
}

fn validate_columns(columns: &Value, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (index, column) in columns.as_array().into_iter().flatten().enumerate() {
        let path = format!("{path}.additionalPrinterColumns[{index}]");
        let text = |name: &str| column[name].as_str().unwrap_or_default();
        if text("name").is_empty() {
            errors.push(FieldError::required(format!("{path}.name"), ""));
        }
        let detail = format!("must be one of {}", COLUMN_TYPES.join(","));
        match text("type") {
            "" => errors.push(FieldError::required(format!("{path}.type"), &detail)),
            known if COLUMN_TYPES.contains(&known) => {}
            _ => errors.push(FieldError::invalid(format!("{path}.type"), &column["type"], &detail)),
        }
        match text("jsonPath") {
            "" => errors.push(FieldError::required(format!("{path}.JSONPath"), "")),
            // Kubernetes looks no closer: a column whose path it can't read is missing from the table.
            simple if simple.starts_with('.') => {}
            other => errors.push(FieldError::invalid(
                format!("{path}.JSONPath"),
                &other.into(),
                "must be a simple json path starting with .",
            )),
        }
    }
    errors
}

fn validate_scale(scale: &Value, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if !scale.is_object() {
        return errors;
    }
    let rules: [(&str, &[&str], &str, bool); 3] = [
        ("specReplicasPath", &[".spec."], "should be a json path under .spec", true),
        ("statusReplicasPath", &[".status."], "should be a json path under .status", true),
        (
            "labelSelectorPath",
            &[".spec.", ".status."],
            "should be a json path under either .spec or .status",
            false,
        ),
    ];
    for (name, roots, detail, required) in rules {
        let field = format!("{path}.subresources.scale.{name}");
        match scale[name].as_str().unwrap_or_default() {
            "" if required => errors.push(FieldError::required(field, "")),
            "" => {}
            path if !is_simple_path(path) || !roots.iter().any(|root| path.starts_with(root)) => {
                errors.push(FieldError::invalid(field, &path.into(), detail));
            }
            _ => {}
        }
    }
    errors
}

fn validate_conversion(conversion: &Value) -> Vec<FieldError> {
    let path = "spec.conversion";
    match conversion["strategy"].as_str().unwrap_or_default() {
        "" => vec![FieldError::required(format!("{path}.strategy"), "")],
        "None" => {
            let webhook = conversion.get("webhook").is_some_and(|webhook| !webhook.is_null());
            let detail = "should not be set when strategy is not set to Webhook";
            if webhook { vec![FieldError::forbidden(format!("{path}.webhook"), detail)] } else { Vec::new() }
        }
        "Webhook" if conversion["webhook"]["clientConfig"].is_object() => Vec::new(),
        "Webhook" => {
            let field = format!("{path}.webhookClientConfig");
            vec![FieldError::required(field, "required when strategy is set to Webhook")]
        }
        _ => vec![FieldError::not_supported(
            format!("{path}.strategy"),
            &conversion["strategy"],
            ["None", "Webhook"],
        )],
    }
}

/// `.spec.replicas`: names and dots alone.
fn is_simple_path(path: &str) -> bool {
    path.strip_prefix('.').is_some_and(|rest| {
        !rest.is_empty()
            && rest.split('.').all(|step| !step.is_empty() && !step.contains(['[', ']', '*', '?', ' ']))
    })
}
