//! Each test starts the real binary in a process of its own and uses it through its API, as a user would.

#![allow(clippy::unwrap_used, reason = "all of it is test code: a panic is how a test fails")]

mod control_plane;
mod divided;
mod raw;

mod bad_input;
mod crash;
mod customizations;
mod damaged_data;
mod descheduler;
mod flink;
mod interpret;
mod kit;
mod plain_workloads;
mod plugins;
mod quota;
mod rebalancer;
mod suspension;
mod webhook;
