//! `windlass interpret`: any operation of any object, offline.

mod question;

use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde_json::Value;
use windlass_core::{Interpreter, Operation};

use crate::args::{DocumentFormat, InterpretArgs};
use crate::runtime::Plugins;
use question::{Question, Reply};

pub(crate) fn command(args: InterpretArgs) -> anyhow::Result<ExitCode> {
    let InterpretArgs { operation, filename, observed, replicas, status, requests, output, plugins } = args;
    let plugins = Plugins::load(&plugins)?;
    let interpreter = plugins.interpreter.as_ref();
    if let Some(requests) = requests {
        answer_lines(interpreter, &requests)?;
        return Ok(ExitCode::SUCCESS);
    }
    let (Some(operation), Some(filename)) = (operation, filename) else {
        bail!("--operation and -f are both needed; or --requests for many questions");
    };
    let question = Question {
        operation,
        object: read_document(&filename)?,
        observed: observed.as_deref().map(read_document).transpose()?,
        replicas,
        items: status.as_deref().map(read_document).transpose()?,
        rules: None,
        state: None,
    };
    let reply = question.ask(interpreter);
    match (reply.error, reply.result) {
        (Some(error), _) => bail!("{error}"),
        (None, Some(result)) => {
            print_document(&result, output)?;
            Ok(ExitCode::SUCCESS)
        }
        (None, None) => bail!(
            "no plugin answers {operation} for this kind; `windlass plugin list` shows which kinds have one"
        ),
    }
}

/// One request of `--requests`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    #[serde(default)]
    id: Value,
    op: String,
    object: Value,
    observed: Option<Value>,
    replicas: Option<i32>,
    items: Option<Value>,
    rules: Option<Value>,
    state: Option<Value>,
}

/// Reads requests line by line and answers each before the next is read, in order.
fn answer_lines(interpreter: &dyn Interpreter, file: &Path) -> anyhow::Result<()> {
    let mut input: Box<dyn BufRead> = if file == Path::new("-") {
        Box::new(BufReader::new(std::io::stdin()))
    } else {
        let file = std::fs::File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
        Box::new(BufReader::new(file))
    };
    let mut output = BufWriter::new(std::io::stdout().lock());
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line).context("cannot read the requests")? == 0 {
            break;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let answer = answer_line(interpreter, &line);
        match writeln!(output, "{answer}").and_then(|()| output.flush()) {
            // Whoever reads the answers has seen enough.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => break,
            written => written.context("cannot write the answer")?,
        }
    }
    Ok(())
}

fn answer_line(interpreter: &dyn Interpreter, line: &[u8]) -> Value {
    let request: Request = match serde_json::from_slice(line) {
        Ok(request) => request,
        Err(error) => {
            // A line that is JSON but no request still names its id, so that its sender can tell which it was.
            let id = serde_json::from_slice::<Value>(line).ok().and_then(|value| value.get("id").cloned());
            return Reply::failed(format!("not a request: {error}")).into_line(id.unwrap_or_default());
        }
    };
    let Request { id, op, object, observed, replicas, items, rules, state } = request;
    let reply = match op.parse::<Operation>() {
        Ok(operation) => {
            Question { operation, object, observed, replicas, items, rules, state }.ask(interpreter)
        }
        Err(error) => Reply::failed(error.to_string()),
    };
    reply.into_line(id)
}

/// A YAML or JSON document; `-` is standard input.
fn read_document(path: &Path) -> anyhow::Result<Value> {
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
    } else {
        text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    }
    serde_saphyr::from_str(&text).with_context(|| format!("{} is neither YAML nor JSON", path.display()))
}

fn print_document(document: &Value, format: DocumentFormat) -> anyhow::Result<()> {
    let text = match format {
        DocumentFormat::Json => serde_json::to_string_pretty(document)? + "\n",
        DocumentFormat::Yaml => serde_saphyr::to_string(document)?,
    };
    std::io::stdout().write_all(text.as_bytes()).context("cannot write the answer")
}
