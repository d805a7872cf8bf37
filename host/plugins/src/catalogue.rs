//! The plugins that are loaded: who serves, who failed, who goes first.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use windlass_api::errors::in_one_line;

use crate::code::CodeCache;
use crate::digest::Digest;
use crate::engine::Engine;
use crate::load::{LoadError, Template, configure, load};
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

/// A plugin that is to be loaded.
pub struct Candidate<'a> {
    pub origin: Origin,
    pub wasm: Wasm<'a>,
    pub config: PluginConfig,
}

/// Where a component's bytes are.
#[derive(Clone, Copy, Debug)]
pub enum Wasm<'a> {
    Bytes(&'a [u8]),
    File(&'a Path),
}

fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    std::fs::read(path).map_err(|source| LoadError::Read { path: path.to_owned(), source })
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
        let settled = self.settle(origin, self.loaded(origin, wasm, config));
        self.publish();
        settled
    }

    /// Loads many plugins, on all processors, and publishes them together. The answers are in the candidates' order.
    pub fn load_all(&self, candidates: &[Candidate<'_>]) -> Vec<Result<Plugin, Arc<LoadError>>> {
        let next = AtomicUsize::new(0);
        let work = || {
            let mut done = Vec::new();
            while let at = next.fetch_add(1, Ordering::Relaxed)
                && let Some(Candidate { origin, wasm, config }) = candidates.get(at)
            {
                let wasm = match wasm {
                    Wasm::Bytes(bytes) => Ok(Cow::Borrowed(*bytes)),
                    Wasm::File(path) => read(path).map(Cow::Owned),
                };
                let loaded =
                    wasm.and_then(|wasm| load(&self.engine, &self.cache, &wasm, origin, config.clone()));
                done.push((at, self.settle(origin, loaded)));
            }
            done
        };
        let workers = std::thread::available_parallelism().map_or(1, usize::from).min(candidates.len());
        let mut done: Vec<_> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            workers.into_iter().flat_map(|worker| worker.join().expect("loading doesn't panic")).collect()
        });
        self.publish();
        done.sort_by_key(|(at, _)| *at);
        done.into_iter().map(|(_, settled)| settled).collect()
    }

    /// Loads a plugin from a file, or a new version of it.
    ///
    /// # Errors
    /// The file can't be read, or else as [`load`](Self::load).
    pub fn load_file(&self, path: &Path, config: PluginConfig) -> Result<Plugin, Arc<LoadError>> {
        let origin = Origin::File(path.to_owned());
        let loaded = read(path).and_then(|wasm| self.loaded(&origin, &wasm, config));
        let settled = self.settle(&origin, loaded);
        self.publish();
        settled
    }

    /// Compiles an interpreter of which plugins are made by giving it settings. It is no plugin itself.
    ///
    /// # Errors
    /// It can't be compiled, or is no interpreter.
    pub fn template(&self, origin: &Origin, wasm: &[u8]) -> Result<Template, LoadError> {
        Template::new(&self.engine, &self.cache, wasm, origin)
    }

    /// The plugin that `template` is under this configuration, without loading it.
    ///
    /// # Errors
    /// It refuses its settings, or a limit is out of bounds.
    pub fn made_of(
        &self,
        origin: &Origin,
        template: &Template,
        config: PluginConfig,
    ) -> Result<Plugin, LoadError> {
        template.plugin(&self.engine, origin, config)
    }

    /// Loads the plugin that `template` is under this configuration, or a new version of it.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_template(
        &self,
        origin: &Origin,
        template: &Template,
        config: PluginConfig,
    ) -> Result<Plugin, Arc<LoadError>> {
        let serving = self.slots.lock().get(origin).and_then(|slot| slot.serving.clone());
        let loaded = match serving {
            Some(plugin) if *plugin.about().config() == config => Ok(plugin),
            _ => self.made_of(origin, template, config),
        };
        let settled = self.settle(origin, loaded);
        self.publish();
        settled
    }

    /// The interfaces that a component imports, in the order in which it names them; none of what is no component.
    pub fn imports(&self, wasm: &[u8]) -> Vec<String> {
        let engine = self.engine.wasm();
        self.cache.component(engine, wasm, &Digest::of(wasm)).map_or_else(
            |_| Vec::new(),
            |component| component.component_type().imports(engine).map(|(name, _)| name.to_owned()).collect(),
        )
    }

    /// Gives a loaded plugin another configuration. `None`: there is none of this origin.
    ///
    /// # Errors
    /// The plugin refuses its settings, or a limit is out of bounds; it goes on with what it had.
    pub fn configure(&self, origin: &Origin, config: PluginConfig) -> Option<Result<Plugin, Arc<LoadError>>> {
        let plugin = self.slots.lock().get(origin)?.serving.clone()?;
        let settled = self.settle(origin, configure(&self.engine, &plugin, config));
        self.publish();
        Some(settled)
    }

    /// Makes it a plugin's state that it could not even be tried; an earlier version goes on serving.
    pub fn fail(&self, origin: &Origin, error: LoadError) {
        self.record_failure(origin, error);
        self.publish();
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

    /// The plugin of these bytes: what serves already, if it is the same, with its counts and its instances.
    fn loaded(&self, origin: &Origin, wasm: &[u8], config: PluginConfig) -> Result<Plugin, LoadError> {
        let serving = self.slots.lock().get(origin).and_then(|slot| slot.serving.clone());
        match serving {
            Some(plugin) if plugin.about().digest() == Digest::of(wasm) => {
                if *plugin.about().config() == config {
                    Ok(plugin)
                } else {
                    configure(&self.engine, &plugin, config)
                }
            }
            _ => load(&self.engine, &self.cache, wasm, origin, config),
        }
    }

    /// Records how a plugin was loaded; it is seen when it is published.
    fn settle(&self, origin: &Origin, loaded: Result<Plugin, LoadError>) -> Result<Plugin, Arc<LoadError>> {
        let plugin = loaded.map_err(|error| self.record_failure(origin, error))?;
        let about = plugin.about();
        tracing::info!(
            %origin,
            plugin = %about.name(),
            version = about.manifest().version,
            digest = %about.digest(),
            "plugin serves"
        );
        self.slots.lock().insert(origin.clone(), Slot { serving: Some(plugin.clone()), failure: None });
        Ok(plugin)
    }

    fn record_failure(&self, origin: &Origin, error: LoadError) -> Arc<LoadError> {
        let error = Arc::new(error);
        tracing::warn!(%origin, error = in_one_line(error.as_ref()), "plugin not loaded");
        self.slots.lock().entry(origin.clone()).or_default().failure = Some(Arc::clone(&error));
        error
    }

    fn publish(&self) {
        let slots = self.slots.lock();
        let generation = self.generation.load(Ordering::Relaxed) + 1;
        self.published.store(Arc::new(Snapshot { generation, entries: in_order(&slots) }));
        self.generation.store(generation, Ordering::Release);
    }
}

/// The entries in the order in which they are asked: by precedence, then by priority; by name where nothing else
/// decides. Of two with one name, the one that goes first serves.
fn in_order(slots: &BTreeMap<Origin, Slot>) -> Vec<Entry> {
    let mut slots: Vec<_> = slots.iter().collect();
    slots.sort_by_cached_key(|(origin, slot)| {
        let about = slot.serving.as_ref().map(Plugin::about);
        let priority = about.map_or(0, |about| about.config().priority);
        let name = about.map(|about| Arc::clone(about.name()));
        (origin.precedence(), std::cmp::Reverse(priority), name, (*origin).clone())
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
