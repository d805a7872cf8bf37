//! Which kinds the simulator looks after: those that the interpreter says want pods, or can simulate a status for.
//! Found out anew whenever a CRD or the interpreters change.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, pin_mut};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::core::PartialObjectMeta;
use kube::discovery::{ApiCapabilities, ApiGroup, ApiResource, Discovery, Scope};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use serde_json::json;
use tokio::sync::{mpsc, watch};
use windlass_core::{Gvk, Interpreter, Object, Operation, WorkloadPods};

use crate::state::{Kind, KindAccess};

/// How long to wait for more changes before looking again.
const SETTLE: Duration = Duration::from_millis(10);
const RETRY: Duration = Duration::from_secs(1);

pub(crate) type Kinds = BTreeMap<Kind, Arc<KindAccess>>;

/// Sends the kinds to look after, first now and then whenever they may have changed.
pub(crate) async fn follow(
    client: Client,
    interpreter: Arc<dyn Interpreter>,
    mut interpreters_changed: watch::Receiver<u64>,
    kinds: mpsc::Sender<Kinds>,
) {
    let definitions: Api<PartialObjectMeta<CustomResourceDefinition>> = Api::all(client.clone());
    let definitions = watcher(definitions, watcher::Config::default()).default_backoff();
    pin_mut!(definitions);
    let mut follow_interpreters = true;
    loop {
        match discover(&client, interpreter.as_ref()).await {
            Ok(found) => {
                if kinds.send(found).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the member's kinds can't be discovered");
                tokio::time::sleep(RETRY).await;
                continue;
            }
        }
        tokio::select! {
            event = definitions.next() => if event.is_none() { return },
            changed = interpreters_changed.changed(), if follow_interpreters => follow_interpreters = changed.is_ok(),
            () = kinds.closed() => return,
        }
        // A CRD changes several times while it is established; one look afterwards will do.
        while let Ok(Some(_)) = tokio::time::timeout(SETTLE, definitions.next()).await {}
    }
}

async fn discover(client: &Client, interpreter: &dyn Interpreter) -> Result<Kinds, kube::Error> {
    let discovery = match Discovery::new(client.clone()).run_aggregated().await {
        Ok(discovery) => discovery,
        Err(_) => Discovery::new(client.clone()).run().await?,
    };
    let mut kinds = Kinds::new();
    for group in discovery.groups() {
        for version in versions(group) {
            for (resource, capabilities) in group.versioned_resources(version) {
                let kind = Kind { group: resource.group.clone(), kind: resource.kind.clone() };
                if !kinds.contains_key(&kind) && is_of_interest(&resource, &capabilities, interpreter) {
                    let status_subresource =
                        capabilities.subresources.iter().any(|(sub, _)| sub.plural == "status");
                    kinds.insert(kind, Arc::new(KindAccess { resource, status_subresource }));
                }
            }
        }
    }
    Ok(kinds)
}

/// The group's versions, the preferred one first.
fn versions(group: &ApiGroup) -> Vec<&str> {
    let preferred = group.preferred_version_or_latest();
    std::iter::once(preferred).chain(group.versions().filter(|version| *version != preferred)).collect()
}

fn is_of_interest(
    resource: &ApiResource,
    capabilities: &ApiCapabilities,
    interpreter: &dyn Interpreter,
) -> bool {
    // Pods are what a workload is simulated by.
    let is_pod = resource.group.is_empty() && resource.kind == "Pod";
    let watchable = ["list", "watch"].iter().all(|verb| capabilities.supports_operation(verb));
    if is_pod || !watchable || capabilities.scope != Scope::Namespaced {
        return false;
    }
    let gvk = Gvk::new(&resource.api_version, &resource.kind);
    [Operation::InterpretComponent, Operation::InterpretReplica]
        .iter()
        .any(|operation| interpreter.enabled(&gvk, *operation).is_some())
        || simulates_status(&gvk, interpreter)
}

/// Whether anybody answers for the kind at all; what the answer is to an object without content doesn't matter.
fn simulates_status(gvk: &Gvk, interpreter: &dyn Interpreter) -> bool {
    let probe = json!({"apiVersion": gvk.api_version(), "kind": gvk.kind, "metadata": {"name": "probe", "namespace": "probe"}});
    Object::from_value(&probe)
        .is_ok_and(|probe| interpreter.simulate_status(&probe, &WorkloadPods::new(), 0).is_some())
}
