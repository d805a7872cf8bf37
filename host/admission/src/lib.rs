//! windlass-admission
