//! ResourceInterpreterCustomizations, as they are written for Karmada.

use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};
use windlass_test_probe::{api, apply, until, wait_for};

use crate::control_plane::{ControlPlane, windlass};

const TANKS: &str = "{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: tanks.example.io},
 spec: {group: example.io, scope: Namespaced, names: {kind: Tank, listKind: TankList, plural: tanks, singular: tank},
  versions: [{name: v1, served: true, storage: true, subresources: {status: {}}, schema: {openAPIV3Schema: {type: object,
   x-kubernetes-preserve-unknown-fields: true}}}]}}";

const TANK: &str =
    "{apiVersion: example.io/v1, kind: Tank, metadata: {name: a, namespace: default}, spec: {size: 3}}";

const DEPLOYMENT: &str = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: default},
 spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}},
  spec: {containers: [{name: web, image: web}]}}}}";

const POLICY: &str = "{apiVersion: policy.karmada.io/v1alpha1, kind: PropagationPolicy, metadata: {name: a, namespace: default},
 spec: {resourceSelectors: [{apiVersion: example.io/v1, kind: Tank}, {apiVersion: apps/v1, kind: Deployment}], placement: {}}}";

/// A customization with one rule.
fn customization(name: &str, [api_version, kind]: [&str; 2], rule: &str, script: &str) -> Value {
    json!({
        "apiVersion": "config.karmada.io/v1alpha1", "kind": "ResourceInterpreterCustomization",
        "metadata": {"name": name},
        "spec": {
            "target": {"apiVersion": api_version, "kind": kind},
            "customizations": {rule: {"luaScript": script}}
        }
    })
}

const TANK_KIND: [&str; 2] = ["example.io/v1", "Tank"];
const DEPLOYMENT_KIND: [&str; 2] = ["apps/v1", "Deployment"];
const BY_SIZE: &str = "function GetReplicas(obj)\n  return obj.spec.size, nil\nend\n";

fn depends_on(name: &str) -> String {
    format!(
        "function GetDependencies(obj)
           return {{{{apiVersion = 'v1', kind = 'ConfigMap', namespace = obj.metadata.namespace, name = '{name}'}}}}
         end"
    )
}

struct World {
    control_plane: ControlPlane,
    client: kube::Client,
}

impl World {
    async fn new() -> World {
        let control_plane = ControlPlane::start("members: [{name: member1}]", &[]).await;
        let client = control_plane.client().await;
        apply(&control_plane.member("member1").await, TANKS).await;
        for object in [TANKS, POLICY, TANK, DEPLOYMENT] {
            apply(&client, object).await;
        }
        World { control_plane, client }
    }

    fn bindings(&self) -> Api<DynamicObject> {
        api(&self.client, "work.karmada.io/v1alpha2", "ResourceBinding", "default")
    }

    fn customizations(&self) -> Api<DynamicObject> {
        api(&self.client, "config.karmada.io/v1alpha1", "ResourceInterpreterCustomization", "")
    }

    async fn put(&self, customization: Value) -> Result<DynamicObject, kube::Error> {
        let name = customization["metadata"]["name"].as_str().unwrap().to_owned();
        let parameters = PatchParams::apply("test").force();
        self.customizations().patch(&name, &parameters, &Patch::Apply(customization)).await
    }
}

#[tokio::test]
async fn a_customization_answers_from_when_it_is_stored_until_it_is_removed() {
    let mut world = World::new().await;
    let bindings = world.bindings();
    let replicas = |wanted: u64| move |binding: &Value| binding["spec"]["replicas"] == wanted;
    wait_for(&bindings, "a-tank", "made", |binding| binding["spec"].get("replicas").is_none()).await;
    wait_for(&bindings, "web-deployment", "interpreted", replicas(2)).await;

    world.put(customization("tanks", TANK_KIND, "replicaResource", BY_SIZE)).await.unwrap();
    let seven = "function GetReplicas(obj) return 7, nil end";
    world.put(customization("web.example.io", DEPLOYMENT_KIND, "replicaResource", seven)).await.unwrap();
    wait_for(&bindings, "a-tank", "interpreted", replicas(3)).await;
    wait_for(&bindings, "web-deployment", "interpreted by the customization instead", replicas(7)).await;

    let plugins = api(&world.client, "plugins.windlass.io/v1alpha1", "Plugin", "");
    wait_for(&plugins, "customization.web.example.io", "reported", |plugin| {
        plugin["status"]["state"] == "Serving"
            && plugin["spec"]["source"]["customization"] == "web.example.io"
    })
    .await;

    let doubled = BY_SIZE.replace("obj.spec.size", "obj.spec.size * 2");
    world.put(customization("tanks", TANK_KIND, "replicaResource", &doubled)).await.unwrap();
    wait_for(&bindings, "a-tank", "interpreted by the new version", replicas(6)).await;

    world.control_plane.crash_and_restart().await;
    world.client = world.control_plane.client().await;
    let bindings = world.bindings();
    apply(&world.client, &TANK.replace("name: a", "name: b")).await;
    wait_for(&bindings, "b-tank", "interpreted after a restart", replicas(6)).await;

    world.customizations().delete("web.example.io", &DeleteParams::default()).await.unwrap();
    wait_for(&bindings, "web-deployment", "interpreted by the built-in plugin again", replicas(2)).await;
    let plugins = api(&world.client, "plugins.windlass.io/v1alpha1", "Plugin", "");
    let report = || plugins.get_opt("customization.web.example.io");
    until("its report to go", report, |found| matches!(found, Ok(None))).await.unwrap();
}

