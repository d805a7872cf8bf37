//! Validation of a value against a schema. Every error is found, not only the first, up to a limit that keeps one
//! hostile object from filling a response.

use regex::Regex;
use serde_json::{Number, Value};

use super::correlate::{Items, item_key};
use super::format;
use super::{JsonType, ListType, Node, NodeId, Place};
use crate::field::{FieldError, Reason};

/// What a node asks for beyond types, in one box: few nodes have any.
#[derive(Clone, Debug, Default)]
pub(crate) struct Checks {
    pub(crate) allowed: Option<Vec<Value>>,
    pub(crate) minimum: Option<Bound>,
    pub(crate) maximum: Option<Bound>,
    pub(crate) multiple_of: Option<f64>,
    pub(crate) min_length: Option<u64>,
    pub(crate) max_length: Option<u64>,
    pub(crate) pattern: Option<Pattern>,
    pub(crate) min_items: Option<u64>,
    pub(crate) max_items: Option<u64>,
    pub(crate) unique_items: bool,
    pub(crate) min_properties: Option<u64>,
    pub(crate) max_properties: Option<u64>,
    pub(crate) junctors: Option<Box<Junctors>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Bound {
    pub(crate) limit: Number,
    pub(crate) exclusive: bool,
}

/// A pattern with its compiled form; one that doesn't compile matches nothing.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    source: String,
    compiled: Option<Regex>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Junctors {
    pub(crate) all_of: Vec<NodeId>,
    pub(crate) any_of: Vec<NodeId>,
    pub(crate) one_of: Vec<NodeId>,
    pub(crate) not: Option<NodeId>,
}

/// More errors than these are not worth telling.
const ERRORS_MAX: usize = 200;

impl Checks {
    pub(crate) fn is_empty(&self) -> bool {
        let Checks {
            allowed,
            minimum,
            maximum,
            multiple_of,
            min_length,
            max_length,
            pattern,
            min_items,
            max_items,
            unique_items,
            min_properties,
            max_properties,
            junctors,
        } = self;
        allowed.is_none()
            && minimum.is_none()
            && maximum.is_none()
            && multiple_of.is_none()
            && pattern.is_none()
            && !unique_items
            && junctors.is_none()
            && [min_length, max_length, min_items, max_items, min_properties, max_properties]
                .iter()
                .all(|size| size.is_none())
    }
}

impl Pattern {
    pub(crate) fn new(source: &str) -> Pattern {
        // Bounded, so that a pattern like (a{1000}){1000} costs an error and not the memory.
        let compiled = regex::RegexBuilder::new(source).size_limit(1 << 20).build().ok();
        Pattern { source: source.to_owned(), compiled }
    }

    pub(super) fn is_valid(&self) -> bool {
        self.compiled.is_some()
    }

    fn matches(&self, text: &str) -> bool {
        self.compiled.as_ref().is_some_and(|regex| regex.is_match(text))
    }
}

/// What is wrong with `object`; of what is as it was in `old`, nothing.
pub(super) fn validate(root: Place<'_>, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let mut validator = Validator { errors: Vec::new(), path: String::new(), list_types: true };
    validator.value(root, object, old);
    validator.errors
}

struct Validator {
    errors: Vec<FieldError>,
    path: String,
    /// Off inside junctors, which say nothing of list types.
    list_types: bool,
}

impl Validator {
    fn push(&mut self, reason: Reason, message: String) {
        if self.errors.len() < ERRORS_MAX {
            let field = if self.path.is_empty() { "<nil>".to_owned() } else { self.path.clone() };
            self.errors.push(FieldError { reason, field, message });
        }
    }

    /// `Invalid value: VALUE: PATH in body WHAT`, go-openapi's wording.
    fn invalid(&mut self, value: &str, what: &str) {
        self.push(Reason::Invalid, format!("Invalid value: {value}: {} in body {what}", self.path));
    }

    /// A complaint of a junctor, which go-openapi doesn't attach to a field.
    fn composite(&mut self, what: &str) {
        if self.errors.len() < ERRORS_MAX {
            let message = format!("Invalid value: \"\": {:?} {what}", self.path);
            self.errors.push(FieldError { reason: Reason::Invalid, field: "<nil>".to_owned(), message });
        }
    }

    /// The wrong JSON type; the value shown is the type found.
    fn wrong_type(&mut self, value: &Value, wanted: &str) {
        let found = type_name(value);
        let message =
            format!("Invalid value: {found:?}: {} in body must be of type {wanted}: {found:?}", self.path);
        self.push(Reason::TypeInvalid, message);
    }

    fn inside<T>(&mut self, step: &str, walk: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        if length > 0 && !step.starts_with('[') {
            self.path.push('.');
        }
        self.path.push_str(step);
        let result = walk(self);
        self.path.truncate(length);
        result
    }

