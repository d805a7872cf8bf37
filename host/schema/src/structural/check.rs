//! What makes a CRD's schema structural, and otherwise valid: every field has one place and one type, junctors only
//! restrict, and no keyword is used that the API server doesn't carry out.

use serde_json::{Map, Value};

use super::validate::Pattern;
use super::{Schema, rules};
use crate::field::FieldError;

const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];
/// Keywords that no CRD may use.
const UNSUPPORTED: [&str; 6] =
    ["id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref"];
/// Keywords that belong to the structure and thus not into a junctor.
const STRUCTURE: [(&str, &str); 13] = [
    ("type", "must be empty to be structural"),
    ("additionalProperties", "must be undefined to be structural"),
    ("default", "must be undefined to be structural"),
    ("title", "must be empty to be structural"),
    ("description", "must be empty to be structural"),
    ("nullable", "must be false to be structural"),
    ("x-kubernetes-preserve-unknown-fields", "must be false to be structural"),
    ("x-kubernetes-embedded-resource", "must be false to be structural"),
    ("x-kubernetes-int-or-string", "must be false to be structural"),
    ("x-kubernetes-list-map-keys", "must be empty to be structural"),
    ("x-kubernetes-list-type", "must be undefined to be structural"),
    ("x-kubernetes-map-type", "must be undefined to be structural"),
    ("x-kubernetes-validations", "must be empty to be structural"),
];

/// Where a schema stands in the one around it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Root,
    Item,
    Field,
}

/// What is wrong with `open_api` (at `path` in its CRD): nothing, for a valid structural schema.
pub fn check_structural(open_api: &Value, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    structure(open_api, Level::Root, path, &mut errors);
    errors
}

fn structure(schema: &Value, level: Level, path: &str, errors: &mut Vec<FieldError>) {
    let Some(fields) = schema.as_object() else {
        errors.push(FieldError::invalid(path, schema, "must be a schema object"));
        return;
    };
    keywords(fields, path, errors);
    types(fields, level, path, errors);
    lists(fields, path, errors);
    let metadata_at = matches!(level, Level::Root) || flag(fields, "x-kubernetes-embedded-resource");
    if let Some(Value::Object(properties)) = fields.get("properties") {
        if fields.get("additionalProperties").is_some() {
            let detail = "additionalProperties and properties are mutual exclusive";
            errors.push(FieldError::forbidden(format!("{path}.additionalProperties"), detail));
        }
        for (name, property) in properties {
            let inner = format!("{path}.properties[{name}]");
            if metadata_at && name == "metadata" {
                metadata(property, &inner, errors);
            }
            structure(property, Level::Field, &inner, errors);
        }
    }
    match fields.get("additionalProperties") {
        Some(Value::Bool(false)) => {
            let detail = "additionalProperties cannot be set to false";
            errors.push(FieldError::forbidden(format!("{path}.additionalProperties"), detail));
        }
        Some(each @ Value::Object(_)) if level == Level::Root => {
            errors.push(FieldError::forbidden(
                format!("{path}.additionalProperties"),
                "must not be used at the root",
            ));
            structure(each, Level::Field, &format!("{path}.additionalProperties"), errors);
        }
        Some(each @ Value::Object(_)) => {
            structure(each, Level::Field, &format!("{path}.additionalProperties"), errors)
        }
        _ => {}
    }
    match fields.get("items") {
        Some(items @ Value::Object(_)) => structure(items, Level::Item, &format!("{path}.items"), errors),
        Some(Value::Array(_)) => {
            let detail = "items must be a schema object and not an array";
            errors.push(FieldError::forbidden(format!("{path}.items"), detail));
        }
        _ if text(fields, "type") == "array" => {
            errors.push(FieldError::required(format!("{path}.items"), "must be specified"));
        }
        _ => {}
    }
    junctors(fields, schema, path, errors);
    errors.extend(rules::check(schema, path));
    default(schema, path, errors);
}

