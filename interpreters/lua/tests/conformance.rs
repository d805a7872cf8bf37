//! The cases, answered natively.

#[allow(unreachable_pub, reason = "shared with the comparison with Karmada, in examples")]
mod cases;

use std::collections::BTreeSet;
use std::path::Path;

use windlass_interpreter_lua::Plugin;

#[test]
fn it_answers_as_the_cases_say() {
    let mut failures = Vec::new();
    for cases::Case { name, customization, input, expected } in cases::all(Path::new(cases::FOLDER)) {
        let answer = cases::answer(&customization, &input);
        let right = match (&answer, expected.get("error")) {
            (Ok(result), None) => *result == expected["result"],
            (Err((field, message)), Some(error)) => {
                error["field"].as_str() == Some(field)
                    && message.contains(error["message"].as_str().unwrap_or_default())
            }
            _ => false,
        };
        if !right {
            failures.push(format!("{name}:\n  expected {expected}\n  answered {answer:?}"));
        }
    }
    assert!(failures.is_empty(), "{} cases fail:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn whatever_the_input_there_is_an_answer() {
    for case in cases::all(Path::new(cases::FOLDER)) {
        for mutated in cases::mutations(&case) {
            if let Err((field, message)) = cases::answer(&case.customization, &mutated) {
                assert!(!message.is_empty(), "{field}: {mutated}");
            }
        }
    }
}

#[test]
fn whatever_the_text_there_is_an_answer() {
    let mut asked = BTreeSet::new();
    for case in cases::all(Path::new(cases::FOLDER)) {
        // One customization of each hook: those whose scripts fail have nothing to look at.
        let operation = case.input["operation"].as_str().unwrap_or_default().to_owned();
        if case.expected.get("result").is_some() && asked.insert(operation) {
            windlass_sdk::testing::fuzz::<Plugin>(cases::FOLDER, &case.customization["spec"].to_string());
        }
    }
    assert!(asked.len() > 5, "{asked:?}");
}
