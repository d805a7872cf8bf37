//! `windlass plugin bench`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;
use windlass_kit::bench::{Chosen, Cost, Figures, choose, measure};

use super::component::Component;
use super::show::{columns, duration, size};
use crate::args::PluginBenchArgs;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Measured {
    #[serde(flatten)]
    question: Chosen,
    warm: Shown,
    fresh: Shown,
    memory_bytes: usize,
    #[serde(skip)]
    cost: Cost,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    calls: usize,
    median_microseconds: f64,
    p99_microseconds: f64,
}

impl From<Figures> for Shown {
    fn from(Figures { calls, median, p99 }: Figures) -> Shown {
        let microseconds = |duration: Duration| duration.as_nanos() as f64 / 1e3;
        Shown { calls, median_microseconds: microseconds(median), p99_microseconds: microseconds(p99) }
    }
}

pub(super) fn command(args: PluginBenchArgs) -> anyhow::Result<ExitCode> {
    let PluginBenchArgs { worked_on, cases, seconds, output } = args;
    let component = Component::find(&worked_on)?;
    let cases = component.cases(&cases)?;
    let loaded = component.load()?;
    let chosen = choose(&loaded.subject, &cases)
        .map_err(|(case, error)| anyhow::Error::new(error).context(format!("the input of case {case}")))?;
    anyhow::ensure!(!chosen.is_empty(), "no case has an answer: `windlass plugin test` says why");
    let time = Duration::from_secs_f64(seconds);
    let mut measured = Vec::new();
    for question in chosen {
        let cost = measure(&loaded.subject, &question.input, time).context("a case that had an answer")?;
        measured.push(Measured {
            question,
            warm: cost.warm.into(),
            fresh: cost.fresh.into(),
            memory_bytes: cost.memory_bytes,
            cost,
        });
    }
    super::print(output, &measured, |measured| table(measured))
}

fn table(measured: &[Measured]) -> String {
    let head = ["KIND", "OPERATION", "CASE", "INPUT", "WARM", "WARM P99", "FRESH", "FRESH P99", "MEMORY"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(measured.iter().map(|Measured { question, cost, .. }| {
        vec![
            if question.kind.is_empty() { "-".to_owned() } else { question.kind.clone() },
            question.operation.clone(),
            question.case.clone(),
            size(question.bytes),
            duration(cost.warm.median),
            duration(cost.warm.p99),
            duration(cost.fresh.median),
            duration(cost.fresh.p99),
            size(cost.memory_bytes),
        ]
    }));
    columns(&rows)
}
