//! What the host promises about plugins, shown with plugins that are mostly bad.

mod admission;
mod cache;
mod declared;
mod directory;
mod faults;
mod loading;
mod setting;
