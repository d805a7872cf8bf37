//! windlass-simulator
