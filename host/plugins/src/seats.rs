//! A counted number of places, with a deadline for those who wait for one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// Places that calls or instances take before they use a pool: an exhausted pool would be an error, a wait with a
/// deadline is not. While there are free ones, nobody who takes one or gives one back waits for another.
#[derive(Debug)]
pub(crate) struct Seats {
    free: AtomicU32,
    waiting: AtomicU32,
    /// Held by who is about to wait, so that a place given back meanwhile is not missed.
    queue: Mutex<()>,
    freed: Condvar,
}

/// A taken place; given back on drop.
#[derive(Debug)]
pub(crate) struct Seat(Arc<Seats>);

impl Seats {
    pub(crate) fn new(places: u32) -> Arc<Seats> {
        let (free, waiting) = (AtomicU32::new(places), AtomicU32::new(0));
        Arc::new(Seats { free, waiting, queue: Mutex::new(()), freed: Condvar::new() })
    }

    /// A place, if one is free now.
    pub(crate) fn try_take(self: &Arc<Self>) -> Option<Seat> {
        let one_less = |free: u32| free.checked_sub(1);
        self.free.fetch_update(Ordering::SeqCst, Ordering::Relaxed, one_less).ok()?;
        Some(Seat(Arc::clone(self)))
    }

    /// A place, waited for at most so long.
    pub(crate) fn take(self: &Arc<Self>, wait: Duration) -> Option<Seat> {
        // Asking for the time costs as much as taking a place.
        self.try_take().or_else(|| self.take_until(Instant::now() + wait))
    }

    /// A place, waited for until `deadline`.
    fn take_until(self: &Arc<Self>, deadline: Instant) -> Option<Seat> {
        let mut queue = self.queue.lock();
        // From here on, who gives a place back sees that somebody waits, or has given it back before it is looked for.
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let seat = loop {
            if let Some(seat) = self.try_take() {
                break Some(seat);
            }
            if self.freed.wait_until(&mut queue, deadline).timed_out() {
                break self.try_take();
            }
        };
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        seat
    }

    /// Whether somebody waits: who could give a place up should then do so.
    pub(crate) fn contended(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Seat(seats) = self;
        seats.free.fetch_add(1, Ordering::SeqCst);
        if seats.waiting.load(Ordering::SeqCst) > 0 {
            let _queue = seats.queue.lock();
            seats.freed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_given_back_goes_to_who_waits() {
        let seats = Seats::new(1);
        let seat = seats.try_take().expect("one place is free");
        assert!(seats.try_take().is_none());
        let waiter = {
            let seats = Arc::clone(&seats);
            std::thread::spawn(move || seats.take(Duration::from_secs(30)).is_some())
        };
        while !seats.contended() {
            std::thread::yield_now();
        }
        drop(seat);
        assert!(waiter.join().expect("the waiter ends"));
        assert!(seats.try_take().is_some());
    }

    #[test]
    fn many_share_few_places_and_none_is_lost() {
        let seats = Seats::new(2);
        let (taken, most) = (AtomicU32::new(0), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..2_000 {
                        let seat = seats.take(Duration::from_secs(30)).expect("places are given back");
                        most.fetch_max(taken.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        taken.fetch_sub(1, Ordering::SeqCst);
                        drop(seat);
                    }
                });
            }
        });
        assert!(most.load(Ordering::SeqCst) <= 2);
        assert!(!seats.contended());
        let both = [seats.try_take(), seats.try_take()];
        assert!(both.iter().all(Option::is_some) && seats.try_take().is_none());
    }

    #[test]
    fn a_wait_ends_at_its_deadline() {
        let seats = Seats::new(0);
        assert!(seats.take(Duration::from_millis(5)).is_none());
    }
}
