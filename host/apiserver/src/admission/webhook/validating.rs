//! Validating webhooks: called all at once; each may refuse, none may change.

use futures::future::join_all;

use super::call::Calls;
use super::definition::Webhook;
use crate::admission::attributes::Subject;
use crate::status::ApiError;

/// Calls the webhooks that want the request.
///
/// # Errors
/// A webhook refuses, or fails and may not; of several refusals, the one of the first webhook.
pub(crate) async fn validate(
    calls: &Calls<'_>,
    webhooks: &[Webhook],
    subject: &impl Subject,
    warnings: &mut Vec<String>,
) -> Result<(), ApiError> {
    let mut wanted = Vec::new();
    for webhook in webhooks {
        if let Some(named) = webhook.wants(calls.attributes, subject)? {
            wanted.push((webhook, named, subject.in_version(named)?));
        }
    }
    let answers =
        join_all(wanted.iter().map(|(webhook, named, review)| calls.ask(webhook, named, review))).await;
    for ((webhook, _, _), answer) in wanted.iter().zip(answers) {
        match answer {
            Ok(answer) => warnings.extend(answer.warnings),
            Err(failure) => calls.judge(webhook, failure)?,
        }
    }
    Ok(())
}
