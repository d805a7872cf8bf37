//! What happens to objects of built-in kinds on their way in.

use serde_json::json;

use super::*;

fn kind(name: &str) -> Arc<Kind> {
    kinds().into_iter().find(|kind| kind.names.kind == name).unwrap()
}

/// Decoded and defaulted.
fn stored(name: &str, content: Value) -> Value {
    let kind = kind(name);
    let mut object = json!({"apiVersion": kind.api_version(), "kind": name, "metadata": {"name": "x"}});
    if kind.namespaced {
        object["metadata"]["namespace"] = json!("default");
    }
    json_patch::merge(&mut object, &content);
    kind.decode(&mut object).unwrap();
    kind.default(&mut object);
    let once = object.clone();
    kind.default(&mut object);
    assert_eq!(object, once, "defaulting is idempotent");
    object
}

fn problems(name: &str, content: Value) -> Vec<String> {
    kind(name).validate_create(&stored(name, content)).iter().map(ToString::to_string).collect()
}

fn deployment() -> Value {
    json!({"spec": {"selector": {"matchLabels": {"app": "x"}}, "template": {
        "metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "c", "image": "nginx:1.27"}]}}}})
}

#[test]
fn every_schema_is_made_and_knows_its_metadata() {
    for kind in kinds() {
        let root = kind.schema().root();
        assert!(
            root.field("metadata").and_then(|meta| meta.field("labels")).is_some(),
            "{}",
            kind.names.kind
        );
        assert_eq!(root.definition(), kind.definition());
    }
}

#[test]
fn the_tables_name_definitions_and_fields_that_exist() {
    let all = kinds();
    let names: Vec<&str> = all.iter().filter_map(|kind| kind.definition()).collect();
    let definitions = definitions(&names);
    let rules = (defaults::read(), checks::read(), updates::read());
    let tables = rules.0.keys().chain(rules.1.keys()).chain(rules.2.keys());
    for definition in tables {
        assert!(definitions.contains_key(definition), "{definition}");
    }
    for (definition, properties) in tables::merging() {
        let Some(schema) = definitions.get(&definition) else { continue };
        for property in properties.keys().filter(|property| !property.is_empty()) {
            assert!(schema["properties"].get(property).is_some(), "{definition} {property}");
        }
    }
}

#[test]
fn a_deployment_is_defaulted_as_kubernetes_does() {
    let stored = stored("Deployment", deployment());
    assert_eq!(
        stored["spec"],
        json!({
            "replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "selector": {"matchLabels": {"app": "x"}},
            "template": {"metadata": {"labels": {"app": "x"}}, "spec": {
                "containers": [{"name": "c", "image": "nginx:1.27", "imagePullPolicy": "IfNotPresent", "resources": {},
                    "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}],
                "dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "schedulerName": "default-scheduler",
                "securityContext": {}, "terminationGracePeriodSeconds": 30}}
        })
    );
}

#[test]
fn other_kinds_get_their_own_defaults() {
    let service = stored("Service", json!({"spec": {"ports": [{"port": 80}]}}));
    assert_eq!(service["spec"]["ports"], json!([{"port": 80, "protocol": "TCP", "targetPort": 80}]));
    assert_eq!(service["spec"]["type"], "ClusterIP");
    assert_eq!(service["spec"]["sessionAffinity"], "None");
    let job = stored(
        "Job",
        json!({"spec": {"template": {"metadata": {"labels": {"a": "b"}}, "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}}}),
    );
    assert_eq!((&job["spec"]["completions"], &job["spec"]["backoffLimit"]), (&json!(1), &json!(6)));
    assert_eq!(job["metadata"]["labels"], json!({"a": "b"}));
    assert_eq!(job["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"], "Always");
    let namespace = stored("Namespace", json!({}));
    assert_eq!(namespace["metadata"]["labels"]["kubernetes.io/metadata.name"], "x");
    assert_eq!(namespace["status"]["phase"], "Active");
    let definition =
        stored("CustomResourceDefinition", json!({"spec": {"names": {"kind": "Foo", "plural": "foos"}}}));
    assert_eq!(
        definition["spec"]["names"],
        json!({"kind": "Foo", "plural": "foos", "singular": "foo", "listKind": "FooList"})
    );
    assert_eq!(definition["spec"]["conversion"], json!({"strategy": "None"}));
    let pod = stored(
        "Pod",
        json!({"spec": {"volumes": [{"name": "v"}], "containers": [{"name": "c", "image": "i:latest",
        "resources": {"limits": {"cpu": 0.5, "memory": "1024Mi"}, "requests": {"memory": "1Mi"}}}]}}),
    );
    assert_eq!(pod["spec"]["volumes"], json!([{"name": "v", "emptyDir": {}}]));
    assert_eq!(
        pod["spec"]["containers"][0]["resources"],
        json!({"limits": {"cpu": "500m", "memory": "1Gi"}, "requests": {"cpu": "500m", "memory": "1Mi"}})
    );
}

#[test]
fn decoding_normalises_and_names_unknown_fields() {
    let secret = stored("Secret", json!({"stringData": {"a": "hello"}, "data": {"b": ""}}));
    assert_eq!(secret["data"], json!({"a": "aGVsbG8=", "b": ""}));
    assert_eq!(secret.get("stringData"), None);
    let mut object = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "x", "creationTimestamp": null, "annotations": {}}, "spec": {"replica": 3, "template": {"spec": {"containers": [{"nam": "c"}]}}}});
    let warnings = kind("Deployment").decode(&mut object).unwrap();
    assert_eq!(
        warnings,
        [r#"unknown field "spec.replica""#, r#"unknown field "spec.template.spec.containers[0].nam""#]
    );
    assert_eq!(object["metadata"], json!({"name": "x"}));
}

#[test]
fn a_wrong_type_is_gos_decoding_error() {
    let mut object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}, "spec": {"replicas": "three"}});
    assert_eq!(
        kind("Deployment").decode(&mut object).unwrap_err().to_string(),
        "Deployment in version \"v1\" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32"
    );
    let mut object = json!({"spec": {"hard": {"cpu": "lots"}}});
    let error = kind("ResourceQuota").decode(&mut object).unwrap_err().to_string();
    assert!(error.contains("quantities must match the regular expression"), "{error}");
    let mut object = json!({"metadata": {"labels": {"a": 1}}});
    assert!(kind("ConfigMap").decode(&mut object).is_err());
}

#[test]
fn common_mistakes_are_explained() {
    let check = |name: &str, content: Value, expected: &[&str]| assert_eq!(problems(name, content), expected);
    check("Deployment", deployment(), &[]);
    let mut wrong = deployment();
    wrong["spec"]["template"]["metadata"]["labels"] = json!({"app": "y"});
    check(
        "Deployment",
        wrong,
        &[
            "spec.template.metadata.labels: Invalid value: {\"app\":\"y\"}: `selector` does not match template `labels`",
        ],
    );
    let mut wrong = deployment();
    wrong["spec"]["template"]["spec"] =
        json!({"restartPolicy": "Never", "containers": [{"name": "A", "image": "i"}, {"name": "c"}]});
    check(
        "Deployment",
        wrong,
        &[
            "spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported values: \"Always\"",
            "spec.template.spec.containers[0].name: Invalid value: \"A\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
            "spec.template.spec.containers[1].image: Required value",
        ],
    );
    check(
        "Deployment",
        json!({"spec": {}}),
        &[
            "spec.selector: Required value",
            "spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`",
            "spec.template.spec.containers: Required value",
        ],
    );
    let mut wrong = deployment();
    wrong["spec"]["replicas"] = json!(-1);
    check("Deployment", wrong, &["spec.replicas: Invalid value: -1: must be greater than or equal to 0"]);
    check(
        "ConfigMap",
        json!({"data": {"a b": ""}}),
        &[
            "data[a b]: Invalid value: \"a b\": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
        ],
    );
    check(
        "Service",
        json!({"spec": {"type": "Odd", "ports": [{"port": 0}]}}),
        &[
            "spec.type: Unsupported value: \"Odd\": supported values: \"ClusterIP\", \"ExternalName\", \"LoadBalancer\", \"NodePort\"",
            "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
            "spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive",
        ],
    );
    check("Pod", json!({"spec": {"containers": []}}), &["spec.containers: Required value"]);
    check(
        "Pod",
        json!({"spec": {"volumes": [{"name": "v", "secret": {}, "hostPath": {"path": "/"}}], "containers": [{
            "name": "c", "image": "i", "livenessProbe": {"successThreshold": 2}, "env": [{"name": "A", "value": "b",
                "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
            "volumeMounts": [{"name": "w", "mountPath": "/a"}, {"name": "v", "mountPath": "/a"}]}]}}),
        &[
            "spec.containers[0].volumeMounts[1]: Duplicate value: {\"mountPath\":\"/a\"}",
            "spec.containers[0].volumeMounts[0].name: Not found: \"w\"",
            "spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1",
            "spec.containers[0].env[0].valueFrom: Invalid value: {\"fieldRef\":{\"apiVersion\":\"v1\",\"fieldPath\":\"metadata.name\"}}: may not be specified when `value` is not empty",
            "spec.containers[0].livenessProbe: Required value: must specify a handler type",
            "spec.volumes[0].secret: Forbidden: may not specify more than 1 volume type",
        ],
    );
    let mut wrong = deployment();
    wrong["spec"]["strategy"] = json!({"rollingUpdate": {"maxUnavailable": 0, "maxSurge": "0%"}});
    wrong["spec"]["progressDeadlineSeconds"] = json!(5);
    wrong["spec"]["minReadySeconds"] = json!(5);
    check(
        "Deployment",
        wrong,
        &[
            "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0",
            "spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds",
        ],
    );
    check(
        "Service",
        json!({"spec": {"ports": [{"port": 80}, {"port": 80, "name": "b", "nodePort": 30000}]}}),
        &[
            "spec.ports[1]: Duplicate value: {\"port\":80,\"protocol\":\"TCP\"}",
            "spec.ports[0].name: Required value",
            "spec.ports[1].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
        ],
    );
    check(
        "PodDisruptionBudget",
        json!({"spec": {"minAvailable": "half"}}),
        &[
            "spec.minAvailable: Invalid value: \"half\": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
        ],
    );
    check(
        "CronJob",
        json!({"spec": {"schedule": "often", "jobTemplate": {"spec": {"template": {"spec": {"restartPolicy": "Never",
            "containers": [{"name": "c", "image": "i"}]}}}}}}),
        &["spec.schedule: Invalid value: \"often\": expected exactly 5 fields, found 1: [often]"],
    );
    check(
        "CustomResourceDefinition",
        json!({"spec": {"group": "nodots", "scope": "Cluster", "names": {"plural": "as", "kind": "A"}, "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}}}]}}),
        &[
            "metadata.name: Invalid value: \"x\": must be spec.names.plural+\".\"+spec.group",
            "spec.group: Invalid value: \"nodots\": should be a domain with at least one dot",
        ],
    );
}

#[test]
fn updates_keep_what_is_immutable() {
    let check = |name: &str, old: Value, new: Value, expected: &[&str]| {
        let (old, new) = (stored(name, old), stored(name, new));
        let texts: Vec<String> =
            kind(name).validate_update(&new, &old).iter().map(ToString::to_string).collect();
        assert_eq!(texts, expected);
    };
    let mut new = deployment();
    new["spec"]["selector"] = json!({"matchLabels": {"tier": "y"}});
    new["spec"]["template"]["metadata"]["labels"] = json!({"app": "x", "tier": "y"});
    check(
        "Deployment",
        deployment(),
        new,
        &["spec.selector: Invalid value: {\"matchLabels\":{\"tier\":\"y\"}}: field is immutable"],
    );
    check(
        "ConfigMap",
        json!({"immutable": true, "data": {"a": "1"}}),
        json!({"immutable": true, "data": {"a": "2"}}),
        &["data: Forbidden: field is immutable when `immutable` is set"],
    );
    check("ConfigMap", json!({"data": {"a": "1"}}), json!({"data": {"a": "2"}}), &[]);
    check(
        "Service",
        json!({"spec": {"clusterIP": "10.0.0.1", "ports": [{"port": 80}]}}),
        json!({"spec": {"clusterIP": "10.0.0.2", "ports": [{"port": 80}]}}),
        &["spec.clusterIPs[0]: Invalid value: [\"10.0.0.2\"]: may not change once set"],
    );
    check(
        "PriorityClass",
        json!({"value": 1}),
        json!({"value": 2}),
        &["value: Forbidden: may not be changed in an update."],
    );
}

#[test]
fn fields_that_go_always_writes_are_there_and_empty_ones_are_not() {
    let set = stored(
        "DaemonSet",
        json!({"spec": {"minReadySeconds": 0, "template": {"spec": {"containers": [], "hostNetwork": false}}}}),
    );
    assert_eq!(set["status"]["numberReady"], 0);
    assert_eq!(set["spec"]["template"]["metadata"], json!({}));
    assert_eq!((&set["spec"]["selector"], set["spec"].get("minReadySeconds")), (&Value::Null, None));
    let pod = &set["spec"]["template"]["spec"];
    assert_eq!((pod.get("containers"), pod.get("hostNetwork")), (Some(&json!([])), None));
    let labelled =
        stored("ConfigMap", json!({"metadata": {"labels": {"empty": ""}, "annotations": {}}, "data": {}}));
    assert_eq!(labelled["metadata"]["labels"], json!({"empty": ""}));
    assert_eq!(labelled["metadata"].get("annotations"), None);
    assert_eq!(labelled.get("data"), None);
}

#[test]
fn a_jobs_defaults_are_not_those_of_a_cron_jobs_template() {
    let spec = json!({"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}});
    let cron =
        stored("CronJob", json!({"spec": {"schedule": "* * * * *", "jobTemplate": {"spec": spec.clone()}}}));
    assert_eq!(cron["spec"]["jobTemplate"]["spec"].get("backoffLimit"), None);
    let mut job = stored("Job", json!({"metadata": {"uid": "u"}, "spec": spec}));
    assert_eq!(job["spec"]["backoffLimit"], 6);
    kind("Job").complete_created(&mut job);
    let labels = &job["spec"]["template"]["metadata"]["labels"];
    assert_eq!(labels["batch.kubernetes.io/job-name"], "x");
    assert_eq!(job["spec"]["selector"], json!({"matchLabels": {"batch.kubernetes.io/controller-uid": "u"}}));
}

#[test]
fn what_kubernetes_refuses_is_refused() {
    let meta = json!({"metadata": {"namespace": null}});
    for (kind, content, field) in [
        ("Endpoints", json!({"subsets": [{"ports": [{"port": 80}]}]}), "subsets[0]"),
        ("Endpoints", json!({"subsets": [{"addresses": [{"ip": "x"}]}]}), "subsets[0].addresses[0].ip"),
        (
            "Role",
            json!({"rules": [{"verbs": ["get"], "nonResourceURLs": ["/x"]}]}),
            "rules[0].nonResourceURLs",
        ),
        (
            "NetworkPolicy",
            json!({"spec": {"podSelector": {}, "ingress": [{"from": [{}]}]}}),
            "spec.ingress[0].from[0]",
        ),
        (
            "NetworkPolicy",
            json!({"spec": {"podSelector": {}, "ingress": [{"ports": [{"port": "http", "endPort": 9}]}]}}),
            "spec.ingress[0].ports[0].endPort",
        ),
        ("StorageClass", json!({"provisioner": "a b"}), "provisioner"),
        (
            "CronJob",
            json!({"spec": {"timeZone": "No Where", "schedule": "* * * * *", "jobTemplate": {"spec": {"template": {
            "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}}}}}),
            "spec.timeZone",
        ),
        ("IngressClass", json!({"spec": {"controller": "x"}}), "spec.controller"),
    ] {
        let mut content = content;
        if !self::kind(kind).namespaced {
            json_patch::merge(&mut content, &meta);
        }
        let problems = problems(kind, content);
        assert!(
            problems.iter().any(|problem| problem.starts_with(&format!("{field}: "))),
            "{kind}: {problems:?}"
        );
    }
}

#[test]
fn a_null_in_a_list_or_a_map_is_its_type_when_nothing_is_set() {
    let object = stored("ConfigMap", json!({}));
    assert_eq!(object.get("data"), None);
    let kind = kind("ConfigMap");
    let mut object =
        json!({"metadata": {"name": "x", "namespace": "y"}, "data": {"a": null}, "immutable": null});
    kind.decode(&mut object).unwrap();
    assert_eq!((&object["data"], object.get("immutable")), (&json!({"a": ""}), None));
}
