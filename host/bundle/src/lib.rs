//! The built-in plugins, embedded. They are loaded like any other plugin; nothing else in the host knows them.
//!
//! Every crate in `interpreters/` and `webhooks/` is built to `wasm32-wasip2` by the build script and listed here: the
//! folder says which world it exports, its name is the plugin's. One whose manifest calls it a template becomes a plugin
//! by the settings that it is given.

/// One built-in plugin.
#[derive(Clone, Copy, Debug)]
pub struct Bundled {
    /// The folder's name: `flink`.
    pub name: &'static str,
    pub world: World,
    /// A component.
    pub wasm: &'static [u8],
}

/// What a plugin exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum World {
    /// `windlass:interpreter/interpreter`
    Interpreter,
    /// `windlass:admission/hook`
    Admission,
}

include!(concat!(env!("OUT_DIR"), "/plugins.rs"));

#[cfg(test)]
mod tests {
    use super::*;

    /// The preamble of a WebAssembly component (as opposed to a core module).
    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
    /// What takes long to compile at the first start is too large.
    const BYTES_MAX: usize = 800_000;
    /// What has a language of its own inside: JSONPath with regular expressions, Lua.
    const LARGE: [&str; 2] = ["lua", "state"];
    const LARGE_BYTES_MAX: usize = 1_600_000;

    #[test]
    fn every_plugin_is_a_small_component() {
        assert!(!PLUGINS.is_empty());
        for Bundled { name, wasm, .. } in PLUGINS.iter().chain(TEMPLATES) {
            assert!(wasm.starts_with(COMPONENT), "{name}");
            let bytes_max = if LARGE.contains(name) { LARGE_BYTES_MAX } else { BYTES_MAX };
            assert!(wasm.len() < bytes_max, "{name} has {} bytes", wasm.len());
        }
    }

    #[test]
    fn folders_say_what_plugins_are() {
        let world_of = |name| PLUGINS.iter().find(|plugin| plugin.name == name).map(|plugin| plugin.world);
        assert_eq!(world_of("flink"), Some(World::Interpreter));
        assert_eq!(world_of("kubernetes"), Some(World::Interpreter));
        assert_eq!(world_of("suspension"), Some(World::Admission));
        assert_eq!(world_of("lua"), None, "it is a template");
        assert_eq!(TEMPLATES.iter().map(|template| template.name).collect::<Vec<_>>(), ["lua"]);
    }
}
