//! `windlass plugin run`: one question, and all there is to know of how it is answered.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Map, Value, json};
use windlass_kit::bench::{Cost, measure};
use windlass_kit::trace::{How, Read, Trace, trace};
use windlass_kit::{Outcome, Subject};

use super::component::Component;
use super::show::{columns, duration, short, size};
use crate::args::{DocumentFormat, PluginRunArgs, QuestionArgs};
use crate::interpret::documents::{document, written};
use crate::stdout::print;

/// How long the question is put for its figures, each way.
const MEASURED: Duration = Duration::from_millis(200);

pub(super) fn command(args: PluginRunArgs) -> anyhow::Result<ExitCode> {
    let PluginRunArgs { worked_on, case, operation, filename, arguments, output } = args;
    let component = Component::find(&worked_on)?;
    let input = match (case, operation, filename) {
        (Some(folder), _, _) => document(&folder.join("input.yaml"))?,
        (None, Some(operation), Some(filename)) => asked(&operation, &filename, arguments)?,
        _ => anyhow::bail!("--operation and -f are both needed; or --case"),
    };
    let loaded = component.load()?;
    let subject = &loaded.subject;
    let outcome = subject.ask(&input).context("what is asked makes no sense")?;
    let run = Run {
        said: subject.take_journal().lines,
        trace: trace(&input, |input| subject.ask(input).ok()),
        cost: measure(subject, &input, MEASURED).context("what is asked makes no sense")?,
        outcome,
    };
    match output {
        DocumentFormat::Json => print(written(&run.to_json(subject, &input), output)?)?,
        DocumentFormat::Yaml => print(run.shown(subject, &input)?)?,
    }
    Ok(if matches!(run.outcome, Outcome::Result(_)) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The input of a case that asks what the flags ask.
fn asked(operation: &str, object: &std::path::Path, arguments: QuestionArgs) -> anyhow::Result<Value> {
    let QuestionArgs { replicas, observed, status, rules, state, pods, nodes } = arguments;
    let mut input = Map::new();
    input.insert("operation".to_owned(), operation.into());
    input.insert("object".to_owned(), document(object)?);
    let documents: [(&str, Option<PathBuf>); 5] =
        [("observed", observed), ("items", status), ("rules", rules), ("state", state), ("pods", pods)];
    for (field, file) in documents {
        if let Some(file) = file {
            input.insert(field.to_owned(), document(&file)?);
        }
    }
    input.extend(replicas.map(|replicas| ("replicas".to_owned(), replicas.into())));
    input.extend(nodes.map(|nodes| ("nodes".to_owned(), nodes.into())));
    Ok(Value::Object(input))
}

struct Run {
    outcome: Outcome,
    cost: Cost,
    trace: Trace,
    said: Vec<String>,
}

impl Run {
    fn answer(&self) -> Value {
        self.outcome.document().unwrap_or_else(|| match &self.outcome {
            Outcome::Failed { reason, message } => json!({"failed": {"reason": reason, "message": message}}),
            _ => json!({"undeclared": "the plugin declares nothing that would have it asked this"}),
        })
    }

    fn to_json(&self, subject: &Subject, input: &Value) -> Value {
        let Run { outcome: _, cost: Cost { warm, fresh, memory_bytes }, trace, said } = self;
        let plugin = subject.plugin();
        let about = plugin.about();
        let figures = |figures: &windlass_kit::bench::Figures| {
            json!({"calls": figures.calls, "medianMicroseconds": figures.median.as_nanos() as f64 / 1e3,
                "p99Microseconds": figures.p99.as_nanos() as f64 / 1e3})
        };
        let mut all = self.answer();
        all["operation"] = input["operation"].clone();
        all["plugin"] = json!({"name": about.name().as_ref(), "version": about.manifest().version,
            "digest": about.digest().to_string(), "bytes": subject.bytes()});
        all["declared"] = subject.declares(input).into();
        all["trace"] = json!({"hangsOn": trace.fields, "asked": trace.asked, "complete": trace.complete,
            "warm": figures(warm), "fresh": figures(fresh), "memoryBytes": memory_bytes, "said": said});
        all
    }

    fn shown(&self, subject: &Subject, input: &Value) -> anyhow::Result<String> {
        let Run { outcome: _, cost: Cost { warm, fresh, memory_bytes }, trace, said } = self;
        let plugin = subject.plugin();
        let about = plugin.about();
        let mut text = written(&self.answer(), DocumentFormat::Yaml)?;
        text.push_str(&format!(
            "\n{} by {} {}\n",
            input["operation"].as_str().unwrap_or_default(),
            about.name(),
            about.manifest().version,
        ));
        text.push_str(&if subject.declares(input) {
            let (median, p99) = (duration(warm.median), duration(warm.p99));
            format!("  took    {median}, for it is declared: no instance is asked (99th percentile {p99})\n")
        } else {
            format!(
                "  took    {} on a warm instance, {} on a fresh one (99th percentiles {} and {})\n  memory  {}\n",
                duration(warm.median),
                duration(fresh.median),
                duration(warm.p99),
                duration(fresh.p99),
                size(*memory_bytes),
            )
        });
        for line in said {
            text.push_str(&format!("  said    {line}\n"));
        }
        if trace.fields.is_empty() {
            text.push_str("\nIt hangs on no field of what was asked");
        } else {
            text.push_str("\nIt hangs on\n");
            let rows: Vec<Vec<String>> = trace.fields.iter().map(row).collect();
            columns(&rows).lines().for_each(|line| text.push_str(&format!("  {line}\n")));
        }
        let rest = if trace.complete { "" } else { "; there was no time to try every field" };
        text.push_str(&format!(
            "(asked {} times with a field gone, changed or of another type{rest})\n",
            trace.asked
        ));
        Ok(text)
    }
}

fn row(Read { field, value, how }: &Read) -> Vec<String> {
    let note = match how {
        How::Decides => "",
        How::Read => "(read; makes no difference here)",
    };
    vec![field.clone(), short(value), note.to_owned()]
}
