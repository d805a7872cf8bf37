//! What came of it, and which targets are missed.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};

use super::karmada::By;
use super::median;
use crate::asked::Question;

/// An operation of a kind, in nanoseconds a call.
pub(super) struct Row {
    pub(super) question: Question,
    /// What tells it from other rows of the operation, if there are some.
    pub(super) of: &'static str,
    pub(super) by: By,
    pub(super) karmada: f64,
    pub(super) ours: f64,
    /// Where the answer is remembered.
    pub(super) remembered: Option<f64>,
}

/// A question about a large object, in nanoseconds.
pub(super) struct Large {
    pub(super) row: String,
    pub(super) bytes: usize,
    /// serde_json reading the object.
    pub(super) reading: f64,
    pub(super) ours: f64,
}

/// Calls a second by number of threads.
pub(super) struct Threads {
    pub(super) what: &'static str,
    pub(super) calls_per_second: [(usize, f64); 3],
    /// What sixteen threads do of what two do.
    pub(super) kept: f64,
}

/// All of it.
pub(super) struct Report {
    pub(super) rows: Vec<Row>,
    pub(super) large: Vec<Large>,
    pub(super) threads: Vec<Threads>,
}

const LUA_MEDIAN_MIN: f64 = 40.0;
const LUA_EACH_MIN: f64 = 15.0;
const NATIVE_MEDIAN_MIN: f64 = 2.0;
const NATIVE_EACH_MIN: f64 = 1.0;
/// There, ReviseReplica sets one field of a parsed tree: a microsecond that nobody can halve.
const REVISE_NANOSECONDS_MAX: f64 = 8_000.0;
const REMEMBERED_NANOSECONDS_MAX: f64 = 2_000.0;
const LARGE_TIMES_READING_MAX: f64 = 3.0;
/// Of the calls that two threads make; the rest is what a busy machine takes.
const SIXTEEN_THREADS_MIN: f64 = 0.95;

impl Row {
    pub(super) fn name(&self) -> String {
        let (api_version, kind) = self.question.kind();
        format!("{api_version} {kind} {}{}", self.question.operation(), self.of)
    }

    fn bytes(&self) -> usize {
        self.question.0["object"].to_string().len()
    }

    fn ratio(&self) -> f64 {
        self.karmada / self.ours
    }

    /// ReviseReplica in Go is measured by time.
    fn is_native_revision(&self) -> bool {
        self.by == By::Native && self.question.operation() == "ReviseReplica"
    }

    fn missed(&self) -> Vec<String> {
        let mut missed = Vec::new();
        if self.is_native_revision() {
            if self.ours > REVISE_NANOSECONDS_MAX {
                missed.push(format!("more than {} µs", REVISE_NANOSECONDS_MAX / 1e3));
            }
        } else {
            let least = match self.by {
                By::Lua => LUA_EACH_MIN,
                By::Native => NATIVE_EACH_MIN,
            };
            if self.ratio() < least {
                missed.push(format!("less than {least} times as fast"));
            }
        }
        if self.remembered.is_some_and(|nanoseconds| nanoseconds > REMEMBERED_NANOSECONDS_MAX) {
            missed.push(format!("more than {} µs remembered", REMEMBERED_NANOSECONDS_MAX / 1e3));
        }
        missed
    }
}

/// How the rows of one of Karmada's two compare.
struct Summary {
    by: By,
    median: f64,
    median_of_kinds: f64,
    worst: f64,
    target: f64,
}

impl Report {
    fn summaries(&self) -> Vec<Summary> {
        let of = |by: By, target| {
            let rows = || self.rows.iter().filter(move |row| row.by == by && !row.is_native_revision());
            let mut ratios: Vec<f64> = rows().map(Row::ratio).collect();
            let mut kinds: BTreeMap<(&str, &str), Vec<f64>> = BTreeMap::new();
            rows().for_each(|row| kinds.entry(row.question.kind()).or_default().push(row.ratio()));
            let mut kinds: Vec<f64> = kinds.values_mut().map(|ratios| median(ratios)).collect();
            let worst = ratios.iter().copied().min_by(f64::total_cmp)?;
            Some(Summary {
                by,
                median: median(&mut ratios),
                median_of_kinds: median(&mut kinds),
                worst,
                target,
            })
        };
        [of(By::Lua, LUA_MEDIAN_MIN), of(By::Native, NATIVE_MEDIAN_MIN)].into_iter().flatten().collect()
    }

