//! Which of several processes is the one.

use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args};
use windlass_controllers::{Candidate, Timing};

use super::go::duration;
use crate::runtime::random_bytes;

#[derive(Debug, Args)]
#[command(next_help_heading = "Leader election")]
pub(crate) struct ElectionArgs {
    /// Work only while holding the Lease; needed where several of them run
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true",
        action = ArgAction::Set, value_parser = BoolishValueParser::new(), value_name = "BOOL")]
    pub(crate) leader_elect: bool,

    /// How long others leave the Lease alone that is not renewed
    #[arg(long, value_name = "DURATION", default_value = "15s", value_parser = duration)]
    pub(crate) leader_elect_lease_duration: Duration,

    /// Who has not renewed the Lease for so long stops at once
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub(crate) leader_elect_renew_deadline: Duration,

    /// Between two attempts to get or to renew the Lease
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = duration)]
    pub(crate) leader_elect_retry_period: Duration,

    /// The Lease's namespace
    #[arg(long, value_name = "NAMESPACE", default_value = "karmada-system")]
    pub(crate) leader_elect_resource_namespace: String,
}

impl ElectionArgs {
    /// This process as one who wants the Lease; `None`: it works without one.
    pub(crate) fn candidate(self, lease: String) -> anyhow::Result<Option<Candidate>> {
        let ElectionArgs {
            leader_elect,
            leader_elect_lease_duration,
            leader_elect_renew_deadline,
            leader_elect_retry_period,
            leader_elect_resource_namespace,
        } = self;
        let timing =
            Timing::new(leader_elect_lease_duration, leader_elect_renew_deadline, leader_elect_retry_period)?;
        Ok(leader_elect.then(|| Candidate {
            namespace: leader_elect_resource_namespace,
            identity: identity(&lease),
            name: lease,
            timing,
        }))
    }
}

/// Of this process, and of no other: the machine's name for people, and a part that nobody else has.
fn identity(without_host: &str) -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = match host.trim() {
        "" => without_host,
        host => host,
    };
    format!("{host}_{:032x}", u128::from_be_bytes(random_bytes()))
}
