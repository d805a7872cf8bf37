//! From bytes to a plugin: what must hold before anything is asked of it.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use wasmtime::component::Component;
use windlass_core::Blame;

use crate::code::CodeCache;
use crate::contract::admission_v0_1::AdmissionV0_1;
use crate::contract::interpreter_v0_1::InterpreterV0_1;
use crate::contract::{AdmissionCalls, InterpreterCalls, Manifest, World};
use crate::digest::Digest;
use crate::engine::Engine;
use crate::fault::Fault;
use crate::health::Health;
use crate::limits::{Isolation, Limits};
use crate::manifest::check;
use crate::plugin::{About, AdmissionPlugin, InterpreterPlugin, Origin, Plugin, PluginConfig};
use crate::pool::{Contract, Pool};
use crate::wasi;

/// Why a plugin was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file can't be read.
    #[error("plugin {} can't be read", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    /// The bytes are not WebAssembly at all.
    #[error("{origin} is not WebAssembly: a plugin is a component, a file that begins with \\0asm")]
    NotWasm { origin: Origin },
    /// The bytes are a core module.
    #[error(
        "{origin} is a core WebAssembly module, not a component: build it for wasm32-wasip2, or turn it into a component with wit-component"
    )]
    CoreModule { origin: Origin },
    /// Larger than any plugin needs to be.
    #[error("{origin} has {size_mib} MiB: a plugin may have at most {max_mib}")]
    TooLarge { origin: Origin, size_mib: usize, max_mib: usize },
    /// The component is damaged, or uses WebAssembly features that the host does not offer.
    #[error("{origin} does not compile: {reason}")]
    Compile { origin: Origin, reason: String },
    /// The component exports neither of the contract's interfaces.
    #[error("{origin} is no plugin: it exports {exports}, and a plugin exports one of {wanted}")]
    WrongWorld { origin: Origin, exports: String, wanted: String },
    /// The component speaks a version of the contract that this host does not.
    #[error(
        "{origin} speaks {found}; this host speaks {spoken}: rebuild the plugin against one of these, or upgrade the host"
    )]
    UnknownVersion { origin: Origin, found: String, spoken: String },
    /// The imports or exports have other types than the contract's.
    #[error("{origin} does not keep to the contract {world}: {reason}")]
    Contract { origin: Origin, world: &'static str, reason: String },
    /// A limit is out of bounds.
    #[error("{origin}: the limit {field} {problem}")]
    Limit { origin: Origin, field: &'static str, problem: String },
    /// The plugin failed before it said what it is.
    #[error("{origin} failed at describe ({}): {message}", blame.reason())]
    Describe { origin: Origin, blame: Blame, message: String },
    /// What the plugin says of itself can't be.
    #[error("{origin}: {field} in its manifest {problem}")]
    Manifest { origin: Origin, field: String, problem: String },
    /// The plugin refuses its settings.
    #[error("{origin}: its settings are refused ({}): {}{message}", blame.reason(), place(blame))]
    Settings { origin: Origin, blame: Blame, message: String },
    /// The settings are not JSON.
    #[error("the settings in {} are not JSON", path.display())]
    SettingsSyntax { path: PathBuf, source: serde_json::Error },
    /// A file with the settings of several plugins can't be used.
    #[error("{problem}")]
    SettingsFile { problem: String },
}

impl LoadError {
    /// Whether it is the settings that can't be used, rather than the plugin.
    pub fn is_about_settings(&self) -> bool {
        matches!(
            self,
            LoadError::Settings { .. } | LoadError::SettingsSyntax { .. } | LoadError::SettingsFile { .. }
        )
    }
}

const WASM_BYTES_MAX: usize = 64 << 20;
const MAGIC: &[u8] = b"\0asm";
/// After the magic: version 1 of a core module.
const CORE_MODULE: &[u8] = &[1, 0, 0, 0];

/// Compiles `wasm` (or takes it from the cache), and asks what it is.
pub(crate) fn load(
    engine: &Arc<Engine>,
    cache: &CodeCache,
    wasm: &[u8],
    origin: &Origin,
    config: PluginConfig,
) -> Result<Plugin, LoadError> {
    let (digest, compiled) = compile(engine, cache, wasm, origin)?;
    let subject = Subject { digest, origin, health: Arc::new(Health::new()) };
    match compiled {
        Compiled::Interpreter(calls) => interpreter(engine, calls.as_ref(), subject, config),
        Compiled::Admission(calls) => admission(engine, calls.as_ref(), subject, config),
    }
}

/// A loaded plugin under another configuration; its counts go on.
pub(crate) fn configure(engine: &Engine, plugin: &Plugin, config: PluginConfig) -> Result<Plugin, LoadError> {
    let about = plugin.about();
    let subject =
        Subject { digest: about.digest(), origin: about.origin(), health: Arc::clone(about.health()) };
    match plugin {
        Plugin::Interpreter(plugin) => interpreter(engine, plugin.calls(), subject, config),
        Plugin::Admission(plugin) => admission(engine, plugin.calls(), subject, config),
    }
}

/// An interpreter that is compiled, and becomes a plugin by its settings.
pub struct Template {
    calls: Box<dyn InterpreterCalls>,
    digest: Digest,
}

impl Template {
    /// # Errors
    /// It is no interpreter.
    pub(crate) fn new(
        engine: &Arc<Engine>,
        cache: &CodeCache,
        wasm: &[u8],
        origin: &Origin,
    ) -> Result<Template, LoadError> {
        match compile(engine, cache, wasm, origin)? {
            (digest, Compiled::Interpreter(calls)) => Ok(Template { calls, digest }),
            (_, Compiled::Admission(_)) => Err(LoadError::WrongWorld {
                origin: origin.clone(),
                exports: World::AdmissionV0_1.export().to_owned(),
                wanted: World::InterpreterV0_1.export().to_owned(),
            }),
        }
    }

    /// The plugin that it is under this configuration.
    pub(crate) fn plugin(
        &self,
        engine: &Engine,
        origin: &Origin,
        config: PluginConfig,
    ) -> Result<Plugin, LoadError> {
        let subject = Subject { digest: self.digest, origin, health: Arc::new(Health::new()) };
        interpreter(engine, self.calls.as_ref(), subject, config)
    }
}

/// Which plugin it is, whatever its configuration.
struct Subject<'a> {
    digest: Digest,
    origin: &'a Origin,
    health: Arc<Health>,
}

