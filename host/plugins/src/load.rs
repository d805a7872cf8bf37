//! From bytes to a plugin: what must hold before anything is asked of it.

use std::path::PathBuf;
use std::sync::Arc;

use wasmtime::component::Component;
use windlass_core::Blame;

use crate::code::CodeCache;
use crate::contract::admission_v0_1::AdmissionV0_1;
use crate::contract::interpreter_v0_1::InterpreterV0_1;
use crate::contract::{Abilities, AdmissionCalls, InterpreterCalls, Manifest, World};
use crate::digest::Digest;
use crate::engine::Engine;
use crate::fault::Fault;
use crate::limits::{Isolation, Limits};
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
    #[error("{origin}: its settings are refused ({}): {message}", blame.reason())]
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
/// Kinds or rules of one plugin.
const ABILITIES_MAX: usize = 1_000;
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
    check_limits(engine, origin, &config.limits)?;
    check_header(wasm, origin)?;
    let digest = Digest::of(wasm);
    let component = cache
        .component(engine.wasm(), wasm, &digest)
        .map_err(|error| LoadError::Compile { origin: origin.clone(), reason: format!("{error:#}") })?;
    let world = world(&component, origin)?;
    let limits = config.limits.clone();
    // A thousand plugins are described at a start, and most may not be asked for long: none keeps an instance for it.
    let described_by = Limits { isolation: Isolation::PerCall, ..limits.clone() };
    let described = |manifest: Result<Manifest, Fault>| {
        let manifest = manifest.map_err(|Fault { blame, message }| LoadError::Describe {
            origin: origin.clone(),
            blame,
            message,
        })?;
        check_manifest(&manifest).map_err(|(field, problem)| LoadError::Manifest {
            origin: origin.clone(),
            field,
            problem,
        })?;
        Ok(About::new(manifest, world, digest, origin.clone(), config))
    };
    match world {
        World::InterpreterV0_1 => {
            let pool: Pool<InterpreterV0_1> = pool(engine, &component, world, origin, described_by)?;
            let about = described(pool.describe())?;
            Ok(Plugin::Interpreter(Arc::new(InterpreterPlugin::new(about, pool.limited(limits)))))
        }
        World::AdmissionV0_1 => {
            let pool: Pool<AdmissionV0_1> = pool(engine, &component, world, origin, limits)?;
            let about = described(pool.describe())?;
            let plugin = AdmissionPlugin::new(about, Box::new(pool))
                .map_err(|fault| settings_refused(origin, fault))?;
            Ok(Plugin::Admission(Arc::new(plugin)))
        }
    }
}

/// A loaded plugin under another configuration.
pub(crate) fn configure(engine: &Engine, plugin: &Plugin, config: PluginConfig) -> Result<Plugin, LoadError> {
    let origin = plugin.about().origin();
    check_limits(engine, origin, &config.limits)?;
    plugin.configured(config).map_err(|fault| settings_refused(origin, fault))
}

fn settings_refused(origin: &Origin, Fault { blame, message }: Fault) -> LoadError {
    let message = match &blame {
        Blame::Rejected { field: Some(field) } => format!("{field}: {message}"),
        _ => message,
    };
    LoadError::Settings { origin: origin.clone(), blame, message }
}

fn pool<C: Contract>(
    engine: &Arc<Engine>,
    component: &Component,
    world: World,
    origin: &Origin,
    limits: Limits,
) -> Result<Pool<C>, LoadError> {
    let pre = wasi::linker(component)
        .and_then(|linker| linker.instantiate_pre(component))
        .and_then(C::pre)
        .map_err(|error| LoadError::Contract {
        origin: origin.clone(),
        world: world.name(),
        reason: format!("{error:#}"),
    })?;
    Ok(Pool::new(Arc::clone(engine), Arc::new(pre), limits))
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

/// What is wrong with a manifest, if anything is: the field, and the problem.
fn check_manifest(manifest: &Manifest) -> Result<(), (String, String)> {
    let Manifest { name, version, description, abilities } = manifest;
    let fail = |field: String, problem: &str| Err((field, problem.to_owned()));
    if !is_dns_label(name) {
        return fail(
            "name".into(),
            &format!(
                "is {name:?}, and must be 1 to 63 lower-case letters, digits and dashes, with a letter or digit at both ends"
            ),
        );
    }
    if !is_semantic_version(version) {
        return fail(
            "version".into(),
            &format!("is {version:?}, and must be a semantic version such as 1.0.0"),
        );
    }
    if description.len() > 1_024 {
        return fail("description".into(), "is longer than 1024 bytes");
    }
    match abilities {
        Abilities::Interprets(kinds) if kinds.len() > ABILITIES_MAX => {
            fail("kinds".into(), "has more than 1000")
        }
        Abilities::Admits(rules) if rules.len() > ABILITIES_MAX => fail("rules".into(), "has more than 1000"),
        Abilities::Interprets(kinds) if kinds.is_empty() => {
            fail("kinds".into(), "is empty: it would never be asked")
        }
        Abilities::Interprets(kinds) => kinds.iter().enumerate().try_for_each(|(at, kind)| {
            let field = |part: &str| format!("kinds[{at}].{part}");
            if kind.version.is_empty() {
                fail(field("version"), "is empty; * stands for any")
            } else if kind.kind.is_empty() {
                fail(field("kind"), "is empty; * stands for any")
            } else if kind.operations.is_empty() {
                fail(field("operations"), "is empty: it would never be asked about that kind")
            } else {
                Ok(())
            }
        }),
        Abilities::Admits(rules) if rules.is_empty() => {
            fail("rules".into(), "is empty: it would never be asked")
        }
        Abilities::Admits(rules) => rules.iter().enumerate().try_for_each(|(at, rule)| {
            let field = |part: &str| format!("rules[{at}].{part}");
            if rule.version.is_empty() {
                fail(field("version"), "is empty; * stands for any")
            } else if rule.resource.is_empty() {
                fail(field("resource"), "is empty; * stands for any")
            } else if rule.verbs.is_empty() {
                fail(field("verbs"), "is empty: it would never be asked")
            } else {
                Ok(())
            }
        }),
    }
}

fn is_dns_label(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    (1..=63).contains(&bytes.len())
        && bytes.iter().all(|byte| plain(*byte) || *byte == b'-')
        && bytes.first().is_some_and(|byte| plain(*byte))
        && bytes.last().is_some_and(|byte| plain(*byte))
}

fn is_semantic_version(version: &str) -> bool {
    let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let core = version.split(['-', '+']).next().unwrap_or_default();
    version.len() <= 64
        && core.split('.').count() == 3
        && core.split('.').all(number)
        && version.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-+".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dns_labels() {
        for good in ["flink", "a", "a-1", "7"] {
            assert!(is_dns_label(good), "{good}");
        }
        for bad in ["", "Flink", "-a", "a-", "a.b", "a b", "ä", &"a".repeat(64)] {
            assert!(!is_dns_label(bad), "{bad}");
        }
    }

    #[test]
    fn versions_are_semantic() {
        for good in ["0.1.0", "1.20.3-rc.1", "1.0.0+build.5"] {
            assert!(is_semantic_version(good), "{good}");
        }
        for bad in ["", "1", "1.0", "v1.0.0", "1.0.x", "1.0.0 ", "1..0"] {
            assert!(!is_semantic_version(bad), "{bad}");
        }
    }
}
