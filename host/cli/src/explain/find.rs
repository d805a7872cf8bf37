//! Which binding is meant: by its name, or by what it is of.

use anyhow::{Context as _, bail};
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, ListParams};
use serde_json::Value;

/// How many names an error lists.
const NAMED_MAX: usize = 20;

/// What somebody asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reference {
    Binding(String),
    ClusterBinding(String),
    /// The object that is propagated; its kind as people write it.
    Template {
        kind: String,
        name: String,
    },
}

impl Reference {
    /// `binding NAME`, `binding/NAME`, `deployment/NAME`, ...
    pub(super) fn parse(kind: &str, name: Option<&str>) -> anyhow::Result<Reference> {
        let (kind, name) = match (kind.split_once('/'), name) {
            (Some((kind, name)), None) => (kind, name),
            (None, Some(name)) => (kind, name),
            (Some(_), Some(name)) => {
                bail!("{kind} has a name already: leave out {name}, or ask about one at a time")
            }
            (None, None) => bail!("{kind} of which name? Ask about KIND/NAME"),
        };
        if kind.is_empty() || name.is_empty() {
            bail!("{kind}/{name} is not of the form KIND/NAME");
        }
        let name = name.to_owned();
        // kubectl takes a group behind the plural.
        let plain = kind.split('.').next().unwrap_or(kind).to_ascii_lowercase();
        Ok(match plain.as_str() {
            "binding" | "bindings" | "resourcebinding" | "resourcebindings" | "rb" => {
                Reference::Binding(name)
            }
            "clusterbinding"
            | "clusterbindings"
            | "clusterresourcebinding"
            | "clusterresourcebindings"
            | "crb" => Reference::ClusterBinding(name),
            _ => Reference::Template { kind: plain, name },
        })
    }
}

/// Gets the binding.
pub(super) async fn find(
    client: &kube::Client,
    namespace: &str,
    reference: &Reference,
) -> anyhow::Result<Value> {
    match reference {
        Reference::Binding(name) => {
            let api = bindings(client, Some(namespace));
            let found = api.get_opt(name).await.context("bindings can't be read")?;
            let Some(found) = found else {
                let others = names(&list(&api).await?);
                bail!("there is no ResourceBinding {name} in namespace {namespace}; {others}");
            };
            Ok(serde_json::to_value(found)?)
        }
        Reference::ClusterBinding(name) => {
            let api = bindings(client, None);
            let found = api.get_opt(name).await.context("cluster-wide bindings can't be read")?;
            let Some(found) = found else {
                bail!("there is no ClusterResourceBinding {name}; {}", names(&list(&api).await?));
            };
            Ok(serde_json::to_value(found)?)
        }
        Reference::Template { kind, name } => {
            let mut all = list(&bindings(client, Some(namespace))).await?;
            all.extend(list(&bindings(client, None)).await?);
            let matching = |binding: &&Value| {
                let resource = &binding["spec"]["resource"];
                resource["name"] == name.as_str() && is_called(&resource["kind"], kind)
            };
            match all.iter().filter(matching).collect::<Vec<_>>().as_slice() {
                [one] => Ok((*one).clone()),
                [] => bail!(
                    "no binding is of {kind} {name} in namespace {namespace}, or no policy has claimed it; {}",
                    names(&all)
                ),
                several => {
                    let several: Vec<Value> = several.iter().map(|binding| (*binding).clone()).collect();
                    bail!("{kind} {name} may mean several: {}", names(&several))
                }
            }
        }
    }
}

/// Bindings of a namespace, or without one the cluster-wide ones.
pub(crate) fn bindings(client: &kube::Client, namespace: Option<&str>) -> Api<DynamicObject> {
    let kind = if namespace.is_some() { "ResourceBinding" } else { "ClusterResourceBinding" };
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("work.karmada.io", "v1alpha2", kind));
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}

pub(super) async fn list(api: &Api<DynamicObject>) -> anyhow::Result<Vec<Value>> {
    let listed = api.list(&ListParams::default()).await.context("bindings can't be listed")?;
    Ok(listed.items.iter().map(serde_json::to_value).collect::<Result<_, _>>()?)
}

/// Whether people may call the kind so: by its name, or by its plural.
fn is_called(kind: &Value, called: &str) -> bool {
    let kind = kind.as_str().unwrap_or_default().to_ascii_lowercase();
    if kind == called {
        return true;
    }
    let plural = match kind.as_bytes() {
        [.., b's' | b'x'] | [.., b'c' | b's', b'h'] => format!("{kind}es"),
        [stem @ .., b'y'] if !matches!(stem.last(), Some(b'a' | b'e' | b'o' | b'u')) => {
            format!("{}ies", &kind[..kind.len() - 1])
        }
        _ => format!("{kind}s"),
    };
    plural == called
}

/// Which bindings there are, for an error.
fn names(bindings: &[Value]) -> String {
    if bindings.is_empty() {
        return "there is none".to_owned();
    }
    let mut names: Vec<&str> =
        bindings.iter().filter_map(|binding| binding["metadata"]["name"].as_str()).collect();
    names.sort_unstable();
    let more = names.len().saturating_sub(NAMED_MAX);
    names.truncate(NAMED_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("there are {}{more}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_reference_is_written_as_for_kubectl() {
        let template = |kind: &str| Reference::Template { kind: kind.to_owned(), name: "web".to_owned() };
        let binding = Reference::Binding("web".to_owned());
        let check = |kind: &str, name: Option<&str>, want: &Reference| {
            assert_eq!(&Reference::parse(kind, name).unwrap(), want, "{kind} {name:?}");
        };
        check("binding", Some("web"), &binding);
        check("rb/web", None, &binding);
        check("resourcebindings.work.karmada.io/web", None, &binding);
        check("crb", Some("web"), &Reference::ClusterBinding("web".to_owned()));
        check("Deployment/web", None, &template("deployment"));
        check("deployments.apps", Some("web"), &template("deployments"));
        for (kind, name) in [("binding", None), ("binding/a", Some("b")), ("/a", None), ("a/", None)] {
            assert!(Reference::parse(kind, name).is_err(), "{kind} {name:?}");
        }
    }

    #[test]
    fn a_kind_is_called_by_its_name_or_its_plural() {
        let check = |kind: &str, called: &str, want: bool| assert_eq!(is_called(&json!(kind), called), want);
        check("Deployment", "deployment", true);
        check("Deployment", "deployments", true);
        check("Ingress", "ingresses", true);
        check("NetworkPolicy", "networkpolicies", true);
        check("Gateway", "gateways", true);
        check("Deployment", "job", false);
    }

    #[test]
    fn an_error_names_what_there_is_and_not_too_much_of_it() {
        let bindings: Vec<Value> =
            (0..25).map(|number| json!({"metadata": {"name": format!("b{number:02}")}})).collect();
        let text = names(&bindings);
        assert!(text.starts_with("there are b00, b01") && text.ends_with("b19 and 5 more"), "{text}");
        assert_eq!(names(&[]), "there is none");
    }
}
