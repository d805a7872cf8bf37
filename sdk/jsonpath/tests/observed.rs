//! Templates as `k8s.io/client-go/util/jsonpath` v0.36.3 prints them (`observed.json`), and where this crate differs.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use serde_json::Value;
use windlass_jsonpath::Template;

fn print(template: &str, document: &Value) -> Result<String, String> {
    let template = Template::parse(template).map_err(|error| error.to_string())?;
    template.print(document).map_err(|error| error.to_string())
}

#[test]
fn templates_print_what_kubernetes_prints() {
    let observed: Value = serde_json::from_str(include_str!("observed.json")).unwrap();
    let mut wrong = Vec::new();
    for case in observed["cases"].as_array().unwrap() {
        let document = &observed["documents"][case["document"].as_str().unwrap()];
        let template = case["template"].as_str().unwrap();
        // What this crate prints, or why it doesn't, where that is not what Kubernetes does: each with its reason.
        let (prints, fails) = match (case.get("instead"), case.get("refused")) {
            (None, None) => (case["prints"].as_str(), case.get("fails").map(|_| "")),
            (instead, refused) => (instead.and_then(Value::as_str), refused.and_then(Value::as_str)),
        };
        match (print(template, document), prints, fails) {
            (Ok(got), Some(want), _) if got == want => {}
            (Err(got), None, Some(want)) if got.contains(want) => {}
            (got, ..) => wrong.push(format!("{template}: {got:?}, but {case}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn errors_say_where_and_why() {
    let document = serde_json::json!({"status": {"jobs": [{"id": 1}], "name": "x"}});
    for (template, want) in [
        ("{.a", "column 1: the '{' has no '}' on its line"),
        ("é{.status.jobs[1.id}", "column 15: the '[' has no ']' on its line"),
        ("{.status.jobs[?(@.id==1 && @.id==2)]}", "column 25: a filter has one condition"),
        ("{.status.jobs[?(@.id==1 || @.id==2)]}", "column 25: a filter has one condition"),
        ("{.status.jobs[?(@.id=~\"a\")]}", "column 22: a filter compares"),
        (
            "{.status.jobs[?(@.id=\"a\")]}",
            "column 21: a filter compares with ==, !=, <, <=, > or >=, not with \"=\"",
        ),
        ("{.status.jobs[?(@.id[*]==1)]}", "column 21: what is compared is one value"),
        ("{.status[\"name\"]}", "column 10: [\"name\"] is neither an index"),
        ("{range .status.jobs[*]}{.id}", "column 1: the range has no {end}"),
        ("{.status.name}{end}", "column 15: there is no range to end"),
        ("{status.name}", "column 2: \"status\" is no keyword"),
        ("{..[0]}", "column 2: after .. stands a field's name"),
        ("{.status.nme}", "column 9: \"nme\" is not found"),
        ("{.status.jobs[0].x}", "column 17: \"x\" is not found"),
        ("{.status.jobs[3].id}", "column 14: 3 is outside of the list, which has 1"),
        ("{.status.name[0]}", "column 14: this is not a list but a text"),
    ] {
        let got = print(template, &document).unwrap_err();
        assert!(got.contains(want), "{template}: {got}");
    }
    let error = Template::parse("{.status['jobs'][0].x}").unwrap().print(&document).unwrap_err();
    assert_eq!(error.path, ".status['jobs'][0].x");
}

#[test]
fn hostile_templates_come_to_an_end() {
    let mut nested = serde_json::json!(1);
    for _ in 0..100 {
        nested = serde_json::json!({"a": nested, "b": [1, 2]});
    }
    for template in ["{..a..a..a..a..a..a}", &format!("{{{}}}", "['a','a']".repeat(60))] {
        let got = print(template, &nested).unwrap_err();
        assert!(got.contains("too many values"), "{template}: {got}");
    }
    let many = format!("{}x{}", "{range [0,0,0,0]}".repeat(16), "{end}".repeat(16));
    let mut lists = serde_json::json!("x".repeat(100));
    for _ in 0..16 {
        lists = serde_json::json!([lists]);
    }
    assert!(print(&many, &lists).unwrap_err().contains("too many values"));
    assert!(Template::parse(&"{range .a}".repeat(100_000)).is_err());
}
