//! Changing one thing.

use serde_json::{Value, json};
use windlass_sdk::testing::Random;

use super::places::{Place, places, remove};
use crate::seeds::Seeds;

/// Amounts in every notation that Kubernetes reads, and some that it doesn't.
const QUANTITIES: &[&str] = &[
    "0",
    "1",
    "100m",
    "1024m",
    "1.5",
    "0.1",
    "1.024",
    "1500m",
    "2Gi",
    "1.5Gi",
    "512Mi",
    "1024Ki",
    "1k",
    "1M",
    "2G",
    "1e3",
    "1E3",
    "12e6",
    "1.2e-3",
    "+5",
    "-1",
    "-500m",
    "0.5Ki",
    "1n",
    "1u",
    "999999999999999999",
    "9223372036854775807",
    "9999999999999999999",
    "1Ei",
    "16Ei",
    "00100m",
    "100.000",
    ".5",
    "5.",
    "1000000n",
    "0.0001m",
];
const NO_QUANTITIES: &[&str] =
    &["", "lots", "1 Gi", "1gi", "Gi", "1.2.3", "0x10", "--1", "1e", "NaN", "1GB", " 1"];
const NAMES: &[&str] =
    &["", "a", "Straße-日本-\u{1f980}", "with \"quotes\"", "line\nbreak", "../..", "a.b/c~d", "true", "7"];
const TIMES: &[&str] = &[
    "2025-11-23T00:24:50Z",
    "2025-11-23T01:24:50+01:00",
    "2024-02-29T12:00:00Z",
    "2025-11-23T00:24:51.5Z",
    "1970-01-01T00:00:00Z",
    "not a time",
    "",
];
const NUMBERS: &[i64] = &[
    0,
    1,
    2,
    3,
    5,
    10,
    -1,
    -7,
    2_147_483_647,
    2_147_483_648,
    -2_147_483_648,
    9_007_199_254_740_993,
    i64::MAX,
    i64::MIN,
];

/// Ways to change an object.
pub(crate) struct Mutations<'a> {
    pub(crate) seeds: &'a Seeds,
}

impl Mutations<'_> {
    /// Changes one part of `value`: in a way that its author might have, or in any.
    pub(crate) fn apply(&self, value: &mut Value, hostile: bool, random: &mut Random) {
        let all = places(value);
        if all.is_empty() {
            return;
        }
        let place = random.pick(&all).clone();
        // Few objects go wrong at the kind that they are of.
        if matches!(place.pointer.as_str(), "/apiVersion" | "/kind") {
            return;
        }
        match random.below(if hostile { 11 } else { 8 }) {
            0 | 1 => remove(value, &place.pointer),
            2 => add(value, &place, random),
            3 => self.list(value, &place, random),
            4..=7 => self.same_type(value, &place, random),
            _ => put(value, &place, strange(random)),
        }
    }

    /// Another value that might stand there.
    fn same_type(&self, value: &mut Value, place: &Place, random: &mut Random) {
        let Some(present) = value.pointer(&place.pointer) else { return };
        let known = self.seeds.words(&place.name);
        let next = match present {
            Value::Bool(present) => json!(!present),
            Value::Number(_) | Value::String(_) if !known.is_empty() && random.chance(50) => {
                random.pick(known).clone()
            }
            Value::Number(number) => match random.below(5) {
                0 => json!(random.pick(NUMBERS)),
                1 => json!(number.as_i64().unwrap_or(1).wrapping_neg()),
                2 => json!(number.as_f64().unwrap_or(1.0)),
                3 => json!(number.as_f64().unwrap_or(1.0) + 0.5),
                _ => json!(random.below(20)),
            },
            Value::String(text) if is_quantity(text) => quantity(random),
            Value::String(text) if is_time(text) => json!(random.pick(TIMES)),
            Value::String(text) if random.chance(30) => json!(format!("{text}-2")),
            Value::String(_) => json!(random.pick(NAMES)),
            Value::Null | Value::Array(_) | Value::Object(_) => return,
        };
        put(value, place, next);
    }

    /// Fewer items, more, very many, or the same again.
    fn list(&self, value: &mut Value, place: &Place, random: &mut Random) {
        match value.pointer_mut(&place.pointer) {
            Some(Value::Array(items)) => match (random.below(4), items.first().cloned()) {
                (0, _) | (_, None) => items.clear(),
                (1, Some(first)) => items.push(first),
                (2, Some(first)) => items.resize(items.len() + 20 + random.below(100), first),
                (_, Some(_)) => items.reverse(),
            },
            Some(Value::Object(map)) if random.chance(30) => map.clear(),
            _ => self.same_type(value, place, random),
        }
    }
}

fn put(value: &mut Value, place: &Place, next: Value) {
    if let Some(present) = value.pointer_mut(&place.pointer) {
        *present = next;
    }
}

/// A field that nobody knows, or a key that is unusual.
fn add(value: &mut Value, place: &Place, random: &mut Random) {
    if let Some(Value::Object(map)) = value.pointer_mut(&place.pointer) {
        let key = *random.pick(&["x-unknown", "straße", "1", "a.b/c", "nvidia.com/gpu", "example.com/x"]);
        let next = match random.below(4) {
            0 => json!({"nested": [1, "two", null]}),
            1 => json!(random.pick(NUMBERS)),
            2 => quantity(random),
            _ => json!(random.pick(NAMES)),
        };
        map.insert(key.to_owned(), next);
    } else {
        put(value, place, Value::Null);
    }
}

fn quantity(random: &mut Random) -> Value {
    match random.below(10) {
        0 => json!(random.pick(NO_QUANTITIES)),
        1 => json!(random.below(100)),
        2 => json!(random.below(1000) as f64 / 8.0),
        _ => json!(random.pick(QUANTITIES)),
    }
}

/// Something of another type.
fn strange(random: &mut Random) -> Value {
    match random.below(14) {
        0 | 1 => Value::Null,
        2 => json!(true),
        3 => json!(random.pick(NUMBERS)),
        4 => json!(2.5),
        5 => json!(1e300),
        6 => json!("7"),
        7 => json!(random.pick(NAMES)),
        8 => json!([]),
        9 => json!({}),
        10 => json!([null, 7, {}]),
        11 => json!({"a": {"b": [1]}}),
        12 => json!([[], [[]]]),
        _ => json!("x".repeat(2000)),
    }
}

fn is_quantity(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit()) && text.len() < 12 && !text.contains(['-', ':', '/'])
}

fn is_time(text: &str) -> bool {
    text.len() >= 20 && text.as_bytes()[10] == b'T' && text.ends_with('Z')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mutation_leaves_something_that_can_be_sent() {
        let seeds = Seeds::read().unwrap();
        let mut random = Random::new(3);
        let seed = &seeds.of("apps/v1", "Deployment").unwrap().objects[0];
        for _ in 0..500 {
            let mut object = seed.clone();
            for _ in 0..10 {
                Mutations { seeds: &seeds }.apply(&mut object, true, &mut random);
            }
            assert_eq!(serde_json::from_str::<Value>(&object.to_string()).unwrap(), object);
        }
    }
}
