//! windlass-scheduler
