//! Templates: literal text, actions and ranges.

use serde_json::Value;

use crate::error::{EvaluationError, Reason, SyntaxError};
use crate::evaluate::{Evaluation, Missing};
use crate::print::print;
use crate::scan::{Closing, Part, Scan};
use crate::step::Step;

/// Ranges in ranges; each is a frame of the stack.
const DEPTH_MAX: usize = 16;

/// Literal text and actions in braces.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    pieces: Vec<Piece>,
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Piece {
    Text(String),
    Path(Vec<Step>),
    /// The pieces for each value of the path, which is their current object.
    Range(Vec<Step>, Vec<Piece>),
}

impl Template {
    /// From `id-{.jobStatus.jobId}`.
    ///
    /// # Errors
    /// The text is no template, or RFC 9535 can't express it: where, and why.
    pub fn parse(text: &str) -> Result<Template, SyntaxError> {
        let mut scan = Scan::new(text);
        // The innermost range that is open is last; the template itself is first.
        let mut open: Vec<Open> = vec![Open { column: 1, steps: Vec::new(), pieces: Vec::new() }];
        while let Some(length) = scan.rest().find('{') {
            let literal = &scan.rest()[..length];
            push_text(&mut open, literal);
            scan.skip(length);
            let column = scan.column(scan.pos());
            scan.skip(1);
            match Action::from(scan.action(Closing::Brace)?)? {
                Action::Text(text) => push_text(&mut open, &text),
                Action::Path(steps) => push(&mut open, Piece::Path(steps)),
                Action::Range(steps) if open.len() <= DEPTH_MAX => {
                    open.push(Open { column, steps, pieces: Vec::new() })
                }
                Action::Range(_) => {
                    return Err(SyntaxError { column, reason: Reason::Depth(DEPTH_MAX) });
                }
                Action::End => {
                    let closed = if open.len() > 1 { open.pop() } else { None };
                    let Some(Open { steps, pieces, .. }) = closed else {
                        return Err(SyntaxError { column, reason: Reason::End });
                    };
                    push(&mut open, Piece::Range(steps, pieces));
                }
            }
        }
        push_text(&mut open, scan.rest());
        let Open { column, pieces, .. } = open.pop().unwrap_or_default();
        if open.is_empty() {
            Ok(Template { pieces })
        } else {
            Err(SyntaxError { column, reason: Reason::UnclosedRange })
        }
    }

    /// What the template prints of a document.
    ///
    /// # Errors
    /// A field is missing, or something is no list: where in the template, and where in the document.
    pub fn print(&self, document: &Value) -> Result<String, EvaluationError> {
        let mut evaluation = Evaluation::new(Missing::IsError);
        let mut out = String::new();
        print_pieces(&self.pieces, document, &mut evaluation, &mut out)?;
        Ok(out)
    }
}

fn print_pieces(
    pieces: &[Piece],
    document: &Value,
    evaluation: &mut Evaluation,
    out: &mut String,
) -> Result<(), EvaluationError> {
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Path(steps) => {
                for (index, value) in evaluation.walk(steps, document)?.into_iter().enumerate() {
                    if index > 0 {
                        out.push(' ');
                    }
                    out.push_str(&print(value));
                    evaluation.printed(steps, out.len())?;
                }
            }
            Piece::Range(steps, pieces) => {
                for value in evaluation.walk(steps, document)? {
                    evaluation.printed(steps, out.len())?;
                    print_pieces(pieces, value, evaluation, out)?;
                }
            }
        }
    }
    Ok(())
}

/// A range that has not ended yet.
#[derive(Default)]
struct Open {
    column: usize,
    steps: Vec<Step>,
    pieces: Vec<Piece>,
}

fn push(open: &mut [Open], piece: Piece) {
    if let Some(innermost) = open.last_mut() {
        innermost.pieces.push(piece);
    }
}

fn push_text(open: &mut [Open], text: &str) {
    if !text.is_empty() {
        push(open, Piece::Text(text.to_owned()));
    }
}

/// What braces mean.
enum Action {
    Text(String),
    Path(Vec<Step>),
    Range(Vec<Step>),
    End,
}

impl Action {
    fn from(parts: Vec<Part>) -> Result<Action, SyntaxError> {
        let mut parts = parts.into_iter().peekable();
        match parts.peek() {
            Some(Part::Literal { value, .. }) => {
                let text = print(value);
                parts.next();
                match parts.next() {
                    None => Ok(Action::Text(text)),
                    Some(
                        Part::Literal { column, .. }
                        | Part::Step(Step { column, .. })
                        | Part::Word { column, .. },
                    ) => Err(SyntaxError { column, reason: Reason::Literal }),
                }
            }
            Some(Part::Word { word, .. }) if word == "range" => {
                parts.next();
                Ok(Action::Range(steps(parts)?))
            }
            Some(Part::Word { word, column }) if word == "end" => {
                let column = *column;
                parts.next();
                match parts.next() {
                    None => Ok(Action::End),
                    Some(_) => Err(SyntaxError { column, reason: Reason::AfterEnd }),
                }
            }
            _ => Ok(Action::Path(steps(parts)?)),
        }
    }
}

/// The steps of what has to be a path.
fn steps(parts: impl Iterator<Item = Part>) -> Result<Vec<Step>, SyntaxError> {
    parts
        .map(|part| match part {
            Part::Step(step) => Ok(step),
            Part::Literal { column, .. } => Err(SyntaxError { column, reason: Reason::Literal }),
            Part::Word { column, word } => {
                let reason = match word.as_str() {
                    "range" => Reason::Keyword("range"),
                    "end" => Reason::Keyword("end"),
                    _ => Reason::Word(word),
                };
                Err(SyntaxError { column, reason })
            }
        })
        .collect()
}

/// One path without braces around it, as printer columns have: `.status.conditions[?(@.type=="Ready")].status`.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    steps: Vec<Step>,
}

impl Path {
    /// From the text of a path.
    ///
    /// # Errors
    /// The text is no path, or RFC 9535 can't express it: where, and why.
    pub fn parse(text: &str) -> Result<Path, SyntaxError> {
        let parts = Scan::new(text).action(Closing::End)?;
        Ok(Path { steps: steps(parts.into_iter())? })
    }

    /// The first value that the path leads to. A missing field is nothing, and so is whatever else goes wrong.
    pub fn first<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        let found = Evaluation::new(Missing::IsNothing).walk(&self.steps, document);
        found.ok().and_then(|found| found.into_iter().next())
    }
}
