//! Standard output, whose reader may have seen enough and gone: `windlass explain binding web | head -1`.

use std::fmt::Display;
use std::io::{self, Write};

use anyhow::Context;
use serde::Serialize;

/// Whoever read standard output has closed it: there is nobody left to tell anything, and nothing went wrong.
#[derive(Debug, thiserror::Error)]
#[error("standard output is closed")]
pub(crate) struct Closed;

/// Prints an answer, as it is.
///
/// # Errors
/// [`Closed`], with which the process ends quietly; or a disk is full.
pub(crate) fn print(answer: impl Display) -> anyhow::Result<()> {
    let mut output = io::stdout().lock();
    written(write!(output, "{answer}").and_then(|()| output.flush()))
}

/// Prints an answer as JSON for people and programs.
///
/// # Errors
/// As [`print`].
pub(crate) fn print_json<T: Serialize + ?Sized>(answer: &T) -> anyhow::Result<()> {
    print(format_args!("{}\n", serde_json::to_string_pretty(answer)?))
}

/// What became of something that was written to standard output.
pub(crate) fn written(outcome: io::Result<()>) -> anyhow::Result<()> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Closed.into()),
        outcome => outcome.context("cannot write to standard output"),
    }
}

/// Says a line to whoever looks on while something else is the work: that nobody does is no failure of the work.
pub(crate) fn say(line: impl Display) {
    let mut output = io::stdout().lock();
    // A reader behind a pipe sees each line when it happens.
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}
