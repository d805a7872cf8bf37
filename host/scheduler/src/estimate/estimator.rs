//! Estimates for one workload, cluster by cluster.

use std::borrow::Cow;

use super::{COUNT_MAX, Shortage, sets};
use crate::snapshot::ClusterState;
use crate::workload::{Need, Workload};

/// Knows what is to be placed, and answers for any cluster.
#[derive(Debug)]
pub(crate) struct Estimator<'a> {
    namespace: &'a str,
    /// Of one set, or of one replica.
    needs: Cow<'a, [Need]>,
    /// What room without a bound counts as.
    unbounded: i64,
}

impl<'a> Estimator<'a> {
    /// `None`: the workload has no pods.
    pub(crate) fn of(workload: &'a Workload, namespace: &'a str) -> Option<Estimator<'a>> {
        let (needs, unbounded) = match workload {
            Workload::Plain => return None,
            // Without a bound: room for all, and no more weight than that.
            Workload::Replicas(need) => {
                (Cow::Owned(vec![Need { replicas: 1, ..need.clone() }]), need.replicas)
            }
            Workload::Components(needs) => (Cow::Borrowed(needs.as_slice()), COUNT_MAX),
        };
        Some(Estimator { namespace, needs, unbounded })
    }

    /// How many more replicas, or whole sets, fit.
    pub(crate) fn count(&self, cluster: &ClusterState) -> i64 {
        let count = sets(cluster, self.namespace, &self.needs).count;
        if count >= COUNT_MAX { self.unbounded } else { count }
    }

    /// Why not even one fits; `None` if one does.
    pub(crate) fn shortage(&self, cluster: &ClusterState) -> Option<Shortage> {
        sets(cluster, self.namespace, &self.needs).shortage
    }
}
