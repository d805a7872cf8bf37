//! Dropping the fields that a schema doesn't know.

use serde_json::Value;

use super::{Additional, JsonType, Place};

pub(super) fn prune(root: Place<'_>, object: &mut Value) -> Vec<String> {
    let mut pruner = Pruner { dropped: Vec::new(), path: String::new() };
    pruner.value(Some(root), object);
    pruner.dropped.sort();
    pruner.dropped
}

struct Pruner {
    dropped: Vec<String>,
    path: String,
}

impl Pruner {
    /// Within `preserve-unknown-fields`, what the schema does know is still pruned by it; `None` is a place of
    /// which nothing is known.
    fn value(&mut self, place: Option<Place<'_>>, value: &mut Value) {
        let Some(place) = place else { return };
        match value {
            Value::Object(fields) => {
                let node = place.node();
                let keeps_unknown = node.preserve_unknown
                    || matches!(node.additional, Additional::Free | Additional::Each(_))
                    || (node.json_type != JsonType::Object && node.properties.is_empty());
                let before = self.dropped.len();
                for (name, field) in fields.iter_mut() {
                    let inner = place.field(name);
                    let length = self.path.len();
                    if length > 0 {
                        self.path.push('.');
                    }
                    self.path.push_str(name);
                    match inner {
                        None if !keeps_unknown => {
                            self.dropped.push(self.path.clone());
                            // Marked, and removed below: a map is not changed while it is walked.
                            *field = Value::Null;
                        }
                        inner => self.value(inner, field),
                    }
                    self.path.truncate(length);
                }
                if self.dropped.len() > before && !keeps_unknown {
                    fields.retain(|name, _| place.field(name).is_some());
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    let length = self.path.len();
                    self.path.push_str(&format!("[{index}]"));
                    self.value(place.items(), item);
                    self.path.truncate(length);
                }
            }
            _ => {}
        }
    }
}
