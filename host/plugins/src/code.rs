//! Compiled code, kept on disk between runs.
//!
//! Compiling a plugin takes a quarter of a second, mapping its compiled code a fraction of a millisecond. But
//! compiled code is machine code: whoever can put a file here can run what they like in this process. So the
//! directory is private to this user, and nothing in it ever comes from anywhere else; each artifact's digest is
//! recorded beside it and verified before it is mapped, so that a damaged one is compiled anew; and its name says
//! which component it is for and which engine it fits.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{Hash, Hasher};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::digest::Digest;

/// Why a directory can't hold compiled code.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    #[error("the directory for compiled plugins, {}, can't be used", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{} is not a directory: compiled plugins need one of their own", path.display())]
    NotADirectory { path: PathBuf },
    #[error(
        "{} belongs to another user, or others may write to it (mode {mode:o}): compiled plugins are machine code, so remove the directory and let it be made anew",
        path.display()
    )]
    NotPrivate { path: PathBuf, mode: u32 },
}

/// A private directory of compiled code, or none: then each start compiles.
#[derive(Debug)]
pub struct CodeCache {
    directory: Option<PathBuf>,
    /// Distinguishes the temporary files of this process.
    written: AtomicU64,
}

impl CodeCache {
    /// Keeps nothing.
    pub const fn disabled() -> CodeCache {
        CodeCache { directory: None, written: AtomicU64::new(0) }
    }

    /// Keeps compiled code in `directory`, which is made if it isn't there.
    ///
    /// # Errors
    /// It can't be made or written to, or isn't private to this user.
    pub fn open(directory: &Path) -> Result<CodeCache, CacheError> {
        let path = || directory.to_owned();
        let io = |source| CacheError::Io { path: path(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(io)?;
        let found = fs::symlink_metadata(directory).map_err(io)?;
        if !found.is_dir() {
            return Err(CacheError::NotADirectory { path: path() });
        }
        let cache = CodeCache { directory: Some(path()), written: AtomicU64::new(0) };
        // Whoever owns a file that this process makes is who this process runs as.
        let probe = cache.temporary(directory);
        let ours = create(&probe).and_then(|file| file.metadata()).map_err(io)?.uid();
        fs::remove_file(&probe).map_err(io)?;
        let mode = found.permissions().mode() & 0o7777;
        if found.uid() != ours || mode & 0o022 != 0 {
            return Err(CacheError::NotPrivate { path: path(), mode });
        }
        if mode & 0o077 != 0 {
            fs::set_permissions(directory, fs::Permissions::from_mode(0o700)).map_err(io)?;
        }
        Ok(cache)
    }

    /// The compiled component of `wasm`: from the directory if it is there and sound, else compiled and put there.
    pub(crate) fn component(
        &self,
        engine: &Engine,
        wasm: &[u8],
        digest: &Digest,
    ) -> wasmtime::Result<Component> {
        let Some(directory) = &self.directory else { return Component::new(engine, wasm) };
        let artifact = directory.join(format!("{}-{}.cwasm", digest.hex(), engine_key(engine)));
        if let Some(component) = from_disk(engine, &artifact) {
            return Ok(component);
        }
        let code = engine.precompile_component(wasm)?;
        // The cache is for speed: a full disk must not keep a plugin from being loaded.
        if let Err(error) = self.put(directory, &artifact, &code) {
            tracing::warn!(path = %artifact.display(), %error, "compiled plugin not kept");
        } else if let Some(component) = from_disk(engine, &artifact) {
            return Ok(component);
        }
        Component::new(engine, wasm)
    }

    /// Writes the artifact and its digest, each whole or not at all. Two processes that do so at the same time, or
    /// one that is killed between the two files, leave a pair that at worst doesn't match: it is compiled anew.
    fn put(&self, directory: &Path, artifact: &Path, code: &[u8]) -> io::Result<()> {
        for (path, bytes) in
            [(artifact, code), (&recorded_digest(artifact), Digest::of(code).hex().as_bytes())]
        {
            let temporary = self.temporary(directory);
            let written = create(&temporary).and_then(|mut file| file.write_all(bytes));
            if let Err(error) = written.and_then(|()| fs::rename(&temporary, path)) {
                // What is left of a failed write is of no use; if it can't be removed either, the first error says why.
                fs::remove_file(&temporary).unwrap_or_default();
                return Err(error);
            }
        }
        Ok(())
    }

    fn temporary(&self, directory: &Path) -> PathBuf {
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        directory.join(format!(".{}-{:p}-{number}.tmp", std::process::id(), self))
    }
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

fn recorded_digest(artifact: &Path) -> PathBuf {
    artifact.with_extension("sha256")
}

/// The compiled component in a file, if the file is what was written.
#[allow(
    unsafe_code,
    reason = "mapping compiled code is what this module is for; the digest is verified first"
)]
fn from_disk(engine: &Engine, artifact: &Path) -> Option<Component> {
    let recorded = fs::read_to_string(recorded_digest(artifact)).ok()?;
    if Digest::of(&fs::read(artifact).ok()?).hex() != recorded {
        tracing::warn!(path = %artifact.display(), "compiled plugin is not what was written; compiling it anew");
        return None;
    }
    // SAFETY: the file was written by this program from `Engine::precompile_component`: it lies in a directory that
    // only this user can write to, under a name that only `put` makes, and its content has the digest that `put`
    // recorded. Files are replaced by renaming and never written in place, so the mapping doesn't change.
    let component = unsafe { Component::deserialize_file(engine, artifact) };
    component
        .inspect_err(|error| tracing::warn!(path = %artifact.display(), %error, "compiled plugin can't be used; compiling it anew"))
        .ok()
}

/// What compiled code depends on but the component: the engine's version, its settings, the processor's features.
fn engine_key(engine: &Engine) -> String {
    struct Sha(Sha256);
    impl Hasher for Sha {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }

        fn finish(&self) -> u64 {
            let digest = self.0.clone().finalize();
            u64::from_le_bytes(digest.first_chunk().copied().unwrap_or_default())
        }
    }
    let mut sha = Sha(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut sha);
    format!("{:016x}", sha.finish())
}
