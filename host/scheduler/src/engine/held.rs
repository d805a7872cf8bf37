//! What a workload takes up in one cluster.

use windlass_api::work::{Component, ResourceBindingSpec, TargetCluster};

use crate::workload::{Need, Workload, comes_in_sets};

/// The pods that an assignment puts into one cluster; none for what has no pods.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Held(Vec<Need>);

impl Held {
    /// What one target of a binding takes up, where its components are these. A binding that makes no sense takes up
    /// nothing.
    pub(super) fn of(spec: &ResourceBindingSpec, components: &[Component], target: &TargetCluster) -> Held {
        let workload = if comes_in_sets(spec) {
            let components = components.to_vec();
            Workload::of(&ResourceBindingSpec { components, ..ResourceBindingSpec::default() })
        } else {
            Workload::of(spec)
        };
        Held(match workload {
            Ok(Workload::Replicas(need)) if target.replicas > 0 => {
                vec![Need { replicas: target.replicas.into(), ..need }]
            }
            Ok(Workload::Components(needs)) => needs,
            Ok(Workload::Plain | Workload::Replicas(_)) | Err(_) => Vec::new(),
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|need| need.replicas <= 0)
    }

    pub(super) fn needs(&self) -> &[Need] {
        &self.0
    }

    /// What this has beyond `other`. Pods that request something else than before are others.
    pub(super) fn beyond(&self, other: &Held) -> Held {
        let more = self.0.iter().filter_map(|need| {
            let had = other.alike(need).map_or(0, |had| had.replicas);
            let replicas = need.replicas.saturating_sub(had);
            (replicas > 0).then(|| Need { replicas, ..need.clone() })
        });
        Held(more.collect())
    }

    /// As much of this as is in `other` too.
    pub(super) fn within(&self, other: &Held) -> Held {
        let both = self.0.iter().filter_map(|need| {
            let replicas = need.replicas.min(other.alike(need)?.replicas);
            (replicas > 0).then(|| Need { replicas, ..need.clone() })
        });
        Held(both.collect())
    }

    /// The more of both: what has to be kept free when nobody knows which of them will be.
    pub(super) fn or_more(&self, other: &Held) -> Held {
        let mut more = self.clone();
        for need in &other.0 {
            match more.0.iter_mut().find(|mine| is_alike(mine, need)) {
                Some(mine) => mine.replicas = mine.replicas.max(need.replicas),
                None => more.0.push(need.clone()),
            }
        }
        more
    }

    fn alike(&self, need: &Need) -> Option<&Need> {
        self.0.iter().find(|other| is_alike(other, need))
    }
}

/// Whether both are the same pods, however many.
pub(super) fn is_alike(a: &Need, b: &Need) -> bool {
    a.name == b.name && a.request == b.request && a.claim == b.claim && a.priority_class == b.priority_class
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::need;

    fn held(cpu: &str, replicas: i64) -> Held {
        Held(vec![need("", replicas, &[("cpu", cpu)])])
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