#[tokio::test]
async fn a_customization_that_can_not_be_used_is_refused_where_it_is_written() {
    let world = World::new().await;
    let refusal = |put: Result<DynamicObject, kube::Error>| match put {
        Err(kube::Error::Api(status)) => (status.code, status.message),
        other => panic!("not refused: {other:?}"),
    };
    let broken =
        customization("tanks", TANK_KIND, "replicaResource", "function GetReplicas(obj)\n  return = 1\nend");
    let (code, message) = refusal(world.put(broken).await);
    assert_eq!(code, 422, "{message}");
    assert!(message.contains("spec.customizations.replicaResource.luaScript"), "{message}");
    assert!(message.contains("line 2"), "{message}");

    world.put(customization("tanks", TANK_KIND, "replicaResource", BY_SIZE)).await.unwrap();
    wait_for(&world.bindings(), "a-tank", "interpreted", |binding| binding["spec"]["replicas"] == 3).await;
    let (code, message) =
        refusal(world.put(customization("others", TANK_KIND, "replicaResource", BY_SIZE)).await);
    assert_eq!(code, 422, "{message}");
    assert!(message.contains("InterpretReplica") && message.contains("tanks"), "{message}");
}

#[test]
fn dependencies_that_several_customizations_tell_of_are_joined() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let of = |name: &str, on: &str| {
        let customization = customization(name, TANK_KIND, "dependencyInterpretation", &depends_on(on));
        file(&format!("{name}.json"), &customization.to_string())
    };
    let (one, two, again) = (of("one", "pump"), of("two", "valve"), of("three", "pump"));
    let tank = file("tank.yaml", TANK);
    let asked = windlass(&[
        "interpret",
        "--operation",
        "interpretDependency",
        "-f",
        &one,
        "-f",
        &two,
        "-f",
        &again,
        "--observed-file",
        &tank,
        "-o",
        "json",
    ]);
    assert!(asked.status.success(), "{asked:?}");
    let dependencies: Value = serde_json::from_slice(&asked.stdout).unwrap();
    let names: Vec<_> = dependencies.as_array().unwrap().iter().map(|dependent| &dependent["name"]).collect();
    assert_eq!(names, ["pump", "valve"]);
}

#[test]
fn check_says_of_each_rule_whether_it_can_be_used() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("customization.yaml");
    let mut given = customization("tanks", TANK_KIND, "replicaResource", BY_SIZE);
    given["spec"]["customizations"]["retention"]["luaScript"] =
        json!("function Retain(desired, observed\nend");
    std::fs::write(&path, format!("{given}\n---\n{TANK}\n")).unwrap();
    let check =
        |more: &[&str]| windlass(&[&["interpret", "-f", path.to_str().unwrap(), "--check"], more].concat());
    let table = check(&[]);
    assert!(!table.status.success(), "a rule can't be used");
    let table = String::from_utf8(table.stdout).unwrap();
    let line = |operation: &str| table.lines().find(|line| line.contains(operation)).unwrap();
    assert!(
        line("InterpretReplica").contains("pass") && line("InterpretHealth").contains("unset"),
        "{table}"
    );
    assert!(line("Retain").contains("ERROR") && line("Retain").contains("line"), "{table}");
    let document: Value = serde_json::from_slice(&check(&["-o", "json"]).stdout).unwrap();
    let customizations = document["customizations"].as_array().unwrap();
    assert_eq!(customizations.len(), 1, "the tank is none");
    assert_eq!(customizations[0]["rules"][1], json!({"operation": "InterpretReplica", "state": "Pass"}));
}
