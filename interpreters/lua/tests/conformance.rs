//! The cases, answered natively.

#[allow(unreachable_pub, reason = "shared with the comparison with Karmada, in examples")]
mod cases;

use std::path::Path;

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
