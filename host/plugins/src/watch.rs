//! Plugins of a directory: loaded as they appear, replaced as they change, removed as they go.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use parking_lot::{Condvar, Mutex};
use serde_json::Value;

use crate::catalogue::{Candidate, Catalogue, Wasm};
use crate::load::LoadError;
use crate::plugin::{Origin, PluginConfig};

/// A directory whose `*.wasm` files are kept loaded, each with the settings in `NAME.settings.json` beside it, if
/// there is such a file. Dropping it ends the watching; the plugins stay.
pub struct DirectoryWatch {
    stop: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

/// The directory of plugins can't be watched.
#[derive(Debug, thiserror::Error)]
#[error("the plugin directory {} can't be read", path.display())]
pub struct WatchError {
    path: PathBuf,
    source: io::Error,
}

const POLL_EVERY: Duration = Duration::from_millis(200);

/// How a file looks from outside. Two equal looks, one poll apart: nobody is writing to it.
type Look = (u64, Option<SystemTime>);

/// The look of a plugin's file and of its settings.
type Looks = (Look, Option<Look>);

struct Watched {
    looks: Looks,
    /// Whether what is there now was loaded, or tried to be.
    settled: bool,
}

impl DirectoryWatch {
    /// Loads what is in `directory` and keeps watching it. A file that can't be loaded is an entry in the
    /// catalogue, not an error.
    ///
    /// # Errors
    /// The directory can't be read.
    pub fn start(
        catalogue: Arc<Catalogue>,
        directory: &Path,
        config: PluginConfig,
    ) -> Result<DirectoryWatch, WatchError> {
        let failed = |source| WatchError { path: directory.to_owned(), source };
        let found = look_around(directory).map_err(failed)?;
        load(&catalogue, found.keys().map(PathBuf::as_path), &config);
        let mut files: BTreeMap<_, _> =
            found.into_iter().map(|(path, looks)| (path, Watched { looks, settled: true })).collect();
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let (stopped, directory) = (Arc::clone(&stop), directory.to_owned());
        let thread = std::thread::Builder::new()
            .name("plugin-directory".into())
            .spawn(move || {
                let (stopped, woken) = &*stopped;
                let mut stopped = stopped.lock();
                while !*stopped {
                    woken.wait_for(&mut stopped, POLL_EVERY);
                    if !*stopped {
                        parking_lot::MutexGuard::unlocked(&mut stopped, || {
                            poll(&catalogue, &directory, &config, &mut files);
                        });
                    }
                }
            })
            .map_err(|source| WatchError { path: PathBuf::new(), source })?;
        Ok(DirectoryWatch { stop, thread: Some(thread) })
    }
}

impl Drop for DirectoryWatch {
    fn drop(&mut self) {
        *self.stop.0.lock() = true;
        self.stop.1.notify_all();
        if let Some(thread) = self.thread.take() {
            // It panics only where this process has a defect, and then has said so.
            thread.join().unwrap_or_default();
        }
    }
}

/// Looks once: loads files that have changed and then held still for one poll, removes those that are gone.
fn poll(
    catalogue: &Catalogue,
    directory: &Path,
    config: &PluginConfig,
    files: &mut BTreeMap<PathBuf, Watched>,
) {
    let found = match look_around(directory) {
        Ok(found) => found,
        Err(error) => {
            // A directory that is out of reach for a moment is no reason to drop what serves.
            tracing::warn!(path = %directory.display(), %error, "plugin directory can't be read");
            return;
        }
    };
    files.retain(|path, _| {
        let kept = found.contains_key(path);
        if !kept {
            catalogue.remove(&Origin::File(path.clone()));
        }
        kept
    });
    let mut still = Vec::new();
    for (path, looks) in &found {
        match files.get_mut(path) {
            Some(watched) if watched.looks != *looks => *watched = Watched { looks: *looks, settled: false },
            Some(watched) if !watched.settled => {
                watched.settled = true;
                still.push(path.as_path());
            }
            Some(_) => {}
            None => {
                files.insert(path.clone(), Watched { looks: *looks, settled: false });
            }
        }
    }
    load(catalogue, still, config);
}

fn look_around(directory: &Path) -> io::Result<BTreeMap<PathBuf, Looks>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension() == Some(OsStr::new("wasm"))
            && let Some(own) = look(&path)
        {
            let settings = look(&settings_path(&path));
            found.insert(path, (own, settings));
        }
    }
    Ok(found)
}

fn look(path: &Path) -> Option<Look> {
    let metadata = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
    Some((metadata.len(), metadata.modified().ok()))
}

fn settings_path(plugin: &Path) -> PathBuf {
    plugin.with_extension("settings.json")
}

/// Loads files. The catalogue keeps and logs what goes wrong.
fn load<'a>(catalogue: &Catalogue, paths: impl IntoIterator<Item = &'a Path>, config: &PluginConfig) {
    let mut candidates = Vec::new();
    for path in paths {
        let origin = Origin::File(path.to_owned());
        match settings(&settings_path(path), &config.settings) {
            Ok(settings) => {
                let config = PluginConfig { settings, ..config.clone() };
                candidates.push(Candidate { origin, wasm: Wasm::File(path), config });
            }
            Err(error) => catalogue.fail(&origin, error),
        }
    }
    if !candidates.is_empty() {
        catalogue.load_all(&candidates);
    }
}

fn settings(path: &Path, default: &Value) -> Result<Value, LoadError> {
    match std::fs::read(path) {
        Ok(text) => serde_json::from_slice(&text)
            .map_err(|source| LoadError::SettingsSyntax { path: path.to_owned(), source }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(default.clone()),
        Err(source) => Err(LoadError::Read { path: path.to_owned(), source }),
    }
}
