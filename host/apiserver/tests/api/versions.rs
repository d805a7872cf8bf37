//! Built-in kinds that are served in several versions over one stored object.

use serde_json::{Value, json};

use crate::fixture::{Events, request, server};

const V1: &str = "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers";
const V2: &str = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers";
const CORE_EVENTS: &str = "/api/v1/namespaces/default/events";
const EVENTS: &str = "/apis/events.k8s.io/v1/namespaces/default/events";

fn autoscaler(version: &str, spec: Value) -> Value {
    let mut object = json!({"apiVersion": format!("autoscaling/{version}"), "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web"},
        "spec": {"maxReplicas": 5, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}});
    for (name, value) in spec.as_object().unwrap() {
        object["spec"][name] = value.clone();
    }
    object
}

fn processors(utilization: i64) -> Value {
    json!({"type": "Resource", "resource": {"name": "cpu",
        "target": {"type": "Utilization", "averageUtilization": utilization}}})
}

#[tokio::test]
async fn one_autoscaler_is_read_and_written_in_both_versions() {
    let server = server().await;
    let created =
        server.call("POST", V1, &autoscaler("v1", json!({"targetCPUUtilizationPercentage": 50}))).await;
    assert_eq!(created.code, 201, "{}", created.text);
    assert_eq!(created.json()["spec"]["targetCPUUtilizationPercentage"], 50);
    let second = server.get(&format!("{V2}/web")).await.json();
    assert_eq!(second["apiVersion"], "autoscaling/v2");
    assert_eq!(second["spec"]["metrics"], json!([processors(50)]));
    assert_eq!(second["metadata"]["uid"], created.json()["metadata"]["uid"]);

    let memory = json!({"type": "Resource", "resource": {"name": "memory",
        "target": {"type": "AverageValue", "averageValue": "1Gi"}}});
    let mut changed = second;
    changed["spec"]["metrics"] = json!([memory, processors(70)]);
    assert_eq!(server.call("PUT", &format!("{V2}/web"), &changed).await.code, 200);
    let first = server.get(&format!("{V1}/web")).await.json();
    assert_eq!(first["spec"]["targetCPUUtilizationPercentage"], 70);
    let kept = first["metadata"]["annotations"]["autoscaling.alpha.kubernetes.io/metrics"].as_str().unwrap();
    assert!(kept.contains("memory"), "{kept}");

    let patch = json!({"spec": {"maxReplicas": 9, "targetCPUUtilizationPercentage": 20}});
    let patched = server
        .send(
            request("PATCH", &format!("{V1}/web"))
                .header("content-type", "application/strategic-merge-patch+json"),
            patch.to_string(),
        )
        .await;
    assert_eq!(patched.json()["spec"]["maxReplicas"], 9, "{}", patched.text);
    let second = server.get(&format!("{V2}/web")).await.json();
    assert_eq!(second["spec"]["metrics"], json!([memory, processors(20)]));
    assert!(second["metadata"].get("annotations").is_none(), "{second}");

    let list = server.get(V1).await.json();
    assert_eq!(
        (&list["apiVersion"], &list["items"][0]["spec"]["targetCPUUtilizationPercentage"]),
        (&json!("autoscaling/v1"), &json!(20))
    );
    let status = json!({"status": {"currentReplicas": 1, "desiredReplicas": 2, "currentMetrics": [],
        "conditions": [{"type": "AbleToScale", "status": "True"}]}});
    let reported = server
        .send(
            request("PATCH", &format!("{V2}/web/status"))
                .header("content-type", "application/merge-patch+json"),
            status.to_string(),
        )
        .await;
    assert_eq!(reported.code, 200, "{}", reported.text);
    let first = server.get(&format!("{V1}/web")).await.json();
    assert!(first["status"].get("conditions").is_none());
    assert!(first["metadata"]["annotations"].get("autoscaling.alpha.kubernetes.io/conditions").is_some());
    let deleted = server.call("DELETE", &format!("{V1}/web"), &json!({})).await;
    assert_eq!(deleted.code, 200);
    server.get(&format!("{V2}/web")).await.refused(404, "NotFound");
}

#[tokio::test]
async fn a_watch_of_either_version_sees_what_the_other_writes() {
    let server = server().await;
    let mut first = Events::open(&server.client, &format!("{V1}?watch=true")).await;
    let mut second = Events::open(&server.client, &format!("{V2}?watch=true")).await;
    server.call("POST", V2, &autoscaler("v2", json!({"metrics": [processors(30)]}))).await;
    let seen = first.expect("ADDED", "web").await;
    assert_eq!(
        (&seen["apiVersion"], &seen["spec"]["targetCPUUtilizationPercentage"]),
        (&json!("autoscaling/v1"), &json!(30))
    );
    assert_eq!(second.expect("ADDED", "web").await["spec"]["metrics"], json!([processors(30)]));
}