/// A component that keeps to a contract; without configuration, and under limits that nothing is asked under.
enum Compiled {
    Interpreter(Box<dyn InterpreterCalls>),
    Admission(Box<dyn AdmissionCalls>),
}

fn compile(
    engine: &Arc<Engine>,
    cache: &CodeCache,
    wasm: &[u8],
    origin: &Origin,
) -> Result<(Digest, Compiled), LoadError> {
    check_header(wasm, origin)?;
    let digest = Digest::of(wasm);
    let component = cache
        .component(engine.wasm(), wasm, &digest)
        .map_err(|error| LoadError::Compile { origin: origin.clone(), reason: format!("{error:#}") })?;
    let world = world(&component, origin)?;
    let compiled = match world {
        World::InterpreterV0_1 => {
            let pool: Pool<InterpreterV0_1> = pool(engine, &component, world, origin)?;
            Compiled::Interpreter(Box::new(pool))
        }
        World::AdmissionV0_1 => {
            let pool: Pool<AdmissionV0_1> = pool(engine, &component, world, origin)?;
            Compiled::Admission(Box::new(pool))
        }
    };
    Ok((digest, compiled))
}

fn interpreter(
    engine: &Engine,
    calls: &dyn InterpreterCalls,
    subject: Subject<'_>,
    config: PluginConfig,
) -> Result<Plugin, LoadError> {
    let PluginConfig { limits, settings, .. } = &config;
    check_limits(engine, subject.origin, limits)?;
    // A thousand plugins are described at a start, and most may not be asked for long: none keeps an instance for it.
    let describing = Limits { isolation: Isolation::PerCall, ..limits.clone() };
    let manifest = calls.configured(describing, settings).describe();
    let calls = calls.configured(limits.clone(), settings);
    let about = described(manifest, World::InterpreterV0_1, subject, config)?;
    Ok(Plugin::Interpreter(Arc::new(InterpreterPlugin::new(about, calls))))
}

fn admission(
    engine: &Engine,
    calls: &dyn AdmissionCalls,
    subject: Subject<'_>,
    config: PluginConfig,
) -> Result<Plugin, LoadError> {
    let origin = subject.origin;
    check_limits(engine, origin, &config.limits)?;
    let calls = calls.limited(config.limits.clone());
    let about = described(calls.describe(), World::AdmissionV0_1, subject, config)?;
    let plugin = AdmissionPlugin::new(about, calls).map_err(|fault| settings_refused(origin, fault))?;
    Ok(Plugin::Admission(Arc::new(plugin)))
}

