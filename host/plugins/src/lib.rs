//! windlass-plugins
