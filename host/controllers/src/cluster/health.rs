//! Whether a member is ready: what a probe saw, and how long it has to see it before it counts. Pure but for the probe.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::Client;
use windlass_api::conditions::cluster;

/// What a probe of a member's health endpoint came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Probe {
    Healthy,
    /// It answers, and says it is not well.
    Unhealthy(String),
    Unreachable(String),
}

impl Probe {
    pub(super) fn is_healthy(&self) -> bool {
        *self == Probe::Healthy
    }

    /// Reason and message of the Ready condition.
    pub(super) fn told(&self) -> (&'static str, String) {
        match self {
            Probe::Healthy => (cluster::READY, "cluster is healthy and ready to accept workloads".to_owned()),
            Probe::Unhealthy(why) => (
                cluster::NOT_READY,
                format!("cluster is reachable but health endpoint responded without ok: {why}"),
            ),
            Probe::Unreachable(why) => (cluster::NOT_REACHABLE, format!("cluster is not reachable: {why}")),
        }
    }
}

/// Asks `/readyz`, or `/healthz` where there is none.
pub(super) async fn probe(client: &Client, timeout: Duration) -> Probe {
    for path in ["/readyz", "/healthz"] {
        let asked = match http_get(path) {
            Ok(request) => client.request_text(request),
            Err(why) => return Probe::Unreachable(why),
        };
        match tokio::time::timeout(timeout, asked).await {
            Err(_) => return Probe::Unreachable(format!("no answer within {} s", timeout.as_secs_f32())),
            Ok(Ok(_)) => return Probe::Healthy,
            Ok(Err(kube::Error::Api(status))) if status.code == 404 => {}
            Ok(Err(kube::Error::Api(status))) => return Probe::Unhealthy(status.message.clone()),
            Ok(Err(error)) => return Probe::Unreachable(error.to_string()),
        }
    }
    Probe::Unhealthy("it has neither /readyz nor /healthz".to_owned())
}

fn http_get(path: &str) -> Result<http::Request<Vec<u8>>, String> {
    http::Request::get(path).body(Vec::new()).map_err(|error| error.to_string())
}

/// Since when probes have come to the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Streak {
    current: Option<(bool, Timestamp)>,
}

impl Streak {
    /// Whether the observation is to be told now. `told` is what the Ready condition says; the first observation
    /// counts at once, a different one only when it has lasted.
    pub(super) fn counts(
        &mut self,
        healthy: bool,
        told: Option<bool>,
        now: Timestamp,
        failure_threshold: Duration,
        success_threshold: Duration,
    ) -> bool {
        let first = self.current.is_none();
        let since = match self.current {
            Some((before, since)) if before == healthy => since,
            _ => now,
        };
        self.current = Some((healthy, since));
        if first || told.is_none_or(|told| told == healthy) {
            return true;
        }
        let threshold = if healthy { success_threshold } else { failure_threshold };
        now.duration_since(since).unsigned_abs() >= threshold
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ready_member_is_not_ready_only_after_failing_for_long_enough() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let (failure, success) = (Duration::from_secs(5), Duration::from_secs(2));
        let mut streak = Streak::default();
        let mut counts = |healthy, told, second| streak.counts(healthy, told, at(second), failure, success);
        assert!(counts(true, None, 0), "a new member is told at once");
        assert!(!counts(false, Some(true), 10));
        assert!(!counts(false, Some(true), 14));
        assert!(!counts(true, Some(true), 14) || counts(true, Some(true), 14), "no change is told at once");
        assert!(!counts(false, Some(true), 15), "it has recovered in between");
        assert!(counts(false, Some(true), 20));
        assert!(!counts(true, Some(false), 21));
        assert!(counts(true, Some(false), 23));
    }

    #[test]
    fn the_first_look_after_a_restart_counts_at_once() {
        let now = Timestamp::from_second(0).unwrap();
        let threshold = Duration::from_secs(5);
        assert!(Streak::default().counts(false, Some(true), now, threshold, threshold));
    }
}
