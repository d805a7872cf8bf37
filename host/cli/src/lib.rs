//! The command line: parses flags once and wires the crates of the control plane together.

mod args;
mod client;
mod demo;
mod descheduler;
mod estimator;
mod explain;
mod interpret;
mod logging;
mod part;
mod plugin;
mod runtime;
mod schedule;
mod scheduler;
mod stdout;
pub mod up;
mod webhook;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::args::{Cli, Command};

/// A control plane parses and prints JSON all day: a third of its time was the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs the command line of this process to its end.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        Command::Up(args) => up::command(args),
        Command::Demo(args) => demo::command(args),
        Command::Interpret(args) => interpret::command(args),
        Command::Plugin(args) => plugin::command(args),
        Command::Explain(args) => explain::command(args),
        Command::Schedule(args) => schedule::command(args),
        Command::Scheduler(args) => scheduler::command(*args),
        Command::Descheduler(args) => descheduler::command(*args),
        Command::Webhook(args) => webhook::command(*args),
        Command::Estimator(args) => estimator::command(*args),
        Command::Completion(args) => {
            let mut script = Vec::new();
            clap_complete::generate(args.shell, &mut Cli::command(), "windlass", &mut script);
            stdout::print(String::from_utf8_lossy(&script)).map(|()| ExitCode::SUCCESS)
        }
    };
    outcome.unwrap_or_else(|error| {
        if error.is::<stdout::Closed>() {
            return ExitCode::SUCCESS;
        }
        // The causes on one line each: what failed, then why.
        eprintln!("error: {error}");
        for cause in error.chain().skip(1) {
            eprintln!("  because: {cause}");
        }
        ExitCode::FAILURE
    })
}
