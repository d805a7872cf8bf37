//! Structural schemas: what fields an object has, which of them hold what, and what follows from that: validation,
//! pruning, defaulting, and (for patches and server-side apply) how lists and maps merge.
//!
//! A schema is a flat table of nodes that refer to each other by index, so that a schema may recurse
//! (`JSONSchemaProps` does) and is dropped and cloned without recursion. Objects are at most 128 deep (serde_json's
//! limit), which bounds every walk over them.

mod check;
mod correlate;
mod default;
mod format;
mod parse;
mod prune;
mod rules;
mod strict;
mod typed;
mod validate;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::field::FieldError;

pub use check::check_structural;
pub(crate) use parse::{Definitions, from_definitions};
pub use strict::duplicate_fields;
pub(crate) use typed::go_type_error;
pub(crate) use validate::Checks;

/// Index of a node in its schema's table.
pub(crate) type NodeId = u32;

/// A schema. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Schema {
    nodes: Arc<[Node]>,
    root: NodeId,
}

/// The JSON type a node asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum JsonType {
    /// None given: anything goes, as far as the type is concerned.
    #[default]
    Any,
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
}

/// `x-kubernetes-list-type`; where absent, lists are atomic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListType {
    Atomic,
    Set,
    Map,
}

/// What is said of the properties that are not named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Additional {
    /// Nothing: unknown fields are pruned.
    #[default]
    Unsaid,
    /// `false`
    Denied,
    /// `true`
    Free,
    Each(NodeId),
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    pub(crate) json_type: JsonType,
    pub(crate) nullable: bool,
    pub(crate) int_or_string: bool,
    pub(crate) preserve_unknown: bool,
    pub(crate) embedded_resource: bool,
    pub(crate) properties: BTreeMap<Box<str>, NodeId>,
    pub(crate) additional: Additional,
    pub(crate) items: Option<NodeId>,
    pub(crate) required: Vec<Box<str>>,
    pub(crate) default: Option<Value>,
    pub(crate) list_type: Option<ListType>,
    pub(crate) list_keys: Vec<Box<str>>,
    pub(crate) atomic_map: bool,
    /// `x-kubernetes-patch-strategy`: `merge`, `replace`, `merge,retainKeys`, ...
    pub(crate) patch_strategy: Option<Box<str>>,
    pub(crate) patch_merge_key: Option<Box<str>>,
    pub(crate) format: Option<Box<str>>,
    pub(crate) checks: Option<Box<Checks>>,
    pub(crate) rules: Arc<[rules::Rule]>,
    /// Whether there are rules here or further down.
    pub(crate) rules_below: bool,
    /// The definition this node was made from: `io.k8s.api.core.v1.Container`.
    pub(crate) definition: Option<Box<str>>,
}

/// A place in a schema, as a walk over an object passes it.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    schema: &'a Schema,
    id: NodeId,
}

impl Schema {
    /// The schema that allows everything and knows nothing.
    pub fn any() -> Schema {
        Schema { nodes: Arc::from([Node { preserve_unknown: true, ..Node::default() }]), root: 0 }
    }

    /// From a CRD version's `openAPIV3Schema`. The root is a resource: apiVersion, kind and metadata are known
    /// without being named. What the structural check would refuse is read as far as it makes sense.
    pub fn from_open_api(open_api: &Value) -> Schema {
        parse::from_custom_resource(open_api)
    }

