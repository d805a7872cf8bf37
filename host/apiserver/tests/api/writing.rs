use std::sync::Arc;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use kube::api::{DeleteParams, PostParams, Preconditions};
use serde_json::json;
use windlass_apiserver::store;
use windlass_core::admission::Cause;
use windlass_core::{AdmissionRequest, CallError, Hook, Verb, Verdict};

use crate::fixture::{
    CONFIG_MAPS, DEPLOYMENTS, config_map, deployment, request, server, server_with, version,
};

#[tokio::test]
async fn a_new_object_gets_its_identity_from_the_server() {
    let server = server().await;
    let mut object = config_map("", &[]);
    object.metadata.name = None;
    object.metadata.generate_name = Some("job-".to_owned());
    let names: Vec<ConfigMap> = {
        let api = server.config_maps();
        let make = || async { api.create(&PostParams::default(), &object).await.unwrap() };
        vec![make().await, make().await]
    };
    assert!(names[0].name_any().starts_with("job-") && names[0].name_any().len() == 9);
    assert_ne!(names[0].name_any(), names[1].name_any());
    assert_ne!(names[0].uid(), names[1].uid());
    assert!(names[0].creation_timestamp().is_some());
}

#[tokio::test]
async fn creations_that_kubernetes_refuses_are_refused_in_its_words() {
    let server = server().await;
    server.create("a").await;
    let taken = server.call("POST", CONFIG_MAPS, &json!({"metadata": {"name": "a"}})).await;
    assert_eq!(taken.refused(409, "AlreadyExists"), r#"configmaps "a" already exists"#);
    assert_eq!(taken.json()["details"], json!({"name": "a", "kind": "configmaps"}));
    let nowhere =
        server.call("POST", "/api/v1/namespaces/x/configmaps", &json!({"metadata": {"name": "a"}})).await;
    assert_eq!(nowhere.refused(404, "NotFound"), r#"namespaces "x" not found"#);
    let nameless = server.call("POST", CONFIG_MAPS, &json!({"metadata": {}})).await;
    assert!(nameless.refused(422, "Invalid").contains("name or generateName is required"));
    let wrong = server.call("POST", CONFIG_MAPS, &json!({"metadata": {"name": "A_"}})).await;
    assert!(wrong.refused(422, "Invalid").contains("metadata.name: Invalid value"));
    assert_eq!(wrong.json()["details"]["causes"][0]["field"], "metadata.name");
    let elsewhere = json!({"metadata": {"name": "b", "namespace": "kube-system"}});
    server.call("POST", CONFIG_MAPS, &elsewhere).await.refused(400, "BadRequest");
    let set = json!({"metadata": {"name": "b", "resourceVersion": "1"}});
    let versioned = server.call("POST", CONFIG_MAPS, &set).await;
    assert_eq!(
        (versioned.code, versioned.json().get("reason")),
        (500, None),
        "kube-apiserver names no reason"
    );
    let kind = json!({"kind": "Pod", "metadata": {"name": "b"}});
    server.call("POST", CONFIG_MAPS, &kind).await.refused(400, "BadRequest");
    let api_version = json!({"apiVersion": "v2", "metadata": {"name": "b"}});
    server.call("POST", CONFIG_MAPS, &api_version).await.refused(400, "BadRequest");
    server
        .call("POST", "/api/v1/configmaps", &json!({"metadata": {"name": "b"}}))
        .await
        .refused(405, "MethodNotAllowed");
}

#[tokio::test]
async fn an_update_of_an_old_revision_is_a_conflict_and_one_that_changes_nothing_is_no_write() {
    let server = server().await;
    let api = server.config_maps();
    let first = server.create("a").await;
    let same = api.replace("a", &PostParams::default(), &first).await.unwrap();
    assert_eq!(same.resource_version(), first.resource_version());

    let mut changed = first.clone();
    changed.data = Some([("k".to_owned(), "v".to_owned())].into());
    let second = api.replace("a", &PostParams::default(), &changed).await.unwrap();
    assert_ne!(second.resource_version(), first.resource_version());
    assert_eq!((second.uid(), second.creation_timestamp()), (first.uid(), first.creation_timestamp()));
    let stale =
        server.call("PUT", &format!("{CONFIG_MAPS}/a"), &serde_json::to_value(&changed).unwrap()).await;
    assert!(stale.refused(409, "Conflict").contains("the object has been modified"));

    let mut unconditional = config_map("a", &[("x", "y")]);
    unconditional.data = None;
    let third = api.replace("a", &PostParams::default(), &unconditional).await.unwrap();
    assert_eq!(third.labels()["x"], "y");
    let mut other = third.clone();
    other.metadata.uid = Some("another".to_owned());
    let message = api.replace("a", &PostParams::default(), &other).await.unwrap_err().to_string();
    assert!(message.contains("UID in precondition"), "{message}");
    server
        .call("PUT", &format!("{CONFIG_MAPS}/none"), &json!({"metadata": {"name": "none"}}))
        .await
        .refused(404, "NotFound");
    server
        .call("PUT", &format!("{CONFIG_MAPS}/a"), &json!({"metadata": {"name": "b"}}))
        .await
        .refused(400, "BadRequest");
}

#[tokio::test]
async fn the_generation_counts_changes_of_the_spec_and_status_is_written_apart() {
    let server = server().await;
    let path = format!("{DEPLOYMENTS}/web");
    let created = server.call("POST", DEPLOYMENTS, &deployment("web")).await;
    assert_eq!((created.code, &created.json()["metadata"]["generation"]), (201, &json!(1)));

    let mut object = created.json();
    object["status"] = json!({"replicas": 9});
    object["metadata"]["labels"] = json!({"a": "b"});
    let labelled = server.call("PUT", &path, &object).await.json();
    assert_eq!(labelled["metadata"]["generation"], 1);
    assert!(labelled["status"]["replicas"].is_null(), "the main resource does not write status");

    let mut object = labelled.clone();
    object["status"] = json!({"replicas": 1});
    object["spec"]["replicas"] = json!(7);
    let status = server.call("PUT", &format!("{path}/status"), &object).await.json();
    assert_eq!((&status["status"]["replicas"], &status["spec"]["replicas"]), (&json!(1), &json!(1)));
    assert_eq!(status["metadata"]["generation"], 1);

    let mut object = status.clone();
    object["spec"]["replicas"] = json!(2);
    let scaled = server.call("PUT", &path, &object).await.json();
    assert_eq!((&scaled["metadata"]["generation"], &scaled["status"]["replicas"]), (&json!(2), &json!(1)));
    assert!(version(&scaled) > version(&status));
}

#[tokio::test]
async fn a_dry_run_answers_and_writes_nothing() {
    let server = server().await;
    let created =
        server.call("POST", &format!("{CONFIG_MAPS}?dryRun=All"), &json!({"metadata": {"name": "a"}})).await;
    assert_eq!((created.code, &created.json()["metadata"]["name"]), (201, &json!("a")));
    server.get(&format!("{CONFIG_MAPS}/a")).await.refused(404, "NotFound");
    let kept = server.create("b").await;
    let path = format!("{CONFIG_MAPS}/b?dryRun=All");
    let put = server.call("PUT", &path, &json!({"metadata": {"name": "b"}, "data": {"x": "y"}})).await;
    assert_eq!(put.json()["data"]["x"], "y");
    assert_eq!(server.call("DELETE", &path, &json!({})).await.code, 200);
    assert_eq!(server.config_maps().get("b").await.unwrap().resource_version(), kept.resource_version());
    server.call("POST", &format!("{CONFIG_MAPS}?dryRun=Some"), &json!({})).await.refused(422, "Invalid");
}

#[tokio::test]
async fn kubes_entry_creates_and_changes() {
    let server = server().await;
    let api = server.config_maps();
    for _ in 0..2 {
        let entry = api.entry("a").await.unwrap();
        let mut entry = entry.or_insert(|| config_map("a", &[])).and_modify(|object| {
            object.labels_mut().insert("x".to_owned(), "y".to_owned());
        });
        entry.commit(&PostParams::default()).await.unwrap();
    }
    assert_eq!(api.get("a").await.unwrap().labels()["x"], "y");
}

#[tokio::test]
async fn a_deletion_is_held_to_its_preconditions() {
    let server = server().await;
    let object = server.create("a").await;
    let params = |uid: &str| DeleteParams {
        preconditions: Some(Preconditions { uid: Some(uid.to_owned()), resource_version: None }),
        ..DeleteParams::default()
    };
    let error = server.config_maps().delete("a", &params("another")).await.unwrap_err().to_string();
    assert!(error.contains("UID in precondition"), "{error}");
    server.config_maps().delete("a", &params(&object.uid().unwrap())).await.unwrap();
}

/// Labels what is created, refuses what is called `bad`, and looks only at config maps.
struct Doorman;

impl Hook for Doorman {
    fn admit(&self, request: &AdmissionRequest) -> Result<Verdict, CallError> {
        if request.resource != "configmaps" {
            return Ok(Verdict::UNCHANGED);
        }
        match (request.verb, request.name.as_str()) {
            (Verb::Create, "bad") => Ok(Verdict::Denied { message: "it is bad".into(), causes: Vec::new() }),
            (Verb::Create, "wrong") => Ok(Verdict::Denied {
                message: "wrong".into(),
                causes: vec![Cause {
                    reason: "FieldValueInvalid",
                    field: "data.x".into(),
                    message: "Invalid value".into(),
                }],
            }),
            (Verb::Create, _) => {
                let mut object = request.object.clone();
                object["metadata"]["labels"] = json!({"seen-by": request.user.replace(':', "-")});
                Ok(Verdict::Allowed { object: Some(object), warnings: vec!["it was labelled".into()] })
            }
            (Verb::Delete, "kept") => {
                Ok(Verdict::Denied { message: "it is kept".into(), causes: Vec::new() })
            }
            _ => Ok(Verdict::UNCHANGED),
        }
    }
}

#[tokio::test]
async fn hooks_change_refuse_and_warn() {
    let server = server_with(vec![Arc::new(Doorman)], store::Options::default()).await;
    let create = |name: &str| {
        let (server, body) = (&server, json!({"metadata": {"name": name}}));
        async move { server.call("POST", CONFIG_MAPS, &body).await }
    };
    let made = create("kept").await;
    assert_eq!(made.json()["metadata"]["labels"]["seen-by"], "system-admin");
    assert_eq!(made.warnings, [r#"299 - "it was labelled""#]);
    assert!(create("bad").await.refused(403, "Forbidden").contains("it is bad"));
    assert_eq!(create("wrong").await.json()["details"]["causes"][0]["field"], "data.x");
    let kept = server.call("DELETE", &format!("{CONFIG_MAPS}/kept"), &json!({})).await;
    assert!(kept.refused(403, "Forbidden").contains("it is kept"));
}

#[tokio::test]
async fn a_put_creates_objects_of_the_kinds_that_kubernetes_lets_it_create() {
    let server = server().await;
    let path = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles/r";
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "r"},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]});
    let mut wanted = role.clone();
    wanted["metadata"]["uid"] = json!("00000000-0000-4000-8000-000000000000");
    server.call("PUT", path, &wanted).await.refused(409, "Conflict");
    let mut broken = role.clone();
    broken["rules"][0]["verbs"] = json!([]);
    server.call("PUT", path, &broken).await.refused(422, "Invalid");
    assert_eq!(server.call("PUT", path, &role).await.code, 201);
    assert_eq!(server.call("PUT", path, &role).await.code, 200);
    let other = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}});
    let missing = server.call("PUT", "/api/v1/namespaces/default/configmaps/x", &other).await;
    missing.refused(404, "NotFound");
}

