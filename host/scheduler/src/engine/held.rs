//! What a workload takes up in one cluster.

use std::sync::Arc;

use windlass_api::work::{Component, ResourceBindingSpec, TargetCluster};

use crate::workload::{Need, Workload, comes_in_sets};

/// What the targets of one binding take up, which is the same pods everywhere and takes memory once.
#[derive(Debug)]
pub(super) struct Pods {
    kinds: Vec<(Arc<Need>, i64)>,
    /// Whether each target says how many it takes.
    divided: bool,
}

impl Pods {
    /// Those of a binding whose components are these. A binding that makes no sense has none.
    pub(super) fn of(spec: &ResourceBindingSpec, components: &[Component]) -> Pods {
        let workload = if comes_in_sets(spec) {
            let components = components.to_vec();
            Workload::of(&ResourceBindingSpec { components, ..ResourceBindingSpec::default() })
        } else {
            Workload::of(spec)
        };
        let (needs, divided) = match workload {
            Ok(Workload::Replicas(need)) => (vec![need], true),
            Ok(Workload::Components(needs)) => (needs, false),
            Ok(Workload::Plain) | Err(_) => (Vec::new(), false),
        };
        let kinds = needs.into_iter().map(|need| {
            let replicas = need.replicas;
            (Arc::new(Need { replicas: 0, ..need }), replicas)
        });
        Pods { kinds: kinds.collect(), divided }
    }

    /// What one of the binding's targets takes up.
    pub(super) fn on(&self, target: &TargetCluster) -> Held {
        match self.kinds.as_slice() {
            [(need, _)] if self.divided && target.replicas > 0 => {
                Held(Box::new([(Arc::clone(need), target.replicas.into())]))
            }
            _ if self.divided => Held::default(),
            kinds => Held(kinds.into()),
        }
    }
}

/// The pods that an assignment puts into one cluster; none for what has no pods. Of each kind so many: what the need
/// says of its replicas counts for nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Held(Box<[(Arc<Need>, i64)]>);

impl Held {
    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|(_, replicas)| *replicas <= 0)
    }

    /// Each kind, and how many of it.
    pub(super) fn kinds(&self) -> &[(Arc<Need>, i64)] {
        &self.0
    }

    /// As what a promise says.
    pub(super) fn needs(&self) -> Vec<Need> {
        let needs = self.0.iter().map(|(need, replicas)| Need { replicas: *replicas, ..Need::clone(need) });
        needs.collect()
    }

    /// What this has beyond `other`. Pods that request something else than before are others.
    pub(super) fn beyond(&self, other: &Held) -> Held {
        let more = self.0.iter().filter_map(|(need, replicas)| {
            let more = replicas.saturating_sub(other.alike(need).unwrap_or(0));
            (more > 0).then(|| (Arc::clone(need), more))
        });
        Held(more.collect())
    }

    /// As much of this as is in `other` too.
    pub(super) fn within(&self, other: &Held) -> Held {
        let both = self.0.iter().filter_map(|(need, replicas)| {
            let both = (*replicas).min(other.alike(need)?);
            (both > 0).then(|| (Arc::clone(need), both))
        });
        Held(both.collect())
    }

    /// The more of both: what has to be kept free when nobody knows which of them will be.
    pub(super) fn or_more(&self, other: &Held) -> Held {
        let mut more = self.0.to_vec();
        for (need, replicas) in &other.0 {
            match more.iter_mut().find(|(mine, _)| is_alike(mine, need)) {
                Some((_, mine)) => *mine = (*mine).max(*replicas),
                None => more.push((Arc::clone(need), *replicas)),
            }
        }
        Held(more.into())
    }

    fn alike(&self, need: &Need) -> Option<i64> {
        self.0.iter().find(|(other, _)| is_alike(other, need)).map(|(_, replicas)| *replicas)
    }
}

impl PartialEq for Held {
    fn eq(&self, other: &Held) -> bool {
        let mut both = self.0.iter().zip(&other.0);
        self.0.len() == other.0.len() && both.all(|((a, of_a), (b, of_b))| of_a == of_b && is_alike(a, b))
    }
}

/// Whether both are the same pods, however many.
pub(super) fn is_alike(a: &Need, b: &Need) -> bool {
    std::ptr::eq(a, b)
        || a.name == b.name
            && a.request == b.request
            && a.claim == b.claim
            && a.priority_class == b.priority_class
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::need;

    fn held(cpu: &str, replicas: i64) -> Held {
        Held([(Arc::new(need("", 0, &[("cpu", cpu)])), replicas)].into())
    }

    #[test]
    fn more_of_the_same_is_the_difference_and_others_are_all_more() {
        assert_eq!(held("1", 5).beyond(&held("1", 3)), held("1", 2));
        assert!(held("1", 3).beyond(&held("1", 5)).is_empty());
        assert_eq!(held("2", 3).beyond(&held("1", 3)), held("2", 3));
        assert_eq!(held("1", 5).within(&held("1", 3)), held("1", 3));
        assert!(held("1", 5).within(&held("2", 3)).is_empty());
    }

    #[test]
    fn what_may_be_either_is_the_more_of_both() {
        let either = held("1", 3).or_more(&held("1", 5));
        assert_eq!(either, held("1", 5));
        assert_eq!(held("1", 5).or_more(&held("1", 3)), held("1", 5));
    }
}
