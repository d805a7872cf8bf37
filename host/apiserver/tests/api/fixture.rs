//! A server on a directory of its own, and small builders.

use std::sync::Arc;

use http::{Request, Response};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ApiResource, DynamicObject, PostParams};
use kube::client::Body;
use kube::core::GroupVersionKind;
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use tempfile::TempDir;
use windlass_apiserver::{ApiServer, Config, store};
use windlass_core::Hook;

pub(crate) struct Fixture {
    pub(crate) server: ApiServer,
    pub(crate) client: Client,
    _dir: TempDir,
}

pub(crate) async fn server() -> Fixture {
    server_with(Vec::new(), store::Options::default()).await
}

pub(crate) async fn server_with(hooks: Vec<Arc<dyn Hook>>, store: store::Options) -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let config = Config {
        data_dir: dir.path().to_owned(),
        name: "test".to_owned(),
        definitions: Vec::new(),
        hooks,
        store,
    };
    let server = ApiServer::open(config).await.unwrap();
    Fixture { client: server.client(), server, _dir: dir }
}

impl Fixture {
    pub(crate) fn config_maps(&self) -> Api<ConfigMap> {
        Api::default_namespaced(self.client.clone())
    }

    /// Leases are what nobody else makes in the default namespace.
    pub(crate) fn leases(&self) -> Api<Lease> {
        Api::default_namespaced(self.client.clone())
    }

    pub(crate) async fn create_lease(&self, name: &str) -> Lease {
        self.leases().create(&PostParams::default(), &lease(name, &[])).await.unwrap()
    }

    pub(crate) async fn create(&self, name: &str) -> ConfigMap {
        self.config_maps().create(&PostParams::default(), &config_map(name, &[])).await.unwrap()
    }

    /// A raw request with a JSON body.
    pub(crate) async fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.send(request(method, path).header("content-type", "application/json"), body.to_string()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(request("GET", path), String::new()).await
    }

    pub(crate) async fn send(&self, request: http::request::Builder, body: impl Into<Vec<u8>>) -> Answer {
        answer(self.client.send(request.body(Body::from(body.into())).unwrap()).await.unwrap()).await
    }
}

pub(crate) fn request(method: &str, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(path)
}

pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) warnings: Vec<String>,
    pub(crate) headers: http::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// Asserts that it is an error of this code and reason, and gives its message.
    pub(crate) fn refused(&self, code: u16, reason: &str) -> String {
        let status = self.json();
        assert_eq!(
            (self.code, status["kind"].as_str(), status["reason"].as_str()),
            (code, Some("Status"), Some(reason)),
            "{}",
            self.text
        );
        assert_eq!(status["code"], code);
        status["message"].as_str().unwrap().to_owned()
    }
}

async fn answer(response: Response<Body>) -> Answer {
    let (head, body) = response.into_parts();
    let text = body.collect_bytes().await.unwrap();
    let warnings =
        head.headers.get_all("warning").iter().map(|value| value.to_str().unwrap().to_owned()).collect();
    Answer {
        code: head.status.as_u16(),
        warnings,
        headers: head.headers,
        text: String::from_utf8(text.to_vec()).unwrap(),
    }
}

pub(crate) fn config_map(name: &str, labels: &[(&str, &str)]) -> ConfigMap {
    let mut object = ConfigMap::default();
    object.metadata.name = Some(name.to_owned());
    object.labels_mut().extend(labels.iter().map(|(key, value)| (key.to_string(), value.to_string())));
    object
}

pub(crate) fn lease(name: &str, labels: &[(&str, &str)]) -> Lease {
    Lease { metadata: config_map(name, labels).metadata, spec: None }
}

pub(crate) fn deployment(name: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {
        "replicas": 1,
        "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}},
    }})
}

/// A definition with a status and a scale, defaults and bounds.
pub(crate) fn widget_definition() -> Value {
    let schema = json!({"openAPIV3Schema": {"type": "object", "properties": {
        "spec": {"type": "object", "required": ["size"], "properties": {
            "size": {"type": "integer", "minimum": 0},
            "colour": {"type": "string", "default": "grey"},
        }},
        "status": {"type": "object", "properties": {"size": {"type": "integer"}}},
    }}});
    let version = |name: &str, storage: bool| {
        json!({
            "name": name, "served": true, "storage": storage, "schema": schema,
            "subresources": {"status": {},
                "scale": {"specReplicasPath": ".spec.size", "statusReplicasPath": ".status.size"}},
            "additionalPrinterColumns": [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}],
        })
    };
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "shortNames": ["wd"]},
            "versions": [version("v1", true), version("v1beta1", false)]}})
}

pub(crate) fn widget(name: &str, size: i64) -> Value {
    json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": name}, "spec": {"size": size}})
}

pub(crate) const WIDGETS: &str = "/apis/example.com/v1/namespaces/default/widgets";
pub(crate) const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
pub(crate) const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";
pub(crate) const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
pub(crate) const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";

pub(crate) fn dynamic(client: &Client, group: &str, kind: &str, plural: &str) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, "v1", kind), plural);
    Api::default_namespaced_with(client.clone(), &resource)
}

/// A watch over raw HTTP: its events as they come.
pub(crate) struct Events {
    body: http_body_util::BodyDataStream<Body>,
    buffer: Vec<u8>,
}

impl Events {
    pub(crate) async fn open(client: &Client, path: &str) -> Events {
        let response = client.send(request("GET", path).body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
        Events { body: http_body_util::BodyDataStream::new(response.into_body()), buffer: Vec::new() }
    }

    /// The next event; `None` when the watch is over.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        use futures::StreamExt;
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).unwrap());
            }
            let patience = std::time::Duration::from_secs(20);
            let chunk = tokio::time::timeout(patience, self.body.next()).await.expect("an event in time");
            self.buffer.extend_from_slice(&chunk?.unwrap());
        }
    }

    /// The next event as type, name and object.
    pub(crate) async fn expect(&mut self, kind: &str, name: &str) -> Value {
        let event = self.next().await.expect("the watch goes on");
        assert_eq!(
            (event["type"].as_str(), event["object"]["metadata"]["name"].as_str()),
            (Some(kind), Some(name)),
            "{event}"
        );
        event["object"].clone()
    }
}

pub(crate) fn version(object: &Value) -> u64 {
    object["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap()
}