fn keywords(fields: &Map<String, Value>, path: &str, errors: &mut Vec<FieldError>) {
    for keyword in UNSUPPORTED.iter().filter(|keyword| fields.contains_key(**keyword)) {
        errors
            .push(FieldError::forbidden(format!("{path}.{keyword}"), &format!("{keyword} is not supported")));
    }
    if flag(fields, "uniqueItems") {
        let detail = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
        errors.push(FieldError::forbidden(format!("{path}.uniqueItems"), detail));
    }
    if let Some(source) = fields.get("pattern").and_then(Value::as_str)
        && !Pattern::new(source).is_valid()
    {
        let detail = "must be a valid regular expression, but isn't: it does not parse, or is too large";
        errors.push(FieldError::invalid(format!("{path}.pattern"), &source.into(), detail));
    }
    if fields.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(false)) {
        let field = format!("{path}.x-kubernetes-preserve-unknown-fields");
        errors.push(FieldError::invalid(field, &Value::Bool(false), "must be true or undefined"));
    }
}

fn types(fields: &Map<String, Value>, level: Level, path: &str, errors: &mut Vec<FieldError>) {
    let at = format!("{path}.type");
    let kind = text(fields, "type");
    if !kind.is_empty() && !TYPES.contains(&kind) {
        errors.push(FieldError::not_supported(&at, &kind.into(), TYPES));
        return;
    }
    let int_or_string = flag(fields, "x-kubernetes-int-or-string");
    let preserves = flag(fields, "x-kubernetes-preserve-unknown-fields");
    let embedded = flag(fields, "x-kubernetes-embedded-resource");
    if embedded && kind != "object" {
        let detail = "must be object if x-kubernetes-embedded-resource is true";
        errors.push(match kind {
            "" => FieldError::required(&at, detail),
            kind => FieldError::invalid(&at, &kind.into(), detail),
        });
    } else if kind.is_empty() && !int_or_string && !preserves {
        errors.push(FieldError::required(
            &at,
            match level {
                Level::Root => "must not be empty at the root",
                Level::Item => "must not be empty for specified array items",
                Level::Field => "must not be empty for specified object fields",
            },
        ));
    }
    if level == Level::Root && !kind.is_empty() && kind != "object" {
        errors.push(FieldError::invalid(&at, &kind.into(), "must be object at the root"));
    }
    if level == Level::Root && flag(fields, "nullable") {
        errors.push(FieldError::forbidden(format!("{path}.nullable"), "nullable cannot be true at the root"));
    }
    if int_or_string && preserves {
        let field = format!("{path}.x-kubernetes-preserve-unknown-fields");
        errors.push(FieldError::invalid(
            field,
            &true.into(),
            "must be false if x-kubernetes-int-or-string is true",
        ));
    }
    if embedded && !preserves && fields.get("properties").and_then(Value::as_object).is_none_or(Map::is_empty)
    {
        let detail = "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields";
        errors.push(FieldError::required(format!("{path}.properties"), detail));
    }
}

