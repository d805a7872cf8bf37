//! Estimators and schedulers, each with the other's.
//!
//! Karmada's estimator and ours answer the same questions about the same member ([`compare`]), but for differences that
//! are named. Karmada's scheduler places by the answers of `windlass estimator`, and ours by those of Karmada's
//! ([`placing`]), and our descheduler takes away by both ([`descheduling`]).

mod ask;
mod compare;
mod descheduling;
mod member;
mod placing;
mod questions;
mod running;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use clap::Args;

use crate::servers::{self, Durability, Kubernetes};

/// The member's name, and that of the second cluster that is the same machine counted otherwise.
pub(crate) const MEMBERS: [&str; 2] = ["member1", "member2"];

#[derive(Args)]
pub(crate) struct Options {
    /// The `windlass` binary.
    #[arg(long, value_name = "FILE")]
    windlass: PathBuf,
    /// What the member is like and what is asked; the same seed, the same questions.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many questions are compared.
    #[arg(long, default_value_t = 300)]
    questions: usize,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let Options { windlass, seed, questions } = options;
    let karmada = servers::build_karmada().await?;
    let programs = servers::build().await?;
    let windlass =
        windlass.canonicalize().with_context(|| format!("{}: build it first", windlass.display()))?;
    let begun = Instant::now();
    let said = |what: &str| println!("{:>4} s  {what}", begun.elapsed().as_secs());
    let folder = tempfile::tempdir().context("a temporary directory")?;
    let server = Kubernetes::start(&programs, Durability::Waived).await?;
    member::fill(&server.client, seed).await.context("the member's objects")?;
    let place = running::Place::new(folder.path(), &server)?;
    said(&format!("the member is there (seed {seed})"));

    let ours =
        running::windlass(&windlass, &place, running::Which { cluster: MEMBERS[0], quotas: true }).await?;
    let theirs =
        running::karmada(&karmada, &place, running::Which { cluster: MEMBERS[0], quotas: true }).await?;
    let outcome = compare::run(&server.client, &place, [&ours, &theirs], seed, questions).await;
    if outcome.is_err() {
        for (name, words) in [ours.process.last_words(), theirs.process.last_words()] {
            eprintln!("--- {name}\n{words}");
        }
    }
    said(&outcome?);
    drop([ours, theirs]);

    let placed = placing::run(&karmada, &windlass, &server.client, &place).await?;
    placed.iter().for_each(|what| said(what));
    Ok(())
}
