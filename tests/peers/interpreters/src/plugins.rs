//! The plugin crates that are part of this program.

use serde_json::Value;
use windlass_sdk::Rejection;
use windlass_sdk::testing::{answer, declared};

/// A plugin, to be asked in this process.
pub(crate) struct Plugin {
    pub(crate) name: &'static str,
    pub(crate) declared: fn() -> Vec<(String, String, &'static str)>,
    pub(crate) answer: fn(&Value) -> Result<Value, Rejection>,
}

macro_rules! plugins {
    ($($name:literal => $plugin:path),+ $(,)?) => {
        &[$( Plugin { name: $name, declared: declared::<$plugin>, answer: answer::<$plugin> } ),+]
    };
}

pub(crate) static PLUGINS: &[Plugin] = plugins! {
    "argo" => windlass_interpreter_argo::Plugin,
    "flink" => windlass_interpreter_flink::Plugin,
    "flux" => windlass_interpreter_flux::Plugin,
    "kruise" => windlass_interpreter_kruise::Plugin,
    "kubeflow" => windlass_interpreter_kubeflow::Plugin,
    "kubernetes" => windlass_interpreter_kubernetes::Plugin,
    "kubernetes-sigs" => windlass_interpreter_kubernetes_sigs::Plugin,
    "kyverno" => windlass_interpreter_kyverno::Plugin,
    "ray" => windlass_interpreter_ray::Plugin,
    "spark" => windlass_interpreter_spark::Plugin,
    "volcano" => windlass_interpreter_volcano::Plugin,
};

/// The kinds that any of them declares: apiVersion and kind.
pub(crate) fn kinds() -> Vec<(String, String)> {
    let declared = PLUGINS.iter().flat_map(|plugin| (plugin.declared)());
    let mut kinds: Vec<_> = declared
        .map(|(api_version, kind, _)| (api_version, kind))
        .filter(|(api_version, _)| api_version != "*")
        .collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

/// Whether `name` declares anything for the kind.
pub(crate) fn knows(name: &str, api_version: &str, kind: &str) -> bool {
    PLUGINS.iter().filter(|plugin| plugin.name == name).any(|plugin| {
        (plugin.declared)().iter().any(|(version, known, _)| version == api_version && known == kind)
    })
}

/// The plugin that answers for the kind: one that declares it by name, or one for any kind.
pub(crate) fn of(api_version: &str, kind: &str, operation: &str) -> Option<&'static Plugin> {
    let declaring = |version: &str, kind: &str| {
        PLUGINS.iter().find(|plugin| {
            (plugin.declared)().iter().any(|(known_version, known, known_operation)| {
                known_version == version && known == kind && *known_operation == operation
            })
        })
    };
    declaring(api_version, kind).or_else(|| declaring("*", "*"))
}
