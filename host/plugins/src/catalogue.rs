//! The plugins that are loaded: who serves, who failed, who goes first.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use crate::code::CodeCache;
use crate::engine::Engine;
use crate::load::{LoadError, configure, load};
use crate::plugin::{AdmissionPlugin, InterpreterPlugin, Origin, Plugin, PluginConfig};

/// All loaded plugins. Reading takes no lock; changes are published as a whole, so a call that has begun goes on
/// with what it began with, and the next one finds the new version.
pub struct Catalogue {
    engine: Arc<Engine>,
    cache: CodeCache,
    published: ArcSwap<Snapshot>,
    /// The number of `published`, to be compared without loading it.
    generation: AtomicU64,
    /// Held while a change is published, never while a plugin is compiled.
    slots: Mutex<BTreeMap<Origin, Slot>>,
}

#[derive(Clone, Default)]
struct Slot {
    serving: Option<Plugin>,
    failure: Option<Arc<LoadError>>,
}

/// The catalogue at one moment.
#[derive(Default)]
pub struct Snapshot {
    generation: u64,
    entries: Vec<Entry>,
}

/// One plugin of the catalogue.
#[derive(Clone)]
pub struct Entry {
    pub origin: Origin,
    /// What answers; the last good version where a newer one failed.
    pub plugin: Option<Plugin>,
    pub state: State,
}

/// How a plugin stands.
#[derive(Clone, Debug)]
pub enum State {
    Serving,
    /// It can't be loaded. Where an earlier version could be, that one still serves.
    Failed(Arc<LoadError>),
    /// Another plugin of the same name goes before it.
    Shadowed {
        by: Origin,
    },
}

impl Catalogue {
    /// An empty catalogue.
    pub fn new(engine: Arc<Engine>, cache: CodeCache) -> Catalogue {
        Catalogue {
            engine,
            cache,
            published: ArcSwap::from_pointee(Snapshot::default()),
            generation: AtomicU64::new(0),
            slots: Mutex::default(),
        }
    }

    /// Loads a plugin, or a new version of the one of the same origin.
    ///
    /// # Errors
    /// It can't be loaded. That is its state then, and an earlier version goes on serving.
    pub fn load(&self, origin: &Origin, wasm: &[u8], config: PluginConfig) -> Result<Plugin, Arc<LoadError>> {
        let loaded = load(&self.engine, &self.cache, wasm, origin, config);
        self.settle(origin, loaded)
    }

    /// Loads a plugin from a file, or a new version of it.
    ///
    /// # Errors
    /// The file can't be read, or else as [`load`](Self::load).
    pub fn load_file(&self, path: &Path, config: PluginConfig) -> Result<Plugin, Arc<LoadError>> {
        let origin = Origin::File(path.to_owned());
        match std::fs::read(path) {
            Ok(wasm) => self.load(&origin, &wasm, config),
            Err(source) => self.settle(&origin, Err(LoadError::Read { path: path.to_owned(), source })),
        }
    }

    /// Gives a loaded plugin another configuration. `None`: there is none of this origin.
    ///
    /// # Errors
    /// The plugin refuses its settings, or a limit is out of bounds; it goes on with what it had.
    pub fn configure(&self, origin: &Origin, config: PluginConfig) -> Option<Result<Plugin, Arc<LoadError>>> {
        let plugin = self.slots.lock().get(origin)?.serving.clone()?;
        Some(self.settle(origin, configure(&self.engine, &plugin, config)))
    }

    /// Records that a plugin could not even be read; an earlier version goes on serving.
    pub(crate) fn fail(&self, origin: &Origin, error: LoadError) -> Arc<LoadError> {
        let error = Arc::new(error);
        tracing::warn!(%origin, error = %Described(&error), "plugin not loaded");
        self.slots.lock().entry(origin.clone()).or_default().failure = Some(Arc::clone(&error));
        self.publish();
        error
    }

