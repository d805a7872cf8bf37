//! One webhook: its turns, its deadline, what is tried again, and the rest it is given after failures.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::StatusCode;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use windlass_callout::{Client, Endpoint};
use windlass_core::Blame;
use windlass_plugins::{Digest, KindSupport};

use super::CALLS_MAX;
use super::client::{PostError, post};
use super::configuration::Definition;
use super::exchange::Fault;
use super::metrics::Metrics;
use super::services::Present;

const RETRIES_MAX: u32 = 2;
const RETRY_FIRST: Duration = Duration::from_millis(50);
/// Longer than that nobody waits because a server asks for it.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(2);
/// Failures in a row before it is given a rest.
const FAILURES_MIN: u32 = 3;
const REST_FIRST: Duration = Duration::from_millis(500);
const REST_MAX: Duration = Duration::from_secs(30);

/// A webhook that is asked.
pub struct Webhook {
    name: Arc<str>,
    definition: Definition,
    digest: Digest,
    turns: Semaphore,
    rest: Mutex<Rest>,
}

#[derive(Debug, Default)]
struct Rest {
    failures: u32,
    until: Option<Instant>,
    /// When the one question was sent that finds out whether the rest is over.
    probed: Option<Instant>,
    last: String,
}

impl Webhook {
    pub(super) fn new(definition: Definition) -> Webhook {
        Webhook {
            name: definition.name.as_str().into(),
            digest: Digest::of(format!("{definition:?}").as_bytes()),
            definition,
            turns: Semaphore::new(CALLS_MAX),
            rest: Mutex::default(),
        }
    }

    /// `configuration/webhook`.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// What it is asked.
    pub fn kinds(&self) -> &[KindSupport] {
        &self.definition.kinds
    }

    pub(super) fn definition(&self) -> &Definition {
        &self.definition
    }

    /// Of its definition: what another one answered is not remembered as its answer.
    pub(super) fn digest(&self) -> Digest {
        self.digest
    }

    /// Whether it may be asked now. After a rest one caller may, and the others wait for how that ends.
    pub(super) fn begin(&self, now: Instant) -> Result<(), Fault> {
        let unavailable = |message: String| Fault::new(Blame::Unavailable, message);
        let mut rest = self.rest.lock();
        let Some(until) = rest.until else { return Ok(()) };
        if let Some(left) = until.checked_duration_since(now).filter(|left| !left.is_zero()) {
            return Err(unavailable(format!(
                "not asked for another {} ms after {} failures in a row; the last: {}",
                left.as_millis(),
                rest.failures,
                rest.last
            )));
        }
        let patience = self.definition.timeout;
        match rest.probed.filter(|sent| now.saturating_duration_since(*sent) < patience) {
            Some(_) => Err(unavailable(format!(
                "asked by somebody else, after {} failures in a row; the last: {}",
                rest.failures, rest.last
            ))),
            None => {
                rest.probed = Some(now);
                Ok(())
            }
        }
    }

    /// Takes down how a question ended.
    pub(super) fn ended(&self, fault: Option<&Fault>, now: Instant) {
        let mut rest = self.rest.lock();
        match fault {
            Some(fault) if fault.blame == Blame::HostFault => rest.probed = None,
            Some(fault) if fault.blame.is_plugins_fault() => {
                // Those that were under way when the rest began say nothing new.
                if rest.until.is_some_and(|until| until > now) {
                    return;
                }
                rest.probed = None;
                rest.failures += 1;
                rest.last.clone_from(&fault.message);
                if let Some(more) = rest.failures.checked_sub(FAILURES_MIN) {
                    let length = (REST_FIRST * 2_u32.pow(more.min(10))).min(REST_MAX);
                    rest.until = Some(now + length);
                    let (webhook, error, failures) = (&self.name, &rest.last, rest.failures);
                    tracing::warn!(%webhook, error, failures, ?length, "interpreter webhook is given a rest");
                }
            }
            Some(_) | None => *rest = Rest::default(),
        }
    }

