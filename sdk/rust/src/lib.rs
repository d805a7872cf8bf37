//! windlass-sdk