fn lists(fields: &Map<String, Value>, path: &str, errors: &mut Vec<FieldError>) {
    let (at_type, at_keys) =
        (format!("{path}.x-kubernetes-list-type"), format!("{path}.x-kubernetes-list-map-keys"));
    let list_type = text(fields, "x-kubernetes-list-type");
    let keys: Vec<&str> = match fields.get("x-kubernetes-list-map-keys") {
        Some(Value::Array(keys)) => keys.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let map_type = text(fields, "x-kubernetes-map-type");
    if !map_type.is_empty() && !["atomic", "granular"].contains(&map_type) {
        let field = format!("{path}.x-kubernetes-map-type");
        errors.push(FieldError::not_supported(field, &map_type.into(), ["atomic", "granular"]));
    }
    if !list_type.is_empty() {
        if !["atomic", "set", "map"].contains(&list_type) {
            errors.push(FieldError::not_supported(&at_type, &list_type.into(), ["atomic", "set", "map"]));
        }
        if text(fields, "type") != "array" {
            let detail = "must be array if x-kubernetes-list-type is specified";
            errors.push(FieldError::invalid(format!("{path}.type"), &text(fields, "type").into(), detail));
        }
    }
    if list_type != "map" {
        if !keys.is_empty() {
            let detail = "must be map if x-kubernetes-list-map-keys is non-empty";
            errors.push(FieldError::required(at_type, detail));
        }
        return;
    }
    if keys.is_empty() {
        errors.push(FieldError::required(at_keys, "must not be empty if x-kubernetes-list-type is map"));
        return;
    }
    let Some(items) = fields.get("items").and_then(Value::as_object) else {
        let detail = "must have a schema if x-kubernetes-list-type is map";
        errors.push(FieldError::required(format!("{path}.items"), detail));
        return;
    };
    let required = |key: &str| {
        items
            .get("required")
            .and_then(Value::as_array)
            .is_some_and(|names| names.iter().any(|name| name == key))
    };
    for key in &keys {
        match items.get("properties").and_then(|properties| properties.get(*key)) {
            None => {
                let detail = "entries must all be names of item properties";
                errors.push(FieldError::invalid(&at_keys, &Value::from(keys.clone()), detail));
            }
            Some(property) if property.get("default").is_none() && !required(key) => {
                let field = format!("{path}.items.properties[{key}].default");
                let detail = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property";
                errors.push(FieldError::required(field, detail));
            }
            Some(_) => {}
        }
    }
}

/// Of a resource's metadata only name and generateName may be restricted.
fn metadata(schema: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let named = schema.get("properties").and_then(Value::as_object);
    let only_names =
        named.is_none_or(|named| named.keys().all(|name| name == "name" || name == "generateName"));
    let keywords = ["type", "description", "properties", "title"];
    let only_plain =
        schema.as_object().is_none_or(|fields| fields.keys().all(|key| keywords.contains(&key.as_str())));
    if !only_names || !only_plain {
        let detail = "must not specify anything other than name and generateName, but metadata is implicitly specified";
        errors.push(FieldError::forbidden(path, detail));
    }
}

fn junctors(fields: &Map<String, Value>, core: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let int_or_string = flag(fields, "x-kubernetes-int-or-string");
    for keyword in ["allOf", "anyOf", "oneOf"] {
        for (index, inner) in fields.get(keyword).and_then(Value::as_array).into_iter().flatten().enumerate()
        {
            // The one place where types are allowed: anyOf: [{type: integer}, {type: string}].
            let types_pattern = int_or_string && is_int_or_string(inner);
            if !types_pattern {
                restriction(inner, core, &format!("{path}.{keyword}[{index}]"), errors);
            }
        }
    }
    if let Some(inner) = fields.get("not") {
        restriction(inner, core, &format!("{path}.not"), errors);
    }
}

fn is_int_or_string(schema: &Value) -> bool {
    let alone =
        |key: &str| schema.as_object().is_some_and(|fields| fields.len() == 1 && fields.contains_key(key));
    (alone("type") && (schema["type"] == "integer" || schema["type"] == "string"))
        || (alone("anyOf")
            && schema["anyOf"].as_array().is_some_and(|inner| inner.iter().all(is_int_or_string)))
}

/// A schema inside a junctor: it may restrict what `core` declares, and declare nothing.
fn restriction(schema: &Value, core: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let Some(fields) = schema.as_object() else { return };
    for (keyword, detail) in STRUCTURE {
        let said = fields.get(keyword).is_some_and(|value| !value.is_null() && value != &Value::Bool(false));
        if said {
            errors.push(FieldError::forbidden(format!("{path}.{keyword}"), detail));
        }
    }
    for (name, property) in fields.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let inner = format!("{path}.properties[{name}]");
        let declared = core.get("properties").and_then(|properties| properties.get(name));
        match declared.or_else(|| core.get("additionalProperties").filter(|each| each.is_object())) {
            Some(core) => restriction(property, core, &inner, errors),
            None => errors.push(undeclared(path, &format!("properties[{name}]"), &inner)),
        }
    }
    if let Some(items) = fields.get("items") {
        match core.get("items") {
            Some(core) => restriction(items, core, &format!("{path}.items"), errors),
            None => errors.push(undeclared(path, "items", &format!("{path}.items"))),
        }
    }
    junctors(fields, core, path, errors);
}

