//! Inputs that are nearly right.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::{Value, json};

use super::case::{Case, Outcome};

/// Puts every input again, with each part of its objects in turn missing or of another type.
///
/// # Panics
/// The plugin panics; the message holds the input.
pub(super) fn survive(cases: &[Case], answer: impl Fn(&Value) -> Outcome) {
    let strange = [
        Value::Null,
        json!(true),
        json!(-1),
        json!(1.5),
        json!(1e300),
        json!(i64::MAX),
        json!(""),
        json!("\u{e9}\"\n"),
        json!("9999999999999999999999Ei"),
        json!([]),
        json!([null, 7, {}]),
        json!({}),
    ];
    for Case { name, input, .. } in cases {
        // How the input is cased is the runner's; only what is in it is the plugin's.
        for root in ["object", "observed", "items", "pods", "state", "settings", "request"] {
            let mut places = Vec::new();
            pointers(&input[root], &format!("/{root}"), &mut places);
            for place in places {
                for value in &strange {
                    let mut mutated = input.clone();
                    *mutated.pointer_mut(&place).expect("the place was found in this input") = value.clone();
                    let answered = catch_unwind(AssertUnwindSafe(|| answer(&mutated)));
                    assert!(answered.is_ok(), "{name}: the plugin panics with {value} at {place}: {mutated}");
                }
            }
        }
    }
}

/// The JSON pointers of everything in `value`.
pub(super) fn pointers(value: &Value, at: &str, places: &mut Vec<String>) {
    match value {
        Value::Null => return,
        Value::Object(map) => {
            for (key, child) in map {
                pointers(child, &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), places);
            }
        }
        Value::Array(items) => {
            for (index, child) in items.iter().enumerate() {
                pointers(child, &format!("{at}/{index}"), places);
            }
        }
        _ => {}
    }
    places.push(at.to_owned());
}
