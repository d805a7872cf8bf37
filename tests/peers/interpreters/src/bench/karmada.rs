//! Karmada's side: a process that times its own calls.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Deserialize;

use crate::asked::Question;

/// What of Karmada's answers.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(super) enum By {
    Lua,
    #[serde(rename = "native")]
    Native,
}

/// What came of a round.
#[derive(Debug, Deserialize)]
pub(super) struct Took {
    pub(super) by: By,
    pub(super) nanoseconds: f64,
    error: Option<String>,
}

/// `karmada bench`, running.
pub(super) struct Karmada {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Karmada {
    /// # Errors
    /// The program can't be run.
    pub(super) fn start(program: &Path) -> anyhow::Result<Karmada> {
        let mut child = Command::new(program)
            .arg("bench")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {}", program.display()))?;
        let input = child.stdin.take().expect("it was asked for");
        let output = BufReader::new(child.stdout.take().expect("it was asked for"));
        Ok(Karmada { child, input, output })
    }

    /// Asks `question` for so long; the inner error is Karmada's answer.
    ///
    /// # Errors
    /// The process is gone.
    pub(super) fn round(
        &mut self,
        question: &Question,
        round: Duration,
    ) -> anyhow::Result<Result<Took, String>> {
        let mut line = question.0.clone();
        line["milliseconds"] = u64::try_from(round.as_millis())?.into();
        writeln!(self.input, "{line}")?;
        self.input.flush()?;
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            bail!("Karmada's interpreters have ended, asked {}", question.0);
        }
        let took: Took = serde_json::from_str(&line).with_context(|| format!("not a result: {line}"))?;
        Ok(match took.error {
            Some(error) => Err(format!("Karmada: {error}")),
            None => Ok(took),
        })
    }
}

impl Drop for Karmada {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
