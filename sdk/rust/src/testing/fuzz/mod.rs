//! Questions that are anything: text that is no JSON, JSON that is nothing like an object, objects that are nothing like
//! their kind, ten thousand levels deep.
//!
//! All of it follows from a seed. A test suite has time for a few rounds; `WINDLASS_FUZZ_ROUNDS` asks for more, and
//! `WINDLASS_FUZZ_SEED` for others.

mod distort;
mod hook;
mod interpreter;

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::value::RawValue;

use super::random::Random;

pub(super) use hook::survive as survive_hook;
pub(super) use interpreter::survive;

const ROUNDS: u64 = 1_000;

/// As much stack as the host gives a plugin. Here it has to do for a build without optimisations, which takes more.
const STACK: usize = 512 * 1024;

/// A quarter of a megabyte is read in milliseconds: what takes longer than this counts everything against everything.
const PATIENCE: Duration = Duration::from_secs(10);

/// How much of a text of a failed round is shown.
const SHOWN_MAX: usize = 2_000;

/// What a plugin is asked in one round.
trait Question {
    /// Asks the plugin, and looks at the answer as far as all answers are alike.
    fn ask(&self);

    /// Its parts, to be printed when there is no answer.
    fn parts(&self) -> Vec<String>;
}

/// Asks what `question` makes of the numbers of each round, after `prepare` on the same thread.
fn rounds<Q: Question>(prepare: impl FnOnce() + Send, question: impl Fn(&mut Random) -> Q + Sync) {
    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let rounds = number("WINDLASS_FUZZ_ROUNDS").unwrap_or(ROUNDS);
    let seed = number("WINDLASS_FUZZ_SEED").unwrap_or(1);
    thread::scope(|scope| {
        let asking = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, || {
            prepare();
            for round in 0..rounds {
                let question = question(&mut Random::of_round(seed, round));
                let answered = catch_unwind(AssertUnwindSafe(|| {
                    let asked = Instant::now();
                    question.ask();
                    assert!(asked.elapsed() < PATIENCE, "the answer took {:?}", asked.elapsed());
                }));
                if let Err(cause) = answered {
                    let parts: Vec<String> = question.parts().into_iter().map(cut).collect();
                    eprintln!("seed {seed}, round {round}: {}", parts.join("\n  "));
                    resume_unwind(cause);
                }
            }
        });
        let asked = asking.expect("a thread can be had").join();
        asked.unwrap_or_else(|cause| resume_unwind(cause));
    });
}

fn cut(text: String) -> String {
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text,
    }
}

/// Whether it is JSON, of whatever depth.
fn is_json(text: &str) -> bool {
    serde_json::from_str::<&RawValue>(text).is_ok()
}

/// An answer's text is JSON.
fn json(text: &str) {
    if let Err(error) = serde_json::from_str::<&RawValue>(text) {
        panic!("the answer is no JSON: {error}: {}", cut(text.to_owned()));
    }
}

/// A change says where, and what is JSON.
fn change(path: &str, value: Option<&str>) {
    assert!(path.starts_with('/'), "{path:?} is no JSON pointer");
    value.into_iter().for_each(json);
}
