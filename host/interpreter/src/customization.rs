//! ResourceInterpreterCustomizations: each is a plugin, made of the template that runs Lua with the object's `spec` as
//! its settings.

use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;
use windlass_core::admission::{AdmissionRequest, Cause, Hook, Verb, Verdict};
use windlass_core::{Blame, CallError, Operation};
use windlass_plugins::{Abilities, Catalogue, LoadError, Manifest, Origin, Plugin, PluginConfig, Template};

const GROUP: &str = "config.karmada.io";
const RESOURCE: &str = "resourceinterpretercustomizations";

/// Makes plugins of customizations.
pub struct Customizations {
    catalogue: Arc<Catalogue>,
    /// A component; its settings are a customization's `spec`.
    wasm: &'static [u8],
    /// Compiled when the first customization comes: most control planes have none.
    template: Mutex<Option<Arc<Template>>>,
}

impl Customizations {
    pub fn new(catalogue: Arc<Catalogue>, wasm: &'static [u8]) -> Customizations {
        Customizations { catalogue, wasm, template: Mutex::new(None) }
    }

    /// Has a customization answer, or its new version. It compiles scripts, so it is no work for an async thread.
    ///
    /// # Errors
    /// It can't be used: which field is wrong, and where in its script. An earlier version goes on.
    pub fn set(&self, name: &str, spec: Value) -> Result<(), Arc<LoadError>> {
        let origin = origin(name);
        let template = self.template().map_err(Arc::new)?;
        self.catalogue.load_template(&origin, &template, configured(spec)).map(|_| ())
    }

    /// Ends a customization's answers.
    pub fn remove(&self, name: &str) {
        self.catalogue.remove(&origin(name));
    }

    /// The names of those that there are, failed ones too.
    pub fn names(&self) -> Vec<Arc<str>> {
        let name = |origin: &Origin| match origin {
            Origin::Customization(name) => Some(Arc::clone(name)),
            _ => None,
        };
        self.catalogue.snapshot().entries().iter().filter_map(|entry| name(&entry.origin)).collect()
    }

    /// The plugin that the customization would be; it answers nobody but the caller.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn check(&self, name: &str, spec: Value) -> Result<Plugin, LoadError> {
        self.catalogue.made_of(&origin(name), self.template()?.as_ref(), configured(spec))
    }

    fn template(&self) -> Result<Arc<Template>, LoadError> {
        let mut template = self.template.lock();
        if let Some(template) = template.as_ref() {
            return Ok(Arc::clone(template));
        }
        let compiled = self.catalogue.template(&Origin::BuiltIn("lua".into()), self.wasm)?;
        Ok(Arc::clone(template.insert(Arc::new(compiled))))
    }

    /// The first operation that another customization answers for the same kind. Of dependencies there may be several
    /// opinions; they are joined.
    fn conflict(&self, name: &str, manifest: &Manifest) -> Option<(Operation, Arc<str>)> {
        let snapshot = self.catalogue.snapshot();
        let others = snapshot.entries().iter().filter_map(|entry| match &entry.origin {
            Origin::Customization(other) if **other != *name => Some((other, entry.plugin.as_ref()?)),
            _ => None,
        });
        others.into_iter().find_map(|(other, plugin)| {
            let operation = shared(manifest, plugin.about().manifest())?;
            Some((operation, Arc::clone(other)))
        })
    }
}

/// An operation other than InterpretDependency that both declare for the same kind.
fn shared(one: &Manifest, other: &Manifest) -> Option<Operation> {
    let (Abilities::Interprets(ones), Abilities::Interprets(others)) = (&one.abilities, &other.abilities)
    else {
        return None;
    };
    ones.iter().find_map(|one| {
        let same = others.iter().find(|other| {
            (&other.group, &other.version, &other.kind) == (&one.group, &one.version, &one.kind)
        })?;
        one.operations()
            .iter()
            .filter(|operation| *operation != Operation::InterpretDependency)
            .find(|operation| same.operations().contains(*operation))
    })
}

fn origin(name: &str) -> Origin {
    Origin::Customization(name.into())
}

fn configured(spec: Value) -> PluginConfig {
    PluginConfig { settings: spec, ..PluginConfig::default() }
}

/// Refuses customizations whose scripts don't compile, or that answer what another one does.
impl Hook for Customizations {
    fn admit(&self, request: &AdmissionRequest) -> Result<Verdict, CallError> {
        let AdmissionRequest { gvk, resource, subresource, verb, object, name, .. } = request;
        if gvk.group != GROUP || resource != RESOURCE || !subresource.is_empty() || *verb == Verb::Delete {
            return Ok(Verdict::UNCHANGED);
        }
        let plugin = match self.check(name, object["spec"].clone()) {
            Ok(plugin) => plugin,
            Err(LoadError::Settings { blame: Blame::Rejected { field }, message, .. }) => {
                return Ok(denied(field.unwrap_or_else(|| "spec".to_owned()), message));
            }
            // It has no script at all, and so no kind to answer for: of no use, and no harm.
            Err(LoadError::Manifest { .. }) => return Ok(Verdict::UNCHANGED),
            Err(error) => {
                return Err(CallError {
                    plugin: format!("customization.{name}").into(),
                    call: "configure",
                    object: request.id().into(),
                    blame: Blame::HostFault,
                    message: error.to_string(),
                });
            }
        };
        Ok(match self.conflict(name, plugin.about().manifest()) {
            None => Verdict::UNCHANGED,
            Some((operation, other)) => denied(
                "spec.customizations".to_owned(),
                format!(
                    "{operation} of this kind is answered by ResourceInterpreterCustomization {other} already"
                ),
            ),
        })
    }
}

fn denied(field: String, message: String) -> Verdict {
    let told = format!("{field}: {message}");
    Verdict::Denied { message: told, causes: vec![Cause { reason: "FieldValueInvalid", field, message }] }
}
