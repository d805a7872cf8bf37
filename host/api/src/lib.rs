//! windlass-api
