//! Whatever the template and whatever the document, there is an answer.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use proptest::prelude::*;
use serde_json::{Map, Number, Value};
use windlass_jsonpath::{Path, Template, print};

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|float| Number::from_f64(float).map_or(Value::Null, Value::Number)),
        "[ab\"\\\\<\u{e9}]{0,3}".prop_map(Value::String),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::btree_map("[abc]", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Texts of the pieces that templates are made of, in any order.
fn template() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "{.a}",
        "{range .a}",
        "{range [*]}",
        "{end}",
        ".a",
        ".b",
        "..a",
        "..",
        ".",
        "[0]",
        "[-1]",
        "[*]",
        "[1:2]",
        "[::2]",
        "['a','b']",
        "['a.b']",
        "['",
        "']",
        "[?(@.a==1)]",
        "[?(@.b)]",
        "[?(",
        ")]",
        "==",
        "@",
        "$",
        "\"x\"",
        "'",
        "\\",
        "1",
        "-2.5",
        "true",
        ",",
        " ",
        "\n",
        "é",
        "[-9223372036854775808]",
        "[?(@[-2147483647]!=0)]",
    ]);
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// One action, right more often than not.
fn path() -> impl Strategy<Value = String> {
    let step = prop::sample::select(vec![
        ".a",
        ".b",
        ".c",
        "..a",
        ".*",
        "[*]",
        "[0]",
        "[-1]",
        "[0:2]",
        "[::2]",
        "['a','b']",
        "[?(@.a)]",
        "[?(@.a!=1)]",
        "[?(@>=\"a\")]",
        "[?(@.a<@.b)]",
    ]);
    prop::collection::vec(step, 0..5).prop_map(|steps| steps.concat())
}

proptest! {
    #[test]
    fn any_text_is_a_template_or_is_refused_within_it(text in ".{0,40}", document in json()) {
        answers(&text, &document)?;
    }

    #[test]
    fn pieces_in_any_order_are_a_template_or_are_refused(text in template(), document in json()) {
        answers(&text, &document)?;
    }

    #[test]
    fn a_path_prints_or_says_where_it_ends(path in path(), document in json()) {
        answers(&format!("{{{path}}}"), &document)?;
        let lenient = Path::parse(&path).unwrap();
        let first = lenient.first(&document).map(print);
        // Where the template prints one value, the path finds the same.
        if let (Ok(printed), Some(first)) = (Template::parse(&format!("{{{path}}}")).unwrap().print(&document), first) {
            prop_assert!(printed.starts_with(&first), "{printed:?} does not begin with {first:?}");
        }
    }

    #[test]
    fn the_whole_document_prints_as_json(document in json()) {
        let printed = Template::parse("{$}").unwrap().print(&document).unwrap();
        if document.is_object() || document.is_array() {
            let read: Value = serde_json::from_str(&printed).unwrap();
            prop_assert_eq!(read.to_string().len() > 1, document.to_string().len() > 1);
        }
    }
}

fn answers(text: &str, document: &Value) -> Result<(), TestCaseError> {
    match Template::parse(text) {
        Ok(template) => {
            if let Err(error) = template.print(document) {
                prop_assert!(error.column >= 1 && error.column <= text.chars().count() + 1);
            }
        }
        Err(error) => prop_assert!(error.column >= 1 && error.column <= text.chars().count() + 1),
    }
    let _ = Path::parse(text).map(|path| path.first(document).cloned());
    Ok(())
}
