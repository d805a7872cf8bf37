//! HTTP/2 or HTTP/1.1 over TLS, connections kept for each set of authorities.

use std::collections::HashMap;
use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use parking_lot::Mutex;

use crate::Endpoint;
use crate::dial::{Dialer, Resolve};
use crate::trust::{self, AuthoritiesError};

/// No answer about an object of 3 MiB is longer, its patch encoded and all.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// Sets of authorities that connections are kept for.
const POOLS_MAX: usize = 64;
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);
const IDLE_CONNECTIONS_MAX: usize = 32;

type Pool<R> = legacy::Client<HttpsConnector<Dialer<R>>, Full<Bytes>>;
/// The authorities, and whether hosts are Services.
type Trust = (Option<Vec<u8>>, bool);

/// What a webhook answers, whatever its code.
#[derive(Clone, Debug)]
pub struct Answer {
    pub code: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error(transparent)]
    Authorities(#[from] AuthoritiesError),
    #[error("the URL can't be asked")]
    Request(#[from] http::Error),
    /// [`CallError::was_sent`] says how far it got.
    #[error("no answer")]
    Exchange(#[from] legacy::Error),
    /// At its worst by an `http_body_util::LengthLimitError`.
    #[error("the answer breaks off")]
    Answer(#[source] Box<dyn Error + Send + Sync>),
}

impl CallError {
    /// Whether the webhook may have got the question.
    pub fn was_sent(&self) -> bool {
        match self {
            CallError::Authorities(_) | CallError::Request(_) => false,
            CallError::Exchange(error) => !error.is_connect(),
            CallError::Answer(_) => true,
        }
    }
}

/// Calls webhooks.
pub struct Client<R> {
    agent: &'static str,
    services: R,
    pools: Mutex<HashMap<Trust, Pool<R>>>,
}

impl<R: Resolve> Client<R> {
    /// A client that calls itself `agent`.
    pub fn new(agent: &'static str, services: R) -> Client<R> {
        Client { agent, services, pools: Mutex::default() }
    }

    /// POSTs JSON. `timeout` is only told to whoever answers: the deadline is the caller's.
    ///
    /// # Errors
    /// There is no whole answer.
    pub async fn post(
        &self,
        endpoint: &Endpoint,
        question: Bytes,
        timeout: Duration,
    ) -> Result<Answer, CallError> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(endpoint.url_with(timeout))
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json, */*")
            .header(USER_AGENT, self.agent)
            .body(Full::new(question))?;
        let (head, body) = self.pool(endpoint)?.request(request).await?.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(CallError::Answer)?;
        Ok(Answer { code: head.status, headers: head.headers, body: body.to_bytes() })
    }

    fn pool(&self, endpoint: &Endpoint) -> Result<Pool<R>, AuthoritiesError> {
        let trust = (endpoint.authorities.clone(), endpoint.is_service);
        if let Some(pool) = self.pools.lock().get(&trust) {
            return Ok(pool.clone());
        }
        let services = endpoint.is_service.then(|| self.services.clone());
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(trust::config(endpoint.authorities.as_deref())?)
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
