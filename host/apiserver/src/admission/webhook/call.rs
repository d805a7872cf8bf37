//! One call of one webhook, and what its failure or refusal means for the request.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::definition::Webhook;
use super::review::{self, Answer};
use crate::admission::Admission;
use crate::admission::attributes::{Attributes, Named, Review};
use crate::status::ApiError;

/// How long all webhooks of one request may take together: kube-apiserver's limit for a request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Why a request does not pass a webhook.
pub(super) enum Failure {
    /// It gave no usable answer: its failure policy decides.
    Call(String),
    /// The request is refused, whatever the policy.
    Refused(ApiError),
}

/// The calls about one request.
pub(crate) struct Calls<'a> {
    pub(super) admission: &'a Admission,
    pub(super) attributes: &'a Attributes,
    pub(super) new_uid: &'a (dyn Fn() -> String + Send + Sync),
    until: Instant,
}

impl<'a> Calls<'a> {
    pub(crate) fn new(
        admission: &'a Admission,
        attributes: &'a Attributes,
        new_uid: &'a (dyn Fn() -> String + Send + Sync),
    ) -> Calls<'a> {
        Calls { admission, attributes, new_uid, until: Instant::now() + REQUEST_TIMEOUT }
    }

    /// Asks the webhook about the objects, which are in the version that it wants.
    pub(super) async fn ask(
        &self,
        webhook: &Webhook,
        named: &Named,
        review: &Review,
    ) -> Result<Answer, Failure> {
        if self.attributes.dry_run && webhook.has_side_effects {
            let why = format!("admission webhook {:?} does not support dry run", webhook.name);
            return Err(Failure::Refused(ApiError::bad_request(why)));
        }
        let failed =
            |reason: String| Failure::Call(format!("failed calling webhook {:?}: {reason}", webhook.name));
        let version = review::version(&webhook.review_versions).ok_or_else(|| {
            failed(
                "could not create admission objects: webhook does not accept known AdmissionReview versions (v1, v1beta1)"
                    .to_owned(),
            )
        })?;
        let uid = (self.new_uid)();
        let question = review::request(version, &uid, self.attributes, named, review);
        let until = self.until.min(Instant::now() + webhook.timeout);
        let place = tokio::time::timeout_at(until, self.admission.calls.acquire()).await;
        let _place =
            place.map_err(|_| failed("failed to call webhook: too many calls are under way".to_owned()))?;
        let left = until.saturating_duration_since(Instant::now());
        let outcome = self.admission.client.post(&webhook.endpoint, &question, left).await;
        let body = outcome.map_err(|error| failed(format!("failed to call webhook: {error}")))?;
        let answer = review::answer(&body, version, &uid, webhook.stage)
            .map_err(|why| failed(format!("received invalid webhook response: {why}")))?;
        if answer.allowed { Ok(answer) } else { Err(Failure::Refused(refusal(webhook, answer.status))) }
    }

    /// What a failure means by the webhook's policy: nothing, or that the request fails.
    pub(super) fn judge(&self, webhook: &Webhook, failure: Failure) -> Result<(), ApiError> {
        let reason = match failure {
            Failure::Refused(error) => return Err(error),
            Failure::Call(reason) => reason,
        };
        let ignored = webhook.ignores_failure;
        tracing::warn!(
            webhook = webhook.name,
            configuration = webhook.configuration,
            reason,
            ignored,
            "a webhook could not be called"
        );
        if !ignored {
            return Err(ApiError::internal(reason));
        }
        if Instant::now() >= self.until {
            let why =
                "Timeout: request did not complete within requested timeout - context deadline exceeded";
            return Err(ApiError::new(504, "Timeout", why));
        }
        Ok(())
    }
}

/// The refusal as the client gets it: the webhook's own Status, and who gave it.
fn refusal(webhook: &Webhook, status: Value) -> ApiError {
    let denied = format!("admission webhook {:?} denied the request", webhook.name);
    let text = |name: &str| status.get(name).and_then(Value::as_str).unwrap_or_default();
    let message = match (text("message"), text("reason")) {
        ("", "") => format!("{denied} without explanation"),
        ("", reason) => format!("{denied}: {reason}"),
        (message, _) => format!("{denied}: {message}"),
    };
    let code = status.get("code").and_then(Value::as_u64).unwrap_or_default();
    let code = u16::try_from(code).ok().filter(|code| (400..=999).contains(code)).unwrap_or(400);
    let reason = text("reason").to_owned();
    ApiError::forwarded(code, reason, message, status.get("details").cloned())
}
