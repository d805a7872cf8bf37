//! Whose pods: from their controllers up to the workload, by owner references alone, whatever kinds lie between.

use std::collections::{BTreeMap, HashMap};

use kube::core::{DynamicObject, GroupVersionKind};
use kube::discovery::{ApiResource, pinned_kind};
use kube::{Api, Client};

use super::unplaced::{Owner, UnplacedPod};

/// Controllers of controllers that are looked at; a workload's pods are two or three steps below it.
const STEPS_MAX: usize = 5;

/// Whose pods they are could not be found out.
#[derive(Debug, thiserror::Error)]
#[error("{} {namespace}/{}, to which pods belong, can't be read in the member", owner.kind, owner.name)]
pub struct OwnerError {
    pub owner: Owner,
    pub namespace: String,
    #[source]
    pub source: kube::Error,
}

/// How many of these pods, which are all of one namespace, belong to `workload`.
///
/// # Errors
/// A controller between them could not be read.
pub(super) async fn pods_of(
    client: &Client,
    namespace: &str,
    pods: &[UnplacedPod],
    workload: &Owner,
) -> Result<usize, OwnerError> {
    // A version of a kind is as good as another.
    let is_workload = |owner: &Owner| {
        owner.kind == workload.kind
            && owner.name == workload.name
            && group(&owner.api_version) == group(&workload.api_version)
    };
    let mut by_owner: BTreeMap<Owner, usize> = BTreeMap::new();
    for owner in pods.iter().filter_map(|pod| pod.owner.clone()) {
        *by_owner.entry(owner).or_default() += 1;
    }
    let mut kinds = HashMap::new();
    let mut count = 0;
    for (mut owner, pods) in by_owner {
        for _ in 0..STEPS_MAX {
            if is_workload(&owner) {
                count += pods;
                break;
            }
            let above = controller(client, namespace, &owner, &mut kinds).await;
            match above.map_err(|source| OwnerError {
                owner: owner.clone(),
                namespace: namespace.to_owned(),
                source,
            })? {
                Some(above) => owner = above,
                None => break,
            }
        }
    }
    Ok(count)
}

fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

/// The controller of an object; `None` if it has none, or is gone.
async fn controller(
    client: &Client,
    namespace: &str,
    of: &Owner,
    kinds: &mut HashMap<(String, String), Option<ApiResource>>,
) -> Result<Option<Owner>, kube::Error> {
    let kind = (of.api_version.clone(), of.kind.clone());
    if !kinds.contains_key(&kind) {
        let (group, version) = of.api_version.rsplit_once('/').unwrap_or(("", &of.api_version));
        let found = match pinned_kind(client, &GroupVersionKind::gvk(group, version, &of.kind)).await {
            Ok((resource, _)) => Some(resource),
            // A reference to a kind that the member doesn't serve leads nowhere.
            Err(kube::Error::Discovery(_)) => None,
            Err(kube::Error::Api(status)) if status.code == 404 => None,
            Err(error) => return Err(error),
        };
        kinds.insert(kind.clone(), found);
    }
    let Some(Some(resource)) = kinds.get(&kind) else { return Ok(None) };
    let objects: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, resource);
    let Some(object) = objects.get_metadata_opt(&of.name).await? else { return Ok(None) };
    let owners = object.metadata.owner_references.unwrap_or_default();
    Ok(owners.into_iter().find(|owner| owner.controller == Some(true)).map(|owner| Owner {
        api_version: owner.api_version,
        kind: owner.kind,
        name: owner.name,
    }))
}
