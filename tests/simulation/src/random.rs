//! What the simulation chooses beyond what all tests do.

use std::time::Duration;

pub(crate) use windlass_sdk::testing::Random;

pub(crate) trait Choices {
    /// One of them, if there is any.
    fn one_of<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T>;

    /// Between these many milliseconds.
    fn millis(&mut self, first: u64, last: u64) -> Duration;
}

impl Choices for Random {
    fn one_of<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.below(of.len()))
    }

    fn millis(&mut self, first: u64, last: u64) -> Duration {
        let span = usize::try_from(last.saturating_sub(first) + 1).unwrap_or(1);
        Duration::from_millis(first + u64::try_from(self.below(span)).unwrap_or(0))
    }
}
