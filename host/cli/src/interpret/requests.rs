//! `--requests`: many questions, one JSON object a line.

use std::io::{BufRead, BufReader, BufWriter, Write as _};
use std::path::Path;

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::Value;
use windlass_core::{Interpreter, Operation};

use super::question::{Question, Reply};
use crate::stdout;

/// One request.
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
pub(super) fn answer_lines(interpreter: &dyn Interpreter, file: &Path) -> anyhow::Result<()> {
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
        stdout::written(writeln!(output, "{answer}").and_then(|()| output.flush()))?;
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
