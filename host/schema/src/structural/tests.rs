//! Validation, pruning and defaulting, as a custom resource's schema asks for them.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::Schema;

fn schema(spec: Value) -> Schema {
    Schema::from_open_api(&json!({"type": "object", "properties": {"spec": spec}}))
}

fn check(spec: Value, value: Value, expected: &[&str]) {
    let texts: Vec<String> =
        schema(spec).validate(&json!({ "spec": value })).iter().map(ToString::to_string).collect();
    assert_eq!(texts, expected);
}

#[test]
fn every_keyword_is_checked_in_kubernetes_words() {
    check(
        json!({"type": "integer"}),
        json!("x"),
        &["spec: Invalid value: \"string\": spec in body must be of type integer: \"string\""],
    );
    check(json!({"type": "integer"}), json!(1.0), &[]);
    check(
        json!({"type": "integer"}),
        json!(1.5),
        &["spec: Invalid value: \"number\": spec in body must be of type integer: \"number\""],
    );
    check(
        json!({"type": "string"}),
        json!(null),
        &["spec: Invalid value: \"null\": spec in body must be of type string: \"null\""],
    );
    check(json!({"type": "string", "nullable": true}), json!(null), &[]);
    check(json!({"type": "object", "required": ["a"]}), json!({}), &["spec.a: Required value"]);
    check(
        json!({"type": "string", "enum": ["b", "a"]}),
        json!("c"),
        &["spec: Unsupported value: \"c\": supported values: \"b\", \"a\""],
    );
    check(
        json!({"type": "integer", "minimum": 1}),
        json!(0),
        &["spec: Invalid value: 0: spec in body should be greater than or equal to 1"],
    );
    check(
        json!({"type": "integer", "maximum": 1, "exclusiveMaximum": true}),
        json!(1),
        &["spec: Invalid value: 1: spec in body should be less than 1"],
    );
    check(
        json!({"type": "integer", "multipleOf": 2}),
        json!(3),
        &["spec: Invalid value: 3: spec in body should be a multiple of 2"],
    );
    check(
        json!({"type": "string", "minLength": 2}),
        json!("é"),
        &["spec: Invalid value: \"é\": spec in body should be at least 2 chars long"],
    );
    check(
        json!({"type": "string", "maxLength": 1}),
        json!("ab"),
        &["spec: Too long: may not be more than 1 bytes"],
    );
    check(
        json!({"type": "string", "pattern": "^a+$"}),
        json!("b"),
        &["spec: Invalid value: \"b\": spec in body should match '^a+$'"],
    );
    check(
        json!({"type": "array", "maxItems": 1, "items": {"type": "integer"}}),
        json!([1, 2]),
        &["spec: Too many: 2: must have at most 1 items"],
    );
    check(
        json!({"type": "array", "items": {"type": "integer"}}),
        json!([1, "x"]),
        &["spec[1]: Invalid value: \"string\": spec[1] in body must be of type integer: \"string\""],
    );
    check(
        json!({"x-kubernetes-int-or-string": true}),
        json!(true),
        &["spec: Invalid value: \"boolean\": spec in body must be of type integer,string: \"boolean\""],
    );
    check(
        json!({"type": "integer", "format": "int32"}),
        json!(3_000_000_000_u64),
        &["spec: Invalid value: 3000000000: spec in body must be of type int32: \"3000000000\""],
    );
    check(
        json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "oneOf": [{"required": ["a"]}, {"required": ["b"]}]}),
        json!({}),
        &[
            "<nil>: Invalid value: \"\": \"spec\" must validate one and only one schema (oneOf). Found none valid",
            "spec.a: Required value",
        ],
    );
    check(
        json!({"type": "integer", "not": {"enum": [1]}}),
        json!(1),
        &["<nil>: Invalid value: \"\": \"spec\" must not validate the schema (not)"],
    );
    check(
        json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n"],
            "items": {"type": "object", "required": ["n"], "properties": {"n": {"type": "string"}}}}),
        json!([{"n": "a"}, {"n": "a"}]),
        &["spec[1]: Duplicate value: {\"n\":\"a\"}"],
    );
}

