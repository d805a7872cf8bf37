//! The admission world: what may be stored.
