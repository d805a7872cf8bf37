//! How long both take to answer: Karmada's interpreters as its controllers ask them, and Windlass's whole dispatch (the
//! plugin chosen, the call through WebAssembly, the changes checked and made), in turns in one run.
//!
//! - [`manifests`] are the objects that are asked about, one a kind, and each to be made large.
//! - [`karmada`] and [`ours`] play a round each: one question again and again for some milliseconds.
//! - [`large`] holds an object of a megabyte against a parser that just reads it, [`threads`] many threads against two.
//! - [`report`] prints what came of it, and tells which targets are missed.

mod karmada;
mod large;
mod manifests;
mod ours;
mod report;
mod threads;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};

use crate::asked::Question;
use crate::karmada::{Support, build, list};
use crate::proof::{ANY_KIND, Selection};
use crate::seeds::Seeds;
use karmada::{By, Karmada};
use manifests::{questions, retentions};
use ours::Ours;
use report::{Report, Row};

/// What to measure.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    of: Selection,
    /// How often both are measured, in turns; the medians count.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long one question is asked again and again in one round.
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 10)]
    round: u64,
    /// Karmada's interpreters, as tests/peers/karmada builds them; built if it isn't given.
    #[arg(long, value_name = "PATH")]
    karmada: Option<PathBuf>,
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Clone, Copy, ValueEnum)]
enum Output {
    Table,
    Json,
}

/// Measures, and prints what came of it.
///
/// # Errors
/// Karmada's interpreters can't be built, or one of both can't answer a question about a plain object.
pub(crate) fn run(options: Options) -> anyhow::Result<()> {
    let Options { of, rounds, round, karmada, output } = options;
    let program = karmada.map_or_else(build, Ok)?;
    let round = Duration::from_millis(round);
    let seeds = Seeds::read()?;
    let mut karmada = Karmada::start(&program)?;
    let ours = Ours::load()?;

    let mut rows = Vec::new();
    for Support { api_version, kind, operations } in list(&program, Vec::new())? {
        let (selected, asked) = match (api_version.as_str(), kind.as_str()) {
            ("*", "*") => (of.kind("*", "*"), ANY_KIND),
            named => (of.kind(named.0, named.1), named),
        };
        if !selected {
            continue;
        }
        let seeds = seeds.of(asked.0, asked.1).with_context(|| format!("there is no seed of {asked:?}"))?;
        for operation in operations.iter().filter(|operation| of.operation(operation)) {
            eprint!("\r\x1b[K{asked:?} {operation}");
            let candidates = questions(operation, seeds);
            let measure = Measure { rounds: rounds.max(1), round, of: "", ours: &ours };
            rows.push(measure.row(&candidates, &mut karmada)?);
            if operation == "Retain" {
                let mut candidates = retentions(seeds);
                candidates.retain(|question| ours.call(question).is_ok_and(|call| call.retains()));
                if !candidates.is_empty() {
                    let measure = Measure { of: " of what differs", ..measure };
                    rows.push(measure.row(&candidates, &mut karmada)?);
                }
            }
        }
    }
    if rows.is_empty() {
        bail!("Karmada interprets nothing of that");
    }
    eprint!("\r\x1b[K");
    let report =
        Report { large: large::measure(&rows, &ours, round), threads: threads::measure(&rows, &ours), rows };
    match output {
        Output::Table => print!("{report}"),
        Output::Json => println!("{}", serde_json::to_string_pretty(&report.to_json())?),
    }
    Ok(())
}

/// How one row is measured.
struct Measure<'a> {
    rounds: usize,
    round: Duration,
    /// What tells the row from others of its operation.
    of: &'static str,
    ours: &'a Ours,
}

impl Measure<'_> {
    /// Measures the first of `candidates` that both answer: Karmada fails at some objects that lack a field.
    fn row(&self, candidates: &[Question], karmada: &mut Karmada) -> anyhow::Result<Row> {
        let Measure { rounds, round, of, ours } = *self;
        let mut refused = None;
        for question in candidates {
            let call = ours.call(question)?;
            let first = match (karmada.round(question, round)?, call.check()) {
                (Ok(first), Ok(())) => first,
                (theirs, mine) => {
                    refused = theirs.err().or(mine.err());
                    continue;
                }
            };
            call.warm_up();
            let (mut theirs, mut mine, mut remembered) = (vec![first.nanoseconds], Vec::new(), Vec::new());
            for number in 0..rounds {
                if number > 0 {
                    theirs.extend(karmada.round(question, round)?.map(|took| took.nanoseconds));
                }
                mine.push(call.round(round));
                remembered.extend(call.remembered_round(round / 4));
            }
            return Ok(Row {
                question: question.clone(),
                of,
                by: first.by,
                karmada: median(&mut theirs),
                ours: median(&mut mine),
                remembered: (!remembered.is_empty()).then(|| median(&mut remembered)),
            });
        }
        let question = candidates.first().map_or("nothing", |question| question.operation());
        bail!("{question}{of}: there is no seed that both answer: {}", refused.unwrap_or_default())
    }
}

fn median(nanoseconds: &mut [f64]) -> f64 {
    nanoseconds.sort_unstable_by(f64::total_cmp);
    nanoseconds.get(nanoseconds.len() / 2).copied().unwrap_or(f64::NAN)
}

impl By {
    fn name(self) -> &'static str {
        match self {
            By::Lua => "Lua",
            By::Native => "native",
        }
    }
}
