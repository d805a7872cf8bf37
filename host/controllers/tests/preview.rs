//! The binding that a template would get, without anything being written.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "harness/interpreter.rs"]
mod interpreter;

use interpreter::Plain;
use k8s_openapi::api::scheduling::v1::PriorityClass;
use serde_json::{Value, json};
use windlass_controllers::explain::{Preview, PreviewError};

fn policy(name: &str, kind: &str) -> Value {
    json!({"apiVersion": "policy.karmada.io/v1alpha1", "kind": "PropagationPolicy",
        "metadata": {"namespace": "default", "name": name},
        "spec": {"resourceSelectors": [{"apiVersion": "apps/v1", "kind": kind}],
            "schedulePriority": {"priorityClassSource": "KubePriorityClass", "priorityClassName": "high"},
            "placement": {"clusterAffinity": {"clusterNames": ["m1"]}}}})
}

fn preview(replicas: u32, policies: &[Value], existing: Option<&Value>) -> Result<Value, PreviewError> {
    let template = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"namespace": "default", "name": "web"}, "spec": {"replicas": replicas}});
    let preview = Preview { template: &template, policies, existing };
    let high = PriorityClass { value: Some(7), ..PriorityClass::default() };
    preview.binding(&Plain, &|class| (class == "high").then(|| high.clone()))
}

#[test]
fn the_binding_is_the_detectors_and_keeps_what_is_assigned() {
    let policies = [policy("other", "DaemonSet"), policy("mine", "Deployment")];
    let binding = preview(3, &policies, None).unwrap();
    assert_eq!(binding["metadata"]["name"], "web-deployment");
    assert_eq!(
        (&binding["spec"]["replicas"], &binding["spec"]["schedulePriority"]["priority"]),
        (&json!(3), &json!(7))
    );
    let mut existing = binding;
    existing["spec"]["clusters"] = json!([{"name": "m2", "replicas": 3}]);
    existing["spec"]["placement"] = json!({});
    let binding = preview(5, &policies, Some(&existing)).unwrap();
    assert_eq!(binding["spec"]["clusters"][0]["name"], "m2");
    assert_eq!(binding["spec"]["replicas"], 5);
    assert_eq!(binding["spec"]["placement"]["clusterAffinity"]["clusterNames"][0], "m1");
}

#[test]
fn what_gets_no_binding_says_why() {
    let error = preview(1, &[policy("other", "DaemonSet")], None).unwrap_err().to_string();
    assert_eq!(error, "no policy selects Deployment default/web; the policies that could are default/other");
    let error = preview(1, &[], None).unwrap_err().to_string();
    assert!(error.ends_with("there is no policy for its namespace"), "{error}");
    let mut unclassed = policy("mine", "Deployment");
    unclassed["spec"]["schedulePriority"]["priorityClassName"] = json!("higher");
    let error = preview(1, &[unclassed], None).unwrap_err().to_string();
    assert!(error.contains("policy default/mine names PriorityClass higher"), "{error}");
    let unlucky = preview(13, &[policy("mine", "Deployment")], None).unwrap_err();
    assert!(matches!(unlucky, PreviewError::Interpretation(_)), "{unlucky}");
    let unreadable = json!({"kind": "PropagationPolicy", "metadata": {"name": "p"}, "spec": 1});
    let error = preview(1, &[unreadable], None).unwrap_err().to_string();
    assert_eq!(error, "PropagationPolicy p can't be read");
}
