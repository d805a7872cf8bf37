//! From JSON schemas to nodes: a CRD's `openAPIV3Schema`, or one of the built-in definitions, which refer to each
//! other by `$ref`.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

use super::validate::{Bound, Checks, Junctors};
use super::{Additional, JsonType, ListType, Node, NodeId, Schema, rules};
use crate::builtin;

/// Named schemas that refer to each other by `$ref: .../name`.
pub(crate) type Definitions = BTreeMap<String, Value>;

/// Nesting beyond this is read as "anything goes": a schema is at most 128 deep as JSON, but a deep one with
/// junctors is not worth a stack.
const DEPTH_MAX: usize = 200;

pub(super) fn from_custom_resource(open_api: &Value) -> Schema {
    let definitions = builtin::object_meta();
    let mut parser = Parser::new(&definitions);
    let root = parser.node(open_api, 0);
    parser.make_resource(root);
    Schema { nodes: parser.nodes.into(), root }
}

/// The schema of `definitions[root]`. The definitions are complete: every reference resolves.
pub(crate) fn from_definitions(definitions: &Definitions, root: &str) -> Schema {
    let mut parser = Parser::new(definitions);
    let root = parser.reference(root, 0);
    Schema { nodes: parser.nodes.into(), root }
}

struct Parser<'a> {
    definitions: &'a Definitions,
    nodes: Vec<Node>,
    named: HashMap<String, NodeId>,
}

impl<'a> Parser<'a> {
    fn new(definitions: &'a Definitions) -> Parser<'a> {
        Parser { definitions, nodes: Vec::new(), named: HashMap::new() }
    }

    fn push(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        NodeId::try_from(self.nodes.len() - 1)
            .expect("a schema has fewer than 2^32 nodes: it came in one request")
    }

    /// The node of a named definition, made once, so that recursion ends.
    fn reference(&mut self, name: &str, depth: usize) -> NodeId {
        if let Some(id) = self.named.get(name) {
            return *id;
        }
        let id = self.push(Node::default());
        self.named.insert(name.to_owned(), id);
        let made = match self.definitions.get(name) {
            Some(schema) => self.read(schema, depth),
            None => Node { preserve_unknown: true, ..Node::default() },
        };
        self.nodes[id as usize] = Node { definition: Some(name.into()), ..made };
        id
    }

    fn node(&mut self, schema: &Value, depth: usize) -> NodeId {
        if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
            let name = name.rsplit('/').next().unwrap_or_default();
            let id = self.reference(name, depth + 1);
            // What stands beside a reference (a merge key, a default) is of this place, not of the definition.
            if schema
                .as_object()
                .is_some_and(|fields| fields.keys().any(|key| key != "$ref" && key != "description"))
            {
                let mut own = self.nodes[id as usize].clone();
                extensions(schema, &mut own);
                return self.push(own);
            }
            return id;
        }
        let node = self.read(schema, depth);
        self.push(node)
    }

    fn read(&mut self, schema: &Value, depth: usize) -> Node {
        let Some(fields) = schema.as_object() else {
            return Node { preserve_unknown: true, ..Node::default() };
        };
        if depth > DEPTH_MAX {
            return Node { preserve_unknown: true, ..Node::default() };
        }
        let mut node = Node {
            json_type: json_type(fields.get("type")),
            nullable: flag(fields, "nullable"),
            int_or_string: flag(fields, "x-kubernetes-int-or-string"),
            embedded_resource: flag(fields, "x-kubernetes-embedded-resource"),
            required: texts(fields.get("required")),
            format: text(fields, "format"),
            ..Node::default()
        };
        extensions(schema, &mut node);
        if let Some(Value::Object(properties)) = fields.get("properties") {
            for (name, property) in properties {
                let id = self.node(property, depth + 1);
                node.properties.insert(name.as_str().into(), id);
            }
        }
        node.additional = match fields.get("additionalProperties") {
            None | Some(Value::Null) => Additional::Unsaid,
            Some(Value::Bool(false)) => Additional::Denied,
            Some(Value::Bool(true)) => Additional::Free,
            Some(each) => Additional::Each(self.node(each, depth + 1)),
        };
        node.items =
            fields.get("items").filter(|items| items.is_object()).map(|items| self.node(items, depth + 1));
        node.checks = self.checks(fields, depth).map(Box::new);
        node.rules = rules::Rule::all(fields);
        // Children are read before their parents, but for recursion, which schemas with rules don't have.
        let each = match node.additional {
            Additional::Each(id) => Some(id),
            _ => None,
        };
        let mut children = node.properties.values().copied().chain(each).chain(node.items);
        node.rules_below = !node.rules.is_empty() || children.any(|id| self.nodes[id as usize].rules_below);
        if node.embedded_resource {
            let id = self.push(node);
            self.make_resource(id);
            return self.nodes[id as usize].clone();
        }
        node
    }

