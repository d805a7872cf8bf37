//! `windlass-simulation`: runs seeds, and prints those that fail.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use clap::Parser;
use windlass_simulation::run;

/// Simulate the scheduler over many seeds and check what must hold.
#[derive(Debug, Parser)]
#[command(
    name = "windlass-simulation",
    after_help = "Examples:\n  windlass-simulation --seeds 10000\n  windlass-simulation --seed 4711 --trace"
)]
struct Args {
    /// How many seeds.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// Run this one seed instead.
    #[arg(long)]
    seed: Option<u64>,
    /// Print what happens in a run, step by step.
    #[arg(long)]
    trace: bool,
    /// Stop after so many failures.
    #[arg(long, default_value_t = 1)]
    failures: u64,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let (first, seeds) = args.seed.map_or((args.first, args.seeds), |seed| (seed, 1));
    let started = Instant::now();
    let (next, failed) = (AtomicU64::new(first), AtomicU64::new(0));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while failed.load(Ordering::Relaxed) < args.failures {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first.saturating_add(seeds) {
                        return;
                    }
                    let ran = run(seed, args.trace && args.seed.is_some());
                    if let Err(failure) = ran {
                        failed.fetch_add(1, Ordering::Relaxed);
                        // Once more, for its trace.
                        let failure = run(seed, true).err().unwrap_or(failure);
                        print!("{}", failure.trace);
                        println!(
                            "seed {seed}: {}\nagain: windlass-simulation --seed {seed} --trace",
                            failure.what
                        );
                    } else if let Ok(trace) = ran {
                        print!("{trace}");
                    }
                }
            });
        }
    });
    let failed = failed.load(Ordering::Relaxed);
    println!("{seeds} seeds from {first} on, {failed} failed, {:.1} s", started.elapsed().as_secs_f64());
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
