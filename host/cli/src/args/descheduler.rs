//! The flags of the descheduler, as Karmada's.

use std::time::Duration;

use clap::{ArgAction, Args};
use jiff::SignedDuration;
use windlass_controllers::Descheduling;

/// What becomes of replicas that a member can't place.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct DeschedulerArgs {
    /// Whether replicas that a member can't place are taken from it and dealt out anew; only those of workloads that
    /// are divided by what clusters have room for
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set, help_heading = "Descheduler")]
    descheduler: bool,

    /// How often the descheduler looks at all bindings
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = positive, help_heading = "Descheduler")]
    descheduling_interval: Duration,

    /// How long a member may look for a place for a pod until the descheduler takes its replica
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration, help_heading = "Descheduler")]
    unschedulable_threshold: Duration,
}

impl DeschedulerArgs {
    /// `None`: there is to be no descheduler.
    pub(crate) fn options(self) -> Option<Descheduling> {
        let DeschedulerArgs { descheduler, descheduling_interval, unschedulable_threshold } = self;
        descheduler
            .then_some(Descheduling { interval: descheduling_interval, threshold: unschedulable_threshold })
    }
}

/// As in 90s, 2m or 1h30m.
fn duration(text: &str) -> Result<Duration, String> {
    let read =
        text.parse::<SignedDuration>().map_err(|error| format!("{error}; write it as 90s, 2m or 1h30m"))?;
    Duration::try_from(read)
        .map_err(|_| "a duration is not negative; write it as 90s, 2m or 1h30m".to_owned())
}

fn positive(text: &str) -> Result<Duration, String> {
    duration(text)?.checked_sub(Duration::from_millis(100)).ok_or("must be at least 100ms")?;
    duration(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_kubernetes_flags_are() {
        for (text, want) in
            [("2m", 120_000), ("1h30m", 5_400_000), ("0s", 0), ("250ms", 250), ("5m0s", 300_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(want)), "{text}");
        }
        for wrong in ["", "5", "-1s", "soon", "99999999999999999999h"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        assert!(positive("0s").is_err() && positive("100ms").is_ok());
    }
}
