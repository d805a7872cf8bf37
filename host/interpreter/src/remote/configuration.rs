//! What of ResourceInterpreterWebhookConfiguration objects counts.

use std::time::Duration;

use http::Uri;
use k8s_openapi::api::admissionregistration::v1::{ServiceReference, WebhookClientConfig};
use windlass_api::config::{
    ResourceInterpreterWebhook, ResourceInterpreterWebhookConfiguration, RuleWithOperations,
};
use windlass_callout::Endpoint;
use windlass_core::Operation;
use windlass_core::declared::Declared;
use windlass_plugins::{KindSupport, Operations};

/// The one version of ResourceInterpreterContext there is.
const CONTEXT_VERSION: &str = "v1alpha1";
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);
const TIMEOUT_MAX: Duration = Duration::from_secs(30);
const PORT_DEFAULT: u16 = 443;
/// What the protocol has a question for.
const OPERATIONS: [Operation; 8] = [
    Operation::InterpretReplica,
    Operation::InterpretComponent,
    Operation::ReviseReplica,
    Operation::Retain,
    Operation::AggregateStatus,
    Operation::InterpretDependency,
    Operation::InterpretStatus,
    Operation::InterpretHealth,
];

/// A webhook as it is configured.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Definition {
    /// `configuration/webhook`; by these names the webhooks are ordered.
    pub(super) name: String,
    /// Or why it can't be called.
    pub(super) endpoint: Result<Endpoint, String>,
    pub(super) timeout: Duration,
    pub(super) kinds: RemoteKinds,
}

/// What a webhook is asked, as a plugin would declare it.
pub type RemoteKinds = Vec<KindSupport>;

/// Every webhook of these configurations, in the order in which they are asked.
pub(super) fn definitions(configurations: &[ResourceInterpreterWebhookConfiguration]) -> Vec<Definition> {
    let mut definitions: Vec<Definition> = configurations
        .iter()
        .flat_map(|configuration| {
            let owner = configuration.metadata.name.as_deref().unwrap_or_default();
            configuration.spec.webhooks.iter().map(move |webhook| definition(owner, webhook))
        })
        .collect();
    definitions.sort_by(|one, other| one.name.cmp(&other.name));
    definitions
}

fn definition(owner: &str, webhook: &ResourceInterpreterWebhook) -> Definition {
    let ResourceInterpreterWebhook {
        name,
        client_config,
        rules,
        timeout_seconds,
        interpreter_context_versions,
    } = webhook;
    let speaks = interpreter_context_versions.iter().any(|version| version == CONTEXT_VERSION);
    let endpoint = if speaks {
        endpoint(client_config)
    } else {
        Err(format!("interpreterContextVersions has none that is known; add {CONTEXT_VERSION}"))
    };
    let timeout = timeout_seconds
        .and_then(|seconds| u64::try_from(seconds).ok())
        .filter(|seconds| *seconds > 0)
        .map_or(TIMEOUT_DEFAULT, Duration::from_secs)
        .min(TIMEOUT_MAX);
    Definition {
        name: format!("{owner}/{name}"),
        endpoint,
        timeout,
        kinds: rules.iter().flat_map(kinds).collect(),
    }
}

/// As Karmada does: a Service goes before a URL.
fn endpoint(client_config: &WebhookClientConfig) -> Result<Endpoint, String> {
    let WebhookClientConfig { ca_bundle, service, url } = client_config;
    let (url, is_service) = match (service, url) {
        (Some(ServiceReference { namespace, name, path, port }), _) => {
            let path = path.as_deref().unwrap_or_default().trim_start_matches('/');
            let port = match port {
                Some(port) => {
                    u16::try_from(*port).map_err(|_| format!("clientConfig.service.port is {port}"))?
                }
                None => PORT_DEFAULT,
            };
            (format!("https://{name}.{namespace}.svc:{port}/{path}"), true)
        }
        (None, Some(url)) => (url.clone(), false),
        (None, None) => return Err("clientConfig names neither a service nor a url".to_owned()),
    };
    let uri: Uri = url.parse().map_err(|error| format!("clientConfig: {url:?} is no URL: {error}"))?;
    if uri.scheme_str() != Some("https") || uri.host().is_none_or(str::is_empty) {
        return Err(format!("clientConfig: {url:?} is not of the form https://host[:port]/path"));
    }
    let authorities = ca_bundle.as_ref().map(|bytes| bytes.0.clone()).filter(|bytes| !bytes.is_empty());
    Ok(Endpoint { url, is_service, authorities })
}

