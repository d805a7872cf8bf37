//! `--check`: whether the scripts of customizations can be used, rule by rule.

use std::process::ExitCode;

use anyhow::bail;
use serde::Serialize;
use serde_json::{Map, Value, json};
use windlass_api::config::ResourceInterpreterCustomizationSpec;
use windlass_core::Blame;
use windlass_interpreter::Customizations;
use windlass_plugins::LoadError;

use super::documents;
use crate::args::DocumentFormat;
use crate::stdout;

/// The rules that a customization may have, by the operation's name and the field.
const RULES: [(&str, &str); 8] = [
    ("Retain", "retention"),
    ("InterpretReplica", "replicaResource"),
    ("InterpretComponent", "componentResource"),
    ("ReviseReplica", "replicaRevision"),
    ("InterpretStatus", "statusReflection"),
    ("AggregateStatus", "statusAggregation"),
    ("InterpretHealth", "healthInterpretation"),
    ("InterpretDependency", "dependencyInterpretation"),
];

/// What was found of one customization.
#[derive(Serialize)]
struct Checked {
    name: String,
    target: Option<Target>,
    /// What is wrong with it beside the rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Target {
    api_version: String,
    kind: String,
}

#[derive(Serialize)]
struct Rule {
    operation: &'static str,
    state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
enum State {
    Pass,
    Unset,
    Error,
}

/// Checks all, prints what was found, and fails if any can't be used.
pub(super) fn check(
    customizations: &Customizations,
    given: &[Value],
    output: Option<DocumentFormat>,
) -> anyhow::Result<ExitCode> {
    if given.is_empty() {
        bail!("-f names no ResourceInterpreterCustomization of config.karmada.io/v1alpha1 to check");
    }
    let checked: Vec<Checked> = given.iter().map(|document| examine(customizations, document)).collect();
    match output {
        Some(format) => documents::print(&json!({ "customizations": checked }), format)?,
        None => stdout::print(checked.iter().map(shown).collect::<String>())?,
    }
    let is_good = |checked: &Checked| {
        checked.error.is_none() && checked.rules.iter().all(|rule| rule.state != State::Error)
    };
    Ok(if checked.iter().all(is_good) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn examine(customizations: &Customizations, document: &Value) -> Checked {
    let name = document["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let spec = &document["spec"];
    let known = serde_json::from_value::<ResourceInterpreterCustomizationSpec>(spec.clone());
    let known = match known {
        Ok(known) => known,
        Err(error) => {
            return Checked { name, target: None, error: Some(format!("spec: {error}")), rules: Vec::new() };
        }
    };
    let missing = [("apiVersion", &known.target.api_version), ("kind", &known.target.kind)]
        .into_iter()
        .find(|(_, value)| value.is_empty())
        .map(|(field, _)| format!("spec.target.{field}: must say which kind the scripts are for"));
    let rules = match missing {
        Some(_) => Vec::new(),
        None => RULES.iter().map(|(operation, field)| rule(customizations, spec, operation, field)).collect(),
    };
    let target = Target { api_version: known.target.api_version, kind: known.target.kind };
    Checked { name, target: Some(target), error: missing, rules }
}

/// Compiles one rule alone, so that each says what is wrong with it.
fn rule(customizations: &Customizations, spec: &Value, operation: &'static str, field: &'static str) -> Rule {
    let script = &spec["customizations"][field];
    if script.is_null() {
        return Rule { operation, state: State::Unset, error: None };
    }
    let mut only = Map::new();
    only.insert(field.to_owned(), script.clone());
    let alone = json!({ "target": spec["target"], "customizations": only });
    match customizations.check("checked", alone) {
        Ok(_) => Rule { operation, state: State::Pass, error: None },
        Err(LoadError::Settings { blame: Blame::Rejected { field }, message, .. }) => {
            let error = field.map_or_else(|| message.clone(), |field| format!("{field}: {message}"));
            Rule { operation, state: State::Error, error: Some(error) }
        }
        Err(LoadError::Manifest { .. }) => {
            Rule { operation, state: State::Error, error: Some("the script is empty".to_owned()) }
        }
        Err(error) => Rule { operation, state: State::Error, error: Some(error.to_string()) },
    }
}

fn shown(checked: &Checked) -> String {
    let mut text = format!("customization: {}\n", if checked.name.is_empty() { "-" } else { &checked.name });
    if let Some(Target { api_version, kind }) = &checked.target {
        text.push_str(&format!("target:        {kind} of {api_version}\n"));
    }
    if let Some(error) = &checked.error {
        text.push_str(&format!("error:         {error}\n"));
    }
    let width = RULES.iter().map(|(operation, _)| operation.len()).max().unwrap_or_default();
    for Rule { operation, state, error } in &checked.rules {
        let state = match state {
            State::Pass => "pass",
            State::Unset => "unset",
            State::Error => "ERROR",
        };
        let error = error.as_ref().map(|error| format!("  {error}")).unwrap_or_default();
        text.push_str(&format!("  {operation:width$}  {state}{error}\n"));
    }
    text
}
