//! A server on this machine, and a dispatcher that asks it.

use std::sync::Arc;

use axum::Router;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use windlass_admission::certificates::CertificateFiles;
use windlass_admission::server;
use windlass_core::Object;
use windlass_interpreter::Dispatcher;
use windlass_interpreter::remote::ServicePlace;
use windlass_plugins::{Catalogue, CodeCache, Engine, EngineConfig};

/// Serves until it is dropped.
pub(crate) struct Served {
    pub(crate) url: String,
    port: u16,
    /// PEM, base64.
    authorities: String,
    _stop: DropGuard,
}

pub(crate) async fn serve(router: Router) -> Served {
    let names = ["127.0.0.1", "hook.ns.svc"].map(str::to_owned);
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let files = CertificateFiles::open(&certificate, &key).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let url = format!("https://{address}/interpret");
    let stop = CancellationToken::new();
    let tls = server::tls_config(Arc::new(files)).unwrap();
    tokio::spawn(server::serve(listener, tls, router, stop.clone()));
    let authorities = STANDARD.encode(made.cert.pem());
    Served { url, port: address.port(), authorities, _stop: stop.drop_guard() }
}

impl Served {
    pub(crate) fn asker(&self) -> Arc<Dispatcher> {
        asker(json!({"url": self.url, "caBundle": self.authorities}))
    }

    /// By a Service of the control plane, which leads here.
    pub(crate) fn asker_by_service(&self, place: impl Fn(u16) -> ServicePlace) -> Arc<Dispatcher> {
        let service = json!({"namespace": "ns", "name": "hook", "path": "/interpret", "port": self.port});
        let asker = asker(json!({"service": service, "caBundle": self.authorities}));
        let services = [(("ns".to_owned(), "hook".to_owned()), place(self.port))];
        asker.webhooks().set_services(services.into_iter().collect());
        asker
    }
}

/// Asks the webhook there about everything there is, and waits long enough for a machine that is busy.
pub(crate) fn asker(client_config: Value) -> Arc<Dispatcher> {
    patient(client_config, 20)
}

pub(crate) fn patient(client_config: Value, seconds: u32) -> Arc<Dispatcher> {
    let engine = Engine::new(EngineConfig { instances: 1, ..EngineConfig::default() }).unwrap();
    let catalogue = Catalogue::new(engine, CodeCache::disabled());
    let dispatcher = Dispatcher::new(Arc::new(catalogue), 1 << 20);
    let configuration = json!({"apiVersion": "config.karmada.io/v1alpha1", "kind": "ResourceInterpreterWebhookConfiguration",
        "metadata": {"name": "test"},
        "webhooks": [{"name": "things.example.io", "clientConfig": client_config, "timeoutSeconds": seconds,
            "interpreterContextVersions": ["v1alpha1"],
            "rules": [{"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "kinds": ["*"]}]}]});
    dispatcher.webhooks().set(&[serde_json::from_value(configuration).unwrap()]);
    Arc::new(dispatcher)
}

pub(crate) fn thing(name: &str) -> Object {
    Object::from_value(&json!({"apiVersion": "example.io/v1", "kind": "Thing",
        "metadata": {"namespace": "shop", "name": name}, "spec": {"replicas": 1}}))
    .unwrap()
}
