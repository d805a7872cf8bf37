//! How a pod's containers behave, as annotations tell: so that ends, crashes and failing health can be tried.
//!
//! | annotation | value |
//! | --- | --- |
//! | `simulator.windlass.io/run-time` | how long the containers run before they end: `5s` |
//! | `simulator.windlass.io/exit-code` | what they end with, 0 unless given |
//! | `simulator.windlass.io/ready` | `false`: they run and are never ready |
//! | `simulator.windlass.io/waiting-reason` | they never start, for this reason: `ImagePullBackOff` |
//!
//! A pod's own annotations (its template's, or what somebody writes on it while it runs) go before those of the
//! workload that owns it. A value that can't be read counts as absent.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::PodSpec;

const RUN_TIME: &str = "simulator.windlass.io/run-time";
const EXIT_CODE: &str = "simulator.windlass.io/exit-code";
const READY: &str = "simulator.windlass.io/ready";
const WAITING_REASON: &str = "simulator.windlass.io/waiting-reason";

/// What annotations ask for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Wishes {
    pub(crate) run_time: Option<SignedDuration>,
    exit_code: Option<i32>,
    ready: Option<bool>,
    waiting_reason: Option<String>,
}

impl Wishes {
    pub(crate) fn of(annotations: Option<&BTreeMap<String, String>>) -> Wishes {
        let text = |name: &str| annotations.and_then(|all| all.get(name)).map(|text| text.trim());
        Wishes {
            run_time: text(RUN_TIME).and_then(|text| text.parse().ok()).filter(|time| !is_negative(*time)),
            exit_code: text(EXIT_CODE).and_then(|text| text.parse().ok()),
            ready: text(READY).and_then(|text| text.parse().ok()),
            waiting_reason: text(WAITING_REASON).filter(|text| !text.is_empty()).map(str::to_owned),
        }
    }

    fn or(self, other: &Wishes) -> Wishes {
        Wishes {
            run_time: self.run_time.or(other.run_time),
            exit_code: self.exit_code.or(other.exit_code),
            ready: self.ready.or(other.ready),
            waiting_reason: self.waiting_reason.or_else(|| other.waiting_reason.clone()),
        }
    }
}

/// Whether annotations leave a pod or a node ready.
pub(crate) fn wants_ready(annotations: Option<&BTreeMap<String, String>>) -> bool {
    Wishes::of(annotations).ready.unwrap_or(true)
}

fn is_negative(time: SignedDuration) -> bool {
    time < SignedDuration::ZERO
}

/// When a pod's containers are started again after they have ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Restarts {
    #[default]
    Always,
    OnFailure,
    Never,
}

impl Restarts {
    pub(crate) fn of(spec: &PodSpec) -> Restarts {
        match spec.restart_policy.as_deref() {
            Some("Never") => Restarts::Never,
            Some("OnFailure") => Restarts::OnFailure,
            _ => Restarts::Always,
        }
    }

    /// Whether pods like this come to an end.
    pub(crate) fn finite(self) -> bool {
        self != Restarts::Always
    }
}

/// What a pod's containers do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Behaviour {
    /// `None`: for ever.
    pub(crate) run_time: Option<SignedDuration>,
    pub(crate) exit_code: i32,
    pub(crate) ready: bool,
    pub(crate) waiting_reason: Option<String>,
}

impl Behaviour {
    /// `usual_run_time` is that of pods that end and don't say when.
    pub(crate) fn of(
        pod: &Wishes,
        owner: Option<&Wishes>,
        restarts: Restarts,
        usual_run_time: SignedDuration,
    ) -> Behaviour {
        let wishes = owner.map_or_else(|| pod.clone(), |owner| pod.clone().or(owner));
        let ends = restarts.finite() || wishes.exit_code.is_some();
        Behaviour {
            run_time: wishes.run_time.or(ends.then_some(usual_run_time)),
            exit_code: wishes.exit_code.unwrap_or(0),
            ready: wishes.ready.unwrap_or(true),
            waiting_reason: wishes.waiting_reason,
        }
    }

    /// Whether containers that have ended are started again.
    pub(crate) fn restarts(&self, policy: Restarts) -> bool {
        match policy {
            Restarts::Always => true,
            Restarts::OnFailure => self.exit_code != 0,
            Restarts::Never => false,
        }
    }
}

/// How long containers stay down after their `restarts`-th start: doubling from a second to a minute, a tenth of
/// what a kubelet takes.
pub(crate) fn back_off(restarts: u32) -> SignedDuration {
    SignedDuration::from_secs(1_i64.checked_shl(restarts).filter(|_| restarts < 6).unwrap_or(60))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wishes(annotations: &[(&str, &str)]) -> Wishes {
        let all = annotations
            .iter()
            .map(|(name, value)| (format!("simulator.windlass.io/{name}"), (*value).to_owned()));
        Wishes::of(Some(&all.collect()))
    }

    #[test]
    fn a_pods_own_annotations_go_before_its_owners() {
        let pod = wishes(&[("exit-code", "1"), ("run-time", "soon")]);
        let owner = wishes(&[("exit-code", "2"), ("run-time", "5s"), ("ready", "false")]);
        let behaviour = Behaviour::of(&pod, Some(&owner), Restarts::Always, SignedDuration::ZERO);
        let want = Behaviour {
            run_time: Some(SignedDuration::from_secs(5)),
            exit_code: 1,
            ready: false,
            waiting_reason: None,
        };
        assert_eq!(behaviour, want);
    }

    #[test]
    fn only_what_is_to_end_ends() {
        let usual = SignedDuration::from_secs(3);
        let of = |wishes: &Wishes, restarts| Behaviour::of(wishes, None, restarts, usual).run_time;
        let plain = Wishes::default();
        assert_eq!(of(&plain, Restarts::Always), None);
        assert_eq!(of(&plain, Restarts::Never), Some(usual));
        assert_eq!(of(&wishes(&[("exit-code", "1")]), Restarts::Always), Some(usual), "it crashes");
        assert_eq!(of(&wishes(&[("run-time", "-5s")]), Restarts::Always), None);
    }

    #[test]
    fn a_crash_loop_slows_down() {
        assert_eq!([0, 1, 5, 6, 90].map(|n| back_off(n).as_secs()), [1, 2, 32, 60, 60]);
    }
}