    pub fn root(&self) -> Place<'_> {
        Place { schema: self, id: self.root }
    }

    /// What is wrong with `object`, `x-kubernetes-validations` aside.
    pub fn validate(&self, object: &Value) -> Vec<FieldError> {
        validate::validate(self.root(), object, None)
    }

    /// What is wrong with `object` that was not so in `old`: what is wrong but unchanged is let pass.
    pub fn validate_change(&self, object: &Value, old: &Value) -> Vec<FieldError> {
        validate::validate(self.root(), object, Some(old))
    }

    /// Whether an object of an older schema may lack something that reading it has to fill in.
    pub fn has_defaults(&self) -> bool {
        self.nodes.iter().any(|node| node.default.is_some())
    }

    /// Evaluates `x-kubernetes-validations`; transition rules (`oldSelf`) only where there is an old object.
    pub fn evaluate_rules(&self, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
        if self.root().has_rules_below() { rules::evaluate(self.root(), object, old) } else { Vec::new() }
    }

    /// Drops the fields that the schema doesn't know; gives their paths (`spec.foo`, `spec.items[0].bar`).
    pub fn prune(&self, object: &mut Value) -> Vec<String> {
        prune::prune(self.root(), object)
    }

    /// Drops nulls that are not allowed, and that no default takes the place of.
    pub(crate) fn drop_nulls(&self, object: &mut Value) {
        default::drop_nulls(self.root(), object);
    }

    /// Fills in defaults; a null where a default exists and null is not allowed is absent.
    pub fn default(&self, object: &mut Value) {
        default::default(self.root(), object);
    }
}

impl<'a> Place<'a> {
    pub(crate) fn node(self) -> &'a Node {
        &self.schema.nodes[self.id as usize]
    }

    pub(crate) fn at(self, id: NodeId) -> Place<'a> {
        Place { schema: self.schema, id }
    }

    /// The place of a field: named, or one of the additional ones. `None` where the schema knows nothing of it.
    pub fn field(self, name: &str) -> Option<Place<'a>> {
        let node = self.node();
        match (node.properties.get(name), &node.additional) {
            (Some(id), _) | (None, Additional::Each(id)) => Some(self.at(*id)),
            _ => None,
        }
    }

    /// Whether the schema names this field, rather than allowing it as one of the additional ones.
    pub fn has_property(self, name: &str) -> bool {
        self.node().properties.contains_key(name)
    }

    /// The place of a list's items.
    pub fn items(self) -> Option<Place<'a>> {
        self.node().items.map(|id| self.at(id))
    }

    pub fn list_type(self) -> ListType {
        self.node().list_type.unwrap_or(ListType::Atomic)
    }

    /// The keys by which the items of a list of type map are told apart.
    pub fn list_keys(self) -> &'a [Box<str>] {
        &self.node().list_keys
    }

    /// Whether the map or object is replaced as a whole (`x-kubernetes-map-type: atomic`).
    pub fn is_atomic_map(self) -> bool {
        self.node().atomic_map
    }

    /// The strategies of a strategic merge patch: `merge`, `replace`, `retainKeys`.
    pub fn patch_strategies(self) -> impl Iterator<Item = &'a str> {
        self.node().patch_strategy.as_deref().unwrap_or_default().split(',').filter(|name| !name.is_empty())
    }

    /// The key by which a strategic merge patch tells a list's items apart; `None` for lists of scalars.
    pub fn patch_merge_key(self) -> Option<&'a str> {
        self.node().patch_merge_key.as_deref()
    }

    /// The built-in definition that the place is of: `io.k8s.api.core.v1.Container`.
    pub(crate) fn definition(self) -> Option<&'a str> {
        self.node().definition.as_deref()
    }

    /// Whether the place holds JSON of somebody else's.
    pub(crate) fn is_free_form(self) -> bool {
        self.node().preserve_unknown
    }

    pub(crate) fn rules(self) -> &'a [rules::Rule] {
        &self.node().rules
    }

    pub(crate) fn has_rules_below(self) -> bool {
        self.node().rules_below
    }

    pub(crate) fn json_type(self) -> JsonType {
        self.node().json_type
    }

    /// The format of a string: `date-time`, `duration`, `byte`, ...
    pub(crate) fn format(self) -> Option<&'a str> {
        self.node().format.as_deref()
    }

    /// Whether the place holds numbers that need not be whole.
    pub(crate) fn is_number(self) -> bool {
        self.node().json_type == JsonType::Number
    }

    /// Whether the schema names the fields of the objects in this place, so that others are unknown.
    pub(crate) fn names_fields(self) -> bool {
        !self.node().properties.is_empty()
    }

    pub fn default_value(self) -> Option<&'a Value> {
        self.node().default.as_ref()
    }
}

#[cfg(test)]
mod tests;