    fn value(&mut self, place: Place<'_>, value: &Value, old: Option<&Value>) {
        let before = self.errors.len();
        self.any_value(place, value, old);
        // Compared last: most values have no errors.
        if self.errors.len() > before && old == Some(value) {
            self.errors.truncate(before);
        }
    }

    fn any_value(&mut self, place: Place<'_>, value: &Value, old: Option<&Value>) {
        let node = place.node();
        if !self.has_type(node, value) {
            return;
        }
        if let Some(format) = &node.format
            && let Some(complaint) = format::complaint(format, value)
        {
            self.invalid(&value.to_string(), &complaint);
        }
        if let Some(checks) = &node.checks {
            self.checks(place, checks, value);
        }
        match value {
            Value::Object(fields) => {
                for name in &node.required {
                    if !fields.contains_key(&**name) {
                        self.inside(name, |inner| inner.push(Reason::Required, "Required value".to_owned()));
                    }
                }
                for (name, field) in fields {
                    if let Some(inner) = place.field(name) {
                        // go-openapi writes keys of maps like field names.
                        let old = old.and_then(|old| old.get(name));
                        self.inside(name, |walk| walk.value(inner, field, old));
                    }
                }
            }
            Value::Array(items) => {
                if let Some(inner) = place.items() {
                    let before = Items::of(place, old);
                    for (index, item) in items.iter().enumerate() {
                        let old = before.before(place, item);
                        self.inside(&format!("[{index}]"), |walk| walk.value(inner, item, old));
                    }
                }
                if self.list_types {
                    self.list_type(place, items);
                }
            }
            _ => {}
        }
    }

    /// Whether the value has the node's type; says so if not.
    fn has_type(&mut self, node: &Node, value: &Value) -> bool {
        if value.is_null() && (node.nullable || (node.json_type == JsonType::Any && !node.int_or_string)) {
            return false;
        }
        if node.int_or_string {
            if value.is_string() || is_integer(value) || (node.definition.is_some() && value.is_number()) {
                return true;
            }
            self.wrong_type(value, "integer,string");
            return false;
        }
        let (fits, wanted) = match node.json_type {
            JsonType::Any => (true, ""),
            JsonType::Object => (value.is_object(), "object"),
            JsonType::Array => (value.is_array(), "array"),
            JsonType::String => (value.is_string(), "string"),
            JsonType::Integer => (is_integer(value), "integer"),
            JsonType::Number => (value.is_number(), "number"),
            JsonType::Boolean => (value.is_boolean(), "boolean"),
        };
        if !fits {
            self.wrong_type(value, wanted);
        }
        fits
    }

