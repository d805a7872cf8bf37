//! Estimates for one workload, cluster by cluster.

use std::borrow::Cow;
use std::cell::OnceCell;

use super::{COUNT_MAX, Counted, Estimate, Question, Shortage, count};
use crate::snapshot::ClusterState;
use crate::workload::{Need, Workload};

/// Knows what is to be placed, and answers for any cluster.
#[derive(Debug)]
pub(crate) struct Estimator<'a> {
    namespace: &'a str,
    /// Of one set, or of one replica.
    needs: Cow<'a, [Need]>,
    counted: Counted,
    /// What room without a bound counts as.
    unbounded: i64,
    /// What the clusters' own estimators are asked, if any is.
    question: OnceCell<Question>,
}

impl<'a> Estimator<'a> {
    /// `None`: the workload has no pods.
    pub(crate) fn of(workload: &'a Workload, namespace: &'a str) -> Option<Estimator<'a>> {
        let (needs, counted, unbounded) = match workload {
            Workload::Plain => return None,
            // Without a bound: room for all, and no more weight than that.
            Workload::Replicas(need) => {
                (Cow::Owned(vec![Need { replicas: 1, ..need.clone() }]), Counted::Replicas, need.replicas)
            }
            Workload::Components(needs) => (Cow::Borrowed(needs.as_slice()), Counted::Sets, COUNT_MAX),
        };
        Some(Estimator { namespace, needs, counted, unbounded, question: OnceCell::new() })
    }

    /// How many more replicas, or whole sets, fit.
    pub(crate) fn count(&self, cluster: &ClusterState) -> i64 {
        let count = self.estimate(cluster).count;
        if count >= COUNT_MAX { self.unbounded } else { count }
    }

    /// Why not even one fits; `None` if one does.
    pub(crate) fn shortage(&self, cluster: &ClusterState) -> Option<Shortage> {
        self.estimate(cluster).shortage
    }

    /// What a cluster's own estimator is asked.
    pub(crate) fn question(&self) -> &Question {
        self.question.get_or_init(|| Question::new(self.counted, self.namespace, &self.needs))
    }

    fn estimate(&self, cluster: &ClusterState) -> Estimate {
        count(cluster, self.namespace, &self.needs, || self.question())
    }
}
