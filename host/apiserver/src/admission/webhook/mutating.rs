//! Mutating webhooks: called one after the other, each sees what the one before it left.

use std::collections::HashSet;

use serde_json::Value;
use windlass_schema::patch;

use super::call::{Calls, Failure};
use super::definition::Webhook;
use super::review::Answer;
use crate::admission::attributes::{Named, Review, Subject};
use crate::status::ApiError;

/// What is remembered between the first round and the one after this process's own hooks had another look.
#[derive(Default)]
pub(crate) struct Reinvocation {
    /// Webhooks that were called and may be called again, by their place.
    called: HashSet<usize>,
    /// Of these, the ones after which something changed.
    wanted: HashSet<usize>,
    /// The object as the webhooks left it.
    left: Value,
    is_second_round: bool,
}

impl Reinvocation {
    /// Something changed: those that were called are to see it.
    fn changed(&mut self) {
        self.wanted.extend(self.called.drain());
    }
}

/// Calls the webhooks that want the request, one round. Says whether they changed the object.
///
/// # Errors
/// A webhook refuses, or fails and may not.
pub(crate) async fn mutate(
    calls: &Calls<'_>,
    webhooks: &[Webhook],
    subject: &mut impl Subject,
    warnings: &mut Vec<String>,
    reinvocation: &mut Reinvocation,
) -> Result<bool, ApiError> {
    let second = reinvocation.is_second_round;
    if second && subject.as_requested().object != reinvocation.left {
        reinvocation.changed();
    }
    let mut any_changed = false;
    for (place, webhook) in webhooks.iter().enumerate() {
        if second && !reinvocation.wanted.contains(&place) {
            continue;
        }
        let Some(named) = webhook.wants(calls.attributes, subject)? else { continue };
        let review = subject.in_version(named)?;
        match ask(calls, webhook, named, &review).await {
            Ok((patched, said)) => {
                warnings.extend(said);
                if let Some(object) = patched
                    && subject.take(named, object)?
                {
                    any_changed = true;
                    reinvocation.changed();
                }
            }
            Err(failure) => calls.judge(webhook, failure)?,
        }
        if webhook.may_be_reinvoked {
            reinvocation.called.insert(place);
        }
    }
    reinvocation.left = subject.as_requested().object.clone();
    reinvocation.is_second_round = true;
    Ok(any_changed)
}

/// The patched object, where the webhook patches it, and its warnings.
async fn ask(
    calls: &Calls<'_>,
    webhook: &Webhook,
    named: &Named,
    review: &Review,
) -> Result<(Option<Value>, Vec<String>), Failure> {
    let Answer { patch: encoded, patch_type, warnings, .. } = calls.ask(webhook, named, review).await?;
    if encoded.is_empty() {
        return Ok((None, warnings));
    }
    let failed = |why: String| Failure::Call(format!("failed calling webhook {:?}: {why}", webhook.name));
    let operations: Value = serde_json::from_slice(&encoded)
        .map_err(|error| failed(format!("received undecodable patch in webhook response: {error}")))?;
    if operations.as_array().is_some_and(Vec::is_empty) {
        return Ok((None, warnings));
    }
    if patch_type != "JSONPatch" {
        return Err(failed(format!("unsupported patch type {patch_type:?}")));
    }
    let refused = |why: String| Failure::Refused(ApiError::internal(why));
    if review.object.is_null() {
        return Err(refused(format!(
            "admission webhook {:?} attempted to modify the object, which is not supported for this operation",
            webhook.name
        )));
    }
    let patched = patch::json(&review.object, &operations).map_err(|error| refused(error.to_string()))?;
    Ok((Some(patched), warnings))
}
