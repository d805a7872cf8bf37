//! Changes objects at random: along their schema, so that every field comes up, and against it.

use serde_json::{Map, Value, json};
use windlass_sdk::testing::Random;

use super::normal;
use super::schema::Shape;

const DEPTH_MAX: usize = 4;
const STRINGS: [&str; 14] = [
    "x",
    "a",
    "",
    "Foo",
    "example.com/x",
    "a b",
    "10.0.0.1",
    "/p",
    "https://e.com",
    "100%",
    "5",
    "-x",
    "a.b",
    "0123456789-0123456789-0123456789-0123456789-0123456789-0123456789-",
];
const NUMBERS: [i64; 8] = [0, 1, 2, -1, 80, 100_000, 2_147_483_648, 30];
const QUANTITIES: [&str; 9] = ["1", "500m", "0.5Gi", "1024Mi", "abc", "-1", "1e3", "100000000m", "0"];

/// One change somewhere in the object.
pub(crate) fn mutate(random: &mut Random, object: &mut Value, shape: Option<Shape<'_>>) {
    let mut pointers = Vec::new();
    collect(object, &mut String::new(), &mut pointers);
    // What the object is stays: else it is another test, which the rounds make on purpose.
    pointers.retain(|pointer| {
        !matches!(pointer.as_str(), "/apiVersion" | "/kind" | "/metadata" | "/metadata/labels/round")
    });
    if random.chance(45)
        && let Some(shape) = shape
        && add_field(random, object, shape, &pointers)
    {
        return;
    }
    if pointers.is_empty() {
        return;
    }
    let pointer = random.pick(&pointers).clone();
    break_at(random, object, &pointer);
}

fn collect(value: &Value, pointer: &mut String, found: &mut Vec<String>) {
    let length = pointer.len();
    let mut visit = |step: &str, value: &Value| {
        pointer.push('/');
        pointer.push_str(&step.replace('~', "~0").replace('/', "~1"));
        found.push(pointer.clone());
        collect(value, pointer, found);
        pointer.truncate(length);
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| visit(name, value)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, value)| visit(&at.to_string(), value));
        }
        _ => {}
    }
}

/// The pointers of all that is inside.
pub(crate) fn pointers(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect(value, &mut String::new(), &mut found);
    found
}