    /// What is not as it is to be.
    fn missed(&self) -> Vec<String> {
        let medians =
            self.summaries().into_iter().filter(|summary| summary.median_of_kinds < summary.target).map(
                |Summary { by, median_of_kinds, target, .. }| {
                    format!("Karmada's {}: median over kinds {median_of_kinds:.1}, to be {target}", by.name())
                },
            );
        let rows = self.rows.iter().flat_map(|row| {
            row.missed().into_iter().map(|missed| {
                format!("{}: {missed} ({:.1}, {:.1} µs)", row.name(), row.ratio(), row.ours / 1e3)
            })
        });
        let large = self.large.iter().filter(|large| large.ratio() > LARGE_TIMES_READING_MAX).map(|large| {
            let Large { row, bytes, .. } = large;
            format!("{row} of {bytes} bytes: {:.1} times what serde_json takes to read it", large.ratio())
        });
        let threads =
            self.threads.iter().filter(|threads| threads.kept < SIXTEEN_THREADS_MIN).map(|threads| {
                let Threads { what, kept, .. } = threads;
                format!("{what}: 16 threads make {kept:.2} of the calls that 2 make")
            });
        medians.chain(rows).chain(large).chain(threads).collect()
    }

    pub(super) fn to_json(&self) -> Value {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                let (api_version, kind) = row.question.kind();
                json!({
                    "apiVersion": api_version, "kind": kind, "operation": row.question.operation(), "of": row.of.trim(),
                    "bytes": row.bytes(), "karmada": row.by.name(), "karmadaNanoseconds": row.karmada,
                    "nanoseconds": row.ours, "ratio": row.ratio(), "rememberedNanoseconds": row.remembered,
                    "missed": row.missed(),
                })
            })
            .collect();
        let summaries: Vec<Value> = self
            .summaries()
            .iter()
            .map(|summary| {
                json!({
                    "karmada": summary.by.name(), "median": summary.median, "worst": summary.worst,
                    "medianOverKinds": summary.median_of_kinds, "target": summary.target,
                })
            })
            .collect();
        let large: Vec<Value> = self
            .large
            .iter()
            .map(|large| {
                json!({
                    "question": large.row, "bytes": large.bytes, "readingNanoseconds": large.reading,
                    "nanoseconds": large.ours, "ratio": large.ratio(),
                })
            })
            .collect();
        let threads: Vec<Value> = self
            .threads
            .iter()
            .map(|threads| {
                let rates: BTreeMap<String, f64> = threads
                    .calls_per_second
                    .iter()
                    .map(|(threads, rate)| (threads.to_string(), *rate))
                    .collect();
                json!({"what": threads.what, "callsPerSecond": rates, "sixteenOfTwo": threads.kept})
            })
            .collect();
        json!({
            "rows": rows, "summaries": summaries, "large": large, "threads": threads, "missed": self.missed(),
        })
    }
}

impl Large {
    fn ratio(&self) -> f64 {
        self.ours / self.reading
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<76}{:>7}{:>12}{:>8}{:>9}{:>8}{:>12}",
            "", "bytes", "Karmada µs", "by", "ours µs", "ratio", "remembered"
        )?;
        for row in &self.rows {
            let remembered =
                row.remembered.map_or(String::new(), |nanoseconds| format!("{:.2}", nanoseconds / 1e3));
            writeln!(
                f,
                "{:<76}{:>7}{:>12.1}{:>8}{:>9.2}{:>8.1}{remembered:>12}{}",
                row.name(),
                row.bytes(),
                row.karmada / 1e3,
                row.by.name(),
                row.ours / 1e3,
                row.ratio(),
                if row.missed().is_empty() { "" } else { "  missed" },
            )?;
        }
        writeln!(f)?;
        for Summary { by, median, median_of_kinds, worst, target } in self.summaries() {
            writeln!(
                f,
                "times as fast as Karmada's {}: median over kinds {median_of_kinds:.1} (to be {target}), over operations \
                 {median:.1}, worst {worst:.1}",
                by.name(),
            )?;
        }
        let mut large: Vec<f64> = self.large.iter().map(Large::ratio).collect();
        if let Some(worst) = self.large.iter().max_by(|a, b| a.ratio().total_cmp(&b.ratio())) {
            writeln!(
                f,
                "an object of a megabyte, times what serde_json takes to read it: median {:.2}, worst {:.2} (to be \
                 {LARGE_TIMES_READING_MAX}), {}",
                median(&mut large),
                worst.ratio(),
                worst.row,
            )?;
        }
        for Threads { what, calls_per_second, kept } in &self.threads {
            write!(f, "calls a second, {what}:")?;
            for (threads, rate) in calls_per_second {
                write!(f, " {threads} threads {rate:.0},")?;
            }
            writeln!(f, " 16 make {kept:.2} of what 2 make")?;
        }
        let missed = self.missed();
        writeln!(f, "\n{} targets missed", missed.len())?;
        missed.iter().try_for_each(|missed| writeln!(f, "  {missed}"))
    }
}
