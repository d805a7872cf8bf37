//! How many writes may be under way at once: as many as the API server works off sooner for being given together, and no
//! more, since one of higher priority that comes later can't overtake those that wait there.
//!
//! Whether more at once are worth it is tried: twice as many for a while, and now and then half as many.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// At the beginning, and the fewest that it ever comes down to.
const FEWEST: usize = 6;
/// As many as are written in this time are never too many: what is urgent waits no longer for them.
const NO_MATTER: Duration = Duration::from_millis(8);
/// Twice as many have to be written so many times as fast.
const WORTH_DOUBLING: f64 = 1.2;
/// Half as many may be written so many times as fast.
const WORTH_HALVING: f64 = 0.95;
/// How many writes are looked at together, for each that may be under way.
const WINDOW: usize = 4;
/// After how many windows something is tried again.
const CALM: usize = 8;

/// Tells how many writes may be under way, and learns from how fast they are made.
#[derive(Debug)]
pub(crate) struct Pace {
    most: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    at_once: usize,
    fewest: usize,
    under_way: usize,
    window: Window,
    trying: Option<Trial>,
    calm: usize,
    /// What is tried next.
    next: Direction,
}

/// Writes that are looked at together.
#[derive(Debug, Default)]
struct Window {
    /// So many more belong to the time before.
    skip: usize,
    began: Option<Instant>,
    count: usize,
    /// How many of these ended while as many as allowed were under way.
    full: usize,
}

/// Another number, and how many were written in a second with the one before.
#[derive(Debug)]
struct Trial {
    direction: Direction,
    before: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Direction {
    More,
    Fewer,
}

impl Pace {
    /// At most so many writes at once.
    pub(crate) fn new(most: usize) -> Pace {
        let state = State {
            at_once: FEWEST.min(most),
            fewest: FEWEST.min(most),
            under_way: 0,
            window: Window::default(),
            trying: None,
            calm: 1,
            next: Direction::More,
        };
        Pace { most, state: Mutex::new(state) }
    }

    /// Nothing is under way: what was is nobody's any more.
    pub(crate) fn begin(&self) {
        let mut state = self.state.lock();
        (state.under_way, state.window) = (0, Window::default());
    }

    /// How many decisions may be written at once.
    pub(crate) fn at_once(&self) -> usize {
        self.state.lock().at_once
    }

    /// How many statuses may: they come after the decisions, and have the server to themselves when there are none.
    pub(crate) fn statuses_at_once(&self) -> usize {
        let state = self.state.lock();
        if state.under_way == 0 { state.at_once } else { (state.at_once / 2).max(1) }
    }

    /// A decision is being written.
    pub(crate) fn began(&self) {
        self.state.lock().under_way += 1;
    }

    /// A decision was written, or not.
    pub(crate) fn ended(&self, now: Instant) {
        self.state.lock().ended(now, self.most);
    }
}

impl State {
    fn ended(&mut self, now: Instant, most: usize) {
        let was_full = self.under_way >= self.at_once;
        self.under_way = self.under_way.saturating_sub(1);
        let window = &mut self.window;
        if window.skip > 0 {
            window.skip -= 1;
            return;
        }
        let Some(began) = window.began else {
            window.began = Some(now);
            return;
        };
        window.count += 1;
        window.full += usize::from(was_full);
        if window.count < WINDOW * self.at_once {
            return;
        }
        let (count, full) = (window.count, window.full);
        let took = now.duration_since(began).max(Duration::from_micros(1));
        *window = Window { began: Some(now), ..Window::default() };
        // Who writes less than allowed doesn't show what the server is able to.
        if full * 4 >= count * 3 {
            self.learn(count as f64 / took.as_secs_f64(), most);
        }
    }

    fn learn(&mut self, rate: f64, most: usize) {
        self.fewest = FEWEST.max((rate * NO_MATTER.as_secs_f64()) as usize).min(most);
        match self.trying.take() {
            Some(Trial { direction: Direction::More, before }) => {
                if rate >= before * WORTH_DOUBLING {
                    self.attempt(Direction::More, rate, most);
                } else {
                    self.change(self.at_once / 2, most);
                    self.settle(Direction::Fewer);
                }
            }
            Some(Trial { direction: Direction::Fewer, before }) => {
                if rate >= before * WORTH_HALVING {
                    self.attempt(Direction::Fewer, rate, most);
                } else {
                    self.change(self.at_once * 2, most);
                    self.settle(Direction::More);
                }
            }
            None => {
                self.calm = self.calm.saturating_sub(1);
                if self.at_once < self.fewest {
                    self.change(self.fewest, most);
                } else if self.calm == 0 {
                    self.attempt(self.next, rate, most);
                }
            }
        }
    }

    fn attempt(&mut self, direction: Direction, rate: f64, most: usize) {
        let before = self.at_once;
        let (wanted, other) = match direction {
            Direction::More => (before * 2, Direction::Fewer),
            Direction::Fewer => (before / 2, Direction::More),
        };
        self.change(wanted, most);
        if self.at_once == before {
            self.settle(other);
        } else {
            self.trying = Some(Trial { direction, before: rate });
        }
    }

    fn settle(&mut self, next: Direction) {
        (self.calm, self.next) = (CALM, next);
    }

    fn change(&mut self, wanted: usize, most: usize) {
        let before = self.at_once;
        self.at_once = wanted.clamp(self.fewest, most);
        if self.at_once != before {
            self.window = Window { skip: before.max(self.at_once), ..Window::default() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server so far away that works on so many at once, each for 2 ms; what more there is waits.
    fn settled(distance: Duration, workers: u32, wanted: usize) -> usize {
        let (pace, work) = (Pace::new(64), Duration::from_millis(2));
        let mut now = Instant::now();
        let mut seen = Vec::new();
        let mut under_way = 0;
        for _ in 0..20_000 {
            while under_way < pace.at_once().min(wanted) {
                pace.began();
                under_way += 1;
            }
            // One ends when the time has come that each takes, shared by all that are under way.
            let many = u32::try_from(under_way).unwrap();
            now += ((distance + work) / many).max(work / workers);
            pace.ended(now);
            under_way -= 1;
            seen.push(pace.at_once());
        }
        seen.sort_unstable();
        seen[seen.len() / 2]
    }

    #[test]
    fn few_wait_at_a_busy_server_and_a_far_one_is_kept_busy() {
        // 2 ms at 2 ms for each of two: a thousand in a second.
        assert_eq!(settled(Duration::ZERO, 2, 64), 8);
        assert_eq!(settled(Duration::from_millis(2), 1, 64), FEWEST);
        // 32 ms at 2 ms for each of two: 32 keep it busy.
        let far = settled(Duration::from_millis(30), 2, 64);
        assert!((24..=48).contains(&far), "{far}");
        assert_eq!(settled(Duration::from_secs(1), 64, 64), 64, "never above what is allowed");
    }

    #[test]
    fn who_writes_little_does_not_come_to_write_much() {
        assert_eq!(settled(Duration::from_millis(30), 2, 1), FEWEST);
        assert_eq!(Pace::new(1).at_once(), 1);
    }

    #[test]
    fn statuses_have_the_server_to_themselves_when_nothing_is_decided() {
        let pace = Pace::new(8);
        assert_eq!(pace.statuses_at_once(), 6);
        pace.began();
        assert_eq!(pace.statuses_at_once(), 3);
        pace.ended(Instant::now());
        assert_eq!(pace.statuses_at_once(), 6);
    }
}
