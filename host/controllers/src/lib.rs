//! windlass-controllers
