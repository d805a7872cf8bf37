//! Each test starts the real binary in a process of its own and uses it through its API, as a user would.

mod control_plane;
mod objects;
mod wait;

mod crash;
mod flink;
mod interpret;
mod plain_workloads;
mod plugins;
mod suspension;
