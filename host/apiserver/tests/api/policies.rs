//! ValidatingAdmissionPolicy and its binding, evaluated.

use serde_json::{Value, json};

use crate::fixture::{CONFIG_MAPS, Fixture, server};

const POLICIES: &str = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies";
const BINDINGS: &str = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings";

fn policy(changes: Value) -> Value {
    let mut policy = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": "p"}, "spec": {
            "matchConstraints": {"resourceRules": [{"operations": ["CREATE", "UPDATE"], "apiGroups": [""],
                "apiVersions": ["v1"], "resources": ["configmaps"]}]},
            "validations": [{"expression": "object.data.size() < 2", "message": "too much"}]}});
    for (name, value) in changes.as_object().unwrap() {
        policy["spec"][name] = value.clone();
    }
    policy
}

fn binding(changes: Value) -> Value {
    let mut binding = json!({"apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": "b"},
        "spec": {"policyName": "p", "validationActions": ["Deny"]}});
    for (name, value) in changes.as_object().unwrap() {
        binding["spec"][name] = value.clone();
    }
    binding
}

async fn configure(server: &Fixture, policy_changes: Value, binding_changes: Value) {
    for (path, object) in [(POLICIES, policy(policy_changes)), (BINDINGS, binding(binding_changes))] {
        let made = server.call("POST", path, &object).await;
        assert_eq!(made.code, 201, "{}", made.text);
    }
}

fn config_map(name: &str, data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
}

#[tokio::test]
async fn a_policy_denies_where_it_is_bound() {
    let server = server().await;
    let large = config_map("x", json!({"a": "1", "b": "2"}));
    assert_eq!(server.call("POST", POLICIES, &policy(json!({}))).await.code, 201);
    assert_eq!(server.call("POST", &format!("{CONFIG_MAPS}?dryRun=All"), &large).await.code, 201);
    assert_eq!(server.call("POST", BINDINGS, &binding(json!({}))).await.code, 201);
    let message = server.call("POST", CONFIG_MAPS, &large).await.refused(422, "Invalid");
    let expected = "configmaps \"x\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: too much";
    assert_eq!(message, expected);
    assert_eq!(server.call("POST", CONFIG_MAPS, &config_map("y", json!({"a": "1"}))).await.code, 201);
}

#[tokio::test]
async fn variables_messages_and_reasons_are_computed() {
    let server = server().await;
    let changes = json!({
        "matchConditions": [{"name": "named", "expression": "request.name != 'exempt'"}],
        "variables": [{"name": "count", "expression": "object.data.size()"},
            {"name": "twice", "expression": "variables.count * 2"}],
        "validations": [{"expression": "variables.twice < 4 && namespaceObject.metadata.name == 'default' && oldObject == null",
            "messageExpression": "'found ' + string(variables.count)", "reason": "Forbidden"}]});
    configure(&server, changes, json!({})).await;
    let data = json!({"a": "1", "b": "2"});
    let refused = server.call("POST", CONFIG_MAPS, &config_map("x", data.clone())).await;
    assert!(refused.refused(403, "Forbidden").ends_with("denied request: found 2"), "{}", refused.text);
    assert_eq!(server.call("POST", CONFIG_MAPS, &config_map("exempt", data)).await.code, 201);
}

#[tokio::test]
async fn parameters_are_read_from_objects_and_may_be_required() {
    let server = server().await;
    let changes = json!({"paramKind": {"apiVersion": "v1", "kind": "Secret"},
        "validations": [{"expression": "!('limit' in object.data) || object.data.limit == params.metadata.labels.limit"}]});
    let reference = json!({"paramRef": {"name": "limits", "parameterNotFoundAction": "Deny"}});
    configure(&server, changes, reference).await;
    let object = |limit: &str| config_map("x", json!({ "limit": limit }));
    let missing = server.call("POST", CONFIG_MAPS, &object("7")).await;
    assert!(missing.refused(422, "Invalid").contains("no params found"), "{}", missing.text);
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "limits", "labels": {"limit": "7"}}});
    assert_eq!(server.call("POST", "/api/v1/namespaces/default/secrets", &secret).await.code, 201);
    assert_eq!(server.call("POST", CONFIG_MAPS, &object("8")).await.code, 422);
    assert_eq!(server.call("POST", CONFIG_MAPS, &object("7")).await.code, 201);
}

/// A PUT over the version that is stored.
async fn replace(server: &Fixture, path: &str, mut object: Value) {
    let stored = server.get(path).await.json();
    object["metadata"]["resourceVersion"] = stored["metadata"]["resourceVersion"].clone();
    assert_eq!(server.call("PUT", path, &object).await.code, 200);
}

#[tokio::test]
async fn a_failing_expression_denies_unless_failures_are_ignored_and_a_warning_lets_pass() {
    let server = server().await;
    let broken = json!({"validations": [{"expression": "object.spec.none == 1"}]});
    configure(&server, broken.clone(), json!({})).await;
    let object = config_map("x", json!({}));
    let refused = server.call("POST", CONFIG_MAPS, &object).await;
    assert!(refused.refused(422, "Invalid").contains("no such key: spec"), "{}", refused.text);
    let mut lenient = policy(broken);
    lenient["spec"]["failurePolicy"] = json!("Ignore");
    let blind = server.call("PUT", &format!("{POLICIES}/p"), &lenient).await;
    assert!(blind.refused(422, "Invalid").contains("must be specified for an update"), "{}", blind.text);
    replace(&server, &format!("{POLICIES}/p"), lenient).await;
    assert_eq!(server.call("POST", CONFIG_MAPS, &object).await.code, 201);

    replace(&server, &format!("{POLICIES}/p"), policy(json!({}))).await;
    replace(&server, &format!("{BINDINGS}/b"), binding(json!({"validationActions": ["Warn"]}))).await;
    let warned = server.call("POST", CONFIG_MAPS, &config_map("y", json!({"a": "1", "b": "2"}))).await;
    assert_eq!(warned.code, 201, "{}", warned.text);
    assert!(
        warned.warnings[0]
            .contains("Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': too much"),
        "{:?}",
        warned.warnings
    );
}

#[tokio::test]
async fn what_can_never_be_evaluated_is_refused_with_the_field() {
    let server = server().await;
    let check = async |changes: Value, words: &str| {
        let message = server.call("POST", POLICIES, &policy(changes)).await.refused(422, "Invalid");
        assert!(message.contains(words), "{message}");
    };
    check(json!({"validations": [{"expression": "object."}]}), "spec.validations[0].expression").await;
    check(json!({"validations": [{"expression": "params.x == 1"}]}), "undeclared reference to 'params'")
        .await;
    check(
        json!({"validations": [{"expression": "authorizer.path('/').check('get').allowed()"}]}),
        "without an authorizer",
    )
    .await;
    check(json!({"matchConstraints": {}}), "spec.matchConstraints.resourceRules").await;
}