    /// Removes a plugin. Calls that run end as they would have.
    pub fn remove(&self, origin: &Origin) {
        if self.slots.lock().remove(origin).is_some() {
            tracing::info!(%origin, "plugin removed");
            self.publish();
        }
    }

    /// The catalogue as it is now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.published.load_full()
    }

    /// Changes whenever the catalogue does.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    fn settle(&self, origin: &Origin, loaded: Result<Plugin, LoadError>) -> Result<Plugin, Arc<LoadError>> {
        let plugin = loaded.map_err(|error| self.fail(origin, error))?;
        let about = plugin.about();
        tracing::info!(
            %origin,
            plugin = %about.name(),
            version = about.manifest().version,
            digest = %about.digest(),
            "plugin serves"
        );
        self.slots.lock().insert(origin.clone(), Slot { serving: Some(plugin.clone()), failure: None });
        self.publish();
        Ok(plugin)
    }

    fn publish(&self) {
        let slots = self.slots.lock();
        let generation = self.generation.load(Ordering::Relaxed) + 1;
        self.published.store(Arc::new(Snapshot { generation, entries: in_order(&slots) }));
        self.generation.store(generation, Ordering::Release);
    }
}

/// The entries in the order in which they are asked: what an administrator chose, by priority, then what is built
/// in; by name where nothing else decides. Of two with one name, the one that goes first serves.
fn in_order(slots: &BTreeMap<Origin, Slot>) -> Vec<Entry> {
    let mut slots: Vec<_> = slots.iter().collect();
    slots.sort_by_cached_key(|(origin, slot)| {
        let about = slot.serving.as_ref().map(Plugin::about);
        let priority = about.map_or(0, |about| about.config().priority);
        let name = about.map(|about| Arc::clone(about.name()));
        (!origin.is_admins(), std::cmp::Reverse(priority), name, (*origin).clone())
    });
    let mut first_of: BTreeMap<Arc<str>, Origin> = BTreeMap::new();
    slots
        .into_iter()
        .map(|(origin, slot)| {
            let shadow = slot.serving.as_ref().and_then(|plugin| {
                let name = plugin.about().name();
                let first = first_of.entry(Arc::clone(name)).or_insert_with(|| origin.clone());
                (first != origin).then(|| first.clone())
            });
            let state = match (&slot.failure, shadow) {
                (_, Some(by)) => State::Shadowed { by },
                (Some(error), None) => State::Failed(Arc::clone(error)),
                (None, None) => State::Serving,
            };
            Entry { origin: origin.clone(), plugin: slot.serving.clone(), state }
        })
        .collect()
}

impl Snapshot {
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// All plugins, those that don't serve included, in the order in which they are asked.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The interpreters that serve, in the order in which they are asked.
    pub fn interpreters(&self) -> impl Iterator<Item = &Arc<InterpreterPlugin>> {
        self.serving().filter_map(|plugin| match plugin {
            Plugin::Interpreter(plugin) => Some(plugin),
            Plugin::Admission(_) => None,
        })
    }

    /// The admission plugins that serve, in the order in which they are asked.
    pub fn admission(&self) -> impl Iterator<Item = &Arc<AdmissionPlugin>> {
        self.serving().filter_map(|plugin| match plugin {
            Plugin::Admission(plugin) => Some(plugin),
            Plugin::Interpreter(_) => None,
        })
    }

    fn serving(&self) -> impl Iterator<Item = &Plugin> {
        self.entries
            .iter()
            .filter(|entry| !matches!(entry.state, State::Shadowed { .. }))
            .filter_map(|entry| entry.plugin.as_ref())
    }
}

/// An error with its sources, for a log line.
pub(crate) struct Described<'a>(pub(crate) &'a (dyn std::error::Error + 'static));

impl std::fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        std::iter::successors(self.0.source(), |error| error.source())
            .try_for_each(|error| write!(f, ": {error}"))
    }
}