fn described(
    manifest: Result<Manifest, Fault>,
    world: World,
    Subject { digest, origin, health }: Subject<'_>,
    config: PluginConfig,
) -> Result<About, LoadError> {
    let manifest = manifest.map_err(|fault| match fault.blame {
        // Nothing else can be refused before anything is asked.
        Blame::Rejected { .. } => settings_refused(origin, fault),
        blame => LoadError::Describe { origin: origin.clone(), blame, message: fault.message },
    })?;
    check(&manifest).map_err(|(field, problem)| LoadError::Manifest {
        origin: origin.clone(),
        field,
        problem,
    })?;
    Ok(About::new(manifest, world, digest, origin.clone(), config, health))
}

fn settings_refused(origin: &Origin, Fault { blame, message }: Fault) -> LoadError {
    LoadError::Settings { origin: origin.clone(), blame, message }
}

/// Where in the settings, as it goes before what is wrong there.
fn place(blame: &Blame) -> String {
    match blame {
        Blame::Rejected { field: Some(field) } => format!("{field}: "),
        _ => String::new(),
    }
}

fn pool<C: Contract>(
    engine: &Arc<Engine>,
    component: &Component,
    world: World,
    origin: &Origin,
) -> Result<Pool<C>, LoadError> {
    let pre = wasi::linker(component)
        .and_then(|linker| linker.instantiate_pre(component))
        .and_then(C::pre)
        .map_err(|error| LoadError::Contract {
        origin: origin.clone(),
        world: world.name(),
        reason: format!("{error:#}"),
    })?;
    Ok(Pool::new(Arc::clone(engine), Arc::new(pre), Limits::default(), &Value::Null))
}

fn check_header(wasm: &[u8], origin: &Origin) -> Result<(), LoadError> {
    let origin = || origin.clone();
    match wasm.strip_prefix(MAGIC) {
        None => Err(LoadError::NotWasm { origin: origin() }),
        Some(rest) if rest.starts_with(CORE_MODULE) => Err(LoadError::CoreModule { origin: origin() }),
        Some(_) if wasm.len() > WASM_BYTES_MAX => Err(LoadError::TooLarge {
            origin: origin(),
            size_mib: wasm.len() >> 20,
            max_mib: WASM_BYTES_MAX >> 20,
        }),
        Some(_) => Ok(()),
    }
}

/// Which contract the component speaks, by what it exports.
fn world(component: &Component, origin: &Origin) -> Result<World, LoadError> {
    let ty = component.component_type();
    let exports: Vec<&str> = ty.exports(component.engine()).map(|(name, _)| name).collect();
    if let Some(world) = World::ALL.into_iter().find(|world| exports.contains(&world.export())) {
        return Ok(world);
    }
    let list = |names: &mut dyn Iterator<Item = &str>| names.collect::<Vec<_>>().join(", ");
    let wanted = list(&mut World::ALL.iter().map(|world| world.export()));
    match exports
        .iter()
        .find(|name| World::ALL.iter().any(|world| interface(name) == interface(world.export())))
    {
        Some(found) => Err(LoadError::UnknownVersion {
            origin: origin.clone(),
            found: (*found).to_owned(),
            spoken: wanted,
        }),
        None if exports.is_empty() => {
            Err(LoadError::WrongWorld { origin: origin.clone(), exports: "nothing".to_owned(), wanted })
        }
        None => {
            let exports = list(&mut exports.iter().copied());
            Err(LoadError::WrongWorld { origin: origin.clone(), exports, wanted })
        }
    }
}

/// `windlass:interpreter/interpreter` of `windlass:interpreter/interpreter@0.1.0`.
fn interface(export: &str) -> &str {
    export.split('@').next().unwrap_or(export)
}

fn check_limits(engine: &Engine, origin: &Origin, limits: &Limits) -> Result<(), LoadError> {
    let max = engine.config().memory_bytes_max;
    let wrong = [
        ("memory", limits.memory_bytes > max, format!("may be at most {} MiB", max >> 20)),
        ("memory", limits.memory_bytes == 0, "must not be zero".to_owned()),
        ("deadline", limits.deadline.is_zero(), "must not be zero".to_owned()),
        ("concurrency", limits.concurrency == 0, "must not be zero".to_owned()),
        ("callsPerInstance", limits.calls_per_instance == 0, "must not be zero".to_owned()),
    ];
    match wrong.into_iter().find(|(_, wrong, _)| *wrong) {
        Some((field, _, problem)) => Err(LoadError::Limit { origin: origin.clone(), field, problem }),
        None => Ok(()),
    }
}
