//! The chores, done by a server and seen through its client.

use std::path::Path;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret, ServiceAccount};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, PropagationPolicy};
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::{ApiServer, Config};

async fn open(dir: &Path) -> ApiServer {
    let config = Config {
        data_dir: dir.to_owned(),
        name: "test".to_owned(),
        definitions: Vec::new(),
        hooks: Vec::new(),
        store: crate::store::Options::default(),
    };
    ApiServer::open(config).await.unwrap()
}

/// Waits until what `look` gives is as expected.
async fn eventually<T: PartialEq + std::fmt::Debug>(expected: T, mut look: impl AsyncFnMut() -> T) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let found = look().await;
        if found == expected {
            return;
        }
        assert!(Instant::now() < deadline, "expected {expected:?}, still {found:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Some of what a test does over and over, with config maps as the objects.
struct Objects {
    maps: Api<ConfigMap>,
}

impl Objects {
    fn new(client: &Client, namespace: &str) -> Objects {
        Objects { maps: Api::namespaced(client.clone(), namespace) }
    }

    /// Makes an object with these owners, each blocking or not, and gives back its uid.
    async fn create(&self, name: &str, owners: &[(&str, &str, bool)], finalizers: &[&str]) -> String {
        let map = serde_json::from_value(json!({"metadata": {
            "name": name, "finalizers": finalizers, "ownerReferences": references(owners)}}))
        .unwrap();
        self.maps.create(&PostParams::default(), &map).await.unwrap().metadata.uid.unwrap()
    }

    async fn patch(&self, name: &str, patch: Value) {
        self.maps.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    async fn delete(&self, name: &str, propagation: PropagationPolicy) {
        let options = DeleteParams { propagation_policy: Some(propagation), ..DeleteParams::default() };
        self.maps.delete(name, &options).await.unwrap();
    }

    /// The names of what is there, with an asterisk for what is being deleted.
    async fn names(&self) -> Vec<String> {
        let list = self.maps.list(&Default::default()).await.unwrap();
        let name = |map: ConfigMap| {
            let mark = if map.metadata.deletion_timestamp.is_some() { "*" } else { "" };
            map.metadata.name.unwrap() + mark
        };
        list.items.into_iter().map(name).filter(|name| name != "kube-root-ca.crt").collect()
    }

    async fn become_names(&self, expected: &[&str]) {
        let expected: Vec<String> = expected.iter().map(|name| (*name).to_owned()).collect();
        eventually(expected, async || self.names().await).await;
    }
}

fn references(owners: &[(&str, &str, bool)]) -> Value {
    let reference = |(name, uid, blocks): &(&str, &str, bool)| json!({"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": uid, "blockOwnerDeletion": blocks});
    owners.iter().map(reference).collect()
}

#[tokio::test]
async fn every_namespace_gets_its_service_account_and_root_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let server = open(dir.path()).await;
    let client = server.client();
    let spaces: Api<Namespace> = Api::all(client.clone());
    spaces.create(&PostParams::default(), &named("team")).await.unwrap();
    for namespace in ["default", "kube-system", "kube-public", "kube-node-lease", "team"] {
        let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
        eventually(true, async || accounts.get_opt("default").await.unwrap().is_some()).await;
        let maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
        eventually(true, async || maps.get_opt("kube-root-ca.crt").await.unwrap().is_some()).await;
    }
    // Both come back, and as they were.
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "team");
    let uid = accounts.get("default").await.unwrap().metadata.uid;
    accounts.delete("default", &DeleteParams::default()).await.unwrap();
    let lives_anew =
        async || accounts.get_opt("default").await.unwrap().is_some_and(|new| new.metadata.uid != uid);
    eventually(true, lives_anew).await;
    let maps = Objects::new(&client, "team");
    maps.patch("kube-root-ca.crt", json!({"data": {"ca.crt": "forged", "more": "x"}})).await;
    let data = async || maps.maps.get("kube-root-ca.crt").await.unwrap().data.unwrap();
    let expected = [("ca.crt".to_owned(), server.certificate_authority().to_owned())].into();
    eventually(expected, data).await;
}

#[tokio::test]
async fn a_deleted_namespace_is_emptied_says_what_it_waits_for_and_goes() {
    let dir = tempfile::tempdir().unwrap();
    let server = open(dir.path()).await;
    let client = server.client();
    let spaces: Api<Namespace> = Api::all(client.clone());
    spaces.create(&PostParams::default(), &named("team")).await.unwrap();
    let maps = Objects::new(&client, "team");
    for n in 0..40 {
        maps.create(&format!("{n}"), &[], &[]).await;
    }
    maps.create("kept", &[], &["example.org/keep"]).await;
    let secrets: Api<Secret> = Api::namespaced(client.clone(), "team");
    let secret = Secret { metadata: named("s").metadata, ..Secret::default() };
    secrets.create(&PostParams::default(), &secret).await.unwrap();

    spaces.delete("team", &DeleteParams::default()).await.unwrap();
    maps.become_names(&["kept*"]).await;
    eventually(0, async || secrets.list(&Default::default()).await.unwrap().items.len()).await;
    let waiting = async || {
        let status = spaces.get("team").await.unwrap().status.unwrap();
        assert_eq!(status.phase.as_deref(), Some("Terminating"));
        let conditions = status.conditions.unwrap_or_default();
        let find = |kind: &str| conditions.iter().find(|condition| condition.type_ == kind)?.message.clone();
        [find("NamespaceContentRemaining"), find("NamespaceFinalizersRemaining")]
    };
    let expected = [
        "Some resources are remaining: configmaps. has 1 resource instances",
        "Some content in the namespace has finalizers remaining: example.org/keep in 1 resource instances",
    ];
    eventually(expected.map(|message| Some(message.to_owned())), waiting).await;

    maps.patch("kept", json!({"metadata": {"finalizers": null}})).await;
    eventually(true, async || spaces.get_opt("team").await.unwrap().is_none()).await;
    // A new one of the same name is empty.
    spaces.create(&PostParams::default(), &named("team")).await.unwrap();
    maps.become_names(&[]).await;
}

