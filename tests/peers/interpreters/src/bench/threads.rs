//! The same calls from more threads: whether any wait for each other.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::ours::{Call, Ours};
use super::report::{Row, Threads};

const THREADS: [usize; 3] = [1, 2, 16];
const ROUND: Duration = Duration::from_millis(200);
const ROUNDS: usize = 7;

/// Calls a second from one, two and sixteen threads: of all kinds by turns, and all about the same object.
pub(super) fn measure(rows: &[Row], ours: &Ours) -> Vec<Threads> {
    let calls: Vec<Call<'_>> = rows.iter().filter_map(|row| ours.call(&row.question).ok()).collect();
    let (Some(first), false) = (calls.first(), calls.is_empty()) else { return Vec::new() };
    let one = std::slice::from_ref(first);
    [("every row by turns", calls.as_slice()), ("one question", one)]
        .into_iter()
        .map(|(what, calls)| {
            // In turns, so that what else the machine does is as much in one as in the other.
            let rounds: Vec<[f64; 3]> =
                (0..ROUNDS).map(|_| THREADS.map(|threads| rate(threads, calls))).collect();
            let median =
                |rate: fn(&[f64; 3]) -> f64| super::median(&mut rounds.iter().map(rate).collect::<Vec<_>>());
            let rates =
                [median(|[one, ..]| *one), median(|[_, two, _]| *two), median(|[.., sixteen]| *sixteen)];
            let kept = median(|[_, two, sixteen]| sixteen / two);
            Threads { what, calls_per_second: std::array::from_fn(|at| (THREADS[at], rates[at])), kept }
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
