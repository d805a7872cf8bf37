//! Walks a document step by step: RFC 9535 finds the values, Kubernetes' dialect says which absence is an error.

use jsonpath_rust::query::js_path_process;
use serde_json::Value;

use crate::error::{EvaluationError, Failure};
use crate::step::{Kind, Rewritten, Step};

/// What one evaluation may visit, so that unions of unions and descents over a hostile document stay cheap.
const VISITS_MAX: usize = 200_000;

/// What one evaluation may print.
const PRINTED_BYTES_MAX: usize = 1 << 20;

/// What a field is that no value has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// As in templates.
    IsError,
    /// As in printer columns.
    IsNothing,
}

/// One evaluation and what is left of its allowance.
#[derive(Debug)]
pub(crate) struct Evaluation {
    missing: Missing,
    visits_left: usize,
}

type Found<'a> = Vec<&'a Value>;

impl Evaluation {
    pub(crate) fn new(missing: Missing) -> Evaluation {
        Evaluation { missing, visits_left: VISITS_MAX }
    }

    /// All that the steps lead to.
    pub(crate) fn walk<'a>(&mut self, steps: &[Step], from: &'a Value) -> Result<Found<'a>, EvaluationError> {
        self.follow(steps, vec![from])
    }

    fn follow<'a>(&mut self, steps: &[Step], from: Found<'a>) -> Result<Found<'a>, EvaluationError> {
        let mut found = from;
        for (index, step) in steps.iter().enumerate() {
            found = self.step(step, &found).map_err(|Located { failure, within }| EvaluationError {
                column: within.as_ref().map_or(step.column, |inner| inner.column),
                path: steps[..=index].iter().map(|step| step.source.as_str()).collect(),
                failure,
            })?;
        }
        Ok(found)
    }

    /// Fails where more has been printed than may be.
    pub(crate) fn printed(&mut self, steps: &[Step], bytes: usize) -> Result<(), EvaluationError> {
        let visited = self.visit(1);
        if bytes <= PRINTED_BYTES_MAX && visited.is_ok() {
            return Ok(());
        }
        Err(EvaluationError {
            column: steps.first().map_or(1, |step| step.column),
            path: steps.iter().map(|step| step.source.as_str()).collect(),
            failure: Failure::TooMuch,
        })
    }

    fn visit(&mut self, values: usize) -> Result<(), Failure> {
        self.visits_left = self.visits_left.checked_sub(values).ok_or(Failure::TooMuch)?;
        Ok(())
    }

    fn step<'a>(&mut self, step: &Step, from: &[&'a Value]) -> Result<Found<'a>, Located> {
        let mut found = Vec::new();
        match &step.kind {
            Kind::Union(paths) => {
                for path in paths {
                    let inner = self.follow(path, from.to_vec());
                    found.extend(
                        inner.map_err(|error| Located {
                            failure: error.failure.clone(),
                            within: Some(error),
                        })?,
                    );
                    self.visit(1)?;
                }
            }
            Kind::Field(name, query) => {
                for value in from {
                    found.extend(self.select(query, value)?);
                }
                self.present(name, from, &found)?;
            }
            Kind::Descend(name, query) => {
                for value in from {
                    self.visit(size(value))?;
                    found.extend(self.select(query, value)?);
                }
                // Kubernetes descends into what has parts; from a text or a number it gets nowhere, without complaint.
                let inhabited: Vec<&Value> = from.iter().copied().filter(|value| has_parts(value)).collect();
                self.present(name, &inhabited, &found)?;
            }
            Kind::Wildcard(query) => {
                for value in from {
                    found.extend(self.select(query, value)?);
                }
            }
            Kind::Index(index, query) => {
                for value in from.iter().filter(|value| !value.is_null()) {
                    let length = list(value)?.len();
                    let from_start = if *index < 0 { index + length as i64 } else { *index };
                    if !(0..length as i64).contains(&from_start) {
                        return Err(Failure::OutOfBounds { index: from_start, length }.into());
                    }
                    found.extend(self.select(query, value)?);
                }
            }
            Kind::Slice { start, end, rewritten } => {
                for value in from.iter().filter(|value| !value.is_null()) {
                    if is_empty(*start, *end, list(value)?.len())? {
                        // Kubernetes stops at the first empty slice, whatever lists come after it.
                        break;
                    }
                    found.extend(self.select(rewritten, value)?);
                }
            }
            Kind::Filter(query) => {
                for value in from {
                    self.visit(list(value)?.len())?;
                    found.extend(self.select(query, value)?);
                }
            }
        }
        Ok(found)
    }

    fn select<'a>(&mut self, query: &Rewritten, value: &'a Value) -> Result<Found<'a>, Failure> {
        let found = js_path_process(query, value).map_err(|error| Failure::Segment(error.to_string()))?;
        self.visit(1 + found.len())?;
        Ok(found.into_iter().map(|found| found.val).collect())
    }

    /// A field that is asked of something has to be somewhere.
    fn present(&self, name: &str, from: &[&Value], found: &[&Value]) -> Result<(), Failure> {
        if self.missing == Missing::IsError && found.is_empty() && !from.is_empty() {
            return Err(Failure::NotFound(name.to_owned()));
        }
        Ok(())
    }
}

/// A failure, and the step of a union in which it is.
struct Located {
    failure: Failure,
    within: Option<EvaluationError>,
}

impl From<Failure> for Located {
    fn from(failure: Failure) -> Located {
        Located { failure, within: None }
    }
}

fn list(value: &Value) -> Result<&Vec<Value>, Failure> {
    value.as_array().ok_or(Failure::NoList(match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) | Value::Object(_) => "an object",
    }))
}

/// Whether a slice has nothing in it; it has to be within its list.
fn is_empty(start: Option<i64>, end: Option<i64>, length: usize) -> Result<bool, Failure> {
    let items = length as i64;
    let from_start = |index: i64| if index < 0 { index + items } else { index };
    let (start, end) = (from_start(start.unwrap_or(0)), from_start(end.unwrap_or(items)));
    if start == end {
        return Ok(true);
    }
    if !(0..items).contains(&start) {
        return Err(Failure::OutOfBounds { index: start, length });
    }
    if !(0..=items).contains(&end) {
        return Err(Failure::OutOfBounds { index: end - 1, length });
    }
    if start > end { Err(Failure::Reversed { start, end }) } else { Ok(false) }
}

fn has_parts(value: &Value) -> bool {
    match value {
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::String(text) => !text.is_empty(),
        _ => false,
    }
}

/// The number of values in a value, with itself.
fn size(value: &Value) -> usize {
    let (mut count, mut left) = (0, vec![value]);
    while let Some(value) = left.pop() {
        count += 1;
        match value {
            Value::Array(items) => left.extend(items),
            Value::Object(fields) => left.extend(fields.values()),
            _ => {}
        }
    }
    count
}
