//! WebAssembly plugins: loading them, limiting them, asking them.
//!
//! The only crate that knows wasmtime. What it offers is in terms of `windlass-core`: an [`InterpreterPlugin`] gives
//! typed answers, the [`AdmissionChain`] is a hook, and a failed call is a `CallError` that says who is to blame.
//! Which plugin is asked about which kind is decided in `windlass-interpreter`.
//!
//! From the bottom up: an [`Engine`] with its clock and its pool of places; the `contract` that turns a WIT version
//! into the host's terms; a `pool` of warm instances for each plugin; a [`Catalogue`] of what is loaded.

mod catalogue;
mod code;
mod contract;
mod declared;
mod digest;
mod engine;
mod fault;
mod guest;
mod health;
mod hook;
mod journal;
mod limits;
mod load;
mod manifest;
mod plugin;
mod pool;
mod seats;
mod status;
mod wasi;
mod watch;

pub use catalogue::{Candidate, Catalogue, Entry, Snapshot, State, Wasm};
pub use code::{CacheError, CodeCache};
pub use contract::{Abilities, KindSupport, Manifest, Operations, Rule, World};
pub use digest::Digest;
pub use engine::{Engine, EngineConfig, EngineError};
pub use health::Counts;
pub use hook::AdmissionChain;
pub use journal::Journal;
pub use limits::{Isolation, Limits};
pub use load::{LoadError, Template};
pub use plugin::{
    About, AdmissionPlugin, FailurePolicy, InterpreterPlugin, Origin, Plugin, PluginConfig, Precedence,
};
pub use status::PluginStatus;
pub use watch::{DirectoryWatch, WatchError};
