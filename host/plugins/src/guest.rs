//! What the host keeps for one instance: its memory budget, and what it has written to standard error.

use wasmtime::ResourceLimiter;

/// The data of one instance's store.
#[derive(Debug)]
pub(crate) struct Guest {
    pub(crate) memory: MemoryBudget,
    stderr: Vec<u8>,
    starting: bool,
}

/// Of a longer text the end is kept: a panic's message comes last.
const STDERR_BYTES_MAX: usize = 4 << 10;

/// Parts of one component. Real ones have fewer than ten of each.
const INSTANCES_MAX: usize = 32;
const MEMORIES_MAX: usize = 8;
const TABLES_MAX: usize = 16;
const TABLE_ELEMENTS_MAX: usize = 20_000;

impl Guest {
    pub(crate) fn new(memory_bytes: usize) -> Guest {
        Guest {
            memory: MemoryBudget { limit: memory_bytes, used: 0, denied: false },
            stderr: Vec::new(),
            starting: true,
        }
    }

    /// Keeps what the guest prints, in bounds.
    pub(crate) fn print(&mut self, bytes: &[u8]) {
        let bytes = &bytes[bytes.len().saturating_sub(STDERR_BYTES_MAX)..];
        let excess = (self.stderr.len() + bytes.len()).saturating_sub(STDERR_BYTES_MAX);
        self.stderr.drain(..excess.min(self.stderr.len()));
        self.stderr.extend_from_slice(bytes);
    }

    /// What the guest printed, on one line; empty if nothing.
    pub(crate) fn printed(&self) -> String {
        self.lines().join(" ")
    }

    /// Whether the guest printed anything.
    pub(crate) fn has_printed(&self) -> bool {
        !self.stderr.is_empty()
    }

    /// The lines that the guest printed, without empty ones.
    pub(crate) fn lines(&self) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.stderr);
        text.lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with("note: run with `RUST_BACKTRACE"))
            .map(str::to_owned)
            .collect()
    }

    /// Whether it has not been asked anything yet.
    pub(crate) fn is_starting(&self) -> bool {
        self.starting
    }

    /// Forgets what belongs to the last call.
    pub(crate) fn begin_call(&mut self) {
        self.starting = false;
        self.memory.denied = false;
        self.stderr.clear();
    }
}

/// How much linear memory an instance has, and whether it wanted more than it may.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    pub(crate) limit: usize,
    pub(crate) used: usize,
    pub(crate) denied: bool,
}

impl ResourceLimiter for MemoryBudget {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let used = self.used.saturating_add(desired.saturating_sub(current));
        if used > self.limit {
            self.denied = true;
            return Ok(false);
        }
        self.used = used;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.denied = true;
        Ok(())
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS_MAX)
    }

    fn instances(&self) -> usize {
        INSTANCES_MAX
    }

    fn tables(&self) -> usize {
        TABLES_MAX
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_what_is_printed_is_kept() {
        let mut guest = Guest::new(0);
        for _ in 0..1_000 {
            guest.print(b"0123456789\n");
        }
        guest.print(b"the last words\n");
        let printed = guest.printed();
        assert!(printed.ends_with("0123456789 the last words"), "{printed}");
        assert!(printed.len() <= STDERR_BYTES_MAX);
    }

    #[test]
    fn memory_beyond_the_limit_is_denied_and_remembered() {
        let mut guest = Guest::new(100);
        assert!(guest.memory.memory_growing(0, 60, None).expect("an answer"));
        assert!(!guest.memory.memory_growing(60, 101, None).expect("an answer"));
        assert!(guest.memory.denied);
        guest.begin_call();
        assert!(guest.memory.memory_growing(60, 100, None).expect("an answer"));
        assert!(!guest.memory.denied);
    }
}
