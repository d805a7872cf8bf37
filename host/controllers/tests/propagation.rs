//! From a template to its members and back, through the API.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[allow(dead_code, reason = "each test file uses some of it")]
mod harness;

use harness::{Fleet, condition, deployment, eventually, policy};
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

fn duplicated() -> Value {
    json!({"replicaScheduling": {"replicaSchedulingType": "Duplicated"}})
}

async fn in_member(fleet: &Fleet, member: usize, name: &str) -> Option<Value> {
    fleet.get(&fleet.members[member], "apps/v1", "Deployment", "default", name).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_reaches_its_members_and_its_status_comes_back() {
    let fleet = Fleet::start(2).await;
    fleet.create(&fleet.control, policy("p", "apps/v1", "Deployment", duplicated())).await;
    fleet.create(&fleet.control, deployment("nginx", 2)).await;
    for member in 0..2 {
        let object =
            eventually("the Deployment is in the member", || in_member(&fleet, member, "nginx")).await;
        assert_eq!(object["spec"]["replicas"], 2);
        assert_eq!(object["metadata"]["labels"]["karmada.io/managed"], "true");
        let api = fleet.api(&fleet.members[member], "apps/v1", "Deployment", "default");
        let status = json!({"status": {"readyReplicas": 2, "replicas": 2}});
        api.patch_status("nginx", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    }
    eventually("the template's status adds up", || async {
        let template = fleet.get(&fleet.control, "apps/v1", "Deployment", "default", "nginx").await?;
        (template["status"]["readyReplicas"] == 4).then_some(())
    })
    .await;
    let binding = eventually("the binding says it all", || async {
        let binding = fleet.binding("nginx-deployment").await?;
        let (applied, ..) = condition(&binding, "FullyApplied")?;
        let healthy =
            binding["status"]["aggregatedStatus"].as_array()?.iter().all(|item| item["health"] == "Healthy");
        (applied == "True" && healthy).then_some(binding)
    })
    .await;
    assert_eq!(condition(&binding, "Scheduled").unwrap().0, "True");
    assert_eq!(binding["status"]["schedulerObservedGeneration"], binding["metadata"]["generation"]);
    let template = fleet.get(&fleet.control, "apps/v1", "Deployment", "default", "nginx").await.unwrap();
    assert_eq!(template["metadata"]["annotations"]["propagationpolicy.karmada.io/name"], "p");
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_are_divided_and_follow_the_template() {
    let fleet = Fleet::start(2).await;
    let placement = json!({"replicaScheduling": {"replicaSchedulingType": "Divided",
        "replicaDivisionPreference": "Weighted", "weightPreference": {"staticWeightList": [
            {"targetCluster": {"clusterNames": ["member1"]}, "weight": 1},
            {"targetCluster": {"clusterNames": ["member2"]}, "weight": 2}]}}});
    fleet.create(&fleet.control, policy("p", "apps/v1", "Deployment", placement)).await;
    fleet.create(&fleet.control, deployment("nginx", 9)).await;
    let replicas = |member: usize, count: i64| {
        let fleet = &fleet;
        eventually("the member has its share", move || async move {
            (in_member(fleet, member, "nginx").await?["spec"]["replicas"] == count).then_some(())
        })
    };
    replicas(0, 3).await;
    replicas(1, 6).await;
    let api = fleet.api(&fleet.control, "apps/v1", "Deployment", "default");
    api.patch("nginx", &PatchParams::default(), &Patch::Merge(json!({"spec": {"replicas": 3}})))
        .await
        .unwrap();
    replicas(0, 1).await;
    replicas(1, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_object_comes_back_and_a_deleted_template_takes_it_away() {
    let fleet = Fleet::start(1).await;
    fleet.create(&fleet.control, policy("p", "apps/v1", "Deployment", duplicated())).await;
    fleet.create(&fleet.control, deployment("nginx", 1)).await;
    let first = eventually("the Deployment is in the member", || in_member(&fleet, 0, "nginx")).await;
    let api = fleet.api(&fleet.members[0], "apps/v1", "Deployment", "default");
    api.delete("nginx", &DeleteParams::default()).await.unwrap();
    eventually("it is made again", || async {
        let second = in_member(&fleet, 0, "nginx").await?;
        (second["metadata"]["uid"] != first["metadata"]["uid"]).then_some(())
    })
    .await;
    api.patch("nginx", &PatchParams::default(), &Patch::Merge(json!({"spec": {"replicas": 5}})))
        .await
        .unwrap();
    eventually("what somebody changed is put right", || async {
        (in_member(&fleet, 0, "nginx").await?["spec"]["replicas"] == 1).then_some(())
    })
    .await;
    let templates = fleet.api(&fleet.control, "apps/v1", "Deployment", "default");
    templates.delete("nginx", &DeleteParams::default()).await.unwrap();
    eventually("binding and object are gone", || async {
        let gone = fleet.binding("nginx-deployment").await.is_none()
            && in_member(&fleet, 0, "nginx").await.is_none();
        gone.then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_not_managed_is_left_alone_unless_told() {
    let fleet = Fleet::start(1).await;
    fleet.create(&fleet.members[0], deployment("nginx", 7)).await;
    fleet.create(&fleet.control, policy("p", "apps/v1", "Deployment", duplicated())).await;
    fleet.create(&fleet.control, deployment("nginx", 1)).await;
    let message = eventually("the binding says what is in the way", || async {
        let binding = fleet.binding("nginx-deployment").await?;
        let message = binding["status"]["aggregatedStatus"][0]["appliedMessage"].as_str()?.to_owned();
        Some(message)
    })
    .await;
    assert!(message.contains("not managed") && message.contains("Overwrite"), "{message}");
    assert_eq!(in_member(&fleet, 0, "nginx").await.unwrap()["spec"]["replicas"], 7);
    let policies = fleet.api(&fleet.control, "policy.karmada.io/v1alpha1", "PropagationPolicy", "default");
    let overwrite = Patch::Merge(json!({"spec": {"conflictResolution": "Overwrite"}}));
    policies.patch("p", &PatchParams::default(), &overwrite).await.unwrap();
    eventually("it is taken over", || async {
        (in_member(&fleet, 0, "nginx").await?["spec"]["replicas"] == 1).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_goes_takes_its_marks_along_and_leaves_the_rest() {
    let fleet = Fleet::start(1).await;
    fleet.create(&fleet.control, policy("p", "apps/v1", "Deployment", duplicated())).await;
    fleet.create(&fleet.control, deployment("nginx", 1)).await;
    eventually("the Deployment is in the member", || in_member(&fleet, 0, "nginx")).await;
    let policies = fleet.api(&fleet.control, "policy.karmada.io/v1alpha1", "PropagationPolicy", "default");
    eventually("the policy has its finalizer", || async {
        let policy = policies.get("p").await.ok()?;
        policy.metadata.finalizers.filter(|finalizers| !finalizers.is_empty())
    })
    .await;
    policies.delete("p", &DeleteParams::default()).await.unwrap();
    eventually("the marks are gone, and then the policy", || async {
        let template = fleet.get(&fleet.control, "apps/v1", "Deployment", "default", "nginx").await?;
        let unmarked =
            template.pointer("/metadata/labels/propagationpolicy.karmada.io~1permanent-id").is_none();
        let gone = policies.get_opt("p").await.ok()?.is_none();
        (unmarked && gone).then_some(())
    })
    .await;
    assert!(fleet.binding("nginx-deployment").await.is_some());
    assert!(in_member(&fleet, 0, "nginx").await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn suspended_dispatching_holds_the_work_and_says_so() {
    let fleet = Fleet::start(1).await;
    let mut held = policy("p", "apps/v1", "Deployment", duplicated());
    held["spec"]["suspension"] = json!({"dispatching": true});
    fleet.create(&fleet.control, held).await;
    fleet.create(&fleet.control, deployment("nginx", 1)).await;
    let works = fleet.api(&fleet.control, "work.karmada.io/v1alpha1", "Work", "karmada-es-member1");
    eventually("the Work says that it is held", || async {
        let work = serde_json::to_value(works.get_opt("nginx-687f7fb96f").await.unwrap()?).unwrap();
        (condition(&work, "Dispatching")?.0 == "False").then_some(())
    })
    .await;
    assert!(in_member(&fleet, 0, "nginx").await.is_none());
    let policies = fleet.api(&fleet.control, "policy.karmada.io/v1alpha1", "PropagationPolicy", "default");
    let released = Patch::Merge(json!({"spec": {"suspension": null}}));
    policies.patch("p", &PatchParams::default(), &released).await.unwrap();
    eventually("the Deployment is in the member", || in_member(&fleet, 0, "nginx")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_dispatching_is_suspended_status_and_deletion_go_on_even_after_a_restart() {
    let mut fleet = Fleet::start(2).await;
    fleet.create(&fleet.control, policy("p", "apps/v1", "Deployment", duplicated())).await;
    fleet.create(&fleet.control, deployment("nginx", 1)).await;
    for member in 0..2 {
        eventually("the Deployment is in the member", || in_member(&fleet, member, "nginx")).await;
    }
    let policies = fleet.api(&fleet.control, "policy.karmada.io/v1alpha1", "PropagationPolicy", "default");
    let held = json!({"spec": {"suspension": {"dispatchingOnClusters": {"clusterNames": ["member1"]}}}});
    policies.patch("p", &PatchParams::default(), &Patch::Merge(held)).await.unwrap();
    let dispatching = async |fleet: &Fleet, member: &str| {
        let namespace = format!("karmada-es-{member}");
        let (version, kind) = ("work.karmada.io/v1alpha1", "Work");
        let work = fleet.get(&fleet.control, version, kind, &namespace, "nginx-687f7fb96f").await?;
        let (status, ..) = condition(&work, "Dispatching")?;
        Some((work["spec"]["suspendDispatching"] == true, status))
    };
    for (member, held) in [("member1", (true, "False")), ("member2", (false, "True"))] {
        eventually("one Work is held, the other is not", || async {
            let (suspended, dispatching) = dispatching(&fleet, member).await?;
            ((suspended, dispatching.as_str()) == held).then_some(())
        })
        .await;
    }

    fleet.stop().await;
    fleet.run();
    let templates = fleet.api(&fleet.control, "apps/v1", "Deployment", "default");
    let more = Patch::Merge(json!({"spec": {"replicas": 2}}));
    templates.patch("nginx", &PatchParams::default(), &more).await.unwrap();
    eventually("the other member follows", || async {
        (in_member(&fleet, 1, "nginx").await?["spec"]["replicas"] == 2).then_some(())
    })
    .await;
    assert_eq!(in_member(&fleet, 0, "nginx").await.unwrap()["spec"]["replicas"], 1);
    let api = fleet.api(&fleet.members[0], "apps/v1", "Deployment", "default");
    let status = json!({"status": {"readyReplicas": 1, "replicas": 1}});
    api.patch_status("nginx", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    eventually("the held member's status comes back", || async {
        let binding = fleet.binding("nginx-deployment").await?;
        let mut items = binding["status"]["aggregatedStatus"].as_array()?.iter();
        items
            .any(|item| item["clusterName"] == "member1" && item["status"]["readyReplicas"] == 1)
            .then_some(())
    })
    .await;
    templates.delete("nginx", &DeleteParams::default()).await.unwrap();
    for member in 0..2 {
        eventually("it leaves both members", || async {
            in_member(&fleet, member, "nginx").await.is_none().then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_wide_binding_has_the_priority_of_its_class_as_it_is_now() {
    let fleet = Fleet::start(1).await;
    let class = |value: i32| json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "high"}, "value": value});
    fleet.create(&fleet.control, class(1000)).await;
    let policy = json!({"apiVersion": "policy.karmada.io/v1alpha1", "kind": "ClusterPropagationPolicy",
        "metadata": {"name": "p"}, "spec": {
            "resourceSelectors": [{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "name": "viewer"}],
            "placement": {}, "schedulePriority": {"priorityClassSource": "KubePriorityClass",
                "priorityClassName": "high", "preemption": "PreemptLowerPriority"}}});
    fleet.create(&fleet.control, policy).await;
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": "viewer"}, "rules": []});
    fleet.create(&fleet.control, role).await;
    let priority = async || {
        let (version, kind) = ("work.karmada.io/v1alpha2", "ClusterResourceBinding");
        let binding = fleet.get(&fleet.control, version, kind, "", "viewer-clusterrole").await?;
        Some(binding["spec"]["schedulePriority"].clone())
    };
    let is = async |want: Value| (priority().await? == want).then_some(());
    let want = json!({"priority": 1000, "preemption": "PreemptLowerPriority"});
    eventually("the binding has the class' priority", || is(want.clone())).await;

    let classes = fleet.api(&fleet.control, "scheduling.k8s.io/v1", "PriorityClass", "");
    classes.delete("high", &DeleteParams::default()).await.unwrap();
    fleet.create(&fleet.control, class(7)).await;
    let want = json!({"priority": 7, "preemption": "PreemptLowerPriority"});
    eventually("it has that of the new class", || is(want.clone())).await;

    let policies = fleet.api(&fleet.control, "policy.karmada.io/v1alpha1", "ClusterPropagationPolicy", "");
    let change = Patch::Merge(json!({"spec": {"schedulePriority": {"preemption": "Never"}}}));
    policies.patch("p", &PatchParams::default(), &change).await.unwrap();
    let want = json!({"priority": 7, "preemption": "Never"});
    eventually("it has that of the new policy", || is(want.clone())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn suspended_scheduling_outlives_a_change_of_the_policy() {
    let fleet = Fleet::start(1).await;
    fleet.create(&fleet.control, policy("p", "apps/v1", "Deployment", duplicated())).await;
    fleet.create(&fleet.control, deployment("nginx", 1)).await;
    eventually("the Deployment is in the member", || in_member(&fleet, 0, "nginx")).await;
    let bindings = fleet.api(&fleet.control, "work.karmada.io/v1alpha2", "ResourceBinding", "default");
    let suspend =
        |scheduling: bool| Patch::Merge(json!({"spec": {"suspension": {"scheduling": scheduling}}}));
    bindings.patch("nginx-deployment", &PatchParams::default(), &suspend(true)).await.unwrap();
    let policies = fleet.api(&fleet.control, "policy.karmada.io/v1alpha1", "PropagationPolicy", "default");
    let change = json!({"spec": {"suspension": {"dispatching": true}, "placement":
        {"clusterAffinity": {"clusterNames": ["member1"]}}}});
    policies.patch("p", &PatchParams::default(), &Patch::Merge(change)).await.unwrap();
    let binding = eventually("the binding follows the policy, and is not scheduled", || async {
        let binding = fleet.binding("nginx-deployment").await?;
        let held = condition(&binding, "Scheduled")?.1 == "Suspended";
        let follows = binding["spec"]["placement"]["clusterAffinity"].is_object();
        (held && follows).then_some(binding)
    })
    .await;
    assert_eq!(binding["spec"]["suspension"], json!({"scheduling": true, "dispatching": true}));
    bindings.patch("nginx-deployment", &PatchParams::default(), &suspend(false)).await.unwrap();
    eventually("it is scheduled again", || async {
        (condition(&fleet.binding("nginx-deployment").await?, "Scheduled")?.1 == "Success").then_some(())
    })
    .await;
    let both = json!({"spec": {"suspension": {"dispatching": true,
        "dispatchingOnClusters": {"clusterNames": ["member1"]}}}});
    // Whatever comes past admission: everywhere is more than somewhere.
    policies.patch("p", &PatchParams::default(), &Patch::Merge(both)).await.unwrap();
    eventually("the binding has both", || async {
        fleet.binding("nginx-deployment").await?["spec"]["suspension"]["dispatchingOnClusters"]
            .is_object()
            .then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn namespaces_of_templates_exist_in_members() {
    let fleet = Fleet::start(1).await;
    let namespace =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": {"a": "b"}}});
    fleet.create(&fleet.control, namespace).await;
    eventually("the namespace is in the member", || async {
        let namespace = fleet.get(&fleet.members[0], "v1", "Namespace", "", "shop").await?;
        (namespace["metadata"]["labels"]["a"] == "b").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_resource_depends_on_goes_with_it() {
    let fleet = Fleet::start(2).await;
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "default"},
        "data": {"a": "b"}});
    let mut one =
        policy("p", "apps/v1", "Deployment", json!({"clusterAffinity": {"clusterNames": ["member2"]}}));
    one["spec"]["propagateDeps"] = json!(true);
    fleet.create(&fleet.control, one).await;
    let mut needy = deployment("nginx", 1);
    needy["metadata"]["annotations"] = json!({"needs": "c"});
    fleet.create(&fleet.control, needy).await;
    fleet.create(&fleet.control, config).await;
    let in_member = |member: usize| fleet.get(&fleet.members[member], "v1", "ConfigMap", "default", "c");
    eventually("the ConfigMap is where the Deployment is", || in_member(1)).await;
    assert!(in_member(0).await.is_none());
    let templates = fleet.api(&fleet.control, "apps/v1", "Deployment", "default");
    templates.delete("nginx", &DeleteParams::default()).await.unwrap();
    eventually("it leaves with the Deployment", || async { in_member(1).await.is_none().then_some(()) })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_that_cannot_be_interpreted_says_so_and_recovers() {
    let fleet = Fleet::start(1).await;
    fleet.create(&fleet.control, policy("p", "apps/v1", "Deployment", duplicated())).await;
    fleet.create(&fleet.control, deployment("nginx", 1)).await;
    eventually("the Deployment is in the member", || in_member(&fleet, 0, "nginx")).await;
    let templates = fleet.api(&fleet.control, "apps/v1", "Deployment", "default");
    let replicas = |count: i32| Patch::Merge(json!({"spec": {"replicas": count}}));
    templates.patch("nginx", &PatchParams::default(), &replicas(13)).await.unwrap();
    let (status, reason, message) = eventually("the binding says why", || async {
        condition(&fleet.binding("nginx-deployment").await?, "Interpreted")
    })
    .await;
    assert_eq!((status.as_str(), reason.as_str()), ("False", "Rejected"));
    assert!(message.contains("spec.replicas"), "{message}");
    templates.patch("nginx", &PatchParams::default(), &replicas(2)).await.unwrap();
    eventually("the condition is gone, and the member follows", || async {
        let cleared = condition(&fleet.binding("nginx-deployment").await?, "Interpreted").is_none();
        (cleared && in_member(&fleet, 0, "nginx").await?["spec"]["replicas"] == 2).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_changes_nothing_and_goes_on() {
    let mut fleet = Fleet::start(2).await;
    fleet.create(&fleet.control, policy("p", "apps/v1", "Deployment", duplicated())).await;
    fleet.create(&fleet.control, deployment("nginx", 1)).await;
    for member in 0..2 {
        eventually("the Deployment is in the member", || in_member(&fleet, member, "nginx")).await;
    }
    eventually("all is applied", || async {
        (condition(&fleet.binding("nginx-deployment").await?, "FullyApplied")?.0 == "True").then_some(())
    })
    .await;
    fleet.stop().await;
    let before = in_member(&fleet, 0, "nginx").await.unwrap();
    let binding = fleet.binding("nginx-deployment").await.unwrap();
    fleet.create(&fleet.control, deployment("late", 1)).await;
    fleet.run();
    eventually("what came meanwhile is propagated", || in_member(&fleet, 1, "late")).await;
    assert_eq!(in_member(&fleet, 0, "nginx").await.unwrap(), before);
    assert_eq!(fleet.binding("nginx-deployment").await.unwrap(), binding);
}
