//! Where the parts of a value are.

use serde_json::Value;

/// A JSON pointer, and the name that the part stands under: a list's items stand under the list's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) pointer: String,
    pub(crate) name: String,
}

/// All parts of `value` but itself, outer ones before inner ones.
pub(crate) fn places(value: &Value) -> Vec<Place> {
    let mut found = Vec::new();
    collect(value, "", "", &mut found);
    found
}

fn collect(value: &Value, at: &str, name: &str, found: &mut Vec<Place>) {
    let mut child = |token: &str, name: &str, value: &Value| {
        let pointer = format!("{at}/{}", token.replace('~', "~0").replace('/', "~1"));
        found.push(Place { pointer: pointer.clone(), name: name.to_owned() });
        collect(value, &pointer, name, found);
    };
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| child(key, key, value)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| child(&index.to_string(), name, value));
        }
        _ => {}
    }
}

/// Takes away what is at `pointer`.
pub(crate) fn remove(value: &mut Value, pointer: &str) {
    let Some((parent, token)) = pointer.rsplit_once('/') else { return };
    match value.pointer_mut(parent) {
        Some(Value::Object(map)) => {
            map.remove(&token.replace("~1", "/").replace("~0", "~"));
        }
        Some(Value::Array(items)) => {
            if let Some(index) = token.parse().ok().filter(|index| *index < items.len()) {
                items.remove(index);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_part_has_a_place_and_can_be_taken_away() {
        let value = json!({"a/b": [{"c~": 1}, 2]});
        let pointers: Vec<String> = places(&value).into_iter().map(|place| place.pointer).collect();
        assert_eq!(pointers, ["/a~1b", "/a~1b/0", "/a~1b/0/c~0", "/a~1b/1"]);
        assert_eq!(places(&value)[3].name, "a/b");
        for pointer in &pointers {
            let mut less = value.clone();
            remove(&mut less, pointer);
            assert!(
                less != value && less.pointer(pointer).is_none_or(|left| pointer == "/a~1b/0" && *left == 2)
            );
        }
    }
}
