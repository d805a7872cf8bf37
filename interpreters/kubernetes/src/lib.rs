//! windlass-interpreter-kubernetes
