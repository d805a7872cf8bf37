use std::time::Duration;

use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::fixture::{
    DEFINITIONS, Events, Fixture, WIDGETS, dynamic, request, server, version, widget, widget_definition,
};

async fn with_widgets() -> Fixture {
    let server = server().await;
    let made = server.call("POST", DEFINITIONS, &widget_definition()).await;
    assert_eq!(made.code, 201, "{}", made.text);
    server
}

#[tokio::test]
async fn a_definition_is_served_as_soon_as_it_is_created() {
    let server = with_widgets().await;
    let definition = server.get(&format!("{DEFINITIONS}/widgets.example.com")).await.json();
    let conditions = definition["status"]["conditions"].as_array().unwrap();
    for wanted in ["NamesAccepted", "Established"] {
        assert!(
            conditions.iter().any(|condition| condition["type"] == wanted && condition["status"] == "True")
        );
    }
    assert_eq!(definition["status"]["storedVersions"], json!(["v1"]));
    let listed = server.get("/apis/example.com/v1").await.json();
    let names: Vec<&str> = listed["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|resource| resource["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["widgets", "widgets/scale", "widgets/status"]);
    let index = server.get("/openapi/v3").await.json();
    assert!(index["paths"]["apis/example.com/v1"].is_object());
}

#[tokio::test]
async fn its_objects_are_defaulted_pruned_and_validated() {
    let server = with_widgets().await;
    let mut object = widget("a", 1);
    object["spec"]["unknown"] = json!(true);
    let made = server.call("POST", WIDGETS, &object).await;
    assert_eq!(made.json()["spec"], json!({"size": 1, "colour": "grey"}));
    assert!(made.warnings[0].contains("spec.unknown"), "{:?}", made.warnings);
    let wrong = server.call("POST", WIDGETS, &widget("b", -1)).await;
    let message = wrong.refused(422, "Invalid");
    assert!(
        message.starts_with(r#"Widget.example.com "b" is invalid: spec.size: Invalid value: -1"#),
        "{message}"
    );
    assert_eq!(wrong.json()["details"]["causes"][0]["field"], "spec.size");
    let unversioned = json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "a"}, "spec": {"size": 2}});
    let blind = server.call("PUT", &format!("{WIDGETS}/a"), &unversioned).await;
    assert!(blind.refused(422, "Invalid").contains("must be specified for an update"));
}

#[tokio::test]
async fn another_version_shows_the_same_objects_under_its_name() {
    let server = with_widgets().await;
    server.call("POST", WIDGETS, &widget("a", 1)).await;
    let beta = WIDGETS.replace("/v1/", "/v1beta1/");
    let read = server.get(&format!("{beta}/a")).await.json();
    assert_eq!(
        (read["apiVersion"].as_str(), &read["spec"]["size"]),
        (Some("example.com/v1beta1"), &json!(1))
    );
    assert_eq!(server.get(&beta).await.json()["items"][0]["apiVersion"], "example.com/v1beta1");
    let mut changed = read;
    changed["spec"]["size"] = json!(2);
    assert_eq!(
        server.call("PUT", &format!("{beta}/a"), &changed).await.json()["apiVersion"],
        "example.com/v1beta1"
    );
    assert_eq!(server.get(&format!("{WIDGETS}/a")).await.json()["apiVersion"], "example.com/v1");
}