#[tokio::test]
async fn what_a_patch_makes_is_told_of_as_the_patch() {
    let server = server().await;
    server.create("x").await;
    let path = "/api/v1/namespaces/default/configmaps/x";
    for (media, patch) in [
        ("application/merge-patch+json", r#"{"data": {"a": ["b"]}}"#),
        ("application/json-patch+json", r#"[{"op": "remove", "path": "/kind"}]"#),
    ] {
        let request = request("PATCH", path).header("content-type", media);
        let answer = server.send(request, patch).await;
        answer.refused(422, "Invalid");
        assert_eq!(answer.json()["details"]["causes"][0]["field"], "patch", "{}", answer.text);
    }
    let nameless = r#"[{"op": "remove", "path": "/metadata/name"}]"#;
    let request = request("PATCH", path).header("content-type", "application/json-patch+json");
    assert!(server.send(request, nameless).await.refused(400, "BadRequest").contains("undeterminable"));
}

#[tokio::test]
async fn a_job_leaves_its_pods_behind_where_nothing_else_is_said() {
    let server = server().await;
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j", "finalizers": ["example.com/hold"]},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}}});
    let jobs = "/apis/batch/v1/namespaces/default/jobs";
    assert_eq!(server.call("POST", jobs, &job).await.code, 201);
    let deleted = server.call("DELETE", &format!("{jobs}/j"), &json!({})).await;
    let finalizers = &deleted.json()["metadata"]["finalizers"];
    assert_eq!(*finalizers, json!(["example.com/hold", "orphan"]), "{}", deleted.text);
}

#[tokio::test]
async fn a_pod_gets_what_admission_gives_it_and_keeps_it() {
    let server = server().await;
    let pods = "/api/v1/namespaces/default/pods";
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {
        "containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": "1"}}}],
        "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists"}]}});
    let made = server.call("POST", pods, &pod).await.json();
    assert_eq!((&made["spec"]["priority"], &made["status"]["qosClass"]), (&json!(0), &json!("Burstable")));
    let keys: Vec<_> =
        made["spec"]["tolerations"].as_array().unwrap().iter().map(|one| one["key"].clone()).collect();
    assert_eq!(keys, ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"]);
    let again = server.call("PUT", &format!("{pods}/p"), &pod).await;
    assert_eq!(again.code, 200, "{}", again.text);
    assert_eq!(again.json()["metadata"]["resourceVersion"], made["metadata"]["resourceVersion"]);
}
