//! Admission plugins as one hook.

use std::sync::Arc;

use serde_json::{Value, json};
use windlass_core::admission::{AdmissionRequest, Hook, Verdict};
use windlass_core::{Blame, Gvk, Verb};
use windlass_plugins::{AdmissionChain, Catalogue, FailurePolicy, PluginConfig};

use crate::setting::{built_in, catalogue, limited, tight};
use windlass_test_guests::{Admission, HOLDING};

fn request(verb: Verb) -> AdmissionRequest {
    AdmissionRequest {
        gvk: Gvk::new("example.io/v1", "Thing"),
        resource: "things".into(),
        subresource: String::new(),
        namespace: "default".into(),
        name: "one".into(),
        verb,
        user: "alice".into(),
        groups: vec!["system:authenticated".into()],
        dry_run: false,
        object: json!({
            "apiVersion": "example.io/v1", "kind": "Thing",
            "metadata": {"name": "one", "managedFields": [{"manager": "kubectl"}]},
            "spec": {"size": 1}
        }),
        old_object: Value::Null,
    }
}

fn chain(plugins: &[Admission], config: &PluginConfig) -> (AdmissionChain, Arc<Catalogue>) {
    let catalogue = catalogue();
    for plugin in plugins {
        catalogue.load(&built_in(plugin.name), &plugin.component(), config.clone()).expect("a plugin");
    }
    (AdmissionChain::new(Arc::clone(&catalogue)), catalogue)
}

#[test]
fn changes_of_all_plugins_are_made_and_nothing_else_is_touched() {
    let (chain, _) =
        chain(&[HOLDING, Admission { name: "second", path: "/spec/seen", ..HOLDING }], &limited(tight()));
    let request = request(Verb::Create);
    let Verdict::Allowed { object: Some(object), warnings } = chain.admit(&request).expect("a verdict")
    else {
        panic!("it is changed");
    };
    assert_eq!(object["spec"], json!({"size": 1, "held": true, "seen": true}));
    assert_eq!(object["metadata"], request.object["metadata"]);
    assert_eq!(warnings, ["held", "held"]);
}

#[test]
fn what_no_rule_matches_passes_unchanged() {
    let (chain, catalogue) = chain(&[HOLDING], &limited(tight()));
    assert_eq!(chain.admit(&request(Verb::Update)).expect("a verdict"), Verdict::UNCHANGED);
    let status = AdmissionRequest { subresource: "status".into(), ..request(Verb::Create) };
    assert_eq!(chain.admit(&status).expect("a verdict"), Verdict::UNCHANGED);
    catalogue.remove(&built_in("holding"));
    assert_eq!(chain.admit(&request(Verb::Create)).expect("a verdict"), Verdict::UNCHANGED);
}

#[test]
fn a_denial_names_the_plugin_and_the_field() {
    let (chain, _) = chain(&[Admission { denies: true, ..HOLDING }], &limited(tight()));
    let Verdict::Denied { message, causes } = chain.admit(&request(Verb::Create)).expect("a verdict") else {
        panic!("it is denied");
    };
    assert!(message.contains("holding") && message.contains("too large"), "{message}");
    assert_eq!(causes[0].field, "spec.size");
}

#[test]
fn a_plugin_that_fails_closes_the_door_unless_told_otherwise() {
    for bad in [
        Admission { in_admit: "unreachable", ..HOLDING },
        Admission { in_admit: "(loop $again (br $again))", ..HOLDING },
        Admission { path: "/metadata/name", ..HOLDING },
    ] {
        let (closed, _) = chain(std::slice::from_ref(&bad), &limited(tight()));
        let error = closed.admit(&request(Verb::Create)).expect_err("a failure");
        assert!(matches!(error.blame, Blame::Trap | Blame::Deadline | Blame::BadAnswer), "{error}");
        assert_eq!((error.plugin.as_ref(), error.call), ("holding", "Admit"));

        let config = PluginConfig { failure_policy: FailurePolicy::Ignore, ..limited(tight()) };
        let (open, _) = chain(&[bad], &config);
        let Verdict::Allowed { object: None, warnings } =
            open.admit(&request(Verb::Create)).expect("a verdict")
        else {
            panic!("it passes unchanged");
        };
        assert!(warnings[0].contains("holding"), "{warnings:?}");
    }
}
