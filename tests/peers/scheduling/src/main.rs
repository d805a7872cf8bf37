//! `windlass-scheduling-peers`: the same questions to the scheduler's kernel and to Karmada's own algorithm.
//!
//! - [`generate`] makes clusters, placements and what is placed already, from a seed.
//! - [`karmada`] runs Karmada's algorithm, built from the Go module proxy.
//! - [`case`] decides, and tells whether the two agree.
//! - [`accepted`] names where they are not to, with a case for each.

mod accepted;
mod case;
mod generate;
mod karmada;

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use serde_json::Value;

use accepted::{ACCEPTED, Accepted};
use case::{Case, Ours, agree};
use karmada::{Answer, Karmada};
use windlass_sdk::testing::Random;

/// Compares the scheduler's decisions with those of Karmada v1.16.0, case by case.
///
/// A difference that is not one of those that are named fails, and is shown with as few clusters as show it.
#[derive(Parser)]
#[command(after_help = "Examples:\n  windlass-scheduling-peers --seed 1 --cases 5000\n  \
    windlass-scheduling-peers --names")]
struct Options {
    /// Makes the cases.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many.
    #[arg(long, default_value_t = 5000)]
    cases: usize,
    /// As many unnamed differences are shown.
    #[arg(long, default_value_t = 3)]
    show: usize,
    /// Tells which differences are named, and why, and does nothing else.
    #[arg(long)]
    names: bool,
}

/// A case in which the two differ.
struct Difference {
    ours: Ours,
    theirs: Answer,
    name: Option<&'static str>,
}

fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    if options.names {
        for Accepted { name, karmada, reason, .. } in ACCEPTED {
            println!("{name}\n  Karmada {karmada}.\n  {reason}");
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut karmada = Karmada::start(&karmada::build()?)?;
    for accepted in &ACCEPTED {
        let case = (accepted.example)();
        let name = difference(&mut karmada, &case)?.map(|difference| difference.name);
        if name != Some(Some(accepted.name)) {
            println!("the example of {} shows {name:?}\n{case}", accepted.name);
            return Ok(ExitCode::FAILURE);
        }
    }
    let mut random = Random::new(options.seed);
    let mut named = BTreeMap::<&str, usize>::new();
    let (mut scheduled, mut unnamed) = (0, 0);
    for number in 0..options.cases {
        let case = generate::case(&mut random);
        match difference(&mut karmada, &case)? {
            None => scheduled += usize::from(matches!(Case::read(&case)?.decide(), Ours::Scheduled { .. })),
            Some(Difference { name: Some(name), .. }) => *named.entry(name).or_default() += 1,
            Some(_) => {
                unnamed += 1;
                if unnamed <= options.show {
                    show(&mut karmada, number, case)?;
                }
            }
        }
    }
    let differing: usize = named.values().sum();
    println!(
        "seed {}: {} cases, {} agree ({scheduled} scheduled), {differing} differ by name, {unnamed} differ otherwise",
        options.seed,
        options.cases,
        options.cases - differing - unnamed
    );
    for (name, count) in named {
        println!("  {name}: {count}");
    }
    Ok(if unnamed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn difference(karmada: &mut Karmada, case: &Value) -> anyhow::Result<Option<Difference>> {
    let read = Case::read(case).with_context(|| case.to_string())?;
    let (ours, theirs) = (read.decide(), karmada.ask(case)?);
    let grouped = !case["spec"]["placement"]["clusterAffinities"].is_null();
    if agree(&ours, &theirs, grouped) {
        return Ok(None);
    }
    let accepted = ACCEPTED.iter().find(|accepted| (accepted.applies)(&read, &ours, &theirs));
    Ok(Some(Difference { ours, theirs, name: accepted.map(|accepted| accepted.name) }))
}

/// Shows a case whose difference has no name, with all left out that it does not take.
fn show(karmada: &mut Karmada, number: usize, mut case: Value) -> anyhow::Result<()> {
    for list in ["/clusters", "/spec/clusters", "/spec/placement/clusterAffinities"] {
        let mut index = 0;
        while let Some(length) = case.pointer(list).and_then(Value::as_array).map(Vec::len) {
            if index >= length || length == 1 {
                break;
            }
            let mut fewer = case.clone();
            if let Some(items) = fewer.pointer_mut(list).and_then(Value::as_array_mut) {
                items.remove(index);
            }
            match difference(karmada, &fewer)? {
                Some(Difference { name: None, .. }) => case = fewer,
                _ => index += 1,
            }
        }
    }
    println!("case {number}: {case}");
    if let Some(Difference { ours, theirs, .. }) = difference(karmada, &case)? {
        println!("Windlass: {ours:?}\nKarmada: {theirs:?}");
    }
    if let Case::Binding(binding) = Case::read(&case)? {
        println!("{}", binding.explain());
    }
    Ok(())
}
