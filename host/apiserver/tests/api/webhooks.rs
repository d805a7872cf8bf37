//! MutatingWebhookConfiguration and ValidatingWebhookConfiguration, called.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::fixture::{
    Answer, CONFIG_MAPS, DEFINITIONS, DEPLOYMENTS, Fixture, WIDGETS, deployment, request, server, widget,
    widget_definition,
};
use crate::hook::Hook;

const MUTATING: &str = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
const VALIDATING: &str = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";

fn patch(operations: Value) -> Value {
    json!({"allowed": true, "patchType": "JSONPatch", "patch": STANDARD.encode(operations.to_string())})
}

/// A webhook for config maps, with fields changed or (by null) taken away.
fn webhook(name: &str, client_config: Value, changes: Value) -> Value {
    let mut webhook = json!({
        "name": name, "clientConfig": client_config, "sideEffects": "None", "admissionReviewVersions": ["v1"],
        "rules": [{"operations": ["*"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}],
    });
    for (name, value) in changes.as_object().unwrap() {
        webhook[name] = value.clone();
    }
    webhook
}

async fn configure(server: &Fixture, path: &str, name: &str, webhooks: &[Value]) {
    let kind =
        if path == MUTATING { "MutatingWebhookConfiguration" } else { "ValidatingWebhookConfiguration" };
    let configuration = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind,
        "metadata": {"name": name}, "webhooks": webhooks});
    let made = server.call("POST", path, &configuration).await;
    assert_eq!((made.code, made.warnings), (201, Vec::new()), "{}", made.text);
}

async fn delete(server: &Fixture, path: &str) -> Answer {
    server.send(request("DELETE", path), "").await
}

fn config_map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "1"}})
}

#[tokio::test]
async fn a_mutating_webhook_patches_and_warns_and_the_result_is_stored() {
    let server = server().await;
    let hook = Hook::answering(|_| {
        let mut answer = patch(json!([{"op": "add", "path": "/data/b", "value": "2"}]));
        answer["warnings"] = json!(["mind the gap"]);
        answer
    })
    .await;
    configure(&server, MUTATING, "m", &[webhook("a.example.com", hook.client_config(), json!({}))]).await;
    let made = server.call("POST", &format!("{CONFIG_MAPS}?fieldManager=me"), &config_map("x")).await;
    assert_eq!((made.code, &made.json()["data"]), (201, &json!({"a": "1", "b": "2"})), "{}", made.text);
    assert!(made.warnings[0].contains("mind the gap"), "{:?}", made.warnings);
    assert_eq!(server.get(&format!("{CONFIG_MAPS}/x")).await.json()["data"]["b"], "2");

    let asked = hook.asked().remove(0);
    assert_eq!(
        (&asked["apiVersion"], &asked["kind"]),
        (&json!("admission.k8s.io/v1"), &json!("AdmissionReview"))
    );
    assert_eq!(asked["uri"].as_str().map(|uri| uri.ends_with("/review?timeout=10s")), Some(true), "{asked}");
    let request = &asked["request"];
    assert_eq!(request["kind"], json!({"group": "", "version": "v1", "kind": "ConfigMap"}));
    assert_eq!(request["requestResource"], json!({"group": "", "version": "v1", "resource": "configmaps"}));
    assert_eq!(request["operation"], "CREATE");
    assert_eq!((&request["name"], &request["namespace"]), (&json!("x"), &json!("default")));
    assert_eq!((&request["oldObject"], &request["dryRun"]), (&Value::Null, &json!(false)));
    assert_eq!(request["userInfo"]["username"], "system:admin");
    assert_eq!(request["options"]["kind"], "CreateOptions");
    assert_eq!(request["options"]["fieldManager"], "me");
    assert_eq!(request["object"]["data"], json!({"a": "1"}));
}

