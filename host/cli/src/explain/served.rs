//! The scheduler's answers, as its servers give them: the control plane's API, or a server of its own.

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::any;
use http::{Method, Uri};
use windlass_apiserver::Answer;
use windlass_controllers::Scheduler;
use windlass_controllers::explain::{Verb, answer};

use super::ask::PATH;

/// For the control plane's API.
pub(crate) fn below_the_api(scheduler: Scheduler) -> Answer {
    Box::new(move |method, path, body| answer(&scheduler, verb(method), path, body))
}

/// For a server of the scheduler's own.
pub(crate) fn routes(scheduler: Scheduler) -> Router {
    let asked = move |method: Method, uri: Uri, body: Bytes| async move {
        let path = uri.path().strip_prefix(PATH).unwrap_or_default();
        let (code, value) = answer(&scheduler, verb(&method), path, &body);
        let code = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (code, axum::Json(value))
    };
    Router::new().route(&format!("{PATH}/{{*path}}"), any(asked))
}

fn verb(method: &Method) -> Verb {
    match *method {
        Method::GET | Method::HEAD => Verb::Get,
        Method::POST => Verb::Post,
        _ => Verb::Other,
    }
}
