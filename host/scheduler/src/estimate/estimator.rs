//! Estimates for one workload, cluster by cluster.

use std::borrow::Cow;
use std::cell::OnceCell;

use super::summary::Total;
use super::{COUNT_MAX, Counted, Estimate, Question, Shortage, nodes, quotas, summary};
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
    /// What is looked for in summaries, if any is looked at.
    total: OnceCell<Total>,
}

impl<'a> Estimator<'a> {
    /// `needs` are those of one set, or of one replica.
    pub(super) fn new(counted: Counted, namespace: &'a str, needs: Cow<'a, [Need]>) -> Estimator<'a> {
        let (question, total) = (OnceCell::new(), OnceCell::new());
        Estimator { namespace, needs, counted, unbounded: COUNT_MAX, question, total }
    }

    /// `None`: the workload has no pods.
    pub(crate) fn of(workload: &'a Workload, namespace: &'a str) -> Option<Estimator<'a>> {
        match workload {
            Workload::Plain => None,
            Workload::Replicas(need) => {
                let one = vec![Need { replicas: 1, ..need.clone() }];
                let estimator = Estimator::new(Counted::Replicas, namespace, one.into());
                // Without a bound: room for all, and no more weight than that.
                Some(Estimator { unbounded: need.replicas, ..estimator })
            }
            Workload::Components(needs) => {
                Some(Estimator::new(Counted::Sets, namespace, needs.as_slice().into()))
            }
        }
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

    pub(super) fn estimate(&self, cluster: &ClusterState) -> Estimate {
        let promises = &cluster.promises;
        if let Some(room) = &cluster.room {
            return match quotas::count(room, promises, self.namespace, &self.needs) {
                // Nodes are many and quotas few: the cheap answer is final.
                Some(by_quota) if by_quota.count == 0 => by_quota,
                by_quota => nodes::count(&room.nodes, promises, &self.needs).least(by_quota),
            };
        }
        let answered = cluster.answers.as_ref().and_then(|answers| answers.count(self.question(), promises));
        answered.unwrap_or_else(|| {
            let total = self.total.get_or_init(|| Total::of(&self.needs));
            summary::count(cluster, &self.needs, total)
        })
    }
}
