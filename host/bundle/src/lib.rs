//! windlass-bundle
