//! `windlass-peers`: what Windlass serves, held against the real thing.
//!
//! - [`servers`] builds kube-apiserver and etcd from the Go module proxy, and runs them beside the embedded server.
//! - [`apiserver`] sends both the same requests and tells where the answers differ.
//! - [`karmada`] runs a Karmada control plane that asks `windlass webhook` what resources mean.
//! - [`estimators`] asks Karmada's estimator and ours the same, and has each scheduler place by the other's.
//! - [`scheduler`] replaces Karmada's scheduler by ours, and back.
//! - [`load`] puts the same load on both and prints the figures side by side.

mod apiserver;
mod estimators;
mod karmada;
mod load;
mod scheduler;
mod servers;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// As the product's: some of what is measured runs in this process.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Compares Windlass with the programs it stands in for.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    peer: Peer,
}

#[derive(Subcommand)]
enum Peer {
    /// Builds kube-apiserver and etcd, and does nothing else.
    Build,
    /// Sends the same requests to the embedded API server and to kube-apiserver.
    Apiserver(apiserver::Options),
    /// Registers `windlass webhook` with a Karmada control plane, and propagates kinds that Karmada doesn't know.
    Karmada(karmada::Options),
    /// Compares karmada-scheduler-estimator with `windlass estimator`, and has each scheduler place by the other's.
    Estimators(estimators::Options),
    /// Replaces karmada-scheduler by `windlass scheduler` while bindings keep coming, and back again.
    Scheduler(scheduler::Options),
    /// Schedules many bindings on kube-apiserver, by a bare client, by Windlass and by Karmada; wants `--release`.
    BenchScheduler(scheduler::bench::Options),
    /// How soon an urgent binding is scheduled while thousands wait; wants `--release`.
    BenchPriority(scheduler::latency::Options),
    /// How often estimators are asked while many bindings are placed by what they say; wants `--release`.
    BenchEstimation(scheduler::estimation::Options),
    /// How much memory the scheduler takes for each binding; wants `--release`.
    BenchMemory(scheduler::memory::Options),
    /// Puts the same load on the embedded API server and on kube-apiserver, and prints the ratios. Wants `--release`.
    Bench(load::Options),
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    match Arguments::parse().peer {
        Peer::Build => {
            let programs = servers::build().await?;
            println!("{}\n{}", programs.kube_apiserver.display(), programs.etcd.display());
            Ok(ExitCode::SUCCESS)
        }
        Peer::Apiserver(options) => apiserver::run(options).await,
        Peer::Karmada(options) => karmada::run(options).await.map(|()| ExitCode::SUCCESS),
        Peer::Estimators(options) => estimators::run(options).await.map(|()| ExitCode::SUCCESS),
        Peer::Scheduler(options) => scheduler::run(options).await.map(|()| ExitCode::SUCCESS),
        Peer::BenchScheduler(options) => scheduler::bench::run(options).await.map(|()| ExitCode::SUCCESS),
        Peer::BenchPriority(options) => scheduler::latency::run(options).await.map(|()| ExitCode::SUCCESS),
        Peer::BenchEstimation(options) => {
            scheduler::estimation::run(options).await.map(|()| ExitCode::SUCCESS)
        }
        Peer::BenchMemory(options) => scheduler::memory::run(options).await.map(|()| ExitCode::SUCCESS),
        Peer::Bench(options) => load::run(options).await.map(|()| ExitCode::SUCCESS),
    }
}
