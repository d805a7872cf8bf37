use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::fixture::{
    CONFIG_MAPS, DEFINITIONS, DEPLOYMENTS, WIDGETS, deployment, request, server, version, widget,
    widget_definition,
};

#[tokio::test]
async fn a_strategic_patch_merges_lists_by_their_key() {
    let server = server().await;
    server.call("POST", DEPLOYMENTS, &deployment("web")).await;
    let patch = json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "i:2"}, {"name": "d", "image": "j"}]}}}});
    let ask = |media: &str| request("PATCH", &format!("{DEPLOYMENTS}/web")).header("content-type", media);
    let patched = server.send(ask("application/strategic-merge-patch+json"), patch.to_string()).await.json();
    let containers = patched["spec"]["template"]["spec"]["containers"].as_array().unwrap();
    assert_eq!(
        containers.iter().map(|c| c["image"].as_str().unwrap()).collect::<std::collections::BTreeSet<_>>(),
        ["i:2", "j"].into()
    );
    let merge = json!({"spec": {"template": {"spec": {"containers": [{"name": "e", "image": "k"}]}}}});
    let patched = server.send(ask("application/merge-patch+json"), merge.to_string()).await.json();
    assert_eq!(patched["spec"]["template"]["spec"]["containers"].as_array().unwrap().len(), 1);
    server.send(ask("application/json"), "{}").await.refused(415, "UnsupportedMediaType");
}

#[tokio::test]
async fn a_json_patch_tests_what_it_expects() {
    let server = server().await;
    server.create("a").await;
    let ask = || {
        request("PATCH", &format!("{CONFIG_MAPS}/a")).header("content-type", "application/json-patch+json")
    };
    let patch = json!([{"op": "add", "path": "/data", "value": {"x": "y"}}]);
    assert_eq!(server.send(ask(), patch.to_string()).await.json()["data"]["x"], "y");
    let failing = json!([{"op": "test", "path": "/data/x", "value": "z"}]);
    server.send(ask(), failing.to_string()).await.refused(422, "Invalid");
    server.send(ask(), "{").await.refused(400, "BadRequest");
    server.send(ask(), r#"[{"op":"fly"}]"#).await.refused(422, "Invalid");
    let forced = request("PATCH", &format!("{CONFIG_MAPS}/a?force=true"))
        .header("content-type", "application/merge-patch+json");
    server.send(forced, "{}").await.refused(422, "Invalid");
}

#[tokio::test]
async fn kinds_of_users_take_no_strategic_patch() {
    let server = server().await;
    server.call("POST", DEFINITIONS, &widget_definition()).await;
    server.call("POST", WIDGETS, &widget("a", 1)).await;
    let ask = request("PATCH", &format!("{WIDGETS}/a"))
        .header("content-type", "application/strategic-merge-patch+json");
    server.send(ask, "{}").await.refused(415, "UnsupportedMediaType");
}

#[tokio::test]
async fn concurrent_patches_without_a_revision_all_land() {
    let server = server().await;
    server.create("a").await;
    let patches = (0..30).map(|n| {
        let api = server.config_maps();
        async move {
            let patch = json!({"data": {format!("k{n}"): "v"}});
            api.patch("a", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
        }
    });
    futures::future::join_all(patches).await;
    assert_eq!(server.config_maps().get("a").await.unwrap().data.unwrap().len(), 30);
    let stale = json!({"metadata": {"resourceVersion": "1"}, "data": {"x": "y"}});
    let error =
        server.config_maps().patch("a", &PatchParams::default(), &Patch::Merge(stale)).await.unwrap_err();
    assert!(matches!(error, kube::Error::Api(status) if status.code == 409));
}

fn applied(data: Value) -> Patch<Value> {
    Patch::Apply(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data}))
}

#[tokio::test]
async fn an_apply_creates_keeps_ownership_and_names_conflicts() {
    let server = server().await;
    let api = server.config_maps();
    let apply = |manager: &str, force: bool, data: Value| {
        let mut params = PatchParams::apply(manager);
        params.force = force;
        let api = api.clone();
        async move { api.patch("a", &params, &applied(data)).await }
    };
    let created: ConfigMap = apply("one", false, json!({"x": "1"})).await.unwrap();
    assert_eq!(created.managed_fields()[0].manager.as_deref(), Some("one"));
    let again = apply("one", false, json!({"x": "1"})).await.unwrap();
    assert_eq!(again.resource_version(), created.resource_version(), "applying the same again is no write");

    apply("two", false, json!({"y": "2"})).await.unwrap();
    let kube::Error::Api(status) = apply("two", false, json!({"x": "3", "y": "2"})).await.unwrap_err() else {
        panic!("not an answer of the server")
    };
    assert_eq!((status.code, status.reason.as_str()), (409, "Conflict"));
    let causes = status.details.as_ref().unwrap().causes.clone();
    assert_eq!((causes[0].reason.as_str(), causes[0].field.as_str()), ("FieldManagerConflict", ".data.x"));
    assert!(causes[0].message.contains("\"one\""), "{}", causes[0].message);

    apply("two", true, json!({"x": "3", "y": "2"})).await.unwrap();
    let dropped = apply("two", false, json!({"y": "2"})).await.unwrap();
    assert_eq!(
        dropped.data.unwrap(),
        [("y".to_owned(), "2".to_owned())].into(),
        "what nobody owns any more goes"
    );
}

#[tokio::test]
async fn an_apply_needs_a_manager_and_the_objects_own_name() {
    let server = server().await;
    let ask = |query: &str| {
        request("PATCH", &format!("{CONFIG_MAPS}/a{query}"))
            .header("content-type", "application/apply-patch+yaml")
    };
    let yaml = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  x: \"1\"\n";
    let message = server.send(ask(""), yaml).await.refused(422, "Invalid");
    assert!(message.contains("is required for apply patch"), "{message}");
    assert_eq!(server.send(ask("?fieldManager=m"), yaml).await.code, 201);
    server.send(ask("?fieldManager=m"), yaml.replace("name: a", "name: b")).await.refused(400, "BadRequest");
    server.send(ask("?fieldManager=m"), "kind: [").await.refused(400, "BadRequest");
}

#[tokio::test]
async fn a_plain_write_owns_what_it_changed() {
    let server = server().await;
    let labelled = json!({"metadata": {"name": "a", "labels": {"l": "v"}}});
    assert_eq!(server.call("POST", CONFIG_MAPS, &labelled).await.code, 201);
    let path = format!("{CONFIG_MAPS}/a?fieldManager=editor");
    let ask = request("PATCH", &path).header("content-type", "application/merge-patch+json");
    let patched = server.send(ask, r#"{"data":{"x":"y"}}"#).await.json();
    let managers: Vec<&str> = patched["metadata"]["managedFields"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["operation"] == "Update")
        .map(|entry| entry["manager"].as_str().unwrap())
        .collect();
    assert!(managers.contains(&"editor"), "{managers:?}");
    let ask = request("PATCH", &path).header("content-type", "application/merge-patch+json");
    let same = server.send(ask, r#"{"data":{"x":"y"}}"#).await.json();
    assert_eq!(version(&same), version(&patched));
}
