//! Comparisons without chance: discovery, and the OpenAPI documents of what both serve.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::call::Call;
use super::difference::{Aspect, Difference, values};
use super::exchange::Pair;
use super::schema::document_path;

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// Differences, each with the resource (or kind) that it is about.
pub(crate) type Comparison = Vec<(String, Difference)>;

/// What both servers say of the resources that Windlass serves.
///
/// # Errors
/// A server does not answer.
pub(crate) async fn discovery(pair: &Pair) -> anyhow::Result<Comparison> {
    let mut found = Vec::new();
    for root in ["/api", "/apis"] {
        let call = Call::get(root).accept(AGGREGATED);
        let (theirs, ours) = tokio::try_join!(pair.theirs.send(&call), pair.ours.send(&call))?;
        let theirs = aggregated(&theirs.body);
        for (name, ours) in aggregated(&ours.body) {
            compare(&name, theirs.get(&name), &ours, &mut found);
            found.extend(legacy(pair, &name).await?);
        }
    }
    found.dedup_by(|a, b| a.1 == b.1 && a.0 == b.0);
    Ok(found)
}

/// `apps/v1 deployments` → its entry.
fn aggregated(list: &Value) -> BTreeMap<String, Value> {
    let mut entries = BTreeMap::new();
    for group in list["items"].as_array().into_iter().flatten() {
        let name = group["metadata"]["name"].as_str().unwrap_or_default();
        for version in group["versions"].as_array().into_iter().flatten() {
            let version_name = version["version"].as_str().unwrap_or_default();
            for resource in version["resources"].as_array().into_iter().flatten() {
                let plural = resource["resource"].as_str().unwrap_or_default();
                let prefix = if name.is_empty() { String::new() } else { format!("{name}/") };
                let mut resource = resource.clone();
                sort_lists(&mut resource);
                entries.insert(format!("{prefix}{version_name} {plural}"), resource);
            }
        }
    }
    entries
}

/// Verbs, short names and subresources are sets.
fn sort_lists(resource: &mut Value) {
    for list in ["verbs", "shortNames", "categories", "subresources"] {
        if let Some(items) = resource.get_mut(list).and_then(Value::as_array_mut) {
            items.iter_mut().for_each(sort_lists);
            items.sort_by_key(Value::to_string);
        }
    }
}

fn compare(name: &str, theirs: Option<&Value>, ours: &Value, found: &mut Comparison) {
    let mut differences = Vec::new();
    match theirs {
        Some(theirs) => values(theirs, ours, "discovery", Aspect::Body, &mut differences),
        None => differences.push(Difference {
            aspect: Aspect::Body,
            place: "discovery".to_owned(),
            theirs: "not served".to_owned(),
            ours: "served".to_owned(),
        }),
    }
    found.extend(differences.into_iter().map(|difference| (name.to_owned(), difference)));
}

/// The older form of the same entries.
async fn legacy(pair: &Pair, name: &str) -> anyhow::Result<Comparison> {
    let (version, plural) = name.split_once(' ').unwrap_or((name, ""));
    let root = if version.contains('/') { "/apis" } else { "/api" };
    let call = Call::get(format!("{root}/{version}"));
    let (theirs, ours) = tokio::try_join!(pair.theirs.send(&call), pair.ours.send(&call))?;
    let entries = |body: &Value| -> BTreeMap<String, Value> {
        let resources = body["resources"].as_array().cloned().unwrap_or_default();
        resources
            .into_iter()
            .filter_map(|mut resource| {
                let name = resource["name"].as_str()?.to_owned();
                // A hash of what is stored how: it tells clients of migrations, and nothing else.
                resource.as_object_mut()?.remove("storageVersionHash");
                sort_lists(&mut resource);
                (name.split('/').next() == Some(plural)).then_some((name, resource))
            })
            .collect()
    };
    let (theirs, ours) = (entries(&theirs.body), entries(&ours.body));
    let mut found = Vec::new();
    for (resource, ours) in ours {
        compare(&format!("{version} {resource}"), theirs.get(&resource), &ours, &mut found);
    }
    Ok(found)
}

/// What both servers' OpenAPI documents say of the fields of kinds that Windlass serves: names, types, formats,
/// which are required, and how lists and maps merge.
///
/// # Errors
/// A server does not answer.
pub(crate) async fn openapi(pair: &Pair) -> anyhow::Result<Comparison> {
    let mut found = Vec::new();
    let index = pair.ours.send(&Call::get("/openapi/v3")).await?.body;
    for path in index["paths"].as_object().into_iter().flat_map(Map::keys) {
        let Some(version) = path.strip_prefix("apis/").or_else(|| path.strip_prefix("api/")) else {
            continue;
        };
        let root = path.split('/').next().unwrap_or_default();
        if root == "apis" && !version.contains('/') {
            continue;
        }
        let call = Call::get(document_path(version));
        let (theirs, ours) = tokio::try_join!(pair.theirs.send(&call), pair.ours.send(&call))?;
        let schemas = |body: &Value| body.pointer("/components/schemas").cloned().unwrap_or_default();
        let (theirs, ours) = (schemas(&theirs.body), schemas(&ours.body));
        for (name, ours) in ours.as_object().into_iter().flatten() {
            let mut differences = Vec::new();
            let theirs = theirs.get(name).cloned().unwrap_or_default();
            values(&facts(&theirs), &facts(ours), "openapi", Aspect::Body, &mut differences);
            let short = name.rsplit('.').take(3).collect::<Vec<_>>();
            let short = short.into_iter().rev().collect::<Vec<_>>().join(".");
            found.extend(differences.into_iter().map(|difference| (short.clone(), difference)));
        }
    }
    Ok(found)
}

/// A schema without prose, and without the wrapping that says the same in two ways.
fn facts(schema: &Value) -> Value {
    let mut schema = schema.clone();
    strip(&mut schema);
    schema
}

fn strip(schema: &mut Value) {
    let Some(fields) = schema.as_object_mut() else { return };
    if let Some(Value::Array(all)) = fields.get("allOf")
        && let [one] = all.as_slice()
    {
        let one = one.clone();
        fields.remove("allOf");
        if let Value::Object(one) = one {
            fields.extend(one);
        }
    }
    fields.remove("description");
    fields.remove("example");
    // Kubernetes says `{}` of what may be left out.
    if fields.get("default") == Some(&serde_json::json!({})) {
        fields.remove("default");
    }
    for list in ["required", "enum"] {
        if let Some(items) = fields.get_mut(list).and_then(Value::as_array_mut) {
            items.sort_by_key(Value::to_string);
        }
    }
    if let Some(properties) = fields.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(strip);
    }
    for inner in ["items", "additionalProperties"] {
        if let Some(inner) = fields.get_mut(inner) {
            strip(inner);
        }
    }
}
