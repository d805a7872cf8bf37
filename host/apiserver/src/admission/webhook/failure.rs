//! What goes wrong with a call, in the words that kube-apiserver's users search for.

use std::error::Error;

use bytes::Bytes;
use rustls::CertificateError;
use serde_json::Value;
use windlass_callout::{DialError, root};

use super::services::ServiceError;

/// Why a webhook gave no usable answer.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("Post {url:?}: {reason}")]
    Transport { url: String, reason: String },
    /// It answered with an error of HTTP.
    #[error("{0}")]
    Answer(String),
}

impl CallError {
    /// As client-go words an answer that is no success.
    pub(super) fn answer(code: u16, body: &Bytes) -> CallError {
        if let Ok(status) = serde_json::from_slice::<Value>(body)
            && status["kind"] == "Status"
            && let Some(message) = status["message"].as_str().filter(|message| !message.is_empty())
        {
            return CallError::Answer(message.to_owned());
        }
        let text = String::from_utf8_lossy(body);
        let text: String = text.trim().chars().take(2048).collect();
        let said = if text.is_empty() { "unknown".to_owned() } else { text };
        CallError::Answer(match code {
            400 => "the server rejected our request for an unknown reason".to_owned(),
            401 => "the server has asked for the client to provide credentials".to_owned(),
            403 => said,
            404 => "the server could not find the requested resource".to_owned(),
            405 => "the server does not allow this method on the requested resource".to_owned(),
            409 => "the server reported a conflict".to_owned(),
            415 => format!("the body of the request was in an unknown format - accepted media types include: {said}"),
            422 => "the server rejected our request due to an error in our request".to_owned(),
            429 => "the server has received too many requests and has asked us to try again later".to_owned(),
            503 => "the server is currently unable to handle the request".to_owned(),
            504 => "the server was unable to return a response in the time allotted, but may still be processing the request".to_owned(),
            500.. => format!("an error on the server ({said:?}) has prevented the request from succeeding"),
            code => format!("the server responded with the status code {code} but did not return more information"),
        })
    }
}

/// The cause at the bottom of a failed call, as Go's client and its dialer word it.
pub(super) fn explain(error: &windlass_callout::CallError) -> String {
    if let windlass_callout::CallError::Authorities(_) = error {
        let reason = match root(error, |_| false) {
            cause if cause.is::<rustls::Error>() => cause.to_string(),
            _ => "unable to parse bytes as PEM block".to_owned(),
        };
        return format!("unable to load root certificates: {reason}");
    }
    let is_closed = |error: &(dyn Error + 'static)| {
        error
            .downcast_ref::<hyper::Error>()
            .is_some_and(|error| error.is_incomplete_message() || error.is_closed())
    };
    let cause = root(error, |error| {
        error.is::<DialError<ServiceError>>() || error.is::<rustls::Error>() || is_closed(error)
    });
    if let Some(error) = cause.downcast_ref::<DialError<ServiceError>>() {
        return dial(error);
    }
    if let Some(error) = cause.downcast_ref::<rustls::Error>() {
        return tls(error);
    }
    if is_closed(cause) {
        return "EOF".to_owned();
    }
    if cause.is::<http_body_util::LengthLimitError>() {
        return "the answer is too large".to_owned();
    }
    cause.to_string()
}

fn dial(error: &DialError<ServiceError>) -> String {
    match error {
        DialError::NoHost(_) | DialError::Service(_) => error.to_string(),
        DialError::Lookup { host, source } => format!("dial tcp: lookup {host}: {source}"),
        DialError::Connect { address, source } => {
            // A system's error without its number.
            let text = source.to_string();
            let text = text.split(" (os error").next().unwrap_or_default();
            format!("dial tcp {address}: connect: {}", text.to_lowercase())
        }
    }
}

fn tls(error: &rustls::Error) -> String {
    let what = match error {
        rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => "certificate signed by unknown authority".to_owned(),
        rustls::Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet,
        ) => "certificate has expired or is not yet valid".to_owned(),
        rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext {
            expected,
            presented,
        }) => {
            format!("certificate is valid for {}, not {}", presented.join(", "), expected.to_str())
        }
        rustls::Error::InvalidCertificate(other) => format!("{other:?}"),
        other => return format!("remote error: tls: {other}"),
    };
    format!("tls: failed to verify certificate: x509: {what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_with_an_error_is_worded_as_client_go_words_it() {
        let answer = |code, body: &'static str| CallError::answer(code, &Bytes::from(body)).to_string();
        assert_eq!(
            answer(500, "broken\n"),
            "an error on the server (\"broken\") has prevented the request from succeeding"
        );
        assert_eq!(answer(404, "404 page not found"), "the server could not find the requested resource");
        assert_eq!(answer(403, r#"{"kind": "Status", "message": "go away"}"#), "go away");
    }
}
