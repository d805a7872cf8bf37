//! Seeded simulation of the whole scheduler: engines over an API server whose watches are late, doubled and out of
//! order, whose writes fail, conflict or lose their answer, and over clusters that come, go and shrink. After each step,
//! and when all has come to rest, what must hold is checked. A seed is a run: the same on every machine.

mod check;
mod disturb;
mod fleet;
mod process;
mod random;
mod store;
mod workload;
mod world;

pub use world::{Failure, run};