async fn apply(
    server: &crate::fixture::Fixture,
    path: &str,
    manager: &str,
    object: &Value,
) -> crate::fixture::Answer {
    let path = format!("{path}/web?fieldManager={manager}");
    let request = request("PATCH", &path).header("content-type", "application/apply-patch+yaml");
    server.send(request, object.to_string()).await
}

#[tokio::test]
async fn appliers_of_different_versions_know_of_each_others_fields() {
    let server = server().await;
    let first = autoscaler("v1", json!({"minReplicas": 2, "targetCPUUtilizationPercentage": 50}));
    assert_eq!(apply(&server, V1, "one", &first).await.code, 201);
    let mut second = autoscaler("v2", json!({"metrics": [processors(60)]}));
    second["spec"].as_object_mut().unwrap().remove("scaleTargetRef");
    second["spec"]["scaleTargetRef"] = first["spec"]["scaleTargetRef"].clone();
    let conflict = apply(&server, V2, "two", &second).await;
    let message = conflict.refused(409, "Conflict");
    assert!(message.contains(".spec.targetCPUUtilizationPercentage"), "{message}");
    second["spec"]["metrics"] = json!([processors(50)]);
    let shared = apply(&server, V2, "two", &second).await;
    assert_eq!(shared.code, 200, "{}", shared.text);
    let managers = shared.json()["metadata"]["managedFields"].clone();
    let versions: Vec<(&str, &str)> = managers
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["manager"].as_str().unwrap(), entry["apiVersion"].as_str().unwrap()))
        .collect();
    assert_eq!(versions, [("one", "autoscaling/v1"), ("two", "autoscaling/v2")]);

    // The first no longer wants its target and its minimum: the second still owns the target, nobody the minimum.
    let less = autoscaler("v1", json!({}));
    let pruned = apply(&server, V1, "one", &less).await.json();
    assert_eq!(pruned["spec"]["targetCPUUtilizationPercentage"], 50);
    assert_eq!(pruned["spec"]["minReplicas"], 1);
}

#[tokio::test]
async fn an_event_has_two_groups_and_is_one() {
    let server = server().await;
    let event = json!({"metadata": {"name": "e"}, "involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"},
        "reason": "Started", "message": "it runs", "type": "Normal", "count": 2, "source": {"component": "kubelet"}});
    let created = server.call("POST", CORE_EVENTS, &event).await;
    assert_eq!(created.code, 201, "{}", created.text);
    let newer = server.get(&format!("{EVENTS}?fieldSelector=regarding.name=p,reason=Started")).await.json();
    let seen = &newer["items"][0];
    assert_eq!(seen["apiVersion"], "events.k8s.io/v1");
    assert_eq!((&seen["note"], &seen["regarding"]["name"]), (&json!("it runs"), &json!("p")));
    assert_eq!(
        (&seen["deprecatedCount"], &seen["deprecatedSource"]["component"]),
        (&json!(2), &json!("kubelet"))
    );

    let newer = json!({"metadata": {"name": "f"}, "regarding": {"kind": "Pod", "name": "q", "namespace": "default"},
        "reason": "Moved", "action": "Move", "note": "it moved", "type": "Warning", "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingController": "example.com/mover", "reportingInstance": "m-1"});
    let created = server.call("POST", EVENTS, &newer).await;
    assert_eq!(created.code, 201, "{}", created.text);
    let older = server.get(&format!("{CORE_EVENTS}?fieldSelector=involvedObject.name=q")).await.json();
    assert_eq!(
        (&older["items"][0]["message"], &older["items"][0]["reportingComponent"]),
        (&json!("it moved"), &json!("example.com/mover"))
    );
    let series = json!({"series": {"count": 3, "lastObservedTime": "2026-01-01T00:01:00.000000Z"}});
    let counted = server
        .send(
            request("PATCH", &format!("{EVENTS}/f")).header("content-type", "application/merge-patch+json"),
            series.to_string(),
        )
        .await;
    assert_eq!(counted.code, 200, "{}", counted.text);
    assert_eq!(server.get(&format!("{CORE_EVENTS}/f")).await.json()["series"]["count"], 3);
    assert_eq!(server.call("DELETE", &format!("{CORE_EVENTS}/f"), &json!({})).await.code, 200);
    server.get(&format!("{EVENTS}/f")).await.refused(404, "NotFound");
}
