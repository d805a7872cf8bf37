//! windlass-interpreter-flink
