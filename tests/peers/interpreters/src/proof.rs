//! Asking both, and sorting what comes of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::{Value, json};

use crate::accepted;
use crate::asked::{Answer, Asked, Natively, Process, Question};
use crate::compare::{Comparison, Difference, compare, ordered};
use crate::coverage::Coverage;
use crate::generate::Generator;
use crate::karmada::Support;
use crate::plugins;
use crate::report::{Counts, Example, Report, Row};
use crate::seeds::Seeds;
use crate::shrink::shrink;

/// Stands for the kinds that have no code of their own.
pub(crate) const ANY_KIND: (&str, &str) = ("example.com/v1", "Gadget");

/// What to ask.
#[derive(clap::Args)]
pub(crate) struct Selection {
    /// Only these kinds: `Deployment`, `apps/v1 Deployment`.
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<String>,
    /// Only these operations.
    #[arg(long = "operation", value_name = "OPERATION")]
    operations: Vec<String>,
    /// Only the kinds of these plugins; all kinds that Karmada interprets if there are none.
    #[arg(long = "plugin", value_name = "NAME")]
    plugins: Vec<String>,
}

/// Who is asked, and how much.
pub(crate) struct Proof<'a> {
    pub(crate) objects: usize,
    pub(crate) seed: u64,
    pub(crate) of: Selection,
    pub(crate) examples: usize,
    pub(crate) within: Duration,
    pub(crate) karmada: &'a Path,
    /// What Karmada interprets.
    pub(crate) kinds: &'a [Support],
    pub(crate) windlass: Option<&'a Path>,
}

impl Selection {
    pub(crate) fn kind(&self, api_version: &str, kind: &str) -> bool {
        let full = format!("{api_version} {kind}");
        (self.kinds.is_empty() || self.kinds.iter().any(|wanted| *wanted == kind || *wanted == full))
            && (self.plugins.is_empty()
                || self.plugins.iter().any(|plugin| plugins::knows(plugin, api_version, kind)))
    }

    pub(crate) fn operation(&self, operation: &str) -> bool {
        self.operations.is_empty() || self.operations.iter().any(|wanted| wanted == operation)
    }
}

/// The two that are asked.
struct Both {
    karmada: Process,
    ours: Box<dyn Asked>,
    accepted: accepted::All,
}

impl Proof<'_> {
    /// # Errors
    /// One of the two can't be asked.
    pub(crate) fn run(&self) -> anyhow::Result<Report> {
        let begun = Instant::now();
        let seeds = Seeds::read()?;
        let ours: Box<dyn Asked> = match self.windlass {
            Some(program) => {
                Box::new(Process::start(Command::new(program).args(["interpret", "--requests", "-"]))?)
            }
            None => Box::new(Natively),
        };
        let karmada = Process::start(&mut Command::new(self.karmada))?;
        let mut both = Both { karmada, ours, accepted: accepted::All::read()? };
        let mut report = Report::new(self.seed, Coverage::of(self.kinds), both.accepted.names());

        for Support { api_version, kind, operations } in self.kinds {
            let (selected, asked) = match (api_version.as_str(), kind.as_str()) {
                ("*", "*") => (self.of.kind("*", "*"), ANY_KIND),
                named => (self.of.kind(named.0, named.1), named),
            };
            if !selected {
                continue;
            }
            let of = seeds.of(asked.0, asked.1).with_context(|| format!("there is no seed of {asked:?}"))?;
            for operation in operations.iter().filter(|operation| self.of.operation(operation)) {
                let row = Row::new(asked.0, asked.1, operation);
                if begun.elapsed() > self.within {
                    report.out_of_time(row);
                    continue;
                }
                let mut generator = Generator::new(self.seed, operation, asked.1, of, &seeds);
                let questions: Vec<Question> = (0..self.objects).map(|_| generator.question()).collect();
                self.one(&mut both, row, &questions, &mut report)?;
            }
        }
        report.took(begun.elapsed());
        Ok(report)
    }

    /// One operation of one kind.
    fn one(
        &self,
        both: &mut Both,
        row: Row,
        questions: &[Question],
        report: &mut Report,
    ) -> anyhow::Result<()> {
        let mut counts = Counts::default();
        let mut differences: BTreeMap<Difference, (usize, &Question)> = BTreeMap::new();
        for (question, comparison) in questions.iter().zip(both.compare(questions)?) {
            match comparison {
                Comparison::Same => counts.same += 1,
                Comparison::BothRefuse => counts.both_refuse += 1,
                Comparison::KarmadaFails => counts.karmada_fails += 1,
                Comparison::NoSuchObject => counts.no_such_object += 1,
                Comparison::OtherOrder(name) => {
                    counts.accepted += 1;
                    report.accepted(&name);
                }
                Comparison::Differs(difference) => match both.accepted.find(question, &difference) {
                    Some(accepted) => {
                        counts.accepted += 1;
                        report.accepted(&accepted.name);
                    }
                    None => {
                        counts.differ += 1;
                        let (count, smallest) = differences.entry(difference).or_insert((0, question));
                        *count += 1;
                        if question.0.to_string().len() < smallest.0.to_string().len() {
                            *smallest = question;
                        }
                    }
                },
            }
        }
        for (difference, (count, question)) in differences {
            let example = if report.examples() < self.examples {
                Some(both.example(question, &difference)?)
            } else {
                None
            };
            report.differs(&row, difference, count, example);
        }
        report.counted(row, counts);
        Ok(())
    }
}

