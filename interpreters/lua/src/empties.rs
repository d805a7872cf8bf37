//! Which empty tables are objects, which are lists, and which were not there at all.
//!
//! An empty Lua table is neither. As in Karmada, what is empty in an object that a script returns is taken for what was
//! empty at the same place in an object that the script was given; anywhere else it is left out. Places are paths of
//! field names: the items of a list share one.

use std::collections::HashSet;

use serde_json::{Map, Value};

/// The places at which reference objects are empty.
#[derive(Debug, Default)]
pub(crate) struct Empties<'a> {
    objects: HashSet<Vec<&'a str>>,
    lists: HashSet<Vec<&'a str>>,
}

impl<'a> Empties<'a> {
    /// Those of all `references` together. Where one has an object and another a list, it is an object.
    pub(crate) fn of(references: &[&'a Value]) -> Empties<'a> {
        let mut empties = Empties::default();
        for reference in references {
            empties.collect(reference, &mut Vec::new());
        }
        empties
    }

    fn collect(&mut self, value: &'a Value, path: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => {
                for (name, field) in fields {
                    path.push(name);
                    self.note(field, path);
                    path.pop();
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.note(item, path)),
            _ => {}
        }
    }

    fn note(&mut self, value: &'a Value, path: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) if fields.is_empty() => {
                self.objects.insert(path.clone());
            }
            Value::Array(items) if items.is_empty() => {
                self.lists.insert(path.clone());
            }
            _ => self.collect(value, path),
        }
    }

    /// Settles the empty lists inside `value`, which are what empty tables have become.
    pub(crate) fn settle(&self, value: Value) -> Value {
        self.inside(value, &mut Vec::new())
    }

    fn inside(&self, value: Value, path: &mut Vec<String>) -> Value {
        match value {
            Value::Object(fields) => {
                let mut settled = Map::new();
                for (name, field) in fields {
                    path.push(name);
                    let field = self.at(field, path);
                    let name = path.pop().expect("what was pushed is popped once");
                    settled.extend(field.map(|field| (name, field)));
                }
                Value::Object(settled)
            }
            Value::Array(items) => {
                Value::Array(items.into_iter().filter_map(|item| self.at(item, path)).collect())
            }
            scalar => scalar,
        }
    }

    /// The value at `path`; `None` where it is left out.
    fn at(&self, value: Value, path: &mut Vec<String>) -> Option<Value> {
        match &value {
            Value::Array(items) if items.is_empty() => {
                let place: Vec<&str> = path.iter().map(String::as_str).collect();
                if self.objects.contains(&place) {
                    return Some(Value::Object(Map::new()));
                }
                self.lists.contains(&place).then_some(value)
            }
            _ => Some(self.inside(value, path)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_empty_is_what_it_was_before() {
        let desired = json!({"a": {}, "b": [], "items": [{"c": {}}, {"c": 7}], "dotted.name": {}});
        let observed = json!({"d": {"e": {}}, "b": {}});
        let settled = Empties::of(&[&desired, &observed]).settle(json!({
            "a": [], "b": [], "items": [{"c": []}, {"c": [], "x": []}, []], "dotted.name": [],
            "d": {"e": [], "f": []}, "dotted": {"name": []},
        }));
        assert_eq!(
            settled,
            json!({"a": {}, "b": {}, "items": [{"c": {}}, {"c": {}}], "dotted.name": {}, "d": {"e": {}}, "dotted": {}})
        );
    }

    #[test]
    fn without_references_nothing_empty_stays() {
        let settled = Empties::of(&[]).settle(json!({"a": [], "b": {"c": []}, "d": [[], 1]}));
        assert_eq!(settled, json!({"b": {}, "d": [1]}));
    }
}