    /// Sends a question, and gives the text of the answer within the webhook's timeout.
    pub(super) async fn send(
        &self,
        client: &Client<Present>,
        metrics: &Metrics,
        question: Bytes,
    ) -> Result<Bytes, Fault> {
        let unusable = |problem: &String| Fault::new(Blame::Unavailable, problem.clone());
        let endpoint = self.definition.endpoint.as_ref().map_err(unusable)?;
        let timeout = self.definition.timeout;
        let sent = tokio::time::timeout(timeout, self.try_send(client, metrics, endpoint, question));
        sent.await.unwrap_or_else(|_| {
            let message = format!(
                "{} gives no answer in {} s, the wait for its turn included",
                endpoint.url,
                timeout.as_secs()
            );
            Err(Fault::new(Blame::Deadline, message))
        })
    }

    async fn try_send(
        &self,
        client: &Client<Present>,
        metrics: &Metrics,
        endpoint: &Endpoint,
        question: Bytes,
    ) -> Result<Bytes, Fault> {
        let _turn = self.turns.acquire().await.expect("the semaphore is never closed");
        let mut pause = RETRY_FIRST;
        let mut left = RETRIES_MAX;
        loop {
            let error = match post(client, endpoint, question.clone(), self.definition.timeout).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let wait = match &error {
                _ if left == 0 => None,
                PostError::NotConnected(_) => Some(pause),
                PostError::Refused { code, retry_after, .. }
                    if matches!(*code, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) =>
                {
                    Some(retry_after.map_or(pause, |after| after.min(RETRY_AFTER_MAX)))
                }
                // It may be at work on it: that another would go better is a guess.
                PostError::Broken(_) | PostError::Refused { .. } => None,
            };
            let Some(wait) = wait else {
                return Err(Fault::new(Blame::Unavailable, format!("{}: {error}", endpoint.url)));
            };
            metrics.retried(&self.name);
            tokio::time::sleep(wait).await;
            left -= 1;
            pause *= 4;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook() -> Webhook {
        let url = "https://a.example.com/x".to_owned();
        Webhook::new(Definition {
            name: "a/b".to_owned(),
            endpoint: Ok(Endpoint { url, is_service: false, authorities: None }),
            timeout: Duration::from_secs(1),
            kinds: Vec::new(),
        })
    }

    #[test]
    fn failures_in_a_row_earn_a_rest_that_grows_and_one_good_answer_ends_it() {
        let webhook = webhook();
        let begun = Instant::now();
        let broken = Fault::new(Blame::Unavailable, "away");
        for _ in 0..2 {
            webhook.ended(Some(&broken), begun);
            assert!(webhook.begin(begun).is_ok());
        }
        webhook.ended(Some(&broken), begun);
        let told = webhook.begin(begun).unwrap_err().message;
        assert!(told.contains("3 failures") && told.contains("away"), "{told}");
        let rested = begun + REST_FIRST;
        assert!(webhook.begin(rested).is_ok());
        assert!(webhook.begin(rested).is_err(), "one finds out");
        webhook.ended(Some(&broken), rested);
        assert!(webhook.begin(rested + REST_FIRST).is_err(), "twice as long");
        for _ in 0..40 {
            webhook.ended(Some(&broken), begun + Duration::from_secs(3600));
        }
        assert!(webhook.begin(begun + Duration::from_secs(3600) + REST_MAX).is_ok());
        webhook.ended(None, begun);
        assert!(webhook.begin(begun).is_ok());
    }

    #[test]
    fn a_refusal_is_no_failure() {
        let webhook = webhook();
        let refusal = Fault::new(Blame::Rejected { field: None }, "no");
        for _ in 0..10 {
            webhook.ended(Some(&refusal), Instant::now());
        }
        assert!(webhook.begin(Instant::now()).is_ok());
    }
}