/// Sets a field that is not set yet, somewhere, to a value of its type.
fn add_field(random: &mut Random, object: &mut Value, shape: Shape<'_>, pointers: &[String]) -> bool {
    let mut places: Vec<(String, Shape<'_>)> = vec![(String::new(), shape)];
    for pointer in pointers {
        let steps = pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~"));
        let found = steps.into_iter().try_fold(shape, |shape, step| match step.parse::<usize>() {
            Ok(_) => shape.items().or_else(|| shape.field(&step)),
            Err(_) => shape.field(&step),
        });
        if let Some(found) = found
            && object.pointer(pointer).is_some_and(Value::is_object)
        {
            places.push((pointer.clone(), found));
        }
    }
    let (pointer, shape) = random.pick(&places).clone();
    let Some(fields) = object.pointer_mut(&pointer).and_then(Value::as_object_mut) else { return false };
    let absent: Vec<_> = shape
        .properties()
        .into_iter()
        .filter(|(name, _)| !fields.contains_key(*name) && *name != "managedFields" && *name != "selfLink")
        .collect();
    if absent.is_empty() {
        return false;
    }
    let (name, shape) = *random.pick(&absent);
    fields.insert(name.to_owned(), value(random, name, shape, 0));
    true
}

/// A value of the type; mostly one that makes sense.
pub(crate) fn value(random: &mut Random, name: &str, shape: Shape<'_>, depth: usize) -> Value {
    match shape.kind() {
        "string" => json!(text(random, name, shape)),
        "integer" => json!(*random.pick(&NUMBERS)),
        "number" => random.pick(&[json!(1), json!(0.5), json!(-1)]).clone(),
        "boolean" => json!(random.chance(60)),
        "quantity" => json!(*random.pick(&QUANTITIES)),
        "int-or-string" => random.pick(&[json!(1), json!("50%"), json!("http"), json!(8080)]).clone(),
        "date-time" => json!("2026-01-02T03:04:05Z"),
        "array" if depth > DEPTH_MAX => json!([]),
        "array" => match shape.items() {
            Some(items) => {
                let count = 1 + random.below(2);
                (0..count).map(|_| value(random, name, items, depth + 1)).collect()
            }
            None => json!([]),
        },
        "object" if depth > DEPTH_MAX => json!({}),
        "object" => fields(random, shape, depth),
        _ => random.pick(&[json!({"x": 1}), json!("x"), json!(1)]).clone(),
    }
}

fn text(random: &mut Random, name: &str, shape: Shape<'_>) -> String {
    let choices = shape.choices();
    if !choices.is_empty() && random.chance(85) {
        return (*random.pick(&choices)).to_owned();
    }
    let hints: &[&str] = match name {
        "generateName" => &[normal::GENERATE],
        "finalizers" => &["example.com/f", "f", "foregroundDeletion"],
        "apiVersion" => &["v1", "apps/v1", "x"],
        "kind" => &["Pod", "Deployment", "Role"],
        "uid" => &["00000000-0000-4000-8000-000000000000", "u"],
        "namespace" => &["$(ns)", "other"],
        "name" | "key" | "topologyKey" => &["a", "b", "example.com/x", "A_b", "x.y", "main"],
        "operator" => &["In", "Exists", "NotIn", "DoesNotExist", "Equal", "Gt"],
        "image" => &["i:latest", "i:1", " i", ""],
        _ => &STRINGS,
    };
    (*random.pick(hints)).to_owned()
}

fn fields(random: &mut Random, shape: Shape<'_>, depth: usize) -> Value {
    let mut fields = Map::new();
    if let Some(entries) = shape.entries() {
        let key = *random.pick(&["a", "b", "cpu", "memory", "example.com/x", "A b"]);
        fields.insert(key.to_owned(), value(random, key, entries, depth + 1));
    }
    let required = shape.required();
    let properties = shape.properties();
    for (name, shape) in &properties {
        let wanted =
            if required.contains(name) { random.chance(93) } else { random.chance(250 / properties.len()) };
        if wanted {
            fields.insert((*name).to_owned(), value(random, name, *shape, depth + 1));
        }
    }
    Value::Object(fields)
}

/// Breaks what is at the pointer, or takes it away.
fn break_at(random: &mut Random, object: &mut Value, pointer: &str) {
    match random.below(8) {
        0 | 1 => remove(object, pointer),
        2 => set(object, pointer, Value::Null),
        3 => {
            let other = random
                .pick(&[json!("x"), json!(7), json!(1.5), json!(true), json!({}), json!([]), json!(["x"])])
                .clone();
            set(object, pointer, other);
        }
        4 => {
            if let Some(Value::Object(fields)) = object.pointer_mut(pointer) {
                fields.insert("unknownField".to_owned(), json!(1));
            } else {
                remove(object, pointer);
            }
        }
        5 => {
            if let Some(Value::Array(items)) = object.pointer_mut(pointer)
                && let Some(last) = items.last().cloned()
            {
                items.push(last);
            } else {
                remove(object, pointer);
            }
        }
        _ => {
            let Some(found) = object.pointer_mut(pointer) else { return };
            *found = match found {
                Value::String(_) => json!(*random.pick(&STRINGS)),
                Value::Number(_) => json!(*random.pick(&NUMBERS)),
                Value::Bool(value) => json!(!*value),
                Value::Array(_) => json!([]),
                _ => json!({}),
            };
        }
    }
}

fn set(object: &mut Value, pointer: &str, value: Value) {
    if let Some(found) = object.pointer_mut(pointer) {
        *found = value;
    }
}

/// Takes away what is at the pointer.
pub(crate) fn remove(object: &mut Value, pointer: &str) {
    let Some((parent, last)) = pointer.rsplit_once('/') else { return };
    let last = last.replace("~1", "/").replace("~0", "~");
    match object.pointer_mut(parent) {
        Some(Value::Object(fields)) => {
            fields.remove(&last);
        }
        Some(Value::Array(items)) => {
            if let Ok(at) = last.parse::<usize>()
                && at < items.len()
            {
                items.remove(at);
            }
        }
        _ => {}
    }
}
