//! `windlass-interpreter-peers`: the built-in interpreters, held against Karmada's.
//!
//! - [`seeds`] are objects of each kind, as people write them and as operators report on them.
//! - [`generate`] makes many objects of them that are nearly right, or not right at all.
//! - [`asked`] puts a question to a peer: [`asked::Natively`] to the plugin crates in this process, [`asked::Process`]
//!   to a program that answers requests line by line (`windlass interpret --requests -`, or Karmada's code in Go).
//! - [`compare`] tells where two answers differ, [`accepted`] which differences there are to be, and [`shrink`] makes a
//!   small example of one that is not.
//! - [`coverage`] tells whether ours has every operation of every kind that Karmada has.
//! - [`proof`] puts these together, and [`report`] tells what came of it.
//! - [`bench`] asks both the same again and again, and tells how long they take.

mod accepted;
mod asked;
mod bench;
mod compare;
mod coverage;
mod generate;
mod karmada;
mod plugins;
mod proof;
mod report;
mod seeds;
mod shrink;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use proof::Selection;

/// As in the `windlass` binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Asks Karmada's interpreters and Windlass's the same, and tells where they answer differently.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    proof: Options,
}

#[derive(Subcommand)]
enum Command {
    /// Measures how long both take to answer, in turns, and prints the ratios. Wants `--release`.
    Bench(bench::Options),
}

#[derive(Args)]
struct Options {
    /// How many objects of each kind to ask each operation of.
    #[arg(long, default_value_t = 200)]
    objects: usize,
    /// What the objects follow from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    of: Selection,
    /// Ask this binary, through WebAssembly, rather than the plugin crates in this process.
    #[arg(long, value_name = "PATH")]
    windlass: Option<PathBuf>,
    /// Karmada's interpreters, as tests/peers/karmada builds them; built if it isn't given.
    #[arg(long, value_name = "PATH")]
    karmada: Option<PathBuf>,
    /// How many differences to make small examples of.
    #[arg(long, default_value_t = 20)]
    examples: usize,
    /// Go on to the next operation of the next kind only within so many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    within: u64,
}

fn main() -> anyhow::Result<ExitCode> {
    let Arguments { command, proof } = Arguments::parse();
    match command {
        Some(Command::Bench(options)) => bench::run(options).map(|()| ExitCode::SUCCESS),
        None => prove(proof),
    }
}

fn prove(options: Options) -> anyhow::Result<ExitCode> {
    let Options { objects, seed, of, windlass, karmada, examples, within } = options;
    let karmada = karmada.map_or_else(karmada::build, Ok)?;
    let kinds = karmada::list(&karmada, plugins::kinds())?;
    let proof = proof::Proof {
        objects,
        seed,
        of,
        examples,
        within: Duration::from_secs(within),
        karmada: &karmada,
        kinds: &kinds,
        windlass: windlass.as_deref(),
    };
    let report = proof.run()?;
    print!("{report}");
    Ok(if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
