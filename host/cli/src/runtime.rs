//! The plugins of this process: the built-in ones, those of `--plugin-dir`, and their settings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use serde_json::Value;
use windlass_interpreter::{Customizations, Dispatcher};
use windlass_plugins::{
    AdmissionChain, Candidate, Catalogue, CodeCache, DirectoryWatch, Engine, EngineConfig, Origin,
    PluginConfig, Wasm,
};

use crate::args::PluginSourceArgs;

/// What the memo of answers may hold.
const MEMO_BYTES: usize = 64 << 20;
const PLUGINS_ALONE_MEMO_BYTES: usize = 32 << 20;

/// The template that customizations are plugins of.
const LUA: &str = "lua";

/// Settings of built-in plugins by the plugin's name.
pub(crate) type Settings = BTreeMap<String, Value>;

/// All loaded plugins, and what is asked through them. Dropping it ends the watching of the plugin directory.
pub(crate) struct Plugins {
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) interpreter: Arc<Dispatcher>,
    pub(crate) customizations: Arc<Customizations>,
    /// Asks the plugins alone, and no webhook. For simulated members, which must be answered at once; and for others
    /// who ask by webhook: two control planes that ask each other would never come to an end.
    pub(crate) plugins_alone: Arc<Dispatcher>,
    _directory: Option<DirectoryWatch>,
}

impl Plugins {
    /// Loads the built-in plugins and those of the flags. Compiled code is kept in the user's cache.
    pub(crate) fn load(source: &PluginSourceArgs) -> anyhow::Result<Plugins> {
        let PluginSourceArgs { plugin_dir, plugin_settings } = source;
        let settings = plugin_settings.as_deref().map(read_settings).transpose()?.unwrap_or_default();
        Plugins::start(plugin_dir.as_deref(), &settings, user_code_cache()?)
    }

    pub(crate) fn start(
        directory: Option<&Path>,
        settings: &Settings,
        code: CodeCache,
    ) -> anyhow::Result<Plugins> {
        let engine = Engine::new(EngineConfig::default())?;
        let catalogue = Arc::new(Catalogue::new(engine, code));
        let settings = &checked(settings.clone())?;
        let candidates: Vec<_> = windlass_bundle::PLUGINS
            .iter()
            .map(|bundled| {
                let (origin, config) = built_in(bundled.name, settings);
                Candidate { origin, wasm: Wasm::Bytes(bundled.wasm), config }
            })
            .collect();
        for loaded in catalogue.load_all(&candidates) {
            loaded.map_err(anyhow::Error::new)?;
        }
        let watch = directory
            .map(|directory| {
                DirectoryWatch::start(Arc::clone(&catalogue), directory, PluginConfig::default())
            })
            .transpose()
            .context("--plugin-dir")?;
        let interpreter = Arc::new(Dispatcher::new(Arc::clone(&catalogue), MEMO_BYTES));
        let lua = windlass_bundle::TEMPLATES.iter().find(|template| template.name == LUA);
        let lua = lua.expect("the plugin for customizations is part of the binary").wasm;
        let customizations = Arc::new(Customizations::new(Arc::clone(&catalogue), lua));
        let plugins_alone = Arc::new(Dispatcher::new(Arc::clone(&catalogue), PLUGINS_ALONE_MEMO_BYTES));
        Ok(Plugins { catalogue, interpreter, customizations, plugins_alone, _directory: watch })
    }

    /// The admission plugins, in the order of the catalogue.
    pub(crate) fn hooks(&self) -> AdmissionChain {
        AdmissionChain::new(Arc::clone(&self.catalogue))
    }
}

/// A built-in plugin's place in the catalogue, and its configuration under these settings.
pub(crate) fn built_in(name: &str, settings: &Settings) -> (Origin, PluginConfig) {
    let settings = settings.get(name).cloned().unwrap_or(Value::Null);
    (Origin::BuiltIn(name.into()), PluginConfig { settings, ..PluginConfig::default() })
}

/// A map from the plugin's name to its settings, YAML or JSON.
pub(crate) fn read_settings(file: &Path) -> anyhow::Result<Settings> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    parse_settings(&text, &file.display().to_string())
}

/// `what` names the text in an error.
pub(crate) fn parse_settings(text: &str, what: &str) -> anyhow::Result<Settings> {
    serde_saphyr::from_str(text)
        .with_context(|| format!("{what} is not a map from plugins' names to their settings"))
}

/// Settings that name built-in plugins alone.
pub(crate) fn checked(settings: Settings) -> anyhow::Result<Settings> {
    let known: Vec<&str> = windlass_bundle::PLUGINS.iter().map(|bundled| bundled.name).collect();
    match settings.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => bail!(
            "the plugin settings name {name:?}, which is not built in ({}); a plugin of --plugin-dir takes its \
             settings from NAME.settings.json beside it",
            known.join(", ")
        ),
        None => Ok(settings),
    }
}

/// For the ids that admission makes.
pub(crate) fn random_bytes() -> [u8; 16] {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system has randomness: TLS depends on it");
    bytes
}

/// Keeps compiled code in `directory`, which is private to its user.
pub(crate) fn code_cache(directory: &Path) -> anyhow::Result<CodeCache> {
    CodeCache::open(directory).context("the cache of compiled plugins can't be used")
}

/// The user's cache. Without a folder for it, plugins are compiled each time.
fn user_code_cache() -> anyhow::Result<CodeCache> {
    user_cache().map_or_else(|| Ok(CodeCache::disabled()), |directory| code_cache(&directory))
}

/// `$XDG_CACHE_HOME/windlass/code`, or below `$HOME/.cache`.
fn user_cache() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")))?;
    Some(base.join("windlass/code"))
}
