//! The webhook server as kube-apiserver sees it: AdmissionReviews over TLS.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;
use windlass_admission::certificates::CertificateFiles;
use windlass_admission::{Chain, admit, server};

struct Served {
    sender: hyper::client::conn::http1::SendRequest<Full<Bytes>>,
    shutdown: CancellationToken,
    server: tokio::task::JoinHandle<()>,
}

async fn served() -> Served {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate = made.cert.pem();
    let folder = tempfile::tempdir().unwrap();
    let (certificate_file, key_file) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
    std::fs::write(&certificate_file, &certificate).unwrap();
    std::fs::write(&key_file, made.signing_key.serialize_pem()).unwrap();
    let files = CertificateFiles::open(&certificate_file, &key_file).unwrap();
    let tls = server::tls_config(Arc::new(files)).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let chain = Chain::new(Arc::new(|| [1; 16]));
    let router = admit::routes(chain).merge(server::health(&shutdown));
    let server = tokio::spawn(server::serve(listener, tls, router, shutdown.clone()));

    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    Served { sender, shutdown, server }
}

impl Served {
    async fn post(&mut self, path: &str, body: Vec<u8>) -> (StatusCode, Bytes) {
        let request =
            Request::post(path).header("host", "localhost").body(Full::new(Bytes::from(body))).unwrap();
        let response = self.sender.send_request(request).await.unwrap();
        let status = response.status();
        (status, response.into_body().collect().await.unwrap().to_bytes())
    }
}

fn review(object: Value) -> Vec<u8> {
    let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "705ab4f5", "operation": "CREATE", "namespace": "shop", "name": "p",
        "kind": {"group": "policy.karmada.io", "version": "v1alpha1", "kind": "PropagationPolicy"},
        "resource": {"group": "policy.karmada.io", "version": "v1alpha1", "resource": "propagationpolicies"},
        "userInfo": {"username": "admin", "groups": ["system:masters"]}, "object": object, "dryRun": false}});
    serde_json::to_vec(&review).unwrap()
}

fn policy(max_groups: i64) -> Value {
    json!({"metadata": {"name": "p", "namespace": "shop"}, "spec": {
        "resourceSelectors": [{"apiVersion": "apps/v1", "kind": "Deployment"}],
        "placement": {"spreadConstraints": [{"minGroups": 2, "maxGroups": max_groups}]}}})
}

#[tokio::test]
async fn a_policy_is_defaulted_and_a_contradictory_one_refused() {
    let mut served = served().await;
    let (status, body) = served.post("/mutate", review(policy(2))).await;
    assert_eq!(status, StatusCode::OK);
    let answer: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(answer["response"]["uid"], "705ab4f5");
    assert_eq!(answer["response"]["allowed"], true);
    assert_eq!(answer["response"]["patchType"], "JSONPatch");

    let (status, body) = served.post("/validate", review(policy(1))).await;
    assert_eq!(status, StatusCode::OK);
    let answer: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(answer["response"]["allowed"], false);
    assert_eq!(answer["response"]["status"]["code"], 422);
    let causes = answer["response"]["status"]["details"]["causes"].as_array().unwrap();
    assert!(
        causes.iter().any(|cause| cause["field"] == "spec.placement.spreadConstraints[0].maxGroups"),
        "{causes:?}"
    );
}

#[tokio::test]
async fn a_body_that_is_no_review_is_a_bad_request_with_the_reason() {
    let mut served = served().await;
    for (body, want) in [(b"{".to_vec(), "AdmissionReview"), (b"{\"kind\":\"Pod\"}".to_vec(), "Pod")] {
        let (status, text) = served.post("/validate", body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(String::from_utf8_lossy(&text).contains(want), "{text:?}");
    }
    let (status, _) = served.post("/nowhere", Vec::new()).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_server_stops_when_it_is_told_to() {
    let mut served = served().await;
    assert_eq!(served.post("/validate", review(policy(2))).await.0, StatusCode::OK);
    served.shutdown.cancel();
    drop(served.sender);
    served.server.await.unwrap();
}
