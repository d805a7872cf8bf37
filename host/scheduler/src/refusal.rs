//! Why a binding was not scheduled.

use std::fmt;

use windlass_api::conditions::scheduled;
use windlass_api::errors::in_one_line;

use crate::estimate::Shortage;
use crate::filter::FilterReason;

/// What kind of refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The placement allows none of the clusters. What was placed before no longer holds: the targets are cleared.
    NoClusterFit,
    /// Allowed clusters are too few or have no room. What was placed before stays.
    Unschedulable,
    /// The binding contradicts itself. What was placed before stays.
    SchedulerError,
}

impl Reason {
    /// The reason in the Scheduled condition.
    pub const fn name(self) -> &'static str {
        match self {
            Reason::NoClusterFit => scheduled::NO_CLUSTER_FIT,
            Reason::Unschedulable => scheduled::UNSCHEDULABLE,
            Reason::SchedulerError => scheduled::SCHEDULER_ERROR,
        }
    }

    /// Whether the clusters that were chosen before are to be given up.
    pub const fn clears_targets(self) -> bool {
        matches!(self, Reason::NoClusterFit)
    }
}

/// Why one cluster did not do.
#[derive(Clone, Debug, PartialEq)]
pub enum Why {
    /// It is out of the question.
    Filtered(FilterReason),
    /// It has no room.
    Short(Shortage),
    /// It has room, for so many replicas.
    Room(i64),
    /// It holds the components, and has no room for what they have grown by since.
    Outgrown(Shortage),
    /// It would do; how much room it has was not asked.
    Allowed,
}

/// What became of one cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnosis {
    pub cluster: String,
    pub why: Why,
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.why {
            Why::Filtered(reason) => write!(f, "{} {reason}", self.cluster),
            Why::Short(shortage) => write!(f, "{}: {shortage}", self.cluster),
            Why::Outgrown(shortage) => {
                write!(f, "{}: is too small for what it holds, which has grown: {shortage}", self.cluster)
            }
            Why::Allowed => write!(f, "{} is allowed", self.cluster),
            Why::Room(1) => write!(f, "{}: has room for 1 replica", self.cluster),
            Why::Room(count) => write!(f, "{}: has room for {count} replicas", self.cluster),
        }
    }
}

/// A binding was not scheduled.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    pub reason: Reason,
    /// What is wrong in general.
    pub summary: String,
    /// What is wrong with each cluster, in the order of their names.
    pub clusters: Vec<Diagnosis>,
}

/// A condition's message holds 32768 characters.
const MESSAGE_BYTES_MAX: usize = 16_384;

impl Refusal {
    /// `clusters` in the order of their names.
    pub(crate) fn new(reason: Reason, summary: String, clusters: Vec<Diagnosis>) -> Refusal {
        Refusal { reason, summary, clusters }
    }

    pub(crate) fn contradiction(error: &dyn std::error::Error) -> Refusal {
        Refusal::new(Reason::SchedulerError, in_one_line(error), Vec::new())
    }
}

/// `no cluster has room for the whole workload: member1: ...; member2: ...`, short enough for a condition.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary)?;
        let mut written = self.summary.len();
        for (index, diagnosis) in self.clusters.iter().enumerate() {
            let text = diagnosis.to_string();
            written += text.len() + 2;
            if written > MESSAGE_BYTES_MAX {
                return write!(f, "; and {} more clusters", self.clusters.len() - index);
            }
            write!(f, "{} {text}", if index == 0 { ":" } else { ";" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_fits_into_a_condition_however_many_clusters_there_are() {
        let clusters = (0..5000)
            .map(|index| Diagnosis {
                cluster: format!("member{index}"),
                why: Why::Filtered(FilterReason::Affinity),
            })
            .collect();
        let text =
            Refusal::new(Reason::NoClusterFit, "no cluster is allowed".to_owned(), clusters).to_string();
        assert!(text.len() < 32_768 && text.ends_with("more clusters"), "{}", text.len());
        assert!(text.starts_with("no cluster is allowed: member0 is not selected"));
    }
}
