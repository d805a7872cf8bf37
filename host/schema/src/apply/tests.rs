//! Scenes of several managers writing one object.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::builtin;

struct Scene {
    kind: Arc<Kind>,
    live: Option<Value>,
    clock: i64,
}

impl Scene {
    fn new(kind: &str) -> Scene {
        let kind = builtin::kinds().into_iter().find(|candidate| candidate.names.kind == kind).unwrap();
        Scene { kind, live: None, clock: 1_700_000_000 }
    }

    fn writer<'a>(&mut self, manager: &'a str, subresource: &'a str) -> Writer<'a> {
        self.clock += 60;
        Writer { manager, subresource, now: Timestamp::from_second(self.clock).unwrap(), versions: &[] }
    }

    fn object(&self, content: Value) -> Value {
        let mut object = json!({"apiVersion": self.kind.api_version(), "kind": self.kind.names.kind,
            "metadata": {"name": "x", "namespace": "default"}});
        json_patch::merge(&mut object, &content);
        object
    }

    fn try_apply(&mut self, manager: &str, content: Value, force: bool) -> Result<(), ApplyError> {
        let writer = self.writer(manager, "");
        let applied = self.object(content);
        self.live = Some(apply(&self.kind, self.live.as_ref(), &applied, &writer, force)?);
        Ok(())
    }

    fn apply(&mut self, manager: &str, content: Value) {
        self.try_apply(manager, content, false).unwrap();
    }

    fn update(&mut self, manager: &str, subresource: &str, change: Value) {
        let writer = self.writer(manager, subresource);
        let mut new = self.live.clone().unwrap_or_else(|| self.object(json!({})));
        json_patch::merge(&mut new, &change);
        track(&self.kind, self.live.as_ref(), &mut new, &writer);
        self.live = Some(new);
    }

    fn spec(&self) -> &Value {
        &self.live.as_ref().unwrap()["spec"]
    }

    fn owned_by(&self, manager: &str) -> Value {
        let entries = self.live.as_ref().unwrap()["metadata"]["managedFields"].as_array().unwrap();
        entries
            .iter()
            .find(|entry| entry["manager"] == manager)
            .map_or(Value::Null, |entry| entry["fieldsV1"].clone())
    }
}

#[test]
fn the_applier_owns_what_it_applied_and_nothing_else() {
    let mut scene = Scene::new("Deployment");
    scene.apply(
        "me",
        json!({"metadata": {"labels": {"a": "1"}}, "spec": {"replicas": 3,
        "template": {"spec": {"containers": [{"name": "c", "image": "i"}]}}}}),
    );
    assert_eq!(
        scene.owned_by("me"),
        json!({"f:metadata": {"f:labels": {"f:a": {}}}, "f:spec": {"f:replicas": {},
            "f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"c\"}": {".": {}, "f:image": {}, "f:name": {}}}}}}})
    );
    let entry = &scene.live.as_ref().unwrap()["metadata"]["managedFields"][0];
    assert_eq!(entry["operation"], "Apply");
    assert_eq!(entry["apiVersion"], "apps/v1");
    assert_eq!(entry["time"], "2023-11-14T22:14:20Z");
}

#[test]
fn applying_the_same_again_changes_nothing() {
    let mut scene = Scene::new("Deployment");
    let content = json!({"metadata": {"labels": {"a": "1"}}, "spec": {"replicas": 3}});
    scene.apply("me", content.clone());
    let before = scene.live.clone();
    scene.apply("me", content);
    assert_eq!(scene.live, before);
}

#[test]
fn changing_anothers_field_is_a_conflict_unless_forced() {
    let mut scene = Scene::new("Deployment");
    scene.update("kubectl-client-side-apply", "", json!({"spec": {"replicas": 1, "paused": true}}));
    let error = scene.try_apply("me", json!({"spec": {"replicas": 3}}), false).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Apply failed with 1 conflict: conflict with \"kubectl-client-side-apply\" using apps/v1: .spec.replicas"
    );
    let error = scene.try_apply("me", json!({"spec": {"replicas": 3, "paused": false}}), false).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Apply failed with 2 conflicts: conflicts with \"kubectl-client-side-apply\" using apps/v1:\n- .spec.paused\n- .spec.replicas"
    );
    scene.try_apply("me", json!({"spec": {"replicas": 3}}), true).unwrap();
    assert_eq!(scene.spec()["replicas"], 3);
    assert_eq!(scene.owned_by("kubectl-client-side-apply"), json!({"f:spec": {"f:paused": {}}}));
}

#[test]
fn the_same_value_is_shared_without_conflict() {
    let mut scene = Scene::new("Deployment");
    scene.apply("a", json!({"spec": {"replicas": 3}}));
    scene.apply("b", json!({"spec": {"replicas": 3}}));
    assert_eq!(scene.owned_by("a"), scene.owned_by("b"));
    // Given up by one, it stays; given up by both, it goes.
    scene.apply("a", json!({"spec": {"paused": true}}));
    assert_eq!(scene.spec(), &json!({"replicas": 3, "paused": true}));
    scene.apply("b", json!({}));
    assert_eq!(scene.spec(), &json!({"paused": true}));
}

