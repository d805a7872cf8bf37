//! What a plugin's instances leave behind after calls that ended well: what they printed, and how much memory they
//! had. What is printed in a call that fails is part of that call's error.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::guest::Guest;

/// What was left since somebody last looked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Journal {
    /// The lines printed last, oldest first.
    pub lines: Vec<String>,
    /// How many lines before those were dropped.
    pub left_out: u64,
    /// The most linear memory that one instance had.
    pub memory_bytes: usize,
}

/// The journal of one plugin as it is written. Bounded: a plugin may print at every call.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    printed: Mutex<Printed>,
    memory_bytes: AtomicUsize,
}

#[derive(Debug, Default)]
struct Printed {
    lines: VecDeque<String>,
    left_out: u64,
}

const LINES_MAX: usize = 64;
const LINE_BYTES_MAX: usize = 512;

impl Notes {
    /// Notes what is left of a call. Of one that printed nothing, which is most, this costs a comparison.
    pub(crate) fn after(&self, guest: &Guest) {
        if guest.memory.used > self.memory_bytes.load(Ordering::Relaxed) {
            self.memory_bytes.fetch_max(guest.memory.used, Ordering::Relaxed);
        }
        if guest.has_printed() {
            let mut printed = self.printed.lock();
            for line in guest.lines() {
                if printed.lines.len() == LINES_MAX {
                    printed.lines.pop_front();
                    printed.left_out += 1;
                }
                printed.lines.push_back(line[..line.floor_char_boundary(LINE_BYTES_MAX)].to_owned());
            }
        }
    }

    /// What was noted since the last time.
    pub(crate) fn take(&self) -> Journal {
        let Printed { lines, left_out } = std::mem::take(&mut *self.printed.lock());
        Journal { lines: lines.into(), left_out, memory_bytes: self.memory_bytes.swap(0, Ordering::Relaxed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_kept_in_bounds_until_it_is_taken() {
        let notes = Notes::default();
        let mut guest = Guest::new(100);
        guest.memory.used = 70;
        for number in 0..LINES_MAX + 10 {
            guest.begin_call();
            guest.print(format!("  line {number}\n\n").as_bytes());
            notes.after(&guest);
        }
        guest.begin_call();
        guest.print("é".repeat(LINE_BYTES_MAX).as_bytes());
        notes.after(&guest);
        guest.begin_call();
        notes.after(&guest);
        let Journal { lines, left_out, memory_bytes } = notes.take();
        assert_eq!((lines.len(), left_out, memory_bytes), (LINES_MAX, 11, 70));
        assert_eq!(lines[0], "line 11");
        assert!(lines[LINES_MAX - 1].len() <= LINE_BYTES_MAX);
        assert_eq!(notes.take(), Journal::default());
    }
}
