//! windlass-schema
