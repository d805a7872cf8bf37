//! The namespaces that every cluster has, and what every namespace has: the service account `default` and the server's
//! certificate authority in the config map `kube-root-ca.crt`.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::driver::{Plan, Planner};
use super::observed::Observed;
use super::request::{ApiRequest, path};
use crate::store::{Change, Key, Store, Stored};

const SYSTEM: [&str; 4] = ["default", "kube-system", "kube-public", "kube-node-lease"];
const NAMESPACES: &str = "/namespaces";
const SERVICE_ACCOUNTS: &str = "/serviceaccounts";
const SERVICE_ACCOUNT: &str = "default";
const CONFIG_MAPS: &str = "/configmaps";
const ROOT_CERTIFICATE: &str = "kube-root-ca.crt";
const DESCRIPTION: &str = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal \
                           endpoints such as the internal service IP or kubernetes.default.svc. No other usage is \
                           guaranteed across distributions of Kubernetes clusters.";

/// Keys are namespaces' names.
pub(super) struct NamespaceDefaults {
    store: Arc<Store>,
    root_certificate: String,
}

impl NamespaceDefaults {
    pub(super) fn new(store: Arc<Store>, root_certificate: String) -> Self {
        NamespaceDefaults { store, root_certificate }
    }

    fn service_account(&self, namespace: &str) -> Option<ApiRequest> {
        let key = Key::new(SERVICE_ACCOUNTS, namespace, SERVICE_ACCOUNT);
        if self.store.get(&key).is_some() {
            return None;
        }
        let body = json!({"apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"namespace": namespace, "name": SERVICE_ACCOUNT}});
        Some(ApiRequest::create(format!("/api/v1/namespaces/{namespace}/serviceaccounts"), body))
    }

    fn root_certificate(&self, namespace: &str) -> Option<ApiRequest> {
        let data = json!({"ca.crt": self.root_certificate});
        let Some(found) = self.store.get(&Key::new(CONFIG_MAPS, namespace, ROOT_CERTIFICATE)) else {
            let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": data,
                "metadata": {"namespace": namespace, "name": ROOT_CERTIFICATE,
                    "annotations": {"kubernetes.io/description": DESCRIPTION}}});
            return Some(ApiRequest::create(format!("/api/v1/namespaces/{namespace}/configmaps"), body));
        };
        let mut object: Value = serde_json::from_slice(&found.json).unwrap_or_default();
        if object["data"] == data {
            return None;
        }
        object["data"] = data;
        Some(ApiRequest::replace(path(&found, &Observed::of(&found)), object))
    }
}

impl Planner for NamespaceDefaults {
    type Key = Arc<str>;
    const NAME: &'static str = "namespace defaults";

    fn observe(&mut self, _: Change, object: &Stored, keys: &mut Vec<Arc<str>>) {
        match (&*object.key.resource, &*object.key.name) {
            (NAMESPACES, _) => keys.push(Arc::clone(&object.key.name)),
            (SERVICE_ACCOUNTS, SERVICE_ACCOUNT) | (CONFIG_MAPS, ROOT_CERTIFICATE) => {
                keys.push(Arc::clone(&object.key.namespace));
            }
            _ => {}
        }
    }

    fn restart(&mut self, keys: &mut Vec<Arc<str>>) {
        keys.extend(SYSTEM.map(Arc::from));
    }

    fn plan(&self, namespace: &Arc<str>, _: Timestamp) -> Plan {
        let requests = match self.store.get(&Key::new(NAMESPACES, "", Arc::clone(namespace))) {
            Some(found) if Observed::of(&found).is_being_deleted() => Vec::new(),
            Some(_) => {
                self.service_account(namespace).into_iter().chain(self.root_certificate(namespace)).collect()
            }
            None if SYSTEM.contains(&&**namespace) => {
                let body =
                    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": &**namespace}});
                vec![ApiRequest::create("/api/v1/namespaces".to_owned(), body)]
            }
            None => Vec::new(),
        };
        if requests.is_empty() { Plan::Nothing } else { Plan::Requests(requests) }
    }
}
