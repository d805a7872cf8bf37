//! windlass-sdk-macros
