//! The SDK that this binary carries, so that a new plugin needs neither a checkout nor a registry to find it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

include!(concat!(env!("OUT_DIR"), "/sdk.rs"));

/// The version of the SDK, which is the binary's.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A folder that can't hold the SDK.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the SDK to {}", path.display())]
pub struct UnpackError {
    path: PathBuf,
    source: io::Error,
}

/// Where the SDK is put inside a plugin's folder. The version is part of it: a crate stays with the SDK that it was
/// written for until its author changes the path.
pub fn folder() -> String {
    format!("vendor/windlass-sdk-{VERSION}")
}

/// The toolchain that plugins are built with, and its target, as rustup reads it.
pub fn toolchain() -> &'static str {
    TOOLCHAIN
}

/// The packages of a lock file that the SDK needs, so that a new crate builds what this workspace was tested with.
pub(crate) fn locked() -> &'static str {
    LOCKED
}

/// All files, by their place in [`folder`].
pub(crate) fn files() -> impl Iterator<Item = (&'static str, &'static str)> {
    std::iter::once(("Cargo.toml", WORKSPACE)).chain(FILES.iter().copied())
}

/// Writes the SDK below `root`, into [`folder`]. What is there of the same version is written over.
///
/// # Errors
/// A file can't be written.
pub fn unpack(root: &Path) -> Result<PathBuf, UnpackError> {
    let folder = root.join(folder());
    for (name, text) in files() {
        let path = folder.join(name);
        write(&path, text).map_err(|source| UnpackError { path, source })?;
    }
    Ok(folder)
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sdk_is_whole() {
        let names: Vec<&str> = files().map(|(name, _)| name).collect();
        for wanted in [
            "Cargo.toml",
            "rust/Cargo.toml",
            "rust/src/lib.rs",
            "wit/interpreter@0.1.0/interpreter.wit",
            "cases.md",
        ] {
            assert!(names.contains(&wanted), "{wanted}: {names:?}");
        }
        for dependency in ["serde", "serde_json", "wit-bindgen", "serde-saphyr", "thiserror"] {
            assert!(WORKSPACE.contains(&format!("\n{dependency} = ")), "{dependency}: {WORKSPACE}");
            assert!(LOCKED.contains(&format!("name = \"{dependency}\"\n")), "{dependency}");
        }
        assert!(!LOCKED.contains("wasmtime"), "only what the SDK needs is locked");
    }

    #[test]
    fn it_unpacks_into_a_folder_of_its_version() {
        let root = tempfile::tempdir().unwrap();
        let folder = unpack(root.path()).unwrap();
        assert!(folder.ends_with(format!("windlass-sdk-{VERSION}")));
        assert_eq!(unpack(root.path()).unwrap(), folder, "a second time is as good");
        assert!(fs::read_to_string(folder.join("rust/src/lib.rs")).unwrap().contains("Windlass plugins"));
    }
}
