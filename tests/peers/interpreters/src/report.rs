//! What came of it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::asked::{Answer, Question};
use crate::compare::Difference;
use crate::coverage::Coverage;

/// An operation of a kind.
pub(crate) struct Row(String);

impl Row {
    pub(crate) fn new(api_version: &str, kind: &str, operation: &str) -> Row {
        Row(format!("{api_version} {kind} {operation}"))
    }
}

/// How many questions came to what.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) same: usize,
    pub(crate) both_refuse: usize,
    pub(crate) karmada_fails: usize,
    pub(crate) no_such_object: usize,
    pub(crate) accepted: usize,
    pub(crate) differ: usize,
}

/// A small question with both answers.
pub(crate) struct Example {
    pub(crate) question: Question,
    pub(crate) karmada: Answer,
    pub(crate) ours: Answer,
}

struct Differs {
    row: String,
    difference: Difference,
    count: usize,
    example: Option<Example>,
}

/// All of it.
pub(crate) struct Report {
    seed: u64,
    coverage: Coverage,
    rows: Vec<(String, Counts)>,
    differences: Vec<Differs>,
    /// How often each accepted difference came up.
    accepted: BTreeMap<String, usize>,
    unasked: Vec<String>,
    took: Duration,
}

impl Report {
    pub(crate) fn new<'a>(seed: u64, coverage: Coverage, accepted: impl Iterator<Item = &'a str>) -> Report {
        Report {
            seed,
            coverage,
            rows: Vec::new(),
            differences: Vec::new(),
            accepted: accepted.map(|name| (name.to_owned(), 0)).collect(),
            unasked: Vec::new(),
            took: Duration::ZERO,
        }
    }

    /// Whether there is no difference but accepted ones, everything was asked, and ours has all that Karmada has.
    pub(crate) fn holds(&self) -> bool {
        self.differences.is_empty()
            && self.coverage.missing().is_empty()
            && self.unasked.is_empty()
            && !self.rows.is_empty()
    }

    pub(crate) fn counted(&mut self, Row(row): Row, counts: Counts) {
        self.rows.push((row, counts));
    }

    pub(crate) fn accepted(&mut self, name: &str) {
        *self.accepted.entry(name.to_owned()).or_default() += 1;
    }

    pub(crate) fn differs(
        &mut self,
        Row(row): &Row,
        difference: Difference,
        count: usize,
        example: Option<Example>,
    ) {
        self.differences.push(Differs { row: row.clone(), difference, count, example });
    }

    pub(crate) fn out_of_time(&mut self, Row(row): Row) {
        self.unasked.push(row);
    }

    pub(crate) fn took(&mut self, took: Duration) {
        self.took = took;
    }

    /// How many examples there are already.
    pub(crate) fn examples(&self) -> usize {
        self.differences.iter().filter(|differs| differs.example.is_some()).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Differs { row, difference, count, example } in &self.differences {
            writeln!(f, "{row}: {count} times {difference}")?;
            if let Some(Example { question, karmada, ours }) = example {
                writeln!(f, "    asked    {}", question.0)?;
                writeln!(f, "    Karmada  {karmada}\n    ours     {ours}\n")?;
            }
        }
        writeln!(
            f,
            "{:<76}{:>7}{:>13}{:>15}{:>16}{:>10}{:>8}",
            "", "same", "both refuse", "Karmada fails", "no such object", "accepted", "differ"
        )?;
        let mut total = Counts::default();
        for (row, counts) in &self.rows {
            let Counts { same, both_refuse, karmada_fails, no_such_object, accepted, differ } = counts;
            writeln!(f, "{row:<76}{counts}")?;
            total.same += same;
            total.no_such_object += no_such_object;
            total.both_refuse += both_refuse;
            total.karmada_fails += karmada_fails;
            total.accepted += accepted;
            total.differ += differ;
        }
        writeln!(f, "{:<76}{total}", "all")?;
        for (name, count) in &self.accepted {
            writeln!(f, "accepted: {name} ({count} times)")?;
        }
        writeln!(f, "{}", self.coverage)?;
        for missing in self.coverage.missing() {
            writeln!(f, "ours has no {missing}")?;
        }
        for row in &self.unasked {
            writeln!(f, "no time left to ask: {row}")?;
        }
        writeln!(f, "seed {}, {:.1} s", self.seed, self.took.as_secs_f64())
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { same, both_refuse, karmada_fails, no_such_object, accepted, differ } = self;
        write!(
            f,
            "{same:>7}{both_refuse:>13}{karmada_fails:>15}{no_such_object:>16}{accepted:>10}{differ:>8}"
        )
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Result(result) => write!(f, "{result}"),
            Answer::Error(error) => write!(f, "error: {}", error.lines().next().unwrap_or_default()),
            Answer::Nobody => f.write_str("nobody answers"),
        }
    }
}