impl Both {
    fn compare(&mut self, questions: &[Question]) -> anyhow::Result<Vec<Comparison>> {
        let theirs = self.karmada.ask(questions)?;
        let ours = self.ours.ask(questions)?;
        let mut all = Vec::with_capacity(questions.len());
        for ((question, theirs), ours) in questions.iter().zip(&theirs).zip(&ours) {
            let mut comparison = self.judge(question, theirs, ours)?;
            // A plugin that panics, or isn't there, does so whatever the object.
            if let Comparison::Differs(difference @ (Difference::Results(_) | Difference::OursRefuses(_))) =
                &comparison
                && self.accepted.find(question, difference).is_none()
                && !self.differs_when_served(question)?
            {
                comparison = Comparison::NoSuchObject;
            }
            all.push(comparison);
        }
        Ok(all)
    }

    fn judge(&mut self, question: &Question, theirs: &Answer, ours: &Answer) -> anyhow::Result<Comparison> {
        let operation = question.operation();
        let comparison = compare(operation, theirs, ours);
        let changes = matches!(operation, "Retain" | "AggregateStatus");
        if let (Comparison::Differs(Difference::Results(_)), true) = (&comparison, changes)
            && let Some((theirs, ours)) = self.as_types_write(theirs, ours)?
        {
            return Ok(compare(operation, &theirs, &ours));
        }
        if let (Comparison::Differs(_), Some((name, lists))) =
            (&comparison, self.accepted.unordered(question))
        {
            return Ok(match compare(operation, &ordered(theirs, &lists), &ordered(ours, &lists)) {
                Comparison::Same => Comparison::OtherOrder(name.to_owned()),
                other => other,
            });
        }
        Ok(comparison)
    }

    /// Whether the answers differ, too, in a way that isn't accepted, when the objects are as an API server hands them
    /// out: they have metadata, nothing of a wrong type is in them, and of a built-in kind nothing that the kind doesn't
    /// have.
    fn differs_when_served(&mut self, question: &Question) -> anyhow::Result<bool> {
        let (api_version, kind) = question.kind();
        let of_status =
            |item: &Value| json!({"apiVersion": api_version, "kind": kind, "status": item["status"]});
        let statuses: Vec<Question> = question.0["items"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|item| typed(&of_status(item)))
            .collect();
        if self.karmada.ask(&statuses)?.iter().any(|status| matches!(status, Answer::Error(_))) {
            return Ok(false);
        }
        let mut served = question.clone();
        for field in ["object", "observed"] {
            let Some(object) = question.0.get(field) else { continue };
            if object["metadata"].is_null() {
                return Ok(false);
            }
            match self.karmada.ask(&[typed(object)])?.pop() {
                Some(Answer::Result(written)) => served.0[field] = written,
                Some(Answer::Error(_)) => return Ok(false),
                Some(Answer::Nobody) | None => {}
            }
        }
        if served == *question {
            return Ok(true);
        }
        let asked = std::slice::from_ref(&served);
        let (theirs, ours) = (only(self.karmada.ask(asked)?)?, only(self.ours.ask(asked)?)?);
        let Comparison::Differs(difference) = self.judge(&served, &theirs, &ours)? else { return Ok(false) };
        Ok(self.accepted.find(&served, &difference).is_none())
    }

    /// Both resulting objects as Go's types write them: where Karmada passes an object through its type, ours, which
    /// only changes what has to change, may still be the same to an API server. `None` where the kind has no Go type.
    fn as_types_write(&mut self, theirs: &Answer, ours: &Answer) -> anyhow::Result<Option<(Answer, Answer)>> {
        let (Answer::Result(theirs), Answer::Result(ours)) = (theirs, ours) else { return Ok(None) };
        let mut written = self.karmada.ask(&[typed(theirs), typed(ours)])?.into_iter();
        Ok(match (written.next(), written.next()) {
            (Some(theirs @ Answer::Result(_)), Some(ours @ Answer::Result(_))) => Some((theirs, ours)),
            _ => None,
        })
    }

    fn example(&mut self, question: &Question, difference: &Difference) -> anyhow::Result<Example> {
        let question = shrink(question, |smaller| {
            let differs = self.compare(std::slice::from_ref(smaller))?;
            Ok(matches!(&differs[..], [Comparison::Differs(found)] if found == difference))
        })?;
        let asked = std::slice::from_ref(&question);
        let (karmada, ours) = (only(self.karmada.ask(asked)?)?, only(self.ours.ask(asked)?)?);
        Ok(Example { question, karmada, ours })
    }
}

fn only(mut answers: Vec<Answer>) -> anyhow::Result<Answer> {
    answers.pop().context("one question, one answer")
}

fn typed(object: &Value) -> Question {
    Question(json!({"op": "Typed", "object": object}))
}
