use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::builtin;
use crate::structural::Place;

/// An object, and the bytes that Go's protobuf serializer of Kubernetes v1.36 makes of it.
#[derive(Deserialize)]
struct Golden {
    object: Value,
    bytes: String,
}

fn golden() -> Vec<(Value, Vec<u8>)> {
    let golden: Vec<Golden> = serde_json::from_str(include_str!("golden.json")).unwrap();
    golden.into_iter().map(|golden| (golden.object, STANDARD.decode(golden.bytes).unwrap())).collect()
}

/// A length-delimited field.
fn bytes(number: u8, content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    let mut out = vec![number << 3 | 2];
    let mut length = content.len();
    while length >= 0x80 {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend(content);
    out
}

fn int(number: u8, value: u8) -> Vec<u8> {
    vec![number << 3, value]
}

fn envelope(api_version: &str, kind: &str, message: &[u8]) -> Vec<u8> {
    let type_meta = [bytes(1, api_version), bytes(2, kind)].concat();
    [MAGIC, &bytes(1, type_meta), &bytes(2, message)].concat()
}

fn decode(bytes: &[u8]) -> Result<Value, DecodeError> {
    Messages::read().decode(bytes)
}

fn check(api_version: &str, kind: &str, message: &[u8], expected: Value) {
    let mut object = decode(&envelope(api_version, kind, message)).unwrap();
    let fields = object.as_object_mut().unwrap();
    assert_eq!(fields.remove("apiVersion"), Some(api_version.into()));
    assert_eq!(fields.remove("kind"), Some(kind.into()));
    assert_eq!(object, expected);
}

fn malformed(api_version: &str, kind: &str, message: &[u8]) -> (String, WireError) {
    match decode(&envelope(api_version, kind, message)) {
        Err(DecodeError::Malformed { field, source, .. }) => (field, source),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_go_writes_is_read_as_go_writes_its_json() {
    let messages = Messages::read();
    for (object, bytes) in golden() {
        let decoded = messages.decode(&bytes).unwrap_or_else(|error| panic!("{error}: {object}"));
        assert_eq!(decoded, object, "\n{decoded}\n{object}");
    }
}

/// The fields of a message that a schema lacks. Schemas of schemas don't end, so this does.
fn unknown(table: &table::Table, index: usize, place: Place<'_>, depth: usize, found: &mut Vec<String>) {
    let message = table.message(index);
    for field in &message.fields {
        let inner = if field.name.is_empty() { Some(place) } else { place.field(&field.name) };
        let Some(inner) = inner else {
            found.push(format!("{}.{}", message.name, field.name));
            continue;
        };
        let inner = match field.many {
            table::Many::One => Some(inner),
            table::Many::List => inner.items(),
            table::Many::Map => inner.field("any"),
        };
        if let (table::Content::Message(index), Some(inner), 1..) = (field.content, inner, depth) {
            unknown(table, index, inner, depth - 1, found);
        }
    }
}

#[test]
fn every_built_in_kind_has_a_message_whose_fields_its_schema_knows() {
    let table = Messages::read().table;
    for kind in builtin::kinds() {
        let index = table.kind(&kind.api_version(), &kind.names.kind);
        let index = index.unwrap_or_else(|| panic!("{} has no message", kind.names.kind));
        let mut found = Vec::new();
        unknown(&table, index, kind.schema().root(), 10, &mut found);
        assert!(found.is_empty(), "{found:?}");
    }
}

#[test]
fn an_object_says_what_it_is() {
    assert_eq!(decode(b"{}"), Err(DecodeError::NoPrefix));
    assert_eq!(decode(b""), Err(DecodeError::NoPrefix));
    assert_eq!(decode(MAGIC), Err(DecodeError::NoKind));
    assert_eq!(
        decode(&envelope("example.com/v1", "Widget", b"")),
        Err(DecodeError::UnknownKind { api_version: "example.com/v1".into(), kind: "Widget".into() })
    );
    let zipped = [envelope("v1", "Pod", b""), bytes(3, "gzip")].concat();
    assert!(matches!(decode(&zipped), Err(DecodeError::Encoding { .. })));
    check("apps/v1", "DeleteOptions", &bytes(4, "Orphan"), json!({"propagationPolicy": "Orphan"}));
}

#[test]
fn zero_is_left_out_where_it_means_nothing() {
    let zero = [int(1, 0), int(5, 0), int(7, 0)].concat();
    check("v1", "Pod", &bytes(2, []), json!({"spec": {}}));
    check("apps/v1", "Deployment", &bytes(2, zero), json!({"spec": {"replicas": 0}}));
}

#[test]
fn a_later_value_replaces_and_a_later_message_adds() {
    let message = [bytes(1, bytes(1, "a")), bytes(1, bytes(3, "n")), bytes(1, bytes(1, "b"))].concat();
    check("v1", "Namespace", &message, json!({"metadata": {"name": "b", "namespace": "n"}}));
}

#[test]
fn newer_fields_are_skipped() {
    let message = [int(15, 9), bytes(1, [bytes(15, "x"), bytes(1, "a")].concat())].concat();
    check("v1", "Namespace", &message, json!({"metadata": {"name": "a"}}));
}

#[test]
fn an_entry_without_key_or_value_has_the_empty_ones() {
    let message = [bytes(2, bytes(1, "a")), bytes(2, bytes(2, "b"))].concat();
    check("v1", "ConfigMap", &message, json!({"data": {"a": "", "": "b"}}));
}

#[test]
fn numbers_may_be_packed() {
    let context = |groups: Vec<u8>| bytes(2, bytes(14, groups));
    let expected = json!({"spec": {"securityContext": {"supplementalGroups": [1, 150]}}});
    check("v1", "Pod", &context(bytes(4, [1, 0x96, 1])), expected.clone());
    check("v1", "Pod", &context([int(4, 1), vec![0x20, 0x96, 1]].concat()), expected);
}

#[test]
fn an_error_names_the_field() {
    assert_eq!(malformed("v1", "Namespace", &[0x0a, 9]), (String::new(), WireError::Truncated));
    let mismatch = malformed("v1", "Namespace", &bytes(1, int(1, 1)));
    assert_eq!(mismatch, ("name".into(), WireError::Mismatch("a length-delimited field")));
    assert_eq!(
        malformed("v1", "Namespace", &bytes(1, bytes(1, [0xff]))),
        ("name".into(), WireError::NotUtf8)
    );
    let revision = malformed("apps/v1", "ControllerRevision", &bytes(2, bytes(1, "{")));
    assert!(matches!(revision.1, WireError::NotJson(_)) && revision.0 == "data");
    let late = [&[0x08][..], &[0xff; 8], &[0x7f]].concat();
    let time = malformed("v1", "Namespace", &bytes(1, bytes(8, late)));
    assert_eq!(time, ("creationTimestamp".into(), WireError::OutOfRange("time")));
}

#[test]
fn an_object_in_an_object_is_read_too() {
    let inner = envelope("v1", "Namespace", &bytes(1, bytes(1, "a")));
    check(
        "apps/v1",
        "ControllerRevision",
        &bytes(2, bytes(1, inner)),
        json!({"data": {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}}),
    );
}

#[test]
fn nesting_has_an_end() {
    let mut inner = envelope("v1", "Namespace", b"");
    for _ in 0..200 {
        inner = envelope("apps/v1", "ControllerRevision", &bytes(2, bytes(1, inner)));
    }
    assert_eq!(decode(&inner), Err(DecodeError::TooDeep));
    let json = format!("{}{}", "[".repeat(TREE_DEPTH_MAX), "]".repeat(TREE_DEPTH_MAX));
    let revision = envelope("apps/v1", "ControllerRevision", &bytes(2, bytes(1, json)));
    assert_eq!(decode(&revision), Err(DecodeError::TooDeep));
}

#[test]
fn an_object_that_ends_early_is_an_error() {
    let messages = Messages::read();
    for (object, bytes) in golden() {
        // Go ends with an empty encoding and an empty media type: two bytes each.
        for end in 0..bytes.len() - 4 {
            let cut = messages.decode(&bytes[..end]);
            let type_alone = cut.as_ref().is_ok_and(|cut| cut.as_object().is_some_and(|cut| cut.len() == 2));
            assert!(cut.is_err() || type_alone, "{end} of {object}");
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(junk in prop::collection::vec(any::<u8>(), 0..200), which in any::<prop::sample::Index>()) {
        let messages = Messages::read();
        let golden = golden();
        let (object, _) = which.get(&golden);
        let (api_version, kind) = (object["apiVersion"].as_str().unwrap(), object["kind"].as_str().unwrap());
        let _ = messages.decode(&junk);
        let _ = messages.decode(&[MAGIC, &junk].concat());
        let _ = messages.decode(&envelope(api_version, kind, &junk));
    }

    #[test]
    fn no_damage_makes_it_panic(
        which in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let golden = golden();
        let mut bytes = which.get(&golden).1.clone();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(object) = Messages::read().decode(&bytes) {
            let text = object.to_string();
            prop_assert!(serde_json::from_str::<Value>(&text).is_ok());
        }
    }
}
