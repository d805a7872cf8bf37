//! An OpenAPI v2 document in protobuf: gnostic's `openapi.v2.Document`, as `openapiv2/OpenAPIv2.proto` in
//! github.com/google/gnostic-models numbers its fields. It holds what this server's documents hold; `externalDocs`
//! and `example` in a custom resource's schema stay behind, as they do in kube-apiserver.

use std::fmt::Write;

use serde_json::{Map, Value};

/// The bytes of the v2 document that `from` is in JSON.
pub(super) fn document(from: &Value) -> Vec<u8> {
    let mut info = Message::default();
    info.text(1, &from["info"]["title"]);
    info.text(2, &from["info"]["version"]);
    let mut paths = Message::default();
    paths.named(2, &from["paths"], path_item);

    let mut document = Message::default();
    document.text(1, &from["swagger"]);
    document.message(2, &info);
    document.message(8, &paths);
    document.message(9, &schemas(&from["definitions"]));
    document.0
}

fn path_item(from: &Value) -> Message {
    let mut item = Message::default();
    for (field, method) in [(2, "get"), (3, "put"), (4, "post"), (5, "delete"), (8, "patch")] {
        if let Some(from) = from.get(method) {
            item.message(field, &operation(from));
        }
    }
    item.each(9, &from["parameters"], parameter);
    item
}

fn operation(from: &Value) -> Message {
    let mut response_codes = Message::default();
    response_codes.named(1, &from["responses"], response);

    let mut operation = Message::default();
    operation.text(5, &from["operationId"]);
    operation.texts(6, &from["produces"]);
    operation.texts(7, &from["consumes"]);
    operation.each(8, &from["parameters"], parameter);
    operation.message(9, &response_codes);
    operation.extensions(13, from);
    operation
}

/// A ParametersItem: a Parameter, which is a BodyParameter or a NonBodyParameter, which is of the query or the path.
fn parameter(from: &Value) -> Message {
    let mut fields = Message::default();
    let parameter = match from["in"].as_str() {
        Some("body") => {
            fields.text(2, &from["name"]);
            fields.text(3, &from["in"]);
            fields.boolean(4, &from["required"]);
            fields.message(5, &schema(&from["schema"]));
            fields.within(1)
        }
        place => {
            fields.boolean(1, &from["required"]);
            fields.text(2, &from["in"]);
            fields.text(4, &from["name"]);
            if place == Some("path") {
                fields.text(5, &from["type"]);
                fields.boolean(19, &from["uniqueItems"]);
                fields.within(4).within(2)
            } else {
                fields.text(6, &from["type"]);
                fields.boolean(20, &from["uniqueItems"]);
                fields.within(3).within(2)
            }
        }
    };
    parameter.within(1)
}

/// A ResponseValue: a Response whose SchemaItem is a Schema.
fn response(from: &Value) -> Message {
    let mut response = Message::default();
    response.text(1, &from["description"]);
    response.message(2, &schema(&from["schema"]).within(1));
    response.within(1)
}

fn schema(from: &Value) -> Message {
    let mut schema = Message::default();
    schema.text(1, &from["$ref"]);
    schema.text(2, &from["format"]);
    schema.text(3, &from["title"]);
    schema.text(4, &from["description"]);
    if !from["default"].is_null() {
        schema.message(5, &any(&from["default"]));
    }
    schema.double(6, &from["multipleOf"]);
    schema.double(7, &from["maximum"]);
    schema.boolean(8, &from["exclusiveMaximum"]);
    schema.double(9, &from["minimum"]);
    schema.boolean(10, &from["exclusiveMinimum"]);
    schema.integer(11, &from["maxLength"]);
    schema.integer(12, &from["minLength"]);
    schema.text(13, &from["pattern"]);
    schema.integer(14, &from["maxItems"]);
    schema.integer(15, &from["minItems"]);
    schema.boolean(16, &from["uniqueItems"]);
    schema.integer(17, &from["maxProperties"]);
    schema.integer(18, &from["minProperties"]);
    schema.texts(19, &from["required"]);
    schema.each(20, &from["enum"], any);
    match &from["additionalProperties"] {
        values @ Value::Object(_) => schema.message(21, &self::schema(values).within(1)),
        allowed @ Value::Bool(_) => {
            let mut item = Message::default();
            item.boolean(2, allowed);
            schema.message(21, &item);
        }
        _ => {}
    }
    if from["type"].is_string() {
        let mut types = Message::default();
        types.text(1, &from["type"]);
        schema.message(22, &types);
    }
    if from["items"].is_object() {
        schema.message(23, &self::schema(&from["items"]).within(1));
    }
    // Without properties kubectl reads an object as a map; with an empty message, as a kind without any field.
    if from["properties"].as_object().is_some_and(|properties| !properties.is_empty()) {
        schema.message(25, &schemas(&from["properties"]));
    }
    schema.extensions(31, from);
    schema
}

