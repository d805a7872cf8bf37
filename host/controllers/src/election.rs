//! One of several processes at a time: a Lease, kept in the way of client-go's leader election, so that programs which
//! are written in Go can stand beside ours.
//!
//! Nobody's clock is compared with anybody else's: a Lease is somebody's for as long as it changes, and who can't renew
//! it in time stops well before others may take it.

use std::future::Future;
use std::time::Duration;

use futures::FutureExt;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{Api, PostParams};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::context::Clock;
use crate::error::{is_already_exists, is_conflict, is_not_found, message};

/// How long things take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    lease: Duration,
    renew_deadline: Duration,
    retry_period: Duration,
}

/// Durations with which nobody would lead, or two would.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimingError {
    #[error("the lease duration is {0:?}: it has to be a second or more")]
    Short(Duration),
    #[error("the lease duration, {lease:?}, has to be longer than the renew deadline, {renew_deadline:?}")]
    Deadline { lease: Duration, renew_deadline: Duration },
    #[error(
        "the renew deadline, {renew_deadline:?}, has to be longer than 1.2 times the retry period, {retry_period:?}, \
         which has to be longer than nothing"
    )]
    Retry { renew_deadline: Duration, retry_period: Duration },
}

impl Timing {
    /// `lease`: for how long others leave a Lease alone that is not renewed. `renew_deadline`: who has not renewed it
    /// for so long stops leading. `retry_period`: between two attempts.
    ///
    /// # Errors
    /// They contradict each other.
    pub fn new(
        lease: Duration,
        renew_deadline: Duration,
        retry_period: Duration,
    ) -> Result<Timing, TimingError> {
        if lease < Duration::from_secs(1) {
            return Err(TimingError::Short(lease));
        }
        if lease <= renew_deadline {
            return Err(TimingError::Deadline { lease, renew_deadline });
        }
        if retry_period.is_zero() || renew_deadline <= retry_period.mul_f64(1.2) {
            return Err(TimingError::Retry { renew_deadline, retry_period });
        }
        Ok(Timing { lease, renew_deadline, retry_period })
    }
}

/// Which Lease, and who wants it.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub namespace: String,
    pub name: String,
    /// Of this process, and of no other that runs or ever ran.
    pub identity: String,
    pub timing: Timing,
}

/// A candidate at work.
pub struct Election {
    api: Api<Lease>,
    candidate: Candidate,
    clock: Clock,
    /// The Lease as it was seen last, and when it was first seen so.
    seen: Option<(Lease, Instant)>,
    leads: watch::Sender<bool>,
}

/// For how long a process leads.
#[derive(Clone, Debug, Default)]
pub struct Term {
    /// To be ended: what is under way may be finished, and then the next one leads.
    pub end: CancellationToken,
    /// Somebody else may be leading already: nothing may be written any more.
    pub lost: CancellationToken,
}

/// What an attempt came to.
enum Attempt {
    Held,
    /// It is somebody else's.
    Taken(String),
}

impl Election {
    pub fn new(client: kube::Client, candidate: Candidate, clock: Clock) -> Election {
        let api = Api::namespaced(client, &candidate.namespace);
        Election { api, candidate, clock, seen: None, leads: watch::Sender::new(false) }
    }

    /// Whether this process leads.
    pub fn leads(&self) -> watch::Receiver<bool> {
        self.leads.subscribe()
    }

    /// Has `work` done whenever this process leads, until `shutdown`. Gives the Lease up at the end, once the work has
    /// ended: it is held until then.
    ///
    /// Returns early only where the work ended although nobody asked it to.
    pub async fn run<W>(mut self, work: impl Fn(Term) -> W, shutdown: CancellationToken)
    where
        W: Future<Output = ()> + Send + 'static,
    {
        let lease = format!("{}/{}", self.candidate.namespace, self.candidate.name);
        loop {
            if shutdown.run_until_cancelled(self.acquire()).await.is_none() {
                // The last attempt may have been on its way.
                return self.release().await;
            }
            tracing::info!(lease, identity = self.candidate.identity, "leading");
            self.leads.send_replace(true);
            let term = Term { end: shutdown.child_token(), lost: CancellationToken::new() };
            let mut working = tokio::spawn(work(term.clone()));
            let lost = tokio::select! {
                lost = self.hold() => lost,
                ended = &mut working => {
                    self.leads.send_replace(false);
                    if ended.is_err() {
                        tracing::error!("what the leader does has panicked");
                    }
                    return self.release().await;
                }
            };
            term.lost.cancel();
            self.leads.send_replace(false);
            tracing::warn!(lease, why = lost, "no longer leading");
            if working.await.is_err() || shutdown.is_cancelled() {
                return;
            }
        }
    }

    /// Returns once the Lease is held.
    async fn acquire(&mut self) {
        let mut said = None;
        loop {
            let now = match self.attempt().await {
                Ok(Attempt::Held) => return,
                Ok(Attempt::Taken(by)) => format!("{by} leads"),
                Err(error) if is_not_found(&error) => format!(
                    "namespace {} is not there: create it, or have the Lease in another",
                    self.candidate.namespace
                ),
                Err(error) => message(&error),
            };
            if said.as_deref() != Some(now.as_str()) {
                tracing::info!(why = now, "standing by");
                said = Some(now);
            }
            tokio::time::sleep(self.candidate.timing.retry_period).await;
        }
    }

