//! windlass-interpreter