#[tokio::test]
async fn status_and_scale_are_written_by_themselves() {
    let server = with_widgets().await;
    server.call("POST", WIDGETS, &widget("a", 1)).await;
    let api = dynamic(&server.client, "example.com", "Widget", "widgets");
    let status = Patch::Merge(json!({"status": {"size": 1}, "spec": {"size": 9}}));
    let object = api.patch_status("a", &PatchParams::default(), &status).await.unwrap();
    assert_eq!((&object.data["status"]["size"], &object.data["spec"]["size"]), (&json!(1), &json!(1)));
    assert_eq!(object.metadata.generation, Some(1));

    let scale = api.get_scale("a").await.unwrap();
    assert_eq!((scale.spec.unwrap().replicas, scale.status.unwrap().replicas), (Some(1), 1));
    let patch = Patch::Merge(json!({"spec": {"replicas": 5}}));
    let scale = api.patch_scale("a", &PatchParams::default(), &patch).await.unwrap();
    assert_eq!(scale.spec.unwrap().replicas, Some(5));
    let object = api.get("a").await.unwrap();
    assert_eq!((&object.data["spec"]["size"], object.metadata.generation), (&json!(5), Some(2)));
    let wrong = request("PATCH", &format!("{WIDGETS}/a/scale"))
        .header("content-type", "application/merge-patch+json");
    server.send(wrong, r#"{"spec":{"replicas":-1}}"#).await.refused(422, "Invalid");
    let mut stale = server.get(&format!("{WIDGETS}/a/scale")).await.json();
    stale["metadata"]["resourceVersion"] = json!("1");
    server.call("PUT", &format!("{WIDGETS}/a/scale"), &stale).await.refused(409, "Conflict");
}

#[tokio::test]
async fn a_changed_definition_is_served_changed() {
    let server = with_widgets().await;
    let path = format!("{DEFINITIONS}/widgets.example.com");
    let mut definition = server.get(&path).await.json();
    definition["spec"]["versions"].as_array_mut().unwrap().truncate(1);
    let properties = &mut definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
        ["properties"];
    properties["weight"] = json!({"type": "integer"});
    assert_eq!(server.call("PUT", &path, &definition).await.code, 200);
    server.get(&WIDGETS.replace("/v1/", "/v1beta1/")).await.refused(404, "NotFound");
    let mut object = widget("a", 1);
    object["spec"]["weight"] = json!(3);
    assert_eq!(server.call("POST", WIDGETS, &object).await.json()["spec"]["weight"], 3);
}

#[tokio::test]
async fn names_that_are_taken_are_not_accepted() {
    let server = with_widgets().await;
    let mut other = widget_definition();
    other["metadata"]["name"] = json!("gadgets.example.com");
    other["spec"]["names"] = json!({"plural": "gadgets", "singular": "gadget", "kind": "Widget"});
    let made = server.call("POST", DEFINITIONS, &other).await.json();
    let accepted =
        made["status"]["conditions"].as_array().unwrap().iter().find(|c| c["type"] == "NamesAccepted");
    assert_eq!(accepted.map(|c| c["status"].clone()), Some(json!("False")), "{made}");
    server.get(&WIDGETS.replace("widgets", "gadgets")).await.refused(404, "NotFound");
}

#[tokio::test]
async fn deleting_a_definition_deletes_its_objects() {
    let server = with_widgets().await;
    let object = server.call("POST", WIDGETS, &widget("a", 1)).await.json();
    let mut events =
        Events::open(&server.client, &format!("{WIDGETS}?watch=1&resourceVersion={}", version(&object)))
            .await;
    let path = format!("{DEFINITIONS}/widgets.example.com");
    let mut definitions = Events::open(&server.client, &format!("{DEFINITIONS}?watch=1")).await;
    assert_eq!(server.call("DELETE", &path, &json!({})).await.code, 200);
    events.expect("DELETED", "a").await;
    loop {
        let event = definitions.next().await.unwrap();
        if event["type"] == "DELETED" {
            break;
        }
    }
    // What is served follows what is stored, a moment later.
    let gone = async {
        while server.get(WIDGETS).await.code == 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.expect("the kind is no longer served");
    server.get(WIDGETS).await.refused(404, "NotFound");
}

#[tokio::test]
async fn a_default_that_was_added_later_is_read_in_what_was_stored_before() {
    let server = with_widgets().await;
    server.call("POST", WIDGETS, &widget("old", 1)).await;
    let path = format!("{DEFINITIONS}/widgets.example.com");
    let mut definition = server.get(&path).await.json();
    for version in definition["spec"]["versions"].as_array_mut().unwrap() {
        version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["weight"] =
            json!({"type": "integer", "default": 7});
    }
    assert_eq!(server.call("PUT", &path, &definition).await.code, 200);
    let read = server.get(&format!("{WIDGETS}/old")).await.json();
    assert_eq!(read["spec"], json!({"size": 1, "colour": "grey", "weight": 7}));
    assert_eq!(server.get(WIDGETS).await.json()["items"][0]["spec"]["weight"], 7);
    let mut events = Events::open(&server.client, &format!("{WIDGETS}?watch=1")).await;
    assert_eq!(events.expect("ADDED", "old").await["spec"]["weight"], 7);
    let merge =
        request("PATCH", &format!("{WIDGETS}/old")).header("content-type", "application/merge-patch+json");
    let patched = server.send(merge, r#"{"spec": {"size": 2}}"#).await.json();
    assert_eq!(patched["spec"], json!({"size": 2, "colour": "grey", "weight": 7}));
}

#[tokio::test]
async fn a_rule_that_was_added_later_tolerates_what_stays_as_it_was() {
    let server = with_widgets().await;
    server.call("POST", WIDGETS, &widget("old", 3)).await;
    let path = format!("{DEFINITIONS}/widgets.example.com");
    let mut definition = server.get(&path).await.json();
    for version in definition["spec"]["versions"].as_array_mut().unwrap() {
        version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["size"]["minimum"] =
            json!(10);
    }
    assert_eq!(server.call("PUT", &path, &definition).await.code, 200);
    server.call("POST", WIDGETS, &widget("new", 3)).await.refused(422, "Invalid");
    let patch = async |body: &'static str| {
        let merge = request("PATCH", &format!("{WIDGETS}/old"));
        server.send(merge.header("content-type", "application/merge-patch+json"), body).await
    };
    assert_eq!(patch(r#"{"spec": {"colour": "red"}}"#).await.code, 200);
    patch(r#"{"spec": {"size": 4}}"#).await.refused(422, "Invalid");
}
