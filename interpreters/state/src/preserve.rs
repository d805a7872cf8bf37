//! What the rules of a policy's `statePreservation` name: JSONPath templates of the object's status, each for one label.

use windlass_jsonpath::Template;
use windlass_sdk::interpreter::PreservationRule;
use windlass_sdk::json::Json;
use windlass_sdk::serde_json::{self, Value};
use windlass_sdk::{Answer, Rejection};

use crate::label;

/// What an error message shows of a value at most.
const SHOWN_CHARS_MAX: usize = 80;

windlass_sdk::shape! {
    /// An object whose state is to be preserved.
    pub(crate) struct Preserving<'a> {
        status: Json<'a>,
    }
}

impl Preserving<'_> {
    /// The label and value of each rule. The paths begin at the status, as Karmada's do.
    ///
    /// # Errors
    /// A rule that is no template, that leads to nothing, or whose value can't be a label's: which rule, where in its
    /// template, and which field of the object.
    pub(crate) fn preserve(&self, rules: &[PreservationRule]) -> Answer<Vec<(String, String)>> {
        if rules.is_empty() {
            return Ok(Vec::new());
        }
        if self.status.is_null() {
            return Err(Rejection::new("status", "no cluster has reported one yet, and the rules read it"));
        }
        let status: Value = serde_json::from_str(self.status.text())
            .map_err(|error| Rejection::new("status", format!("can't be read: {error}")))?;
        rules.iter().map(|rule| Ok((rule.label.clone(), value(rule, &status)?))).collect()
    }
}

fn value(PreservationRule { label, json_path }: &PreservationRule, status: &Value) -> Answer<String> {
    let rejection = |field: String, why: String| {
        Rejection::new(field, format!("the rule for {label:?}, {json_path:?}: {why}"))
    };
    let template =
        Template::parse(json_path).map_err(|error| rejection("status".to_owned(), error.to_string()))?;
    let value = template
        .print(status)
        .map_err(|error| rejection(format!("status{}", error.path), error.to_string()))?;
    match label::refusal(&value) {
        None => Ok(value),
        Some(why) => {
            let shown: String = value.chars().take(SHOWN_CHARS_MAX).collect();
            Err(rejection("status".to_owned(), format!("gives {shown:?}: {why}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use windlass_sdk::json::parse;

    fn check(object: &str, rules: &[(&str, &str)], expected: Result<&[(&str, &str)], (&str, &str)>) {
        let rule = |&(label, json_path): &(&str, &str)| PreservationRule {
            label: label.to_owned(),
            json_path: json_path.to_owned(),
        };
        let rules: Vec<PreservationRule> = rules.iter().map(rule).collect();
        let answer = parse::<Preserving<'_>>(object).and_then(|object| object.preserve(&rules));
        match (answer, expected) {
            (Ok(got), Ok(want)) => {
                let got: Vec<(&str, &str)> = got.iter().map(|(label, value)| (&**label, &**value)).collect();
                assert_eq!(got, want);
            }
            (Err(Rejection { field, message }), Err((want_field, part))) => {
                assert_eq!(field, want_field, "{message}");
                assert!(message.contains(part), "{message:?} does not contain {part:?}");
            }
            (got, want) => panic!("{rules:?}: {got:?}, but {want:?}"),
        }
    }

    const FLINK: &str = r#"{"kind": "FlinkDeployment", "status": {"jobStatus": {"jobId": "fd72", "state": "RUNNING",
        "savepointInfo": {"lastSavepoint": {"location": "s3://a/b", "timeStamp": 1718000000000}}}, "list": []}}"#;

    #[test]
    fn each_rule_gives_a_label() {
        check(
            FLINK,
            &[
                ("a.io/job", "{.jobStatus.jobId}"),
                ("a.io/state", "was-{$.jobStatus.state}"),
                ("a.io/at", "{.jobStatus.savepointInfo.lastSavepoint.timeStamp}"),
                ("a.io/none", "{.list[*].x}"),
            ],
            Ok(&[
                ("a.io/job", "fd72"),
                ("a.io/state", "was-RUNNING"),
                ("a.io/at", "1718000000000"),
                ("a.io/none", ""),
            ]),
        );
        check(FLINK, &[], Ok(&[]));
        check("{}", &[], Ok(&[]));
    }

    #[test]
    fn what_gives_no_label_says_which_rule_where_and_which_field() {
        let missing = Err((
            "status.jobStatus.jobID",
            "the rule for \"a\", \"{.jobStatus.jobID}\": column 12: \"jobID\" is not found",
        ));
        check(FLINK, &[("a", "{.jobStatus.jobID}")], missing);
        check(FLINK, &[("a", "{.jobStatus.jobId")], Err(("status", "column 1: the '{' has no '}'")));
        check(
            FLINK,
            &[("a", "{.list[0]}")],
            Err(("status.list[0]", "0 is outside of the list, which has 0")),
        );
        let location = "{.jobStatus.savepointInfo.lastSavepoint.location}";
        check(FLINK, &[("a", location)], Err(("status", "a label's value has no ':'")));
        check(FLINK, &[("a", "-{.jobStatus.jobId}")], Err(("status", "begins and ends")));
        let long = format!("{{.jobStatus.jobId}}{}", "x".repeat(60));
        check(FLINK, &[("a", &long)], Err(("status", "at most 63 characters, not 64")));
        check("{}", &[("a", "{.x}")], Err(("status", "no cluster has reported one")));
        check(r#"{"status": "x"}"#, &[("a", "{.x}")], Err(("status.x", "\"x\" is not found")));
    }
}
