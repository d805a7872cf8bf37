//! windlass-bench
