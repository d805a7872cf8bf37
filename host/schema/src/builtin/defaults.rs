//! The defaults that Kubernetes fills into built-in kinds, from `kinds/defaults.json`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{qos, walk};
use crate::crd;
use crate::structural::Place;

/// Definition → its defaults, in order.
pub(super) type Defaults = BTreeMap<String, Vec<Default>>;

/// A row: the field's path (`containers[].image` is a field of each item), what it is set to where it is missing, and on what condition (see [`walk::holds`]).
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Default {
    Always(String, Filling),
    When(String, Filling, String),
}

/// What a missing field is set to.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Filling {
    /// Another field's value.
    Copy {
        copy: String,
    },
    /// The entries of a map that this map lacks.
    Fill {
        fill: String,
    },
    /// `Always` for an image without tag or with the tag `latest`, else `IfNotPresent`.
    Tag {
        tag_of: String,
    },
    /// One entry of a map, set to another field's value.
    Entry {
        entry: String,
        from: String,
    },
    /// Several entries of a map, each set to another field's value.
    Entries {
        entries: BTreeMap<String, String>,
    },
    /// One more item of a list, where none has these fields' values, or leaves them open.
    Append {
        append: Value,
        unless: Vec<String>,
    },
    /// A list that begins with another field's value.
    Head {
        head: String,
    },
    /// The quality of service by a PodSpec's containers.
    Qos {
        qos_of: String,
    },
    /// Nothing: what is there makes no sense.
    Drop {
        drop: bool,
    },
    /// What a CustomResourceDefinition says of itself: see [`crd::default`].
    Definition {
        rules_of: DefinitionOnly,
    },
    Literal(Value),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum DefinitionOnly {
    Definition,
}

pub(super) fn read() -> Defaults {
    serde_json::from_str(include_str!("../../kinds/defaults.json"))
        .expect("kinds/defaults.json is read by every test")
}

/// What a new object gets after its defaults, once: nobody owns it, and no update brings it back.
pub(super) fn read_created() -> Defaults {
    serde_json::from_str(include_str!("../../kinds/created.json"))
        .expect("kinds/created.json is read by every test")
}

/// What an object gets with every write, without anybody owning it.
pub(super) fn read_admitted() -> Defaults {
    serde_json::from_str(include_str!("../../kinds/admitted.json"))
        .expect("kinds/admitted.json is read by every test")
}

/// Fills in what is missing.
pub(super) fn fill(defaults: &Defaults, root: Place<'_>, object: &mut Value) {
    walk::each_mut(root, object, &mut |definition, value| {
        for default in defaults.get(definition).into_iter().flatten() {
            let (path, filling, condition) = match default {
                Default::Always(path, filling) => (path, filling, None),
                Default::When(path, filling, condition) => (path, filling, Some(condition)),
            };
            if condition.is_none_or(|condition| walk::holds(condition, value)) {
                match path.split_once("[].") {
                    None => filling.apply(value, path),
                    Some((list, path)) => {
                        let list = format!("/{}", list.replace('.', "/"));
                        let items = value.pointer_mut(&list).and_then(Value::as_array_mut);
                        items.into_iter().flatten().for_each(|item| filling.apply(item, path));
                    }
                }
            }
        }
    });
}

impl Filling {
    fn apply(&self, value: &mut Value, path: &str) {
        let found = match self {
            Filling::Literal(literal) => Some(literal.clone()),
            Filling::Copy { copy } => {
                Some(walk::at(value, copy).clone()).filter(|found| !walk::is_missing(found))
            }
            Filling::Tag { tag_of } => {
                let image = walk::at(value, tag_of).as_str().unwrap_or_default();
                Some(if is_latest(image) { "Always" } else { "IfNotPresent" }.into())
            }
            Filling::Definition { rules_of: DefinitionOnly::Definition } => return crd::default(value),
            Filling::Qos { qos_of } => Some(qos::class(walk::at(value, qos_of)).into()),
            Filling::Head { head } => {
                let first = walk::at(value, head).clone();
                if walk::is_missing(&first) || walk::at(value, path).get(0) == Some(&first) {
                    return;
                }
                set(value, path, Value::Array(vec![first]));
                return;
            }
            Filling::Append { append, unless } => {
                let open = |found: &Value| found.is_null() || found == "";
                let covers =
                    |item: &Value| unless.iter().all(|name| open(&item[name]) || item[name] == append[name]);
                let mut items = walk::at(value, path).as_array().cloned().unwrap_or_default();
                if !items.iter().any(covers) {
                    items.push(append.clone());
                    set(value, path, Value::Array(items));
                }
                return;
            }
            Filling::Entries { entries } => {
                for (entry, from) in entries {
                    Filling::Entry { entry: entry.clone(), from: from.clone() }.apply(value, path);
                }
                return;
            }
            Filling::Drop { drop } => {
                let (parent, name) = path.rsplit_once('.').unwrap_or(("", path));
                if let Some(fields) = place(value, parent).and_then(Value::as_object_mut).filter(|_| *drop) {
                    fields.remove(name);
                }
                return;
            }
            Filling::Fill { fill } => {
                let Value::Object(source) = walk::at(value, fill).clone() else { return };
                if source.is_empty() {
                    return;
                }
                if let Some(Value::Object(target)) = place(value, path) {
                    for (name, value) in source {
                        target.entry(name).or_insert(value);
                    }
                }
                return;
            }
            Filling::Entry { entry, from } => {
                let found = walk::at(value, from).clone();
                if walk::is_missing(&found) {
                    return;
                }
                if let Some(Value::Object(target)) = place(value, path) {
                    target.insert(entry.clone(), found);
                }
                return;
            }
        };
        if let Some(found) = found
            && walk::is_missing(walk::at(value, path))
        {
            set(value, path, found);
        }
    }
}

fn set(value: &mut Value, path: &str, found: Value) {
    let (parent, name) = path.rsplit_once('.').unwrap_or(("", path));
    if let Some(Value::Object(fields)) = place(value, parent) {
        fields.insert(name.to_owned(), found);
    }
}

/// The object at a path, made where it is missing; `None` where something else is in the way.
fn place<'a>(value: &'a mut Value, path: &str) -> Option<&'a mut Value> {
    let mut value = value;
    for step in path.split('.').filter(|step| !step.is_empty()) {
        let fields = value.as_object_mut()?;
        value = fields.entry(step).or_insert(Value::Null);
        if value.is_null() {
            *value = Value::Object(Map::new());
        }
    }
    value.is_object().then_some(value)
}

/// Whether an image is named without a tag or digest, or with the tag `latest`.
fn is_latest(image: &str) -> bool {
    if image.contains('@') {
        return false;
    }
    let name = image.rsplit('/').next().unwrap_or_default();
    name.split_once(':').is_none_or(|(_, tag)| tag == "latest")
}
