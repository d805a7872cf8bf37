//! `windlass plugin build`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use serde::Serialize;

use super::component::Component;
use super::show::size;
use crate::args::{PluginBuildArgs, WorkedOnArgs};

/// What was built.
#[derive(Serialize)]
struct Built {
    name: String,
    version: String,
    digest: String,
    bytes: usize,
    path: PathBuf,
}

pub(super) fn command(args: PluginBuildArgs) -> anyhow::Result<ExitCode> {
    let PluginBuildArgs { plugin, profile, to, output } = args;
    let component = Component::find(&WorkedOnArgs { plugin, profile })?;
    // What doesn't load is worth nothing, so it is tried here and not in the control plane.
    let loaded = component.load()?;
    let plugin = loaded.subject.plugin();
    let about = plugin.about();
    let mut path = component.wasm.clone();
    if let Some(folder) = to {
        path = folder.join(format!("{}.wasm", about.name()));
        put(&component.wasm, &path).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let built = Built {
        name: about.name().to_string(),
        version: about.manifest().version.clone(),
        digest: about.digest().to_string(),
        bytes: loaded.subject.bytes(),
        path,
    };
    super::print(output, &built, |Built { name, version, digest, bytes, path }| {
        format!("{name} {version}, {}, {digest}\n{}\n", size(*bytes), path.display())
    })
}

/// Copies as a whole or not at all: a control plane may be watching the folder.
fn put(from: &PathBuf, to: &PathBuf) -> std::io::Result<()> {
    let folder = to.parent().unwrap_or(to);
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    std::io::copy(&mut std::fs::File::open(from)?, &mut file)?;
    file.persist(to)?;
    Ok(())
}
