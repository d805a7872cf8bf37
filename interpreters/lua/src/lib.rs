//! What a resource means, in the scripts of a ResourceInterpreterCustomization (config.karmada.io/v1alpha1).
//!
//! The customization's `spec` are the plugin's settings. Its scripts are compiled once, in a Lua of the instance's own
//! ([`vm`]), and answer as they do in Karmada: the same libraries, the same way from JSON to tables and back
//! ([`empties`]), the same reading of what they return ([`answers`]). What they return as a whole object becomes the
//! changes that lead to it ([`difference`]).

mod answers;
mod customization;
mod customized;
mod difference;
mod empties;
mod labels;
mod plugin;
mod vm;

pub use plugin::Plugin;

/// The plugin's name.
const NAME: &str = "lua";
