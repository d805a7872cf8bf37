//! Building a plugin: cargo makes the component, and says where it is.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

/// What plugins are built for.
pub const TARGET: &str = "wasm32-wasip2";

/// Why there is no component. What the compiler says has been passed on before.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error(
        "{} is not a plugin's folder: it has no Cargo.toml; `windlass plugin new NAME --kind GROUP/VERSION/Kind` makes one",
        path.display()
    )]
    NoCrate { path: PathBuf },
    #[error("cargo can't be run: install Rust from https://rustup.rs")]
    NoCargo { source: io::Error },
    #[error("the target {TARGET} is not installed: run `rustup target add {TARGET}` in {}", path.display())]
    NoTarget { path: PathBuf },
    #[error("{} does not build", path.display())]
    Failed { path: PathBuf },
    #[error(
        "{} builds no component: its Cargo.toml needs [lib] crate-type = [\"cdylib\", \"rlib\"]",
        path.display()
    )]
    NoComponent { path: PathBuf },
}

/// The end of what cargo prints is looked at for what it can't find.
const LOOKED_AT_BYTES_MAX: usize = 64 << 10;

/// Builds the crate in `folder` with this profile; what cargo prints goes to `messages`.
///
/// # Errors
/// There is no crate, or no component comes of it.
pub fn build(folder: &Path, profile: &str, mut messages: impl Write) -> Result<PathBuf, BuildError> {
    let path = || folder.to_owned();
    let manifest = folder.join("Cargo.toml");
    let Ok(manifest) = manifest.canonicalize() else { return Err(BuildError::NoCrate { path: path() }) };
    let mut cargo = Command::new("cargo")
        .args(["build", "--lib", "--target", TARGET, "--profile", profile])
        .args(["--message-format", "json-render-diagnostics", "--manifest-path"])
        .arg(&manifest)
        // rustup reads the crate's own choice of a toolchain from where it is run.
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|source| BuildError::NoCargo { source })?;
    let stdout = cargo.stdout.take().expect("it is piped");
    let reader = std::thread::spawn(move || component(stdout, &manifest));
    let printed = pass_on(cargo.stderr.take().expect("it is piped"), &mut messages);
    let found = reader.join().expect("reading lines doesn't panic");
    let built = cargo.wait().map_err(|source| BuildError::NoCargo { source })?;
    if !built.success() {
        return Err(if printed.contains("target may not be installed") {
            BuildError::NoTarget { path: path() }
        } else {
            BuildError::Failed { path: path() }
        });
    }
    found.ok_or_else(|| BuildError::NoComponent { path: path() })
}

/// Passes lines on as they come, and keeps the end of them.
fn pass_on(from: impl Read, to: &mut impl Write) -> String {
    let mut kept = Vec::new();
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while matches!(from.read_until(b'\n', &mut line), Ok(1..)) {
        // Whoever doesn't want to see it any more still gets the component.
        to.write_all(&line).and_then(|()| to.flush()).unwrap_or_default();
        kept.append(&mut line);
        kept.drain(..kept.len().saturating_sub(LOOKED_AT_BYTES_MAX));
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// One of cargo's messages, as far as it is looked at.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    manifest_path: PathBuf,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

/// The component that cargo reports for this manifest.
fn component(from: impl Read, manifest: &Path) -> Option<PathBuf> {
    let mut found = None;
    for line in BufReader::new(from).lines() {
        let Ok(line) = line else { break };
        let Ok(message) = serde_json::from_str::<Message>(&line) else { continue };
        if message.reason == "compiler-artifact"
            && message.manifest_path.canonicalize().is_ok_and(|path| path == manifest)
        {
            let is_wasm = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "wasm");
            found = message.filenames.into_iter().find(is_wasm).or(found);
        }
    }
    found
}
