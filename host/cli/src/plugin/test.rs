//! `windlass plugin test`.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context as _;
use serde::Serialize;
use windlass_kit::subject::Uncovered;
use windlass_kit::{Case, Difference, Subject};

use super::component::Component;
use super::show::{duration, short, size};
use crate::args::{PluginTestArgs, TableFormat};
use crate::stdout::{print, print_json};

/// What became of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Passed,
    Failed,
    /// What came out was written as what is expected.
    Updated,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    name: String,
    version: String,
    digest: String,
    bytes: usize,
    cases: Vec<CaseReport>,
    /// What the plugin declares and no case asks for.
    missing: Vec<Uncovered>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CaseReport {
    name: String,
    operation: String,
    verdict: Verdict,
    microseconds: u128,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differences: Vec<Difference>,
    /// What the plugin printed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    said: Vec<String>,
}

pub(super) fn command(args: PluginTestArgs) -> anyhow::Result<ExitCode> {
    let PluginTestArgs { worked_on, cases: of, update, output } = args;
    let component = Component::find(&worked_on)?;
    let cases = component.cases(&of)?;
    let loaded = component.load()?;
    let subject = &loaded.subject;
    let plugin = subject.plugin();
    let about = plugin.about();
    let report = Report {
        name: about.name().to_string(),
        version: about.manifest().version.clone(),
        digest: about.digest().to_string(),
        bytes: subject.bytes(),
        cases: cases.iter().map(|case| run(subject, case, update)).collect::<anyhow::Result<_>>()?,
        // Whether there is a case for everything is a question about all of them.
        missing: if of.only.is_none() { subject.uncovered(&cases) } else { Vec::new() },
    };
    let passed = report.missing.is_empty() && report.cases.iter().all(|case| case.verdict != Verdict::Failed);
    match output {
        TableFormat::Json => print_json(&report)?,
        TableFormat::Table => print(shown(&report))?,
    }
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run(subject: &Subject, case: &Case, update: bool) -> anyhow::Result<CaseReport> {
    let begun = Instant::now();
    let outcome = subject.ask(&case.input).with_context(|| format!("the input of case {}", case.name))?;
    let took = begun.elapsed();
    let differences = case.differences(&outcome);
    let verdict = match differences.is_empty() {
        true => Verdict::Passed,
        false if update && case.expect(&outcome)? => Verdict::Updated,
        false => Verdict::Failed,
    };
    Ok(CaseReport {
        name: case.name.clone(),
        operation: case.operation().to_owned(),
        verdict,
        microseconds: took.as_micros(),
        differences,
        said: subject.take_journal().lines,
    })
}

/// Fields that differ, of one case. Of more, the first say enough.
const DIFFERENCES_MAX: usize = 20;

fn shown(report: &Report) -> String {
    let Report { name, version, digest, bytes, cases, missing } = report;
    let mut text = format!("{name} {version}, {}, {digest}\n\n", size(*bytes));
    let width = |of: fn(&CaseReport) -> &str| {
        cases.iter().map(|case| of(case).chars().count()).max().unwrap_or_default()
    };
    let (names, operations) = (width(|case| &case.name), width(|case| &case.operation));
    for CaseReport { name, operation, verdict, microseconds, differences, said } in cases {
        let word = match verdict {
            Verdict::Passed => "ok",
            Verdict::Failed => "FAILED",
            Verdict::Updated => "updated",
        };
        let took =
            duration(std::time::Duration::from_micros(u64::try_from(*microseconds).unwrap_or(u64::MAX)));
        text.push_str(&format!("{word:<9}{name:<names$}  {operation:<operations$}  {took}\n"));
        for Difference { field, expected, answered } in differences.iter().take(DIFFERENCES_MAX) {
            let field = if field.is_empty() { "the answer" } else { field };
            text.push_str(&format!(
                "         {field}\n           expected {}\n           answered {}\n",
                short(expected),
                short(answered)
            ));
        }
        if differences.len() > DIFFERENCES_MAX {
            text.push_str(&format!("         and {} fields more\n", differences.len() - DIFFERENCES_MAX));
        }
        for line in said {
            text.push_str(&format!("         it said: {line}\n"));
        }
    }
    for Uncovered { api_version, kind, operation } in missing {
        text.push_str(&format!("MISSING  no case asks for {operation} of {api_version} {kind}\n"));
    }
    let count = |verdict: Verdict| cases.iter().filter(|case| case.verdict == verdict).count();
    let counts = [
        (count(Verdict::Passed), "passed"),
        (count(Verdict::Updated), "updated"),
        (count(Verdict::Failed), "failed"),
        (missing.len(), "missing"),
    ];
    let counts: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    text.push_str(&format!("\n{}\n", counts.join(", ")));
    if !missing.is_empty() {
        text.push_str(
            "A case for each: make cases/NAME/input.yaml; `windlass plugin test --update` writes what comes out.\n",
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_failure_shows_the_field_and_what_was_said() {
        let case = CaseReport {
            name: "a-case".into(),
            operation: "InterpretReplica".into(),
            verdict: Verdict::Failed,
            microseconds: 12,
            differences: vec![Difference {
                field: "result.replicas".into(),
                expected: json!(3),
                answered: json!(4),
            }],
            said: vec!["hello".into()],
        };
        let missing = Uncovered { api_version: "v1".into(), kind: "Thing".into(), operation: "Retain" };
        let report = Report {
            name: "thing".into(),
            version: "0.1.0".into(),
            digest: "sha256:00".into(),
            bytes: 2048,
            cases: vec![case],
            missing: vec![missing],
        };
        let text = shown(&report);
        for part in [
            "thing 0.1.0, 2.0 KiB",
            "FAILED   a-case  InterpretReplica  12 µs",
            "result.replicas\n           expected 3\n           answered 4",
            "it said: hello",
            "no case asks for Retain of v1 Thing",
            "1 failed, 1 missing",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
