//! Putting questions to a peer.

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, bail};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::plugins;

/// An operation with its arguments, in the fields of a request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Question(pub(crate) Value);

impl Question {
    pub(crate) fn operation(&self) -> &str {
        self.0["op"].as_str().unwrap_or_default()
    }

    /// apiVersion and kind of the object.
    pub(crate) fn kind(&self) -> (&str, &str) {
        let text = |field: &str| self.0["object"][field].as_str().unwrap_or_default();
        (text("apiVersion"), text("kind"))
    }
}

/// What came back.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    Result(Value),
    Error(String),
    /// Nobody answers this operation for this kind.
    Nobody,
}

/// Somebody who answers.
pub(crate) trait Asked {
    /// One answer for each question, in order.
    ///
    /// # Errors
    /// The peer is gone.
    fn ask(&mut self, questions: &[Question]) -> anyhow::Result<Vec<Answer>>;
}

/// The plugin crates, in this process.
pub(crate) struct Natively;

impl Asked for Natively {
    fn ask(&mut self, questions: &[Question]) -> anyhow::Result<Vec<Answer>> {
        Ok(questions.iter().map(natively).collect())
    }
}

fn natively(question: &Question) -> Answer {
    let (api_version, kind) = question.kind();
    let Some(plugin) = plugins::of(api_version, kind, question.operation()) else { return Answer::Nobody };
    let mut input = question.0.clone();
    input["operation"] = input["op"].take();
    // A panic is the worst of differences: it is to be told like any other.
    match catch_unwind(AssertUnwindSafe(|| (plugin.answer)(&input))) {
        Ok(Ok(result)) => Answer::Result(result),
        Ok(Err(rejection)) => Answer::Error(rejection.to_string()),
        Err(cause) => {
            let cause = cause.downcast_ref::<String>().map_or("", String::as_str);
            Answer::Result(json!({ PANIC: cause }))
        }
    }
}

/// In place of an answer where there was a panic.
pub(crate) const PANIC: &str = "\u{1f4a5} panic";

/// A program that answers requests line by line.
pub(crate) struct Process {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

#[derive(Deserialize)]
struct Line {
    id: Value,
    enabled: bool,
    error: Option<String>,
    #[serde(default)]
    result: Value,
}

impl Process {
    /// # Errors
    /// The program can't be run.
    pub(crate) fn start(command: &mut Command) -> anyhow::Result<Process> {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {name}"))?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("it was asked for"));
        Ok(Process { name, child, input, output })
    }
}

impl Asked for Process {
    fn ask(&mut self, questions: &[Question]) -> anyhow::Result<Vec<Answer>> {
        let mut input = self.input.take().with_context(|| format!("{} is gone", self.name))?;
        let output = &mut self.output;
        let name = &self.name;
        let (input, answers) = std::thread::scope(|scope| {
            // Writing everything first would block as soon as the answers fill their pipe.
            let writing = scope.spawn(move || {
                write_all(&mut input, questions)?;
                anyhow::Ok(input)
            });
            let answers: anyhow::Result<Vec<Answer>> = (0..questions.len())
                .map(|id| read(output, id).with_context(|| format!("{name}, asked {}", questions[id].0)))
                .collect();
            (writing.join().expect("writing does not panic"), answers)
        });
        let answers = answers?;
        self.input = Some(input?);
        Ok(answers)
    }
}

fn write_all(input: &mut ChildStdin, questions: &[Question]) -> anyhow::Result<()> {
    let mut input = BufWriter::new(input);
    for (id, Question(question)) in questions.iter().enumerate() {
        let mut line = question.clone();
        line["id"] = id.into();
        writeln!(input, "{line}")?;
    }
    input.flush()?;
    Ok(())
}

fn read(output: &mut impl BufRead, id: usize) -> anyhow::Result<Answer> {
    let mut line = String::new();
    if output.read_line(&mut line)? == 0 {
        bail!("no answer: the program has ended");
    }
    let line: Line = serde_json::from_str(&line).with_context(|| format!("not an answer: {line}"))?;
    if line.id != id {
        bail!("the answer to {id} is to {}", line.id);
    }
    Ok(match line {
        Line { error: Some(error), .. } => Answer::Error(error),
        Line { enabled: false, .. } => Answer::Nobody,
        Line { result, .. } => Answer::Result(result),
    })
}

impl Drop for Process {
    fn drop(&mut self) {
        // It ends by itself when there is nothing more to read, unless it hangs.
        drop(self.input.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
