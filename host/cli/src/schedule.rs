//! `windlass schedule --dry-run`: what would become of bindings, or of templates under their policies.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use k8s_openapi::api::scheduling::v1::PriorityClass;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, ListParams};
use serde_json::{Value, json};
use windlass_api::names;
use windlass_controllers::explain::Preview;

use crate::explain::{Asking, ScheduleArgs, bindings};
use crate::interpret::documents::read_documents;
use crate::runtime::Plugins;
use crate::up::runtime;

/// What the files hold.
#[derive(Default)]
struct Given {
    bindings: Vec<Value>,
    policies: Vec<Value>,
    templates: Vec<Value>,
}

pub(crate) fn command(args: ScheduleArgs) -> anyhow::Result<ExitCode> {
    let ScheduleArgs { dry_run: _, filename, asking, plugins } = args;
    let documents = read_documents(&filename)?;
    runtime()?.block_on(async move {
        let asking = Asking::start(asking).await?;
        let given = Given::sorted(documents, &asking.namespace)?;
        let mut wanted = given.bindings;
        if !given.templates.is_empty() {
            let plugins = tokio::task::spawn_blocking(move || Plugins::load(&plugins))
                .await
                .context("loading the plugins panicked")??;
            for template in &given.templates {
                wanted.push(binding_of(&asking, &plugins, template, &given.policies).await?);
            }
        }
        let mut reports = Vec::with_capacity(wanted.len());
        for binding in wanted {
            reports.push(asking.dry_run(binding).await?);
        }
        asking.print(&reports)?;
        Ok(ExitCode::SUCCESS)
    })
}

impl Given {
    /// Objects that name no namespace are of `namespace`, but for those of kinds that never have one.
    fn sorted(documents: Vec<Value>, namespace: &str) -> anyhow::Result<Given> {
        let mut given = Given::default();
        for mut document in documents {
            let text = |field: &str| document[field].as_str().unwrap_or_default().to_owned();
            let (version, kind) = (text("apiVersion"), text("kind"));
            if version.is_empty() || kind.is_empty() || !document["metadata"]["name"].is_string() {
                bail!("a document of -f is no object: it needs apiVersion, kind and metadata.name");
            }
            let group = version.split_once('/').map_or("", |(group, _)| group);
            let place = match (group, kind.as_str()) {
                ("work.karmada.io", "ClusterResourceBinding") => &mut given.bindings,
                ("policy.karmada.io", "ClusterPropagationPolicy") => &mut given.policies,
                (group, kind) => {
                    if document["metadata"]["namespace"].is_null() {
                        document["metadata"]["namespace"] = json!(namespace);
                    }
                    match (group, kind) {
                        ("work.karmada.io", "ResourceBinding") => &mut given.bindings,
                        ("policy.karmada.io", "PropagationPolicy") => &mut given.policies,
                        _ => &mut given.templates,
                    }
                }
            };
            place.push(document);
        }
        if given.bindings.is_empty() && given.templates.is_empty() {
            bail!(
                "-f holds nothing to schedule: no ResourceBinding, and no template that a policy could claim"
            );
        }
        Ok(given)
    }
}

/// The binding that a template would have, as the control plane is.
async fn binding_of(
    asking: &Asking,
    plugins: &Plugins,
    template: &Value,
    given: &[Value],
) -> anyhow::Result<Value> {
    let text = |pointer: &str| template.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
    let mut policies = given.to_vec();
    for (kind, namespace) in [("PropagationPolicy", Some(namespace)), ("ClusterPropagationPolicy", None)] {
        let there = live_policies(&asking.client, kind, namespace).await?;
        let is_given = |policy: &Value| {
            given
                .iter()
                .any(|given| given["kind"] == kind && given["metadata"]["name"] == policy["metadata"]["name"])
        };
        policies.extend(there.into_iter().filter(|policy| !is_given(policy)));
    }
    let existing = bindings(&asking.client, Some(namespace))
        .get_opt(&names::binding(text("/kind"), name))
        .await
        .context("bindings can't be read")?
        .map(serde_json::to_value)
        .transpose()?;
    let classes = Api::<PriorityClass>::all(asking.client.clone())
        .list(&ListParams::default())
        .await
        .context("PriorityClasses can't be listed")?;
    let class_of = |class: &str| {
        classes.items.iter().find(|known| known.metadata.name.as_deref() == Some(class)).cloned()
    };
    let preview = Preview { template, policies: &policies, existing: existing.as_ref() };
    preview.binding(&*plugins.interpreter, &class_of).map_err(anyhow::Error::new)
}

async fn live_policies(
    client: &kube::Client,
    kind: &str,
    namespace: Option<&str>,
) -> anyhow::Result<Vec<Value>> {
    let mut resource = ApiResource::from_gvk(&GroupVersionKind::gvk("policy.karmada.io", "v1alpha1", kind));
    resource.plural = kind.to_ascii_lowercase().trim_end_matches('y').to_owned() + "ies";
    let api: Api<DynamicObject> = match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    let listed = api.list(&ListParams::default()).await.context("policies can't be listed")?;
    Ok(listed.items.iter().map(serde_json::to_value).collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_sorted_by_what_they_hold() {
        let object = |version: &str, kind: &str| json!({"apiVersion": version, "kind": kind, "metadata": {"name": "a"}});
        let given = Given::sorted(
            vec![
                object("apps/v1", "Deployment"),
                object("policy.karmada.io/v1alpha1", "PropagationPolicy"),
                object("policy.karmada.io/v1alpha1", "ClusterPropagationPolicy"),
                object("work.karmada.io/v1alpha2", "ResourceBinding"),
            ],
            "shop",
        )
        .unwrap();
        assert_eq!((given.bindings.len(), given.policies.len(), given.templates.len()), (1, 2, 1));
        assert_eq!(given.templates[0]["metadata"]["namespace"], "shop");
        assert!(given.policies[1]["metadata"]["namespace"].is_null());
        assert!(Given::sorted(vec![json!({"kind": "Deployment"})], "n").is_err());
        assert!(Given::sorted(vec![object("policy.karmada.io/v1alpha1", "PropagationPolicy")], "n").is_err());
    }
}
