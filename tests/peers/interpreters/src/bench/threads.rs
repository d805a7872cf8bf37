//! The same calls from more threads: whether any wait for each other.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::ours::{Call, Ours};
use super::report::{Row, Threads};

const THREADS: [usize; 3] = [1, 2, 16];
const ROUND: Duration = Duration::from_millis(300);
const ROUNDS: usize = 3;

/// Calls a second from one, two and sixteen threads: of all kinds by turns, and all about the same object.
pub(super) fn measure(rows: &[Row], ours: &Ours) -> Vec<Threads> {
    let calls: Vec<Call<'_>> = rows.iter().filter_map(|row| ours.call(&row.question).ok()).collect();
    let (Some(first), false) = (calls.first(), calls.is_empty()) else { return Vec::new() };
    let one = std::slice::from_ref(first);
    [("every row by turns", calls.as_slice()), ("one question", one)]
        .into_iter()
        .map(|(what, calls)| Threads {
            what,
            calls_per_second: THREADS.map(|threads| {
                let mut rounds: Vec<f64> = (0..ROUNDS).map(|_| rate(threads, calls)).collect();
                (threads, super::median(&mut rounds))
            }),
        })
        .collect()
}

fn rate(threads: usize, calls: &[Call<'_>]) -> f64 {
    let (done, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (done, stop) = (&done, &stop);
            scope.spawn(move || {
                let mut mine = 0;
                // Each begins elsewhere, so that not all ask the same plugin at the same time.
                for call in calls.iter().cycle().skip(thread * calls.len() / threads) {
                    call.ask();
                    mine += 1;
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                }
                done.fetch_add(mine, Ordering::Relaxed);
            });
        }
        std::thread::sleep(ROUND);
        stop.store(true, Ordering::Relaxed);
    });
    done.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64()
}
