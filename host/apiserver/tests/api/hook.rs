//! A webhook of the tests' own: HTTPS with an authority of its own, an answer for each review, and a memory of what it
//! was asked.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use parking_lot::Mutex;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};

type Respond = dyn Fn(&Value) -> (u16, String) + Send + Sync;

pub(crate) struct Hook {
    pub(crate) port: u16,
    /// base64 of PEM, as configurations have it.
    pub(crate) ca_bundle: String,
    asked: Arc<Mutex<Vec<Value>>>,
    connections: Arc<Mutex<usize>>,
    _stop: DropGuard,
}

impl Hook {
    /// Answers each review's request with a response, to which `uid` is added.
    pub(crate) async fn answering(answer: impl Fn(&Value) -> Value + Send + Sync + 'static) -> Hook {
        Hook::raw(move |review| {
            let mut response = answer(&review["request"]);
            if response.get("uid").is_none() {
                response["uid"] = review["request"]["uid"].clone();
            }
            let review =
                json!({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response});
            (200, review.to_string())
        })
        .await
    }

    /// Answers each review with a code and a body.
    pub(crate) async fn raw(respond: impl Fn(&Value) -> (u16, String) + Send + Sync + 'static) -> Hook {
        let (config, ca_bundle) = tls();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(Mutex::new(0));
        let stop = CancellationToken::new();
        let respond: Arc<Respond> = Arc::new(respond);
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (memory, count, stopped) = (Arc::clone(&asked), Arc::clone(&connections), stop.clone());
        tokio::spawn(async move {
            loop {
                let stream = tokio::select! {
                    () = stopped.cancelled() => return,
                    accepted = listener.accept() => accepted.unwrap().0,
                };
                *count.lock() += 1;
                let (acceptor, memory, respond) =
                    (acceptor.clone(), Arc::clone(&memory), Arc::clone(&respond));
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let service = tower::service_fn(move |request: Request<Incoming>| {
                        let (memory, respond) = (Arc::clone(&memory), Arc::clone(&respond));
                        async move {
                            let (head, body) = request.into_parts();
                            let body = body.collect().await?.to_bytes();
                            let mut review: Value = serde_json::from_slice(&body).unwrap();
                            let (code, answer) = tokio::task::spawn_blocking({
                                let review = review.clone();
                                move || respond(&review)
                            })
                            .await
                            .unwrap();
                            review["uri"] = json!(head.uri.to_string());
                            memory.lock().push(review);
                            let response = Response::builder().status(code);
                            Ok::<_, hyper::Error>(response.body(Full::new(Bytes::from(answer))).unwrap())
                        }
                    });
                    let _ = auto::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
                        .await;
                });
            }
        });
        Hook { port, ca_bundle, asked, connections, _stop: stop.drop_guard() }
    }

    /// The clientConfig that reaches it.
    pub(crate) fn client_config(&self) -> Value {
        json!({"url": format!("https://127.0.0.1:{}/review", self.port), "caBundle": self.ca_bundle})
    }

    /// The reviews that came in, in order.
    pub(crate) fn asked(&self) -> Vec<Value> {
        self.asked.lock().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        *self.connections.lock()
    }
}

fn tls() -> (ServerConfig, String) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let authority = params.self_signed(&key).unwrap();
    let issuer = Issuer::new(params, key);
    let names = ["127.0.0.1", "localhost", "hook.default.svc"].map(str::to_owned);
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    (config, STANDARD.encode(authority.pem()))
}