/// Definitions or Properties.
fn schemas(from: &Value) -> Message {
    let mut schemas = Message::default();
    schemas.named(1, from, schema);
    schemas
}

/// An Any, which holds YAML: JSON is that, but for characters that YAML only takes escaped.
fn any(from: &Value) -> Message {
    let json = from.to_string();
    let mut yaml = String::with_capacity(json.len());
    for c in json.chars() {
        // Only strings hold such characters, so that the escape is always read as one.
        let written = match u32::from(c) {
            ..0x7f => write!(yaml, "{c}"),
            code @ ..0x1_0000 => write!(yaml, "\\u{code:04X}"),
            code => write!(yaml, "\\U{code:08X}"),
        };
        written.expect("a String takes all that is written to it");
    }
    let mut any = Message::default();
    any.bytes(2, yaml.as_bytes());
    any
}

/// A message as it is written, field by field. A value of another type than the field's, or none, writes nothing.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    /// The message that holds only this one.
    fn within(&self, field: u32) -> Message {
        let mut outer = Message::default();
        outer.message(field, self);
        outer
    }

    fn message(&mut self, field: u32, message: &Message) {
        self.bytes(field, &message.0);
    }

    /// Messages of a name (1) and a value (2), one for each of the object's fields.
    fn named(&mut self, field: u32, from: &Value, value: fn(&Value) -> Message) {
        from.as_object().into_iter().flatten().for_each(|(name, from)| self.pair(field, name, &value(from)));
    }

    /// What begins with `x-`, as NamedAny.
    fn extensions(&mut self, field: u32, from: &Value) {
        let fields = from.as_object().into_iter().flat_map(Map::iter);
        for (name, from) in fields.filter(|(name, _)| name.starts_with("x-")) {
            self.pair(field, name, &any(from));
        }
    }

    fn pair(&mut self, field: u32, name: &str, value: &Message) {
        let mut pair = Message::default();
        pair.bytes(1, name.as_bytes());
        pair.message(2, value);
        self.message(field, &pair);
    }

    fn each(&mut self, field: u32, from: &Value, item: fn(&Value) -> Message) {
        from.as_array().into_iter().flatten().for_each(|from| self.message(field, &item(from)));
    }

    fn text(&mut self, field: u32, from: &Value) {
        if let Some(text) = from.as_str() {
            self.bytes(field, text.as_bytes());
        }
    }

    fn texts(&mut self, field: u32, from: &Value) {
        from.as_array().into_iter().flatten().for_each(|text| self.text(field, text));
    }

    fn boolean(&mut self, field: u32, from: &Value) {
        if let Some(flag) = from.as_bool() {
            self.tag(field, VARINT);
            self.varint(u64::from(flag));
        }
    }

    /// Counts: what is below zero is none.
    fn integer(&mut self, field: u32, from: &Value) {
        if let Some(number) = from.as_u64() {
            self.tag(field, VARINT);
            self.varint(number);
        }
    }

    fn double(&mut self, field: u32, from: &Value) {
        if let Some(number) = from.as_f64() {
            self.tag(field, FIXED64);
            self.0.extend(number.to_le_bytes());
        }
    }

    fn bytes(&mut self, field: u32, bytes: &[u8]) {
        self.tag(field, LENGTH_DELIMITED);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
    }

    fn tag(&mut self, field: u32, wire_type: u64) {
        self.varint(u64::from(field) << 3 | wire_type);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const LENGTH_DELIMITED: u64 = 2;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A message's fields by number; those that are no bytes as their varint or fixed64.
    fn fields(mut bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
        fn varint(bytes: &mut &[u8]) -> u64 {
            let end = bytes.iter().position(|byte| *byte < 0x80).unwrap();
            let (read, rest) = bytes.split_at(end + 1);
            *bytes = rest;
            read.iter().rev().fold(0, |value, byte| value << 7 | u64::from(byte & 0x7f))
        }
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let tag = varint(&mut bytes);
            let length = match tag & 7 {
                VARINT => {
                    fields.push((tag >> 3, varint(&mut bytes).to_le_bytes().to_vec()));
                    continue;
                }
                FIXED64 => 8,
                LENGTH_DELIMITED => varint(&mut bytes) as usize,
                other => panic!("wire type {other}"),
            };
            let (value, rest) = bytes.split_at(length);
            fields.push((tag >> 3, value.to_vec()));
            bytes = rest;
        }
        fields
    }

    /// The fields at the end of a way of field numbers.
    fn at(bytes: &[u8], way: &[u64]) -> Vec<Vec<u8>> {
        way.iter().fold(vec![bytes.to_vec()], |messages, number| {
            let all = messages.iter().flat_map(|message| fields(message));
            all.filter(|(field, _)| field == number).map(|(_, value)| value).collect()
        })
    }

    fn texts(bytes: &[u8], way: &[u64]) -> Vec<String> {
        at(bytes, way).into_iter().map(|text| String::from_utf8(text).unwrap()).collect()
    }

    #[test]
    fn definitions_and_patches_name_their_kinds() {
        let gvk = json!({"group": "example.com", "kind": "Foo", "version": "v1"});
        let bytes = document(&json!({
            "swagger": "2.0",
            "info": {"title": "Kubernetes", "version": "unversioned"},
            "paths": {"/foos/{name}": {
                "parameters": [{"name": "name", "in": "path", "type": "string"}],
                "patch": {
                    "operationId": "patchFoo",
                    "parameters": [{"name": "fieldValidation", "in": "query", "type": "string"},
                        {"name": "body", "in": "body", "schema": {"$ref": "#/definitions/Patch"}}],
                    "responses": {"200": {"description": "OK", "schema": {"$ref": "#/definitions/Foo"}}},
                    "x-kubernetes-group-version-kind": gvk,
                },
            }},
            "definitions": {
                "Foo": {"type": "object", "x-kubernetes-group-version-kind": [gvk]},
                "Patch": {"type": "object"},
            },
        }));
        assert_eq!(texts(&bytes, &[1]), ["2.0"]);
        assert_eq!(texts(&bytes, &[2, 1]), ["Kubernetes"]);
        assert_eq!(texts(&bytes, &[9, 1, 1]), ["Foo", "Patch"]);
        let extension = &at(&bytes, &[9, 1, 2, 31])[0];
        assert_eq!(texts(extension, &[1]), ["x-kubernetes-group-version-kind"]);
        let yaml = &texts(extension, &[2, 2])[0];
        assert_eq!(serde_json::from_str::<Value>(yaml).unwrap(), json!([gvk]));

        assert_eq!(texts(&bytes, &[8, 2, 1]), ["/foos/{name}"]);
        assert_eq!(texts(&bytes, &[8, 2, 2, 9, 1, 2, 4, 4]), ["name"]);
        let patch = &at(&bytes, &[8, 2, 2, 8])[0];
        assert_eq!(texts(patch, &[8, 1, 2, 3, 4]), ["fieldValidation"]);
        assert_eq!(texts(patch, &[8, 1, 1, 5, 1]), ["#/definitions/Patch"]);
        assert_eq!(texts(patch, &[9, 1, 1]), ["200"]);
        assert_eq!(texts(patch, &[9, 1, 2, 1, 2, 1, 1]), ["#/definitions/Foo"]);
        assert_eq!(texts(patch, &[13, 1]), ["x-kubernetes-group-version-kind"]);
    }

    #[test]
    fn schemas_keep_their_bounds_and_what_they_hold() {
        let bytes = schema(&json!({
            "type": "object",
            "required": ["a"],
            "properties": {
                "a": {"type": "number", "minimum": -1.5, "maxLength": 300},
                "b": {"type": "array", "items": {"type": "string", "enum": ["x", 2]}},
                "c": {"type": "object", "properties": {}, "additionalProperties": {"type": "boolean"}},
                "d": {"type": "object", "additionalProperties": true},
            },
        }))
        .0;
        assert_eq!(texts(&bytes, &[22, 1]), ["object"]);
        assert_eq!(texts(&bytes, &[19]), ["a"]);
        assert_eq!(texts(&bytes, &[25, 1, 1]), ["a", "b", "c", "d"]);
        let properties = at(&bytes, &[25, 1, 2]);
        assert_eq!(at(&properties[0], &[9]), [(-1.5_f64).to_le_bytes()]);
        assert_eq!(at(&properties[0], &[11]), [300_u64.to_le_bytes()]);
        assert_eq!(texts(&properties[1], &[23, 1, 22, 1]), ["string"]);
        assert_eq!(texts(&properties[1], &[23, 1, 20, 2]), ["\"x\"", "2"]);
        assert_eq!(texts(&properties[2], &[21, 1, 22, 1]), ["boolean"]);
        assert!(at(&properties[2], &[25]).is_empty());
        assert_eq!(at(&properties[3], &[21, 2]), [1_u64.to_le_bytes()]);
    }

    #[test]
    fn what_yaml_does_not_take_as_it_is_comes_escaped() {
        let yaml = texts(&any(&json!("a\u{7f}\u{2028}ü\u{1f600}\n")).0, &[2]);
        assert_eq!(yaml, [r#""a\u007F\u2028\u00FC\U0001F600\n""#]);
    }
}