fn named(name: &str) -> Namespace {
    serde_json::from_value(json!({"metadata": {"name": name}})).unwrap()
}

#[tokio::test]
async fn in_the_background_dependents_follow_their_last_owner() {
    let dir = tempfile::tempdir().unwrap();
    let server = open(dir.path()).await;
    let maps = Objects::new(&server.client(), "default");
    let a = maps.create("a", &[], &[]).await;
    let b = maps.create("b", &[], &[]).await;
    let c = maps.create("c", &[("a", &a, true)], &[]).await;
    maps.create("d", &[("c", &c, false)], &[]).await;
    maps.create("e", &[("a", &a, true), ("b", &b, true)], &[]).await;
    maps.delete("a", PropagationPolicy::Background).await;
    maps.become_names(&["b", "e"]).await;
    let owners = async || {
        let owners = maps.maps.get("e").await.unwrap().metadata.owner_references.unwrap_or_default();
        owners.into_iter().map(|owner| owner.name).collect::<Vec<_>>()
    };
    eventually(vec!["b".to_owned()], owners).await;
    maps.delete("b", PropagationPolicy::Background).await;
    maps.become_names(&[]).await;
}

#[tokio::test]
async fn what_never_had_its_owner_goes() {
    let dir = tempfile::tempdir().unwrap();
    let server = open(dir.path()).await;
    let client = server.client();
    let maps = Objects::new(&client, "default");
    maps.create("lost", &[("gone", "c0ffee", false)], &[]).await;
    maps.become_names(&[]).await;

    // An owner in another namespace is none; a cluster-scoped one is one.
    let elsewhere = Objects::new(&client, "kube-public").create("a", &[], &[]).await;
    let space = Api::<Namespace>::all(client.clone()).get("kube-system").await.unwrap().metadata.uid.unwrap();
    maps.create("stranger", &[("a", &elsewhere, false)], &[]).await;
    maps.create("stays", &[("kube-system", &space, false)], &[]).await;
    maps.become_names(&["stays"]).await;
}

#[tokio::test]
async fn in_the_foreground_an_owner_waits_for_those_that_block_it() {
    let dir = tempfile::tempdir().unwrap();
    let server = open(dir.path()).await;
    let maps = Objects::new(&server.client(), "default");
    let a = maps.create("a", &[], &[]).await;
    let b = maps.create("b", &[("a", &a, true)], &[]).await;
    maps.create("c", &[("b", &b, true)], &["example.org/keep"]).await;
    maps.create("free", &[("a", &a, false)], &["example.org/keep"]).await;
    maps.delete("a", PropagationPolicy::Foreground).await;
    maps.become_names(&["a*", "b*", "c*", "free*"]).await;
    maps.patch("c", json!({"metadata": {"finalizers": null}})).await;
    maps.become_names(&["free*"]).await;
    maps.patch("free", json!({"metadata": {"finalizers": null}})).await;
    maps.become_names(&[]).await;
}

#[tokio::test]
async fn a_circle_of_owners_goes_in_the_foreground_too() {
    let dir = tempfile::tempdir().unwrap();
    let server = open(dir.path()).await;
    let maps = Objects::new(&server.client(), "default");
    let a = maps.create("a", &[], &[]).await;
    let b = maps.create("b", &[("a", &a, true)], &[]).await;
    maps.patch("a", json!({"metadata": {"ownerReferences": references(&[("b", &b, true)])}})).await;
    maps.delete("a", PropagationPolicy::Foreground).await;
    maps.become_names(&[]).await;
}

#[tokio::test]
async fn orphans_live_on_without_the_owner() {
    let dir = tempfile::tempdir().unwrap();
    let server = open(dir.path()).await;
    let maps = Objects::new(&server.client(), "default");
    let a = maps.create("a", &[], &[]).await;
    maps.create("b", &[("a", &a, true)], &[]).await;
    maps.create("c", &[("a", &a, false)], &[]).await;
    maps.delete("a", PropagationPolicy::Orphan).await;
    maps.become_names(&["b", "c"]).await;
    for name in ["b", "c"] {
        assert_eq!(maps.maps.get(name).await.unwrap().metadata.owner_references, None);
    }
}

#[tokio::test]
async fn what_a_restart_interrupted_is_taken_up_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = crate::store::Store::open(&dir.path().join("store"), Default::default()).unwrap();
    let object = |name: &str, metadata: Value| {
        let mut value = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata});
        value["metadata"]["name"] = name.into();
        value["metadata"]["namespace"] = "default".into();
        crate::store::Op::create(crate::store::Key::new("/configmaps", "default", name), value)
    };
    let owner = references(&[("gone", "c0ffee", true)]);
    let lost = object("lost", json!({"uid": "1", "ownerReferences": owner}));
    let waiting = object(
        "waiting",
        json!({"uid": "2", "deletionTimestamp": "2026-01-01T00:00:00Z",
        "deletionGracePeriodSeconds": 0, "finalizers": ["foregroundDeletion"]}),
    );
    store.write(vec![lost, waiting, object("fine", json!({"uid": "3"}))]).await.unwrap();
    drop(store);
    let server = open(dir.path()).await;
    Objects::new(&server.client(), "default").become_names(&["fine"]).await;
}
