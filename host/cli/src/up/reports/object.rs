//! One Plugin object: its name, what it says, and how it differs from another.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::ResourceExt as _;
use kube::api::ObjectMeta;
use windlass_api::plugin::{
    HEALTHY, LOADED, Plugin, PluginSource, PluginSpec, PluginState, PluginStatus, SERVING,
};
use windlass_plugins::{Digest, Entry, Origin, State};

const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "windlass");
/// What a name may have; of it, a few are kept for what makes it distinct.
const NAME_BYTES_MAX: usize = 200;

/// The name of the object for what is loaded from there: the plugin's where it is built in, else the file's, with a
/// part of its path's digest where the file's can't be an object's.
pub(super) fn name(origin: &Origin) -> String {
    let path = match origin {
        Origin::Installed(name) | Origin::BuiltIn(name) => return name.to_string(),
        Origin::Customization(name) => return format!("customization.{name}"),
        Origin::File(path) => path,
    };
    let file = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    let plain: String = file
        .to_lowercase()
        .bytes()
        .take(NAME_BYTES_MAX)
        .map(|byte| if good(byte) { char::from(byte) } else { '-' })
        .collect();
    let trimmed = plain.trim_matches(['-', '.']);
    if trimmed == file && !trimmed.contains("..") && !trimmed.contains(".-") && !trimmed.contains("-.") {
        return plain;
    }
    let part =
        |text: &str| text.split(['.', '-']).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    let digest = Digest::of(path.as_os_str().as_encoded_bytes()).hex();
    match part(trimmed) {
        empty if empty.is_empty() => format!("file-{}", &digest[..8]),
        name => format!("{name}-{}", &digest[..8]),
    }
}

pub(super) fn spec(origin: &Origin) -> PluginSpec {
    let source = match origin {
        Origin::Installed(_) => PluginSource::default(),
        Origin::BuiltIn(name) => PluginSource { built_in: name.to_string(), ..PluginSource::default() },
        Origin::Customization(name) => {
            PluginSource { customization: name.to_string(), ..PluginSource::default() }
        }
        Origin::File(path) => PluginSource { file: path.display().to_string(), ..PluginSource::default() },
    };
    PluginSpec { source }
}

pub(super) fn new(name: &str, spec: PluginSpec) -> Plugin {
    let (label, value) = MANAGED_BY;
    Plugin {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            labels: Some(BTreeMap::from([(label.to_owned(), value.to_owned())])),
            ..ObjectMeta::default()
        },
        spec,
        status: None,
    }
}

/// The same object as it should be.
pub(super) fn changed(mut plugin: Plugin, spec: PluginSpec) -> Plugin {
    let (label, value) = MANAGED_BY;
    plugin.labels_mut().insert(label.to_owned(), value.to_owned());
    Plugin { spec, ..plugin }
}

/// Whether the control plane made it, rather than somebody else.
pub(super) fn is_report(plugin: &Plugin) -> bool {
    let (label, value) = MANAGED_BY;
    plugin.labels().get(label).is_some_and(|found| found == value)
}

/// What there is to say of a plugin.
pub(super) fn status(entry: &Entry, failed_of_late: bool) -> PluginStatus {
    let windlass_plugins::PluginStatus { origin: _, state, message, plugin: serving } = entry.status();
    let loaded = match &entry.state {
        State::Failed(error) if error.is_about_settings() => {
            condition(LOADED, false, "SettingsRefused", &message)
        }
        State::Failed(_) => condition(LOADED, false, "LoadFailed", &message),
        State::Serving | State::Shadowed { .. } => condition(LOADED, true, "Loaded", ""),
    };
    let serves = match state {
        PluginState::Serving => condition(SERVING, true, "Serving", ""),
        PluginState::Degraded => condition(SERVING, true, "LastGoodKept", &message),
        PluginState::Failed => condition(SERVING, false, "NotLoaded", &message),
        PluginState::HeldBack => condition(SERVING, false, "HeldBack", &message),
        PluginState::Shadowed => condition(SERVING, false, "Shadowed", &message),
    };
    let mut conditions = vec![loaded, serves];
    if let Some(about) = entry.plugin.as_ref().map(windlass_plugins::Plugin::about) {
        conditions.push(match about.last_error().filter(|_| failed_of_late) {
            Some(error) => condition(HEALTHY, false, error.blame.reason(), &error.to_string()),
            None => condition(HEALTHY, true, "NoFaults", ""),
        });
    }
    PluginStatus { state: Some(state), message, conditions, serving }
}

/// What there is to say of an object that somebody else made, and that no plugin belongs to.
pub(super) fn not_installed() -> PluginStatus {
    let message =
        "no plugin is loaded from here: put the .wasm file into the folder of `windlass up --plugin-dir`";
    PluginStatus {
        state: Some(PluginState::Failed),
        message: message.to_owned(),
        conditions: vec![
            condition(LOADED, false, "NotInstalled", message),
            condition(SERVING, false, "NotLoaded", message),
        ],
        serving: None,
    }
}

fn condition(kind: &str, holds: bool, reason: &str, message: &str) -> Condition {
    Condition {
        type_: kind.to_owned(),
        status: if holds { "True" } else { "False" }.to_owned(),
        reason: reason.to_owned(),
        message: message.to_owned(),
        last_transition_time: Time(jiff::Timestamp::now()),
        observed_generation: None,
    }
}

/// A condition that says what it said before says it since then.
pub(super) fn keep_transition_times(status: &mut PluginStatus, old: &PluginStatus) {
    for condition in &mut status.conditions {
        let before = old.conditions.iter().find(|old| old.type_ == condition.type_);
        if let Some(before) = before.filter(|before| before.status == condition.status) {
            condition.last_transition_time = before.last_transition_time.clone();
        }
    }
}

/// Whether nothing has happened but calls and the passing of time.
pub(super) fn differ_in_counts_only(one: &PluginStatus, other: &PluginStatus) -> bool {
    let lasting = |status: &PluginStatus| {
        let mut status = status.clone();
        if status.state == Some(PluginState::HeldBack) {
            status.message = String::new();
            status.conditions.iter_mut().for_each(|condition| condition.message = String::new());
        }
        if let Some(serving) = &mut status.serving {
            serving.calls = 0;
            serving.mean_call_microseconds = 0;
            serving.failures.values_mut().for_each(|count| *count = 0);
            serving.last_error = None;
        }
        // Which fault was the last is news only while there was none before.
        for condition in status.conditions.iter_mut().filter(|condition| condition.type_ == HEALTHY) {
            condition.message = String::new();
        }
        status
    };
    lasting(one) == lasting(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_origin_has_a_name_of_its_own_that_an_object_may_have() {
        let file = |path: &str| name(&Origin::File(path.into()));
        assert_eq!(name(&Origin::BuiltIn("flink".into())), "flink");
        assert_eq!(file("/plugins/flink.wasm"), "flink.wasm");
        assert!(file("/plugins/My Plugin.wasm").starts_with("my-plugin-wasm-"));
        assert_ne!(file("/plugins/My Plugin.wasm"), file("/plugins/my_plugin.wasm"));
        for odd in ["/p/..wasm", "/p/ä.wasm", "/p/-.wasm", "/p/a..b.wasm", "/p/ .wasm"] {
            let name = file(odd);
            let ok = |part: &str| {
                let bytes = part.as_bytes();
                !bytes.is_empty()
                    && bytes
                        .iter()
                        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-')
                    && bytes[0] != b'-'
                    && bytes[bytes.len() - 1] != b'-'
            };
            assert!(name.split('.').all(ok), "{odd} gives {name}");
        }
    }
}
