//! One question to a webhook, and what is made of its answer or failure.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::RETRY_AFTER;
use serde_json::Value;
use windlass_callout::{CallError, Client, DialError, Endpoint, root};

use super::services::{Present, ServiceError};

/// What is quoted of an answer that is none.
const QUOTED_CHARS: usize = 512;

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

impl From<CallError> for PostError {
    fn from(error: CallError) -> PostError {
        let cause = root(&error, |error| error.is::<DialError<ServiceError>>()).to_string();
        match &error {
            CallError::Answer(_) => PostError::Broken(format!("its answer breaks off: {cause}")),
            CallError::Authorities(authorities) if authorities.to_string() != cause => {
                PostError::NotConnected(format!("{authorities}: {cause}"))
            }
            _ if error.was_sent() => PostError::Broken(cause),
            _ => PostError::NotConnected(cause),
        }
    }
}

/// POSTs a question and gives the body of the answer; `timeout` is a hint to whoever answers.
pub(super) async fn post(
    client: &Client<Present>,
    endpoint: &Endpoint,
    question: Bytes,
    timeout: Duration,
) -> Result<Bytes, PostError> {
    let answer = client.post(endpoint, question, timeout).await?;
    if answer.code.is_success() {
        return Ok(answer.body);
    }
    let seconds = answer.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let retry_after = seconds.map(Duration::from_secs);
    Err(PostError::Refused { code: answer.code, text: said(&answer.body), retry_after })
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
