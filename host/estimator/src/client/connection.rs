//! The calls to one estimator.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::PathAndQuery;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use prost::Message;
use rustls::{ClientConfig, RootCertStore};
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;
use tower::Service;
use windlass_api::errors::in_one_line;
use windlass_scheduler::{Answer, Counted, Question};

use crate::protocol::{
    MaxAvailableComponentSetsResponse, MaxAvailableReplicasResponse, NO_OPINION, ObjectReference,
    UnschedulableReplicasRequest, UnschedulableReplicasResponse, path, replicas_request, sets_request,
};

/// An estimator that is silent is asked whether it is there.
const PING_EVERY: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// An answer is a number.
const ANSWER_BYTES_MAX: usize = 4096;

/// Why a call came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("{place} can't be reached: {reason}")]
    Unreached { place: String, reason: String },
    #[error("it took longer than {0:?}")]
    Timeout(Duration),
    #[error("it answered {}: {}", .0.code(), .0.message())]
    Broken(Box<Status>),
    /// It works, and has no answer to just this.
    #[error("it refused: {}", .0.message())]
    Refused(Box<Status>),
    #[error(transparent)]
    Address(#[from] super::AddressError),
    #[error("{0:?} is no address")]
    NoAddress(String),
}

/// One estimator, by all the names it may have.
#[derive(Debug)]
pub(super) struct Connection {
    http: Client<HttpsConnector<HttpConnector>, Body>,
    origins: Vec<Uri>,
    /// Which of them was reached last.
    reached: AtomicUsize,
}

impl Connection {
    /// Connects when it is first called. `tls`: `None` to speak plainly.
    pub(super) fn new(
        places: &[String],
        tls: Option<&ClientConfig>,
        connect_timeout: Duration,
    ) -> Result<Connection, CallError> {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let origins = places.iter().map(|place| {
            format!("{scheme}://{place}").parse().map_err(|_| CallError::NoAddress(place.clone()))
        });
        let origins: Vec<Uri> = origins.collect::<Result<_, _>>()?;
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(connect_timeout));
        let tls = tls.cloned().unwrap_or_else(|| {
            // For an `http` origin, which never asks it.
            ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
                .with_safe_default_protocol_versions()
                .expect("ring has the default versions")
                .with_root_certificates(RootCertStore::empty())
                .with_no_client_auth()
        });
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http2()
            .wrap_connector(tcp);
        let http = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .http2_only(true)
            .http2_keep_alive_interval(PING_EVERY)
            .http2_keep_alive_timeout(PING_TIMEOUT)
            .build(connector);
        Ok(Connection { http, origins, reached: AtomicUsize::new(0) })
    }

    /// Asks a question.
    pub(super) async fn ask(&self, cluster: &str, question: &Question) -> Result<Answer, CallError> {
        let count = match question.counted {
            Counted::Replicas => {
                let request = replicas_request(cluster, question);
                let answer: MaxAvailableReplicasResponse =
                    self.call(path::MAX_AVAILABLE_REPLICAS, request).await?;
                answer.max_replicas
            }
            Counted::Sets => {
                let request = sets_request(cluster, question);
                let answer: MaxAvailableComponentSetsResponse =
                    self.call(path::MAX_AVAILABLE_COMPONENT_SETS, request).await?;
                answer.max_sets
            }
        };
        Ok(if count <= NO_OPINION { Answer::NoOpinion } else { Answer::Fits(count.into()) })
    }

    /// How many of a workload's pods have found no node for longer than `threshold`; `None`: it can't tell.
    pub(super) async fn unschedulable(
        &self,
        cluster: &str,
        workload: ObjectReference,
        threshold: Duration,
    ) -> Result<Option<i64>, CallError> {
        let request = UnschedulableReplicasRequest {
            cluster: cluster.to_owned(),
            resource: Some(workload),
            unschedulable_threshold: i64::try_from(threshold.as_nanos()).unwrap_or(i64::MAX),
        };
        let answer: UnschedulableReplicasResponse =
            self.call(path::GET_UNSCHEDULABLE_REPLICAS, request).await?;
        let count = answer.unschedulable_replicas;
        Ok((count > NO_OPINION).then_some(count.into()))
    }

    /// Tries each of its names until one is reached, that which was last time first.
    async fn call<Q, A>(&self, method: &'static str, request: Q) -> Result<A, CallError>
    where
        Q: Message + Clone + 'static,
        A: Message + Default + 'static,
    {
        let first = self.reached.load(Ordering::Relaxed);
        let mut failure = CallError::NoAddress(String::new());
        for index in (0..self.origins.len()).map(|offset| (first + offset) % self.origins.len()) {
            let origin = &self.origins[index];
            let mut grpc = Grpc::with_origin(Channel(self.http.clone()), origin.clone())
                .max_decoding_message_size(ANSWER_BYTES_MAX);
            let codec = ProstCodec::<Q, A>::default();
            let sent =
                grpc.unary(Request::new(request.clone()), PathAndQuery::from_static(method), codec).await;
            match sent {
                Ok(answer) => {
                    self.reached.store(index, Ordering::Relaxed);
                    return Ok(answer.into_inner());
                }
                Err(status) => match unreached(&status) {
                    Some(reason) => {
                        let place = origin.authority().map(ToString::to_string).unwrap_or_default();
                        failure = CallError::Unreached { place, reason };
                    }
                    None => return Err(answered_with(status)),
                },
            }
        }
        Err(failure)
    }
}

/// The requests go out through this, so that what never arrived can be told from what was answered.
struct Channel(Client<HttpsConnector<HttpConnector>, Body>);

/// A request that got no answer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unreached(String);

impl Service<http::Request<Body>> for Channel {
    type Response = http::Response<Incoming>;
    type Error = Unreached;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Unreached>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Unreached>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let sent = self.0.request(request);
        Box::pin(async move { sent.await.map_err(|error| Unreached(in_one_line(&error))) })
    }
}

fn unreached(status: &Status) -> Option<String> {
    let source = std::error::Error::source(status)?;
    source.downcast_ref::<Unreached>().map(ToString::to_string)
}

fn answered_with(status: Status) -> CallError {
    match status.code() {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::ResourceExhausted
        | Code::Aborted
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss => CallError::Broken(Box::new(status)),
        _ => CallError::Refused(Box::new(status)),
    }
}