fn undeclared(path: &str, step: &str, defined: &str) -> FieldError {
    // The core is where the outermost junctor stands.
    let core = ["allOf[", "anyOf[", "oneOf[", "not"]
        .iter()
        .filter_map(|keyword| path.find(&format!(".{keyword}")))
        .min()
        .map_or(path, |end| &path[..end]);
    FieldError::required(format!("{core}.{step}"), &format!("because it is defined in {defined}"))
}

/// A default has to be valid itself, and hold no unknown fields.
fn default(schema: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let Some(value) = schema.get("default") else { return };
    let wrapped =
        Schema::from_open_api(&serde_json::json!({"type": "object", "properties": {"default": schema}}));
    let mut object = serde_json::json!({ "default": value });
    for unknown in wrapped.prune(&mut object) {
        let field = format!("{path}.{unknown}");
        errors.push(FieldError::invalid(field, value, "must not have unknown fields"));
    }
    for mut error in wrapped.validate(&object) {
        error.field = format!("{path}.{}", error.field);
        errors.push(error);
    }
}

fn flag(fields: &Map<String, Value>, name: &str) -> bool {
    fields.get(name).and_then(Value::as_bool).unwrap_or(false)
}

fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> &'a str {
    fields.get(name).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(properties: Value, expected: &[&str]) {
        let schema =
            json!({"type": "object", "properties": {"spec": {"type": "object", "properties": properties}}});
        let texts: Vec<String> = check_structural(&schema, "s").iter().map(ToString::to_string).collect();
        assert_eq!(texts, expected);
    }

    #[test]
    fn structural_schemas_pass_and_others_are_explained() {
        check(
            json!({"a": {"type": "string"}, "b": {"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]}}),
            &[],
        );
        check(
            json!({"a": {}}),
            &[
                "s.properties[spec].properties[a].type: Required value: must not be empty for specified object fields",
            ],
        );
        check(
            json!({"a": {"type": "array"}}),
            &["s.properties[spec].properties[a].items: Required value: must be specified"],
        );
        check(
            json!({"a": {"type": "text"}}),
            &[
                "s.properties[spec].properties[a].type: Unsupported value: \"text\": supported values: \"array\", \"boolean\", \"integer\", \"number\", \"object\", \"string\"",
            ],
        );
        check(
            json!({"a": {"type": "object", "anyOf": [{"properties": {"b": {"minimum": 1}}}]}}),
            &[
                "s.properties[spec].properties[a].properties[b]: Required value: because it is defined in s.properties[spec].properties[a].anyOf[0].properties[b]",
            ],
        );
        check(
            json!({"a": {"type": "string", "allOf": [{"type": "string"}]}}),
            &["s.properties[spec].properties[a].allOf[0].type: Forbidden: must be empty to be structural"],
        );
        check(
            json!({"a": {"$ref": "#/x", "type": "object"}}),
            &["s.properties[spec].properties[a].$ref: Forbidden: $ref is not supported"],
        );
        check(
            json!({"a": {"type": "string", "default": 7}}),
            &[
                "s.properties[spec].properties[a].default: Invalid value: \"integer\": default in body must be of type string: \"integer\"",
            ],
        );
        check(
            json!({"a": {"type": "string", "pattern": "("}}),
            &[
                "s.properties[spec].properties[a].pattern: Invalid value: \"(\": must be a valid regular expression, but isn't: it does not parse, or is too large",
            ],
        );
        check(
            json!({"a": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"],
                "items": {"type": "object", "properties": {"k": {"type": "string"}}}}}),
            &[
                "s.properties[spec].properties[a].items.properties[k].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property",
            ],
        );
    }

    #[test]
    fn the_root_is_an_object_whose_metadata_is_known() {
        let check = |schema: Value, expected: &str| {
            let texts: Vec<String> = check_structural(&schema, "s").iter().map(ToString::to_string).collect();
            assert_eq!(texts, [expected]);
        };
        check(json!({}), "s.type: Required value: must not be empty at the root");
        check(json!({"type": "string"}), "s.type: Invalid value: \"string\": must be object at the root");
        check(
            json!({"type": "object", "properties": {"metadata": {"type": "object", "properties": {"labels": {"type": "object"}}}}}),
            "s.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified",
        );
    }
}
