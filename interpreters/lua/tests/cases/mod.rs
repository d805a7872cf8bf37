//! The cases in `tests/conformance/lua`: a customization, a question, and what is answered.

#![allow(clippy::unwrap_used, reason = "all of it is for tests: a panic is how a test fails")]

use std::fs;
use std::path::Path;

use serde_json::Value;
use windlass_interpreter_lua::Plugin;
use windlass_sdk::interpreter::bindings::exports::windlass::interpreter::interpreter::Guest as _;

/// What is answered: a result, or the field that is to blame and the message.
pub type Outcome = Result<Value, (String, String)>;

pub struct Case {
    pub name: String,
    /// A ResourceInterpreterCustomization.
    pub customization: Value,
    pub input: Value,
    pub expected: Value,
}

/// Where the cases are.
pub const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/conformance/lua");

/// All cases in `folder`, in the order of their names.
pub fn all(folder: &Path) -> Vec<Case> {
    let mut folders: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
        .iter()
        .map(|case| Case {
            name: case.file_name().unwrap().to_string_lossy().into_owned(),
            customization: read(&case.join("customization.yaml")),
            input: read(&case.join("input.yaml")),
            expected: read(&case.join("expected.yaml")),
        })
        .collect()
}

fn read(file: &Path) -> Value {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// What the customization answers to the input.
pub fn answer(customization: &Value, input: &Value) -> Outcome {
    Plugin::configure(customization["spec"].to_string())
        .map_err(|rejection| (rejection.field, rejection.message))?;
    windlass_sdk::testing::answer::<Plugin>(input).map_err(|rejection| (rejection.field, rejection.message))
}

/// The input of a case that has a result again and again, each part of its objects in turn replaced by something
/// strange.
pub fn mutations(Case { input, expected, .. }: &Case) -> Vec<Value> {
    if expected.get("result").is_none() {
        return Vec::new();
    }
    let strange = [
        Value::Null,
        Value::from(-1),
        Value::from(1.5),
        Value::from(true),
        Value::from("\u{e9}\"\n"),
        Value::from("12"),
        Value::Array(Vec::new()),
        serde_json::json!([null, 7, {}]),
        serde_json::json!({}),
        serde_json::json!({"a": {"b": []}}),
    ];
    let mut mutations = Vec::new();
    for root in ["object", "observed", "items"] {
        let mut places = Vec::new();
        pointers(&input[root], &format!("/{root}"), &mut places);
        // Of another kind, nobody would be asked.
        places.retain(|place| !["/object/apiVersion", "/object/kind"].contains(&place.as_str()));
        for place in places {
            for value in &strange {
                let mut mutated = input.clone();
                *mutated.pointer_mut(&place).unwrap() = value.clone();
                mutations.push(mutated);
            }
        }
    }
    mutations
}

/// The JSON pointers of everything inside `value`.
fn pointers(value: &Value, at: &str, places: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(fields) => {
            fields.iter().map(|(name, field)| (name.replace('~', "~0").replace('/', "~1"), field)).collect()
        }
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect()
        }
        _ => Vec::new(),
    };
    for (name, child) in children {
        let place = format!("{at}/{name}");
        pointers(child, &place, places);
        places.push(place);
    }
}