#[tokio::test]
async fn a_refusal_is_forwarded_with_its_code_and_says_who_refused() {
    let server = server().await;
    let hook = Hook::answering(|request| match request["operation"].as_str() {
        Some("CREATE") => json!({"allowed": false, "status":
            {"code": 422, "reason": "Invalid", "message": "no such luck", "details": {"causes": [{"field": "data"}]}}}),
        Some("DELETE") => json!({"allowed": false}),
        _ => json!({"allowed": true}),
    })
    .await;
    let before = server.call("POST", CONFIG_MAPS, &config_map("old")).await;
    assert_eq!(before.code, 201);
    configure(&server, VALIDATING, "v", &[webhook("a.example.com", hook.client_config(), json!({}))]).await;
    let refused = server.call("POST", CONFIG_MAPS, &config_map("x")).await;
    let message = refused.refused(422, "Invalid");
    assert_eq!(message, r#"admission webhook "a.example.com" denied the request: no such luck"#);
    assert_eq!(refused.json()["details"]["causes"][0]["field"], "data");
    server.get(&format!("{CONFIG_MAPS}/x")).await.refused(404, "NotFound");

    let path = format!("{CONFIG_MAPS}/old");
    let kept = delete(&server, &path).await;
    assert_eq!(kept.code, 400, "{}", kept.text);
    assert!(kept.text.contains("denied the request without explanation"), "{}", kept.text);
    let asked = hook.asked().pop().unwrap();
    assert_eq!(asked["request"]["object"], Value::Null);
    assert_eq!(asked["request"]["oldObject"]["data"], json!({"a": "1"}));
    assert_eq!(asked["request"]["options"]["kind"], "DeleteOptions");

    let merge = request("PATCH", &path).header("content-type", "application/merge-patch+json");
    assert_eq!(server.send(merge, r#"{"data": {"c": "3"}}"#).await.code, 200);
    let asked = hook.asked().pop().unwrap();
    assert_eq!(asked["request"]["options"]["kind"], "PatchOptions");
    assert_eq!(
        (&asked["request"]["object"]["data"]["c"], &asked["request"]["oldObject"]["data"]["c"]),
        (&json!("3"), &Value::Null)
    );
}

#[tokio::test]
async fn a_configuration_applies_from_its_acknowledgement_to_its_deletion() {
    let server = server().await;
    let hook = Hook::answering(|_| json!({"allowed": false})).await;
    for round in 0..5 {
        configure(&server, VALIDATING, "v", &[webhook("a.example.com", hook.client_config(), json!({}))])
            .await;
        let name = format!("x{round}");
        assert_eq!(server.call("POST", CONFIG_MAPS, &config_map(&name)).await.code, 400);
        assert_eq!(delete(&server, &format!("{VALIDATING}/v")).await.code, 200);
        assert_eq!(server.call("POST", CONFIG_MAPS, &config_map(&name)).await.code, 201);
    }
    assert_eq!(hook.connections(), 1, "connections are kept");
}

#[tokio::test]
async fn what_cannot_be_called_fails_the_request_or_is_ignored_as_its_policy_says() {
    let server = server().await;
    let nowhere =
        json!({"url": "https://127.0.0.1:1/x", "caBundle": Hook::answering(|_| json!({})).await.ca_bundle});
    let stranger = Hook::answering(|_| json!({"allowed": true})).await;
    let distrusted =
        json!({"url": format!("https://127.0.0.1:{}/", stranger.port), "caBundle": nowhere["caBundle"]});
    let misnamed = json!({"url": format!("https://[::ffff:127.0.0.1]:{}/", stranger.port), "caBundle": stranger.ca_bundle});
    let (test, until_the_end) = std::sync::mpsc::channel::<()>();
    let until_the_end = Mutex::new(until_the_end);
    let slow = Hook::answering(move |_| {
        // Nobody sends anything: it returns when the other end is gone.
        let _ = until_the_end.lock().map(|end| end.recv());
        json!({"allowed": true})
    })
    .await;
    let broken = Hook::raw(|_| (500, "kaput".to_owned())).await;
    let nonsense = Hook::raw(|_| (200, "{nonsense".to_owned())).await;
    let other = Hook::answering(|_| json!({"uid": "other", "allowed": true})).await;
    for (client_config, words) in [
        (
            nowhere,
            r#"failed to call webhook: Post "https://127.0.0.1:1/x?timeout=1s": dial tcp 127.0.0.1:1: connect: connection refused"#,
        ),
        (distrusted, "tls: failed to verify certificate: x509: certificate signed by unknown authority"),
        (misnamed, "tls: failed to verify certificate: x509: certificate is valid for"),
        (slow.client_config(), "context deadline exceeded"),
        (
            broken.client_config(),
            r#"an error on the server ("kaput") has prevented the request from succeeding"#,
        ),
        (nonsense.client_config(), "received invalid webhook response: couldn't get version/kind"),
        (other.client_config(), r#"received invalid webhook response: expected response.uid="#),
        (json!({"service": {"namespace": "default", "name": "none"}}), r#"services "none" not found"#),
    ] {
        for (policy, code) in [("Fail", 500), ("Ignore", 201)] {
            let changes = json!({"failurePolicy": policy, "timeoutSeconds": 1});
            configure(&server, MUTATING, "m", &[webhook("a.example.com", client_config.clone(), changes)])
                .await;
            let made = server.call("POST", CONFIG_MAPS, &config_map("x")).await;
            assert_eq!(made.code, code, "{policy}: {}", made.text);
            if code == 500 {
                let message = made.refused(500, "InternalError");
                assert!(
                    message
                        .starts_with(r#"Internal error occurred: failed calling webhook "a.example.com": "#),
                    "{message}"
                );
                assert!(message.contains(words), "{message}");
            }
            delete(&server, &format!("{MUTATING}/m")).await;
            delete(&server, &format!("{CONFIG_MAPS}/x")).await;
        }
    }
    drop(test);
}

#[tokio::test]
async fn selectors_and_conditions_decide_whether_a_webhook_is_called() {
    let server = server().await;
    let hook = Hook::answering(|_| json!({"allowed": false})).await;
    let check = async |changes: Value, labels: Value, expected: u16| {
        let webhook = webhook("a.example.com", hook.client_config(), changes.clone());
        configure(&server, VALIDATING, "v", &[webhook]).await;
        let mut object = config_map("x");
        object["metadata"]["labels"] = labels;
        let made = server.call("POST", &format!("{CONFIG_MAPS}?dryRun=All"), &object).await;
        assert_eq!(made.code, expected, "{changes}: {}", made.text);
        delete(&server, &format!("{VALIDATING}/v")).await;
        made
    };
    let labels = || json!({"app": "a"});
    check(json!({"objectSelector": {"matchLabels": {"app": "a"}}}), labels(), 400).await;
    check(json!({"objectSelector": {"matchLabels": {"app": "b"}}}), labels(), 201).await;
    let named =
        |name: &str| json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}});
    check(named("default"), labels(), 400).await;
    check(named("other"), labels(), 201).await;
    let condition = |expression: &str| json!({"matchConditions": [{"name": "c", "expression": expression}]});
    check(condition("object.metadata.labels.app == 'a' && request.operation == 'CREATE'"), labels(), 400)
        .await;
    check(condition("request.userInfo.username == 'somebody'"), labels(), 201).await;
    check(condition("oldObject == null"), labels(), 400).await;
    let failed = check(condition("object.spec.replicas > 1"), labels(), 403).await;
    assert!(failed.refused(403, "Forbidden").contains("no such key: spec"), "{}", failed.text);
    let mut lenient = condition("object.spec.replicas > 1");
    lenient["failurePolicy"] = json!("Ignore");
    check(lenient, labels(), 201).await;
}

#[tokio::test]
async fn a_webhook_with_side_effects_is_not_called_on_a_dry_run() {
    let server = server().await;
    let hook = Hook::answering(|_| json!({"allowed": true})).await;
    let changes = json!({"sideEffects": "NoneOnDryRun"});
    configure(&server, VALIDATING, "v", &[webhook("a.example.com", hook.client_config(), changes)]).await;
    let dry = format!("{CONFIG_MAPS}?dryRun=All");
    assert_eq!(server.call("POST", &dry, &config_map("x")).await.code, 201);
    assert_eq!(hook.asked()[0]["request"]["dryRun"], true);
    assert_eq!(hook.asked()[0]["request"]["options"]["dryRun"], json!(["All"]));
}

#[tokio::test]
async fn webhooks_are_called_in_order_and_again_when_a_later_one_changes_something() {
    let server = server().await;
    // Adds an `o` to what it finds, as a sidecar injector that looks at what others left.
    let counting = |name: &'static str| {
        move |request: &Value| {
            let seen = request["object"]["data"]["seen"].as_str().unwrap_or_default().to_owned();
            patch(json!([{"op": "add", "path": "/data/seen", "value": format!("{seen}{name}")}]))
        }
    };
    let (first, second) = (Hook::answering(counting("1")).await, Hook::answering(counting("2")).await);
    let again = json!({"reinvocationPolicy": "IfNeeded"});
    configure(&server, MUTATING, "b", &[webhook("b.example.com", second.client_config(), json!({}))]).await;
    configure(&server, MUTATING, "a", &[webhook("a.example.com", first.client_config(), again)]).await;
    let made = server.call("POST", CONFIG_MAPS, &config_map("x")).await;
    assert_eq!(made.json()["data"]["seen"], "121", "{}", made.text);
}

#[tokio::test]
async fn a_rule_for_another_version_gets_the_object_in_that_version() {
    let server = server().await;
    assert_eq!(server.call("POST", DEFINITIONS, &widget_definition()).await.code, 201);
    let hook = Hook::answering(|_| patch(json!([{"op": "replace", "path": "/spec/size", "value": 7}]))).await;
    let rules = |versions: Value| json!([{"operations": ["CREATE"], "apiGroups": ["example.com"], "apiVersions": versions, "resources": ["widgets"]}]);
    let changes = json!({"rules": rules(json!(["v1beta1"]))});
    configure(&server, MUTATING, "m", &[webhook("a.example.com", hook.client_config(), changes)]).await;
    let made = server.call("POST", WIDGETS, &widget("a", 1)).await.json();
    assert_eq!((&made["apiVersion"], &made["spec"]["size"]), (&json!("example.com/v1"), &json!(7)));
    let request = &hook.asked()[0]["request"];
    assert_eq!(request["object"]["apiVersion"], "example.com/v1beta1");
    assert_eq!(
        (&request["kind"]["version"], &request["requestKind"]["version"]),
        (&json!("v1beta1"), &json!("v1"))
    );
    delete(&server, &format!("{MUTATING}/m")).await;

    let changes = json!({"rules": rules(json!(["v1beta1"])), "matchPolicy": "Exact"});
    configure(&server, MUTATING, "m", &[webhook("a.example.com", hook.client_config(), changes)]).await;
    assert_eq!(server.call("POST", WIDGETS, &widget("b", 1)).await.json()["spec"]["size"], 1);
}

#[tokio::test]
async fn subresources_are_rules_of_their_own_and_a_scale_is_reviewed_as_a_scale() {
    let server = server().await;
    server.call("POST", DEPLOYMENTS, &deployment("d")).await;
    let hook =
        Hook::answering(|_| patch(json!([{"op": "replace", "path": "/spec/replicas", "value": 3}]))).await;
    let rules = json!([{"operations": ["UPDATE"], "apiGroups": ["apps"], "apiVersions": ["*"], "resources": ["*/scale"]}]);
    let webhook = webhook("a.example.com", hook.client_config(), json!({"rules": rules}));
    configure(&server, MUTATING, "m", &[webhook]).await;
    let merge = || {
        request("PATCH", &format!("{DEPLOYMENTS}/d/scale"))
            .header("content-type", "application/merge-patch+json")
    };
    let scaled = server.send(merge(), r#"{"spec": {"replicas": 9}}"#).await;
    assert_eq!(scaled.json()["spec"]["replicas"], 3, "{}", scaled.text);
    let asked = hook.asked().remove(0);
    assert_eq!(asked["request"]["kind"], json!({"group": "autoscaling", "version": "v1", "kind": "Scale"}));
    assert_eq!(
        (&asked["request"]["subResource"], &asked["request"]["object"]["spec"]["replicas"]),
        (&json!("scale"), &json!(9))
    );
    let merge =
        request("PATCH", &format!("{DEPLOYMENTS}/d")).header("content-type", "application/merge-patch+json");
    assert_eq!(server.send(merge, r#"{"spec": {"replicas": 5}}"#).await.json()["spec"]["replicas"], 5);
}

#[tokio::test]
async fn a_service_is_reached_by_its_endpoints() {
    let server = server().await;
    let hook = Hook::answering(|_| json!({"allowed": false})).await;
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "hook"},
        "spec": {"clusterIP": "None", "ports": [{"name": "https", "port": 443}]}});
    assert_eq!(server.call("POST", "/api/v1/namespaces/default/services", &service).await.code, 201);
    let endpoints = json!({"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "hook"},
        "subsets": [{"addresses": [{"ip": "127.0.0.1"}], "ports": [{"name": "https", "port": hook.port}]}]});
    let client_config = json!({"service": {"namespace": "default", "name": "hook", "path": "/x"}, "caBundle": hook.ca_bundle});
    configure(&server, VALIDATING, "v", &[webhook("a.example.com", client_config, json!({}))]).await;
    let nowhere = server.call("POST", CONFIG_MAPS, &config_map("x")).await;
    assert!(nowhere.refused(500, "InternalError").contains(r#"no endpoints available for service "hook""#));
    assert_eq!(server.call("POST", "/api/v1/namespaces/default/endpoints", &endpoints).await.code, 201);
    let refused = server.call("POST", CONFIG_MAPS, &config_map("x")).await;
    assert_eq!(refused.code, 400, "{}", refused.text);
    assert!(
        hook.asked()[0]["uri"].as_str().unwrap().contains("hook.default.svc"),
        "{}",
        hook.asked()[0]["uri"]
    );
}

#[tokio::test]
async fn webhooks_have_no_power_over_what_configures_them() {
    let server = server().await;
    let everything = json!({"rules": [{"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*/*"]}]});
    let nowhere =
        json!({"url": "https://127.0.0.1:1/", "caBundle": Hook::answering(|_| json!({})).await.ca_bundle});
    configure(&server, VALIDATING, "v", &[webhook("a.example.com", nowhere, everything)]).await;
    assert_eq!(server.call("POST", CONFIG_MAPS, &config_map("x")).await.code, 500);
    assert_eq!(delete(&server, &format!("{VALIDATING}/v")).await.code, 200);
    assert_eq!(server.call("POST", CONFIG_MAPS, &config_map("x")).await.code, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_webhook_holds_up_nobody_else_and_may_write_itself() {
    let server = Arc::new(server().await);
    let (inner, handle) = (server.client.clone(), tokio::runtime::Handle::current());
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let hook = Hook::answering(move |_| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        let (client, body) = (
            inner.clone(),
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": format!("s{number}")}}),
        );
        let path = "/api/v1/namespaces/default/secrets";
        let ask = request("POST", path).header("content-type", "application/json");
        let ask = ask.body(kube::client::Body::from(body.to_string().into_bytes())).unwrap();
        let made = handle.block_on(async { client.send(ask).await.unwrap().status().as_u16() });
        json!({"allowed": made == 201})
    })
    .await;
    configure(
        &server,
        VALIDATING,
        "v",
        &[webhook("a.example.com", hook.client_config(), json!({"timeoutSeconds": 20}))],
    )
    .await;
    // More than may be worked on at once: were they to keep their places, the secrets would never be written.
    let before = Instant::now();
    let tasks: Vec<_> = (0..260)
        .map(|number| {
            let server = Arc::clone(&server);
            tokio::spawn(async move {
                server.call("POST", CONFIG_MAPS, &config_map(&format!("x{number}"))).await.code
            })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), 201);
    }
    assert!(before.elapsed() < Duration::from_secs(19), "{:?}", before.elapsed());
}

#[tokio::test]
async fn a_configuration_that_cannot_work_is_refused_with_the_field() {
    let server = server().await;
    let check = async |changes: Value, field: &str| {
        let url = json!({"url": "https://127.0.0.1:1/"});
        let configuration = json!({"apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration", "metadata": {"name": "v"},
            "webhooks": [webhook("a.example.com", url, changes.clone())]});
        let message = server.call("POST", VALIDATING, &configuration).await.refused(422, "Invalid");
        assert!(message.contains(field), "{changes}: {message}");
    };
    check(json!({"name": "short"}), "webhooks[0].name").await;
    check(
        json!({"clientConfig": {}}),
        "webhooks[0].clientConfig: Required value: exactly one of url or service is required",
    )
    .await;
    check(json!({"clientConfig": {"url": "http://a/b"}}), "webhooks[0].clientConfig.url").await;
    check(json!({"clientConfig": {"url": "https://a/b?c=d"}}), "webhooks[0].clientConfig.url").await;
    check(
        json!({"clientConfig": {"service": {"namespace": "", "name": "a"}}}),
        "webhooks[0].clientConfig.service.namespace",
    )
    .await;
    check(json!({"sideEffects": "Some"}), "webhooks[0].sideEffects").await;
    check(json!({"admissionReviewVersions": ["v7"]}), "webhooks[0].admissionReviewVersions").await;
    check(json!({"rules": [{"operations": ["PUSH"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["a"]}]}), "webhooks[0].rules[0].operations[0]").await;
    check(
        json!({"rules": [{"operations": ["*"], "apiGroups": [], "apiVersions": ["v1"], "resources": ["a"]}]}),
        "webhooks[0].rules[0].apiGroups",
    )
    .await;
    check(
        json!({"matchConditions": [{"name": "c", "expression": "object."}]}),
        "webhooks[0].matchConditions[0].expression",
    )
    .await;
    check(json!({"matchConditions": [{"name": "c", "expression": "authorizer.path('/')"}]}), "authorizer")
        .await;
}