    fn checks(&mut self, place: Place<'_>, checks: &Checks, value: &Value) {
        if let Some(allowed) = &checks.allowed
            && !allowed.iter().any(|one| same(one, value))
        {
            let names: Vec<String> = allowed.iter().map(|one| format!("{:?}", plain(one))).collect();
            let message = format!("Unsupported value: {value}: supported values: {}", names.join(", "));
            self.push(Reason::NotSupported, message);
        }
        match value {
            Value::Number(number) => self.number(checks, number),
            Value::String(text) => self.text(checks, text),
            Value::Array(items) => {
                let count = items.len() as u64;
                if let Some(max) = checks.max_items.filter(|max| count > *max) {
                    self.push(Reason::TooMany, format!("Too many: {count}: must have at most {max} items"));
                }
                if let Some(min) = checks.min_items.filter(|min| count < *min) {
                    self.invalid(&count.to_string(), &format!("should have at least {min} items"));
                }
                if checks.unique_items && first_repeated(items).is_some() {
                    let shown = Value::Array(items.clone()).to_string();
                    self.invalid(&shown, "shouldn't contain duplicates");
                }
            }
            Value::Object(fields) => {
                let count = fields.len() as u64;
                if let Some(max) = checks.max_properties.filter(|max| count > *max) {
                    self.push(Reason::TooMany, format!("Too many: {count}: must have at most {max} items"));
                }
                if let Some(min) = checks.min_properties.filter(|min| count < *min) {
                    self.invalid(&count.to_string(), &format!("should have at least {min} properties"));
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
        if let Some(junctors) = &checks.junctors {
            self.junctors(place, junctors, value);
        }
    }

    fn number(&mut self, checks: &Checks, number: &Number) {
        if let Some(Bound { limit, exclusive }) = &checks.minimum {
            let order = compare(number, limit);
            if order.is_lt() || (*exclusive && order.is_eq()) {
                let words =
                    if *exclusive { "should be greater than" } else { "should be greater than or equal to" };
                self.invalid(&number.to_string(), &format!("{words} {limit}"));
            }
        }
        if let Some(Bound { limit, exclusive }) = &checks.maximum {
            let order = compare(number, limit);
            if order.is_gt() || (*exclusive && order.is_eq()) {
                let words =
                    if *exclusive { "should be less than" } else { "should be less than or equal to" };
                self.invalid(&number.to_string(), &format!("{words} {limit}"));
            }
        }
        if let (Some(factor), Some(value)) = (checks.multiple_of, number.as_f64()) {
            let times = value / factor;
            if factor > 0.0 && (times - times.round()).abs() > 1e-9 {
                self.invalid(&number.to_string(), &format!("should be a multiple of {factor}"));
            }
        }
    }

    fn text(&mut self, checks: &Checks, text: &str) {
        let shown = format!("{text:?}");
        let length = text.chars().count() as u64;
        if let Some(max) = checks.max_length.filter(|max| length > *max) {
            self.push(Reason::TooLong, format!("Too long: may not be more than {max} bytes"));
        }
        if let Some(min) = checks.min_length.filter(|min| length < *min) {
            self.invalid(&shown, &format!("should be at least {min} chars long"));
        }
        if let Some(pattern) = &checks.pattern
            && !pattern.matches(text)
        {
            self.invalid(&shown, &format!("should match '{}'", pattern.source));
        }
    }

    fn junctors(&mut self, place: Place<'_>, junctors: &Junctors, value: &Value) {
        let errors_of = |id: NodeId, path: &str| {
            let mut inner = Validator { errors: Vec::new(), path: path.to_owned(), list_types: false };
            inner.value(place.at(id), value, None);
            inner.errors
        };
        for id in &junctors.all_of {
            let errors = errors_of(*id, &self.path);
            self.errors.extend(errors);
        }
        if !junctors.any_of.is_empty() {
            let attempts: Vec<Vec<FieldError>> =
                junctors.any_of.iter().map(|id| errors_of(*id, &self.path)).collect();
            if attempts.iter().all(|errors| !errors.is_empty()) {
                self.composite("must validate at least one schema (anyOf)");
                self.errors.extend(best(attempts));
            }
        }
        if !junctors.one_of.is_empty() {
            let attempts: Vec<Vec<FieldError>> =
                junctors.one_of.iter().map(|id| errors_of(*id, &self.path)).collect();
            match attempts.iter().filter(|errors| errors.is_empty()).count() {
                1 => {}
                0 => {
                    self.composite("must validate one and only one schema (oneOf). Found none valid");
                    self.errors.extend(best(attempts));
                }
                valid => {
                    let what = format!(
                        "must validate one and only one schema (oneOf). Found {valid} valid alternatives"
                    );
                    self.composite(&what);
                }
            }
        }
        if let Some(id) = junctors.not
            && errors_of(id, &self.path).is_empty()
        {
            self.composite("must not validate the schema (not)");
        }
        self.errors.truncate(ERRORS_MAX);
    }

    /// Lists of type set and map hold each item once, told apart by value or by key.
    fn list_type(&mut self, place: Place<'_>, items: &[Value]) {
        let duplicates: Vec<(usize, Value)> = match place.list_type() {
            ListType::Atomic => return,
            ListType::Set => repeated(items.iter().map(Value::clone)),
            ListType::Map => repeated(items.iter().map(|item| item_key(place, item))),
        };
        for (index, value) in duplicates {
            self.inside(&format!("[{index}]"), |walk| {
                walk.push(Reason::Duplicate, format!("Duplicate value: {value}"));
            });
        }
    }
}

fn repeated(items: impl Iterator<Item = Value>) -> Vec<(usize, Value)> {
    let mut seen = std::collections::HashSet::new();
    items.enumerate().filter(|(_, item)| !seen.insert(item.to_string())).collect()
}

fn first_repeated(items: &[Value]) -> Option<usize> {
    repeated(items.iter().cloned()).first().map(|(index, _)| *index)
}

/// The attempt that came nearest.
fn best(attempts: Vec<Vec<FieldError>>) -> Vec<FieldError> {
    attempts.into_iter().min_by_key(Vec::len).unwrap_or_default()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => compare(one, other).is_eq(),
        _ => one == other,
    }
}

fn compare(one: &Number, other: &Number) -> std::cmp::Ordering {
    let whole = |number: &Number| number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    match (whole(one), whole(other)) {
        (Some(one), Some(other)) => one.cmp(&other),
        _ => {
            let real = |number: &Number| number.as_f64().unwrap_or(f64::NAN);
            real(one).partial_cmp(&real(other)).unwrap_or(std::cmp::Ordering::Equal)
        }
    }
}

/// Whether a number is whole: 1.0 counts, as it does for Kubernetes.
pub(super) fn is_integer(value: &Value) -> bool {
    match value {
        Value::Number(number) => {
            number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|real| real.fract() == 0.0)
        }
        _ => false,
    }
}

/// A JSON value's type as go-openapi names it.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