#[test]
fn unknown_fields_are_pruned_where_they_are_not_preserved() {
    let schema = schema(json!({"type": "object", "properties": {
        "kept": {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {"known": {"type": "object"}}},
        "map": {"type": "object", "additionalProperties": {"type": "object", "properties": {"a": {"type": "string"}}}},
        "template": {"type": "object", "x-kubernetes-embedded-resource": true, "properties": {"spec": {"type": "object"}}}
    }}));
    let mut object = json!({"metadata": {"labels": {"a": "b"}, "odd": 1}, "status": {}, "spec": {
        "kept": {"anything": 1, "known": {"x": 1}},
        "map": {"k": {"a": "1", "b": 2}},
        "template": {"apiVersion": "v1", "kind": "K", "metadata": {"name": "n", "odd": 1}, "spec": {}, "other": 1},
        "odd": [1]}});
    let dropped = schema.prune(&mut object);
    assert_eq!(
        dropped,
        [
            "metadata.odd",
            "spec.kept.known.x",
            "spec.map.k.b",
            "spec.odd",
            "spec.template.metadata.odd",
            "spec.template.other",
            "status"
        ]
    );
    assert_eq!(
        object,
        json!({"metadata": {"labels": {"a": "b"}}, "spec": {"kept": {"anything": 1, "known": {}}, "map": {"k": {"a": "1"}},
            "template": {"apiVersion": "v1", "kind": "K", "metadata": {"name": "n"}, "spec": {}}}})
    );
}

#[test]
fn defaults_are_filled_in_from_the_outside() {
    let schema = schema(json!({"type": "object", "default": {"a": {}}, "properties": {
        "a": {"type": "object", "properties": {"n": {"type": "integer", "default": 7}, "m": {"type": "integer", "nullable": true, "default": 1}}},
        "list": {"type": "array", "items": {"type": "object", "properties": {"p": {"type": "string", "default": "TCP"}}}}}}));
    let check = |mut object: Value, expected: Value| {
        schema.default(&mut object);
        assert_eq!(object, expected);
    };
    check(json!({}), json!({"spec": {"a": {"n": 7, "m": 1}}}));
    check(json!({"spec": {"a": {"n": null, "m": null}}}), json!({"spec": {"a": {"n": 7, "m": null}}}));
    check(
        json!({"spec": {"list": [{}, {"p": "UDP"}]}}),
        json!({"spec": {"list": [{"p": "TCP"}, {"p": "UDP"}]}}),
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-c]{0,3}".prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("a|b|c|list|n|metadata|spec|labels", inner, 0..4)
                .prop_map(|fields| fields.into_iter().collect())
        ]
    })
}

proptest! {
    #[test]
    fn pruning_and_defaulting_twice_changes_nothing_more(object in any_json()) {
        let schema = schema(json!({"type": "object", "default": {}, "properties": {
            "a": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            "b": {"type": "object", "default": {"n": 1}, "properties": {"n": {"type": "integer"}, "c": {"type": "string", "default": "x"}}},
            "list": {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer", "default": 3}}}}}}));
        let mut once = object;
        schema.prune(&mut once);
        schema.default(&mut once);
        let mut twice = once.clone();
        prop_assert_eq!(schema.prune(&mut twice), Vec::<String>::new());
        schema.default(&mut twice);
        prop_assert_eq!(&twice, &once);
        let _ = schema.validate(&once);
    }
}

#[test]
fn no_object_of_a_built_in_kind_panics_on_its_way_in() {
    let mut kinds = crate::builtin::kinds();
    kinds.retain(|kind| {
        ["Deployment", "CronJob", "CustomResourceDefinition"].contains(&kind.names.kind.as_str())
    });
    let way_in = |content: Value| {
        for kind in &kinds {
            let mut object = json!({"metadata": {"name": "x"}, "spec": {"template": content.clone()}, "status": content.clone()});
            if kind.decode(&mut object).is_ok() {
                kind.default(&mut object);
                let _ = kind.validate_create(&object);
                let _ = kind.validate_update(&object, &json!({}));
            }
        }
        Ok(())
    };
    TestRunner::default().run(&any_json(), way_in).unwrap();
}