#[test]
fn items_no_longer_applied_go_but_keep_what_others_own() {
    let mut scene = Scene::new("Deployment");
    let containers = |list: Value| json!({"spec": {"template": {"spec": {"containers": list}}}});
    scene.apply("me", containers(json!([{"name": "a", "image": "1"}, {"name": "b", "image": "1"}])));
    scene.apply("sidecar", containers(json!([{"name": "s", "image": "s"}])));
    scene.apply("limits", containers(json!([{"name": "b", "workingDir": "/"}])));
    scene.apply("me", containers(json!([{"name": "a", "image": "2"}])));
    assert_eq!(
        scene.spec()["template"]["spec"]["containers"],
        json!([{"name": "a", "image": "2"}, {"name": "b", "workingDir": "/"}, {"name": "s", "image": "s"}])
    );
}

#[test]
fn updates_take_fields_from_appliers() {
    let mut scene = Scene::new("Deployment");
    scene.apply("me", json!({"spec": {"replicas": 3, "paused": true}}));
    scene.update("scaler", "", json!({"spec": {"replicas": 5}}));
    assert_eq!(scene.owned_by("me"), json!({"f:spec": {"f:paused": {}}}));
    assert_eq!(scene.owned_by("scaler"), json!({"f:spec": {"f:replicas": {}}}));
    // What an update removes, nobody owns.
    scene.update("scaler", "", json!({"spec": {"paused": null}}));
    assert_eq!(scene.owned_by("me"), Value::Null);
}

#[test]
fn subresources_are_managers_of_their_own() {
    let mut scene = Scene::new("Deployment");
    scene.update("m", "", json!({"spec": {"replicas": 3}}));
    scene.update("m", "status", json!({"status": {"replicas": 1}}));
    let entries = scene.live.as_ref().unwrap()["metadata"]["managedFields"].as_array().unwrap();
    let subresources: Vec<&Value> = entries.iter().map(|entry| &entry["subresource"]).collect();
    assert_eq!(subresources, [&Value::Null, &json!("status")]);
    // The main resource doesn't apply status.
    scene.apply("n", json!({"spec": {"replicas": 3}, "status": {"replicas": 9}}));
    assert_eq!(scene.live.as_ref().unwrap()["status"]["replicas"], 1);
}

#[test]
fn keys_with_defaults_may_be_left_out_and_others_not() {
    let mut scene = Scene::new("Service");
    scene.apply("me", json!({"spec": {"ports": [{"port": 80}, {"port": 80, "protocol": "UDP"}]}}));
    assert!(scene.owned_by("me")["f:spec"]["f:ports"].get("k:{\"port\":80,\"protocol\":\"TCP\"}").is_some());
    let error = scene.try_apply("me", json!({"spec": {"ports": [{"name": "x"}]}}), false).unwrap_err();
    assert!(error.to_string().contains("omits key field \"port\""), "{error}");
    let error =
        scene.try_apply("me", json!({"spec": {"ports": [{"port": 80}, {"port": 80}]}}), false).unwrap_err();
    assert!(error.to_string().contains("duplicate entries"), "{error}");
}

#[test]
fn an_object_without_managers_gets_one_for_what_it_was() {
    let mut scene = Scene::new("ConfigMap");
    scene.live = Some(scene.object(json!({"data": {"a": "1"}})));
    let error = scene.try_apply("me", json!({"data": {"a": "2"}}), false).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Apply failed with 1 conflict: conflict with \"before-first-apply\" using v1: .data.a"
    );
}

#[test]
fn one_empty_entry_resets_all_owners_and_an_empty_list_none() {
    let mut scene = Scene::new("ConfigMap");
    scene.apply("me", json!({"data": {"a": "1"}}));
    scene.update("other", "", json!({"metadata": {"managedFields": []}, "data": {"b": "2"}}));
    assert_ne!(scene.owned_by("me"), Value::Null);
    scene.update("other", "", json!({"metadata": {"managedFields": [{}]}}));
    assert_eq!(scene.live.as_ref().unwrap()["metadata"].get("managedFields"), None);
}

#[test]
fn sets_merge_by_value_and_atomic_lists_are_replaced() {
    let mut scene = Scene::new("Pod");
    scene.apply("a", json!({"metadata": {"finalizers": ["x/a", "x/b"]}, "spec": {"containers": [{"name": "c", "args": ["1"]}]}}));
    scene.apply("b", json!({"metadata": {"finalizers": ["x/c"]}}));
    scene.apply("a", json!({"metadata": {"finalizers": ["x/b"]}, "spec": {"containers": [{"name": "c", "args": ["2", "3"]}]}}));
    let live = scene.live.as_ref().unwrap();
    assert_eq!(live["metadata"]["finalizers"], json!(["x/b", "x/c"]));
    assert_eq!(live["spec"]["containers"][0]["args"], json!(["2", "3"]));
}

#[test]
fn many_updaters_are_drawn_together() {
    let mut scene = Scene::new("ConfigMap");
    for index in 0..15 {
        scene.update(&format!("m{index}"), "", json!({"data": {format!("k{index}"): "v"}}));
    }
    let entries = scene.live.as_ref().unwrap()["metadata"]["managedFields"].as_array().unwrap();
    assert_eq!(entries.len(), 10);
    assert!(entries.iter().any(|entry| entry["manager"] == "ancient-changes"));
}

#[test]
fn an_apply_configuration_has_no_managers_of_its_own() {
    let mut scene = Scene::new("ConfigMap");
    let error =
        scene.try_apply("me", json!({"metadata": {"managedFields": [{"manager": "x"}]}}), false).unwrap_err();
    assert_eq!(error, ApplyError::Malformed("metadata.managedFields must be nil".to_owned()));
}
