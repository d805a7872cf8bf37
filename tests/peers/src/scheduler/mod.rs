//! `windlass scheduler`, held against karmada-scheduler.
//!
//! In a real Karmada the one replaces the other while bindings keep coming, and back again ([`replacement`]); and the
//! same bindings are scheduled alike on the embedded server and on kube-apiserver ([`servers_alike`]).

pub(crate) mod bench;
mod cost;
pub(crate) mod estimation;
pub(crate) mod latency;
mod load;
pub(crate) mod memory;
mod replacement;
mod servers_alike;
mod workloads;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use clap::Args;

use crate::servers;

#[derive(Args)]
pub(crate) struct Options {
    /// The `windlass` binary.
    #[arg(long, value_name = "FILE")]
    windlass: PathBuf,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let Options { windlass } = options;
    let karmada = servers::build_karmada().await?;
    let programs = servers::build().await?;
    let windlass =
        windlass.canonicalize().with_context(|| format!("{}: build it first", windlass.display()))?;
    let begun = Instant::now();
    servers_alike::run(&programs, &windlass).await.context("the same on both servers")?;
    println!("both servers are alike to the scheduler, in {} s", begun.elapsed().as_secs());
    let begun = Instant::now();
    replacement::run(&karmada, &programs, &windlass).await.context("Karmada's scheduler is replaced")?;
    println!("one scheduler replaced the other, in {} s", begun.elapsed().as_secs());
    Ok(())
}