/// Every group with every version and every kind of the rule.
fn kinds(rule: &RuleWithOperations) -> Vec<KindSupport> {
    let RuleWithOperations { operations, api_groups, api_versions, kinds } = rule;
    let any = operations.iter().any(|operation| operation == "*");
    let asked = OPERATIONS
        .into_iter()
        .filter(|known| any || operations.iter().any(|operation| operation == known.name()))
        .fold(Operations::default(), Operations::with);
    if asked == Operations::default() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for group in api_groups {
        for version in api_versions {
            found.extend(kinds.iter().map(|kind| KindSupport {
                group: group.clone(),
                version: version.clone(),
                kind: kind.clone(),
                asked,
                declared: Declared::default(),
            }));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use windlass_core::Gvk;

    fn read(configurations: Value) -> Vec<Definition> {
        definitions(&serde_json::from_value::<Vec<_>>(configurations).unwrap())
    }

    fn configuration(name: &str, webhooks: Value) -> Value {
        json!({"apiVersion": "config.karmada.io/v1alpha1", "kind": "ResourceInterpreterWebhookConfiguration",
            "metadata": {"name": name}, "webhooks": webhooks})
    }

    fn webhook(change: Value) -> Value {
        let mut webhook = json!({"name": "a.example.com", "clientConfig": {"url": "https://a.example.com/x"},
            "rules": [], "interpreterContextVersions": ["v1alpha1"]});
        for (field, value) in change.as_object().unwrap() {
            webhook[field] = value.clone();
        }
        webhook
    }

    #[test]
    fn webhooks_are_asked_in_the_order_of_their_names() {
        let read = read(json!([
            configuration("b", json!([webhook(json!({}))])),
            configuration("a", json!([webhook(json!({"name": "z.example.com"})), webhook(json!({}))])),
        ]));
        let names: Vec<_> = read.iter().map(|definition| definition.name.as_str()).collect();
        assert_eq!(names, ["a/a.example.com", "a/z.example.com", "b/a.example.com"]);
    }

    #[test]
    fn a_rule_means_every_group_with_every_version_and_kind() {
        let rule = json!({"operations": ["InterpretReplica", "Prune"], "apiGroups": ["", "apps"],
            "apiVersions": ["v1", "*"], "kinds": ["Thing"]});
        let all = json!({"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "kinds": ["Other"]});
        let nothing =
            json!({"operations": ["Prune"], "apiGroups": ["*"], "apiVersions": ["*"], "kinds": ["*"]});
        let read =
            read(json!([configuration("a", json!([webhook(json!({"rules": [rule, all, nothing]}))]))]));
        let asked = |version: &str, kind: &str, operation| {
            let gvk = Gvk::new(version, kind);
            read[0]
                .kinds
                .iter()
                .any(|support| support.matches(&gvk) && support.operations().contains(operation))
        };
        use Operation::{InterpretHealth, InterpretReplica, PreserveState};
        assert!(asked("v1", "Thing", InterpretReplica) && asked("apps/v2", "Thing", InterpretReplica));
        assert!(!asked("batch/v1", "Thing", InterpretReplica) && !asked("v1", "Thing", InterpretHealth));
        assert!(asked("x/v9", "Other", InterpretHealth) && !asked("x/v9", "Other", PreserveState));
        assert!(!asked("v1", "Third", InterpretReplica));
    }

    #[test]
    fn what_cannot_be_called_says_why() {
        let one = |change: Value| read(json!([configuration("a", json!([webhook(change)]))])).remove(0);
        let service =
            json!({"service": {"namespace": "ns", "name": "hook", "path": "/x"}, "url": "https://b/y"});
        let endpoint = one(json!({"clientConfig": service})).endpoint.unwrap();
        assert_eq!(
            (endpoint.url.to_string().as_str(), endpoint.is_service),
            ("https://hook.ns.svc:443/x", true)
        );
        assert_eq!(one(json!({"timeoutSeconds": 3})).timeout, Duration::from_secs(3));
        assert_eq!(one(json!({"timeoutSeconds": -3})).timeout, TIMEOUT_DEFAULT);
        for (change, want) in [
            (json!({"clientConfig": {}}), "neither"),
            (json!({"clientConfig": {"url": "http://a/x"}}), "https"),
            (json!({"clientConfig": {"url": "no url"}}), "no URL"),
            (json!({"interpreterContextVersions": ["v2"]}), "v1alpha1"),
        ] {
            let error = one(change).endpoint.unwrap_err();
            assert!(error.contains(want), "{error}");
        }
    }
}
