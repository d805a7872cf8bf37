//! The methods as gRPC.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use hyper::body::Incoming;
use tonic::body::Body;
use tonic::server::{Grpc, UnaryService};
use tonic::{Code, Request, Response, Status};
use tonic_prost::ProstCodec;
use tower::Service as TowerService;
use windlass_api::errors::in_one_line;

use super::metrics::Metrics;
use super::service::{Failure, Member, Service};
use crate::protocol::{
    MaxAvailableComponentSetsRequest, MaxAvailableComponentSetsResponse, MaxAvailableReplicasRequest,
    MaxAvailableReplicasResponse, UnschedulableReplicasRequest, UnschedulableReplicasResponse, path,
};

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The server's methods, by path.
pub struct GrpcService<M> {
    service: Arc<Service<M>>,
    metrics: Metrics,
}

impl<M> Clone for GrpcService<M> {
    fn clone(&self) -> Self {
        GrpcService { service: Arc::clone(&self.service), metrics: self.metrics.clone() }
    }
}

impl<M: Member> GrpcService<M> {
    pub fn new(service: Arc<Service<M>>, metrics: Metrics) -> GrpcService<M> {
        GrpcService { service, metrics }
    }
}

impl<M: Member> TowerService<http::Request<Incoming>> for GrpcService<M> {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Boxed<Result<http::Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Incoming>) -> Self::Future {
        let (given, begun) = (self.clone(), Instant::now());
        Box::pin(async move {
            let method = request.uri().path().to_owned();
            let (name, response) = match method.as_str() {
                path::MAX_AVAILABLE_REPLICAS => {
                    let codec = ProstCodec::<MaxAvailableReplicasResponse, _>::default();
                    let method = Method(given.service, replicas);
                    ("MaxAvailableReplicas", Grpc::new(codec).unary(method, request).await)
                }
                path::MAX_AVAILABLE_COMPONENT_SETS => {
                    let codec = ProstCodec::<MaxAvailableComponentSetsResponse, _>::default();
                    let method = Method(given.service, sets);
                    ("MaxAvailableComponentSets", Grpc::new(codec).unary(method, request).await)
                }
                path::GET_UNSCHEDULABLE_REPLICAS => {
                    let codec = ProstCodec::<UnschedulableReplicasResponse, _>::default();
                    let method = Method(given.service, unschedulable);
                    ("GetUnschedulableReplicas", Grpc::new(codec).unary(method, request).await)
                }
                other => {
                    let status =
                        Status::unimplemented(format!("{other} is no method of Karmada's estimator service"));
                    return Ok(status.into_http());
                }
            };
            // A failure is in the head: the answer is one message, or none.
            let succeeded = !response.headers().contains_key("grpc-status");
            given.metrics.answered(name, succeeded, begun.elapsed().as_secs_f64());
            Ok(response)
        })
    }
}

/// How a method answers.
type Answering<M, Q, A> = fn(Arc<Service<M>>, Q) -> Boxed<Result<A, Failure>>;

/// A method of the service, as a function.
struct Method<M, Q, A>(Arc<Service<M>>, Answering<M, Q, A>);

impl<M: Member, Q, A> UnaryService<Q> for Method<M, Q, A>
where
    A: Send + 'static,
    Q: Send + 'static,
{
    type Response = A;
    type Future = Boxed<Result<Response<A>, Status>>;

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let answer = (self.1)(Arc::clone(&self.0), request.into_inner());
        Box::pin(async move { answer.await.map(Response::new).map_err(|failure| status(&failure)) })
    }
}

fn replicas<M: Member>(
    service: Arc<Service<M>>,
    request: MaxAvailableReplicasRequest,
) -> Boxed<Result<MaxAvailableReplicasResponse, Failure>> {
    Box::pin(async move {
        let max_replicas = service.replicas(request).await?;
        Ok(MaxAvailableReplicasResponse { max_replicas })
    })
}

fn sets<M: Member>(
    service: Arc<Service<M>>,
    request: MaxAvailableComponentSetsRequest,
) -> Boxed<Result<MaxAvailableComponentSetsResponse, Failure>> {
    Box::pin(async move {
        let max_sets = service.sets(request).await?;
        Ok(MaxAvailableComponentSetsResponse { max_sets })
    })
}

fn unschedulable<M: Member>(
    service: Arc<Service<M>>,
    request: UnschedulableReplicasRequest,
) -> Boxed<Result<UnschedulableReplicasResponse, Failure>> {
    Box::pin(async move {
        let unschedulable_replicas = service.unschedulable(request).await?;
        Ok(UnschedulableReplicasResponse { unschedulable_replicas })
    })
}

fn status(failure: &Failure) -> Status {
    let code = match failure {
        Failure::OtherCluster { .. } | Failure::Amount(_) | Failure::NoWorkload => Code::InvalidArgument,
        Failure::NotReady | Failure::Stopping => Code::Unavailable,
        Failure::Unschedulable(_) => Code::Unknown,
    };
    Status::new(code, in_one_line(failure))
}