    /// Keeps the Lease, and returns once it is lost, with why.
    async fn hold(&mut self) -> String {
        let Timing { renew_deadline, retry_period, .. } = self.candidate.timing;
        let mut renewed = Instant::now();
        let mut problem = "no answer".to_owned();
        loop {
            let deadline = renewed + renew_deadline;
            tokio::time::sleep_until(deadline.min(Instant::now() + retry_period)).await;
            let began = Instant::now();
            match tokio::time::timeout_at(deadline, self.attempt()).await {
                Ok(Ok(Attempt::Held)) => renewed = began,
                Ok(Ok(Attempt::Taken(by))) => return format!("{by} took the Lease"),
                Ok(Err(error)) => problem = message(&error),
                Err(_) => {}
            }
            if Instant::now() >= renewed + renew_deadline {
                return format!("the Lease was not renewed in {renew_deadline:?}: {problem}");
            }
        }
    }

    /// Takes the Lease if it is free, or renews it.
    async fn attempt(&mut self) -> Result<Attempt, kube::Error> {
        let Some(lease) = self.api.get_opt(&self.candidate.name).await? else {
            let metadata = ObjectMeta { name: Some(self.candidate.name.clone()), ..ObjectMeta::default() };
            let lease = Lease { metadata, spec: Some(self.held(None)) };
            return match self.api.create(&PostParams::default(), &lease).await {
                Ok(lease) => Ok(self.see(lease)),
                Err(error) if is_already_exists(&error) => Ok(Attempt::Taken("somebody else".to_owned())),
                Err(error) => Err(error),
            };
        };
        if let Attempt::Taken(by) = self.see(lease.clone()) {
            let (seen, since) = self.seen.as_ref().expect("it was seen just now");
            let seconds = seen.spec.as_ref().and_then(|spec| spec.lease_duration_seconds).unwrap_or(0);
            let lasts = Duration::from_secs(seconds.max(0).unsigned_abs().into());
            if !by.is_empty() && since.elapsed() < lasts {
                return Ok(Attempt::Taken(by));
            }
        }
        let spec = Some(self.held(lease.spec.as_ref()));
        // On condition that it is still the Lease that was looked at: the version is part of its metadata.
        match self.api.replace(&self.candidate.name, &PostParams::default(), &Lease { spec, ..lease }).await {
            Ok(lease) => Ok(self.see(lease)),
            Err(error) if is_conflict(&error) => Ok(Attempt::Taken("somebody else".to_owned())),
            Err(error) => Err(error),
        }
    }

    fn see(&mut self, lease: Lease) -> Attempt {
        let holder = lease.spec.as_ref().and_then(|spec| spec.holder_identity.clone()).unwrap_or_default();
        if self.seen.as_ref().is_none_or(|(seen, _)| seen.spec != lease.spec) {
            self.seen = Some((lease, Instant::now()));
        }
        if holder == self.candidate.identity { Attempt::Held } else { Attempt::Taken(holder) }
    }

    /// The Lease as this process's, after `before`.
    fn held(&self, before: Option<&LeaseSpec>) -> LeaseSpec {
        let now = MicroTime((self.clock)());
        let before = before.cloned().unwrap_or_default();
        let renewed = before.holder_identity.as_deref() == Some(&self.candidate.identity);
        let transitions = before.lease_transitions.unwrap_or(0);
        let seconds = self.candidate.timing.lease.as_secs();
        LeaseSpec {
            acquire_time: if renewed { before.acquire_time } else { Some(now.clone()) },
            lease_transitions: Some(if renewed { transitions } else { transitions.saturating_add(1) }),
            holder_identity: Some(self.candidate.identity.clone()),
            lease_duration_seconds: Some(i32::try_from(seconds).unwrap_or(i32::MAX)),
            renew_time: Some(now),
            ..before
        }
    }

    /// Lets others have the Lease at once, if it is held. Whether that succeeds makes no difference but of time.
    async fn release(&mut self) {
        let release = async {
            let Some(lease) = self.api.get_opt(&self.candidate.name).await? else { return Ok(()) };
            let Some(spec) = lease.spec.clone() else { return Ok(()) };
            if spec.holder_identity.as_deref() != Some(&self.candidate.identity) {
                return Ok(());
            }
            let spec = LeaseSpec {
                holder_identity: Some(String::new()),
                lease_duration_seconds: Some(1),
                renew_time: Some(MicroTime((self.clock)())),
                ..spec
            };
            let lease = Lease { spec: Some(spec), ..lease };
            self.api.replace(&self.candidate.name, &PostParams::default(), &lease).await?;
            Ok::<_, kube::Error>(())
        };
        let outcome = tokio::time::timeout(self.candidate.timing.retry_period, release).map(Result::ok).await;
        if let Some(Err(error)) = outcome {
            tracing::debug!(error = %message(&error), "the Lease was not given up: it runs out");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn durations_with_which_two_would_lead_are_refused() {
        assert!(Timing::new(15 * SECOND, 10 * SECOND, 2 * SECOND).is_ok());
        let check = |lease, renew, retry, want: &str| {
            let error = Timing::new(lease, renew, retry).unwrap_err().to_string();
            assert!(error.contains(want), "{error}");
        };
        check(SECOND / 2, SECOND / 4, SECOND / 8, "a second or more");
        check(10 * SECOND, 10 * SECOND, SECOND, "longer than the renew deadline");
        check(15 * SECOND, 2 * SECOND, 2 * SECOND, "1.2 times");
        check(15 * SECOND, 10 * SECOND, Duration::ZERO, "longer than nothing");
    }
}
