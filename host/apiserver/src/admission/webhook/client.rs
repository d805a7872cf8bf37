//! The HTTP client of webhooks: HTTP/2 or HTTP/1.1 over TLS, connections kept for each set of authorities.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{Method, Request};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use parking_lot::Mutex;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;

use super::connect::Dialer;
use super::endpoint::Endpoint;
use super::failure::{self, CallError};
use crate::store::Store;

/// No answer to a review of an object of 3 MiB is longer, its patch encoded and all.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// Sets of authorities that connections are kept for.
const POOLS_MAX: usize = 64;
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);
const IDLE_CONNECTIONS_MAX: usize = 32;

type Pool = legacy::Client<HttpsConnector<Dialer>, Full<Bytes>>;
/// The authorities, and whether hosts are Services.
type Trust = (Option<Vec<u8>>, bool);

pub(crate) struct Client {
    store: Arc<Store>,
    pools: Mutex<HashMap<Trust, Pool>>,
}

impl Client {
    pub(crate) fn new(store: Arc<Store>) -> Client {
        Client { store, pools: Mutex::new(HashMap::new()) }
    }

    /// POSTs a review, and gives the body of the answer.
    ///
    /// # Errors
    /// The webhook can't be reached or trusted, is too slow, or answers with an error.
    pub(crate) async fn post(
        &self,
        endpoint: &Endpoint,
        review: &Value,
        timeout: Duration,
    ) -> Result<Bytes, CallError> {
        // Rounded up, as a hint for the webhook; what counts is the deadline here.
        let seconds = timeout.as_secs() + u64::from(timeout.subsec_nanos() > 0);
        let join = if endpoint.url.contains('?') { '&' } else { '?' };
        let url = format!("{}{join}timeout={seconds}s", endpoint.url);
        let failed = |reason: String| CallError::Transport { url: url.clone(), reason };
        let pool = self.pool(endpoint).map_err(failed)?;
        let request = Request::builder()
            .method(Method::POST)
            .uri(url.as_str())
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json, */*")
            .header(USER_AGENT, "kube-apiserver-admission")
            .body(Full::new(Bytes::from(review.to_string())))
            .map_err(|error| failed(error.to_string()))?;
        let exchange = async {
            let response = pool.request(request).await.map_err(|error| failure::explain(&error))?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX)
                .collect()
                .await
                .map_err(|error| failure::explain(&*error))?
                .to_bytes();
            Ok::<_, String>((head.status.as_u16(), body))
        };
        let (code, body) = match tokio::time::timeout(timeout, exchange).await {
            Ok(outcome) => outcome.map_err(failed)?,
            Err(_) => return Err(failed("context deadline exceeded".to_owned())),
        };
        if (200..300).contains(&code) { Ok(body) } else { Err(CallError::answer(code, &body)) }
    }

    fn pool(&self, endpoint: &Endpoint) -> Result<Pool, String> {
        let trust = (endpoint.authorities.clone(), endpoint.is_service);
        if let Some(pool) = self.pools.lock().get(&trust) {
            return Ok(pool.clone());
        }
        let dialer = if endpoint.is_service {
            Dialer::to_services(Arc::clone(&self.store))
        } else {
            Dialer::to_hosts()
        };
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls(endpoint.authorities.as_deref())?)
            .https_only()
            .enable_all_versions()
            .wrap_connector(dialer);
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
        let roots =
            builder.with_native_roots().map_err(|error| format!("the system's authorities: {error}"))?;
        return Ok(roots.with_no_client_auth());
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authorities) {
        let certificate =
            certificate.map_err(|error| format!("unable to load root certificates: {error}"))?;
        roots.add(certificate).map_err(|error| format!("unable to load root certificates: {error}"))?;
    }
    if roots.is_empty() {
        return Err("unable to load root certificates: unable to parse bytes as PEM block".to_owned());
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
