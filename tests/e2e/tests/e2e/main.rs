//! Each test starts the real binary in a process of its own and uses it through its API, as a user would.

mod control_plane;
mod objects;
mod wait;

mod flink;
mod plain_workloads;
mod suspension;
