//! Discovery: which groups, versions and resources there are, in the legacy form and the aggregated one.

use http::header::{CONTENT_TYPE, ETAG, VARY};
use http::{HeaderValue, Response};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::catalogue::{Group, Resource, Served, Version};
use crate::request::representation::{Accept, Encoding, Shape};
use crate::response::{self, Body};
use crate::status::ApiError;
use crate::subresource::{self, Subresource};

/// `/api` and `/apis`: the legacy list, or the aggregated one where the client accepts it.
pub(crate) fn groups(
    served: &Served,
    core: bool,
    accept: Accept,
    if_none_match: Option<&str>,
) -> Response<Body> {
    let groups: Vec<&Group> = served.groups.iter().filter(|group| group.name.is_empty() == core).collect();
    match accept.shape {
        Shape::Discovery(version) => {
            let items: Vec<Value> = groups.into_iter().map(aggregated_group).collect();
            aggregated(items, version, if_none_match)
        }
        _ if core => {
            let versions: Vec<&str> = groups
                .iter()
                .flat_map(|group| &group.versions)
                .map(|version| version.name.as_str())
                .collect();
            let list = json!({"kind": "APIVersions", "versions": versions, "serverAddressByClientCIDRs": []});
            vary(response::value(200, accept.encoding, &list))
        }
        _ => {
            let groups: Vec<Value> = groups.into_iter().map(legacy_group).collect();
            let list = json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups});
            vary(response::value(200, accept.encoding, &list))
        }
    }
}

fn vary(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
    response
}

fn legacy_group(group: &Group) -> Value {
    let versions: Vec<Value> = group
        .versions
        .iter()
        .map(|version| {
            json!({"groupVersion": format!("{}/{}", group.name, version.name), "version": version.name})
        })
        .collect();
    json!({"name": group.name, "versions": versions, "preferredVersion": versions.first()})
}

/// `/apis/{group}`
pub(crate) fn group(served: &Served, name: &str, accept: Accept) -> Result<Response<Body>, ApiError> {
    let group = served.group(name).filter(|group| !group.name.is_empty()).map(legacy_group);
    let mut body = group.ok_or_else(ApiError::unknown_path)?;
    body["kind"] = json!("APIGroup");
    body["apiVersion"] = json!("v1");
    Ok(response::value(200, accept.encoding, &body))
}

/// `/api/v1` and `/apis/{group}/{version}`
pub(crate) fn resources(
    served: &Served,
    group: &str,
    version: &str,
    accept: Accept,
) -> Result<Response<Body>, ApiError> {
    let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    let mut resources = Vec::new();
    for resource in served.version(group, version).into_iter().flat_map(|version| &version.resources) {
        resources.push(legacy_resource(resource));
        resources.extend(subresource::of(resource).iter().map(|sub| legacy_subresource(resource, sub)));
    }
    if resources.is_empty() {
        return Err(ApiError::unknown_path());
    }
    let list = json!({
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources,
    });
    Ok(response::value(200, accept.encoding, &list))
}

fn legacy_resource(resource: &Resource) -> Value {
    let names = &resource.kind.names;
    let mut listed = json!({
        "name": names.plural,
        "singularName": names.singular,
        "namespaced": resource.kind.namespaced,
        "kind": names.kind,
        "verbs": resource.kind.verbs,
    });
    // Reviews are answered and not stored.
    if resource.allows("get") {
        listed["storageVersionHash"] = json!(storage_hash(resource));
    }
    insert_lists(&mut listed, resource);
    listed
}

fn insert_lists(listed: &mut Value, resource: &Resource) {
    let names = &resource.kind.names;
    if !names.short_names.is_empty() {
        listed["shortNames"] = json!(names.short_names);
    }
    if !names.categories.is_empty() {
        listed["categories"] = json!(names.categories);
    }
}

/// Equal for two versions of a group that share their storage, as clients that migrate storage expect.
fn storage_hash(resource: &Resource) -> String {
    use base64::Engine;
    let names = format!("{}/{}", resource.stored_api_version, resource.kind.names.kind);
    base64::engine::general_purpose::STANDARD.encode(&Sha256::digest(names.as_bytes())[..8])
}

fn legacy_subresource(resource: &Resource, sub: &Subresource<'_>) -> Value {
    let mut listed = json!({
        "name": format!("{}/{}", resource.plural(), sub.name),
        "singularName": "",
        "namespaced": resource.kind.namespaced,
        "kind": sub.kind(resource),
        "verbs": sub.verbs,
    });
    let own = (resource.kind.group.as_str(), resource.kind.version.as_str());
    if let Some((group, version, _)) = sub.other_kind.filter(|(group, version, _)| (*group, *version) != own)
    {
        listed["group"] = json!(group);
        listed["version"] = json!(version);
    }
    listed
}

fn aggregated(items: Vec<Value>, version: &'static str, if_none_match: Option<&str>) -> Response<Body> {
    let list = json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": format!("apidiscovery.k8s.io/{version}"),
        "metadata": {},
        "items": items,
    });
    let text = list.to_string();
    let hash: String = Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02X}")).collect();
    let tag = format!("\"{hash}\"");
    let mut response = match if_none_match {
        Some(known) if known == tag => response::with_body(304, Encoding::Json, Body::empty()),
        _ => response::with_body(200, Encoding::Json, Body::from(bytes::Bytes::from(text))),
    };
    let media = match version {
        "v2" => "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        _ => "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
    };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
    response.headers_mut().insert(ETAG, HeaderValue::from_str(&tag).expect("hexadecimal digits in quotes"));
    vary(response)
}

fn aggregated_group(group: &Group) -> Value {
    let mut metadata = Map::new();
    if !group.name.is_empty() {
        metadata.insert("name".to_owned(), json!(group.name));
    }
    let versions: Vec<Value> = group.versions.iter().map(aggregated_version).collect();
    json!({"metadata": metadata, "versions": versions})
}

fn aggregated_version(version: &Version) -> Value {
    let resources: Vec<Value> =
        version.resources.iter().map(|resource| aggregated_resource(resource)).collect();
    json!({"version": version.name, "resources": resources, "freshness": "Current"})
}

fn aggregated_resource(resource: &Resource) -> Value {
    let kind = &resource.kind;
    let mut listed = json!({
        "resource": kind.names.plural,
        "responseKind": response_kind(resource, None),
        "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": kind.names.singular,
        "verbs": kind.verbs,
    });
    insert_lists(&mut listed, resource);
    let subresources: Vec<Value> = subresource::of(resource)
        .iter()
        .map(|sub| {
            json!({
                "subresource": sub.name,
                "responseKind": response_kind(resource, Some(sub)),
                "verbs": sub.verbs,
            })
        })
        .collect();
    if !subresources.is_empty() {
        listed["subresources"] = Value::Array(subresources);
    }
    listed
}

/// What an answer holds. Of built-in kinds group and version are left empty where they are the list's own.
fn response_kind(resource: &Resource, sub: Option<&Subresource>) -> Value {
    let kind = &resource.kind;
    let own = (kind.group.as_str(), kind.version.as_str(), kind.names.kind.as_str());
    let (group, version, name) = sub.and_then(|sub| sub.other_kind).unwrap_or(own);
    if kind.is_builtin() && (group, version) == (own.0, own.1) {
        return json!({"group": "", "version": "", "kind": name});
    }
    json!({"group": group, "version": version, "kind": name})
}
