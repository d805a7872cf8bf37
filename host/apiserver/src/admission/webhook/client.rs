//! One review to a webhook, and what is made of its answer or failure.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use windlass_callout::Endpoint;

use super::failure::{self, CallError};
use super::services::Stored;
use crate::store::Store;

/// Calls webhooks.
pub(crate) struct Client(windlass_callout::Client<Stored>);

impl Client {
    pub(crate) fn new(store: Arc<Store>) -> Client {
        Client(windlass_callout::Client::new("kube-apiserver-admission", Stored(store)))
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
        let failed = |reason: String| CallError::Transport { url: endpoint.url_with(timeout), reason };
        let exchange = self.0.post(endpoint, Bytes::from(review.to_string()), timeout);
        let answer = match tokio::time::timeout(timeout, exchange).await {
            Ok(outcome) => outcome.map_err(|error| failed(failure::explain(&error)))?,
            Err(_) => return Err(failed("context deadline exceeded".to_owned())),
        };
        if answer.code.is_success() {
            return Ok(answer.body);
        }
        Err(CallError::answer(answer.code.as_u16(), &answer.body))
    }
}
