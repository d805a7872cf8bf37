//! The HTTP client of webhooks: HTTP/2 or HTTP/1.1 over TLS, connections kept for each set of authorities.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use parking_lot::Mutex;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;

use super::configuration::Endpoint;
use super::dial::{Dialer, Services};

/// No answer about an object of 3 MiB is longer, its patch encoded and all.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// What is quoted of an answer that is none.
const QUOTED_CHARS: usize = 512;
/// Sets of authorities that connections are kept for.
const POOLS_MAX: usize = 64;
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);
const IDLE_CONNECTIONS_MAX: usize = 32;

type Pool = legacy::Client<HttpsConnector<Dialer>, Full<Bytes>>;
/// The authorities, and whether hosts are Services.
type Trust = (Option<Vec<u8>>, bool);

/// Why there is no answer of HTTP's that is a success.
#[derive(Debug, thiserror::Error)]
pub(super) enum PostError {
    /// Nothing was sent.
    #[error("{0}")]
    NotConnected(String),
    #[error("{0}")]
    Broken(String),
    #[error("it answers with HTTP {code}: {text}")]
    Refused { code: StatusCode, text: String, retry_after: Option<Duration> },
}

pub(super) struct Client {
    services: Arc<ArcSwap<Services>>,
    pools: Mutex<HashMap<Trust, Pool>>,
}

impl Client {
    pub(super) fn new(services: Arc<ArcSwap<Services>>) -> Client {
        Client { services, pools: Mutex::new(HashMap::new()) }
    }

    /// POSTs a question and gives the body of the answer; `timeout` is a hint to whoever answers.
    pub(super) async fn post(
        &self,
        endpoint: &Endpoint,
        question: Bytes,
        timeout: Duration,
    ) -> Result<Bytes, PostError> {
        let seconds = timeout.as_secs() + u64::from(timeout.subsec_nanos() > 0);
        let join = if endpoint.url.query().is_some() { '&' } else { '?' };
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{}{join}timeout={seconds}s", endpoint.url))
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json, */*")
            .header(USER_AGENT, "windlass-interpreter")
            .body(Full::new(question))
            .map_err(|error| PostError::NotConnected(error.to_string()))?;
        let pool = self.pool(endpoint).map_err(PostError::NotConnected)?;
        let response = pool.request(request).await.map_err(|error| {
            let text = root(&error);
            if error.is_connect() { PostError::NotConnected(text) } else { PostError::Broken(text) }
        })?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX)
            .collect()
            .await
            .map_err(|error| PostError::Broken(format!("its answer breaks off: {}", root(&*error))))?
            .to_bytes();
        if head.status.is_success() {
            return Ok(body);
        }
        let seconds = head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let retry_after = seconds.map(Duration::from_secs);
        Err(PostError::Refused { code: head.status, text: said(&body), retry_after })
    }

    fn pool(&self, endpoint: &Endpoint) -> Result<Pool, String> {
        let trust = (endpoint.authorities.clone(), endpoint.is_service);
        if let Some(pool) = self.pools.lock().get(&trust) {
            return Ok(pool.clone());
        }
        let services = endpoint.is_service.then(|| Arc::clone(&self.services));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls(endpoint.authorities.as_deref())?)
            .https_only()
            .enable_all_versions()
            .wrap_connector(Dialer { services });
        let pool = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .build(connector);
        let mut pools = self.pools.lock();
        if pools.len() >= POOLS_MAX {
            // Certificates that were rotated away fill it; those in use come back with the next call.
            pools.clear();
        }
        pools.insert(trust, Pool::clone(&pool));
        Ok(pool)
    }
}

fn tls(authorities: Option<&[u8]>) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let Some(authorities) = authorities else {
        let roots = builder.with_native_roots();
        return Ok(roots
            .map_err(|error| format!("the system's authorities: {error}"))?
            .with_no_client_auth());
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authorities) {
        let certificate = certificate.map_err(|error| format!("caBundle is not PEM: {error}"))?;
        roots.add(certificate).map_err(|error| format!("caBundle: {error}"))?;
    }
    if roots.is_empty() {
        return Err("caBundle holds no PEM certificate".to_owned());
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// The message of a Kubernetes Status, or the beginning of the text.
fn said(body: &[u8]) -> String {
    let status = serde_json::from_slice::<Value>(body).ok();
    let message = status.as_ref().filter(|status| status["kind"] == "Status");
    match message.and_then(|status| status["message"].as_str()) {
        Some(message) => message.chars().take(QUOTED_CHARS).collect(),
        None => String::from_utf8_lossy(body).trim().chars().take(QUOTED_CHARS).collect(),
    }
}

/// The cause at the bottom.
fn root(error: &(dyn Error + 'static)) -> String {
    let mut at = error;
    loop {
        // An error of the system may wrap one of TLS, and not name it as its source.
        let inner = at.downcast_ref::<std::io::Error>().and_then(|error| error.get_ref());
        match inner.map(|error| error as &(dyn Error + 'static)).or_else(|| at.source()) {
            Some(_) if at.is::<super::dial::DialError>() => return at.to_string(),
            Some(next) => at = next,
            None => return at.to_string(),
        }
    }
}
