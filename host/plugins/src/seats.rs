//! A counted number of places, with a deadline for those who wait for one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// Places that calls or instances take before they use a pool: an exhausted pool would be an error, a wait with a
/// deadline is not.
#[derive(Debug)]
pub(crate) struct Seats {
    free: Mutex<u32>,
    freed: Condvar,
    waiting: AtomicU32,
}

/// A taken place; given back on drop.
#[derive(Debug)]
pub(crate) struct Seat(Arc<Seats>);

impl Seats {
    pub(crate) fn new(places: u32) -> Arc<Seats> {
        Arc::new(Seats { free: Mutex::new(places), freed: Condvar::new(), waiting: AtomicU32::new(0) })
    }

    /// A place, if one is free now.
    pub(crate) fn try_take(self: &Arc<Self>) -> Option<Seat> {
        let mut free = self.free.lock();
        let taken = free.checked_sub(1)?;
        *free = taken;
        Some(Seat(Arc::clone(self)))
    }

    /// A place, waited for at most so long.
    pub(crate) fn take(self: &Arc<Self>, wait: Duration) -> Option<Seat> {
        // Asking for the time costs as much as taking a place.
        self.try_take().or_else(|| self.take_until(Instant::now() + wait))
    }

    /// A place, waited for until `deadline`.
    fn take_until(self: &Arc<Self>, deadline: Instant) -> Option<Seat> {
        let mut free = self.free.lock();
        while *free == 0 {
            self.waiting.fetch_add(1, Ordering::Relaxed);
            let wait = self.freed.wait_until(&mut free, deadline);
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            if wait.timed_out() && *free == 0 {
                return None;
            }
        }
        *free -= 1;
        Some(Seat(Arc::clone(self)))
    }

    /// Whether somebody waits: who could give a place up should then do so.
    pub(crate) fn contended(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        *self.0.free.lock() += 1;
        self.0.freed.notify_one();
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
    fn a_wait_ends_at_its_deadline() {
        let seats = Seats::new(0);
        assert!(seats.take(Duration::from_millis(5)).is_none());
    }
}
