//! What a plugin's answers cost: on a warm instance, as calls go, and on a fresh one for each.

use std::time::{Duration, Instant};

use serde::Serialize;
use windlass_plugins::Isolation;

use crate::case::Case;
use crate::outcome::Outcome;
use crate::question::InputError;
use crate::subject::{Prepared, Subject};

/// How long many calls took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    pub calls: usize,
    pub median: Duration,
    /// The 99th percentile.
    pub p99: Duration,
}

/// What one question costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    pub warm: Figures,
    pub fresh: Figures,
    /// The linear memory of the instance that answers it alone.
    pub memory_bytes: usize,
}

/// Calls before the ones that count: the first ones touch memory that was never touched.
const WARM_UP_CALLS: usize = 20;
/// So many are timed at least, however long they take, for there to be a 99th percentile.
const CALLS_MIN: usize = 100;
const CALLS_MAX: usize = 20_000;

/// Asks the same again and again, each way for about `time`.
///
/// # Errors
/// The input asks nothing.
pub fn measure(subject: &Subject, input: &serde_json::Value, time: Duration) -> Result<Cost, InputError> {
    let fresh = subject.prepare(input, Isolation::PerCall)?;
    let fresh = figures(subject, &fresh, time);
    let memory_bytes = subject.take_journal().memory_bytes;
    let warm = subject.prepare(input, Isolation::Warm)?;
    let warm = figures(subject, &warm, time);
    subject.take_journal();
    Ok(Cost { warm, fresh, memory_bytes })
}

fn figures(subject: &Subject, question: &Prepared, time: Duration) -> Figures {
    for _ in 0..WARM_UP_CALLS {
        subject.put(question);
    }
    let until = Instant::now() + time;
    let mut times = Vec::new();
    while times.len() < CALLS_MAX && (times.len() < CALLS_MIN || Instant::now() < until) {
        let begun = Instant::now();
        subject.put(question);
        times.push(begun.elapsed());
    }
    of(times)
}

fn of(mut times: Vec<Duration>) -> Figures {
    times.sort_unstable();
    let at = |hundredths: usize| {
        times.get((times.len() * hundredths / 100).min(times.len().saturating_sub(1))).copied()
    };
    Figures { calls: times.len(), median: at(50).unwrap_or_default(), p99: at(99).unwrap_or_default() }
}

/// What is measured for one kind and operation: the largest of its cases that has an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Chosen {
    pub api_version: String,
    pub kind: String,
    pub operation: String,
    pub case: String,
    /// The size of the input as JSON.
    pub bytes: usize,
    #[serde(skip)]
    pub input: serde_json::Value,
}

/// One input for each kind and operation that the cases ask about and the plugin answers, in the order of the cases.
///
/// # Errors
/// A case asks nothing; its name, and why.
pub fn choose(subject: &Subject, cases: &[Case]) -> Result<Vec<Chosen>, (String, InputError)> {
    let mut chosen: Vec<Chosen> = Vec::new();
    for case in cases {
        let outcome = subject.ask(&case.input).map_err(|error| (case.name.clone(), error))?;
        let operation = case.operation().to_owned();
        if !matches!(outcome, Outcome::Result(_)) || operation == "CheckSettings" {
            continue;
        }
        let object = case.input.get("object").or_else(|| case.input.pointer("/request/object"));
        let text =
            |field: &str| object.and_then(|object| object[field].as_str()).unwrap_or_default().to_owned();
        let candidate = Chosen {
            api_version: text("apiVersion"),
            kind: text("kind"),
            operation,
            case: case.name.clone(),
            bytes: case.input.to_string().len(),
            input: case.input.clone(),
        };
        let same = chosen.iter_mut().find(|other| {
            (&other.api_version, &other.kind, &other.operation)
                == (&candidate.api_version, &candidate.kind, &candidate.operation)
        });
        match same {
            Some(other) if other.bytes >= candidate.bytes => {}
            Some(other) => *other = candidate,
            None => chosen.push(candidate),
        }
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_of_the_sorted_times() {
        let times = (1..=200).rev().map(Duration::from_micros).collect();
        let found = of(times);
        assert_eq!(
            (found.calls, found.median, found.p99),
            (200, Duration::from_micros(101), Duration::from_micros(199))
        );
        assert_eq!(of(Vec::new()), Figures::default());
    }
}