    /// Adds what every resource has: apiVersion, kind and a metadata of type ObjectMeta, whatever the schema says of
    /// metadata but for restrictions on name and generateName.
    fn make_resource(&mut self, root: NodeId) {
        let restrictions = self.nodes[root as usize].properties.get("metadata").copied();
        let meta = self.reference(builtin::OBJECT_META, 0);
        let mut own = self.nodes[meta as usize].clone();
        if let Some(id) = restrictions {
            let said = self.nodes[id as usize].clone();
            for name in ["name", "generateName"] {
                if let (Some(from), Some(to)) = (said.properties.get(name), own.properties.get(name).copied())
                {
                    let checks = self.nodes[*from as usize].checks.clone();
                    let mut restricted = self.nodes[to as usize].clone();
                    restricted.checks = checks;
                    let id = self.push(restricted);
                    own.properties.insert(name.into(), id);
                }
            }
        }
        let metadata = self.push(own);
        let string = self.push(Node { json_type: JsonType::String, ..Node::default() });
        let node = &mut self.nodes[root as usize];
        node.json_type = JsonType::Object;
        node.properties.insert("metadata".into(), metadata);
        node.properties.entry("apiVersion".into()).or_insert(string);
        node.properties.entry("kind".into()).or_insert(string);
    }

    fn checks(&mut self, fields: &Map<String, Value>, depth: usize) -> Option<Checks> {
        let size = |name: &str| fields.get(name).and_then(Value::as_u64);
        let bound = |limit: &str, exclusive: &str| {
            let limit = fields.get(limit)?.as_number()?.clone();
            Some(Bound { limit, exclusive: flag(fields, exclusive) })
        };
        let checks = Checks {
            allowed: fields.get("enum").and_then(Value::as_array).cloned(),
            minimum: bound("minimum", "exclusiveMinimum"),
            maximum: bound("maximum", "exclusiveMaximum"),
            multiple_of: fields.get("multipleOf").and_then(Value::as_f64),
            min_length: size("minLength"),
            max_length: size("maxLength"),
            pattern: text(fields, "pattern").map(|source| super::validate::Pattern::new(&source)),
            min_items: size("minItems"),
            max_items: size("maxItems"),
            unique_items: flag(fields, "uniqueItems"),
            min_properties: size("minProperties"),
            max_properties: size("maxProperties"),
            junctors: self.junctors(fields, depth),
        };
        (!checks.is_empty()).then_some(checks)
    }

    fn junctors(&mut self, fields: &Map<String, Value>, depth: usize) -> Option<Box<Junctors>> {
        let mut all = |name: &str| -> Vec<NodeId> {
            let Some(Value::Array(schemas)) = fields.get(name) else { return Vec::new() };
            schemas.iter().map(|schema| self.node(schema, depth + 1)).collect()
        };
        let junctors = Junctors {
            all_of: all("allOf"),
            any_of: all("anyOf"),
            one_of: all("oneOf"),
            not: fields.get("not").filter(|not| not.is_object()).map(|not| self.node(not, depth + 1)),
        };
        let said = !(junctors.all_of.is_empty() && junctors.any_of.is_empty() && junctors.one_of.is_empty())
            || junctors.not.is_some();
        said.then(|| Box::new(junctors))
    }
}

/// The keywords that may stand beside a `$ref`.
fn extensions(schema: &Value, node: &mut Node) {
    let Some(fields) = schema.as_object() else { return };
    node.preserve_unknown |= flag(fields, "x-kubernetes-preserve-unknown-fields");
    if let Some(default) = fields.get("default") {
        node.default = Some(default.clone());
    }
    node.list_type = match fields.get("x-kubernetes-list-type").and_then(Value::as_str) {
        Some("set") => Some(ListType::Set),
        Some("map") => Some(ListType::Map),
        Some(_) => Some(ListType::Atomic),
        None => node.list_type,
    };
    if let keys @ Some(_) = fields.get("x-kubernetes-list-map-keys") {
        node.list_keys = texts(keys);
    }
    match fields.get("x-kubernetes-map-type").and_then(Value::as_str) {
        Some("atomic") => node.atomic_map = true,
        Some(_) => node.atomic_map = false,
        None => {}
    }
    if let strategy @ Some(_) = text(fields, "x-kubernetes-patch-strategy") {
        node.patch_strategy = strategy;
    }
    if let key @ Some(_) = text(fields, "x-kubernetes-patch-merge-key") {
        node.patch_merge_key = key;
    }
}

fn json_type(name: Option<&Value>) -> JsonType {
    match name.and_then(Value::as_str) {
        Some("object") => JsonType::Object,
        Some("array") => JsonType::Array,
        Some("string") => JsonType::String,
        Some("integer") => JsonType::Integer,
        Some("number") => JsonType::Number,
        Some("boolean") => JsonType::Boolean,
        _ => JsonType::Any,
    }
}

fn flag(fields: &Map<String, Value>, name: &str) -> bool {
    fields.get(name).and_then(Value::as_bool).unwrap_or(false)
}

fn text(fields: &Map<String, Value>, name: &str) -> Option<Box<str>> {
    fields.get(name).and_then(Value::as_str).map(Into::into)
}

fn texts(list: Option<&Value>) -> Vec<Box<str>> {
    let Some(Value::Array(list)) = list else { return Vec::new() };
    list.iter().filter_map(Value::as_str).map(Into::into).collect()
}
