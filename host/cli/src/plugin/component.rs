//! The plugin that a command is about: a folder to be built, or a component that is there.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::TempDir;
use windlass_kit::{Case, Subject, cargo};
use windlass_plugins::CodeCache;

use crate::args::{CasesArgs, WorkedOnArgs};

/// A component on disk, and where its plugin is at home.
pub(super) struct Component {
    pub(super) wasm: PathBuf,
    folder: PathBuf,
}

/// Whether `plugin` is a component rather than a plugin's folder.
pub(super) fn is_component(plugin: &Path) -> bool {
    plugin.extension().is_some_and(|extension| extension == "wasm") && !plugin.is_dir()
}

impl Component {
    /// The component itself, or what its folder builds. What the compiler says goes to standard error.
    pub(super) fn find(args: &WorkedOnArgs) -> anyhow::Result<Component> {
        let WorkedOnArgs { plugin, profile } = args;
        if is_component(plugin) {
            return Ok(Component { wasm: plugin.clone(), folder: PathBuf::from(".") });
        }
        let wasm = cargo::build(plugin, profile, std::io::stderr().lock())?;
        Ok(Component { wasm, folder: plugin.clone() })
    }

    /// Loads it.
    pub(super) fn load(&self) -> anyhow::Result<Loaded> {
        // Each build is another component: its compiled code is of no use to anybody later.
        let code = tempfile::tempdir().context("cannot make a folder for compiled code")?;
        let subject = Subject::load(&self.wasm, CodeCache::open(&code.path().join("code"))?)?;
        Ok(Loaded { subject, _code: code })
    }

    /// The cases of the flags.
    pub(super) fn cases(&self, args: &CasesArgs) -> anyhow::Result<Vec<Case>> {
        let CasesArgs { cases, only } = args;
        let folder = cases.clone().unwrap_or_else(|| self.folder.join("cases"));
        let mut cases = Case::read_all(&folder)?;
        if let Some(only) = only {
            cases.retain(|case| case.name.contains(only));
            anyhow::ensure!(!cases.is_empty(), "no case in {} has {only:?} in its name", folder.display());
        }
        Ok(cases)
    }
}

/// A loaded plugin, and the compiled code that it runs.
pub(super) struct Loaded {
    pub(super) subject: Subject,
    _code: TempDir,
}
