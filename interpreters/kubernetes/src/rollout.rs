//! How far a workload has come: statuses that count replicas.

use std::fmt::Display;

use windlass_sdk::json::{Entries, Int, Json, Text, parse_at};
use windlass_sdk::kubernetes::Metadata;
use windlass_sdk::{Answer, Changes, Members, Pods, Rejection};

use crate::rollout_kinds::{Count, RolloutKind, State, of_kind};

/// The generation of the template that a member's object was made from.
const TEMPLATE_GENERATION: &str = "resourcetemplate.karmada.io/generation";

windlass_sdk::shape! {
    /// Deployment, ReplicaSet, StatefulSet, DaemonSet.
    pub(crate) struct Rollout<'a> {
        kind: Text<'a>,
        metadata: Metadata<'a>,
        spec: RolloutSpec<'a>,
        status: Option<Entries<'a, Json<'a>>>,
    }

    struct RolloutSpec<'a> {
        replicas: Option<Int>,
        strategy: Strategy<'a>,
    }

    struct Strategy<'a> {
        rolling_update: RollingUpdate<'a>,
    }

    struct RollingUpdate<'a> {
        max_unavailable: Json<'a>,
    }
}

/// How many generations a status carries.
const GENERATIONS: usize = 3;

/// A status with the generations that it belongs to, as it travels from the member to the template.
pub(crate) type Reflected = Option<Entries<'static, i64>>;

impl Rollout<'_> {
    pub(crate) fn status(&self) -> Answer<Reflected> {
        let Some(status) = &self.status else { return Ok(None) };
        let RolloutKind { counts, reflects_observed_generation, empty_is_unreported, .. } =
            of_kind(&self.kind);
        let mut reflected = Entries(Vec::with_capacity(counts.len() + GENERATIONS));
        let mut put = |name: &'static str, value: i64, always: bool| {
            if value != 0 || always {
                reflected.0.push((name.into(), value));
            }
        };
        put("generation", self.metadata.generation.0, false);
        put("resourceTemplateGeneration", self.template_generation()?, false);
        if *reflects_observed_generation {
            put("observedGeneration", number::<i64>(&"status", status, "observedGeneration")?, false);
        }
        for Count { name, always } in *counts {
            put(name, number::<i32>(&"status", status, name)?, *always);
        }
        Ok((!reflected.is_empty() || !empty_is_unreported).then_some(reflected))
    }

    pub(crate) fn health(&self) -> Answer<bool> {
        let count = |name| self.status_number(name);
        let wanted = self.spec.replicas.map_or(i64::MIN, |replicas| i64::from(replicas.0));
        let rolled_out = match self.kind.as_str() {
            "ReplicaSet" => count("availableReplicas")? >= wanted,
            "DaemonSet" => {
                let updated = count("updatedNumberScheduled")?;
                updated >= count("desiredNumberScheduled")? && count("numberAvailable")? >= updated
            }
            _ => {
                let updated = count("updatedReplicas")?;
                updated >= wanted && count("availableReplicas")? >= updated
            }
        };
        Ok(rolled_out && count("observedGeneration")? == self.metadata.generation.0)
    }

    /// The sums over the members. The template's generation counts as observed when every member has observed it.
    pub(crate) fn aggregate(&self, members: Members<'_>) -> Answer<Changes> {
        let RolloutKind { counts, compares_with_members_generation, .. } = of_kind(&self.kind);
        let generation = self.metadata.generation.0;
        let mut sums = vec![0; counts.len()];
        let mut aligned = 0;
        for member in members.reported::<Entries<'_, Json<'_>>>()? {
            let (status, place) = (&member.status, member.place());
            for (sum, Count { name, .. }) in sums.iter_mut().zip(*counts) {
                *sum += number::<i32>(&place, status, name)?;
            }
            let members_own = number::<i64>(&place, status, "generation")?;
            let template = if *compares_with_members_generation { members_own } else { generation };
            aligned += usize::from(
                number::<i64>(&place, status, "observedGeneration")? >= members_own
                    && number::<i64>(&place, status, "resourceTemplateGeneration")? >= template,
            );
        }
        let observed_before = self.status_number("observedGeneration")?;
        let observed = if aligned == members.len() { generation } else { observed_before };

        let before = counts.iter().map(|count| self.status_number(count.name)).collect::<Answer<Vec<_>>>()?;
        if before == sums && observed == observed_before {
            return Ok(Changes::none());
        }
        let all =
            counts.iter().zip(sums).chain([(&Count { name: "observedGeneration", always: false }, observed)]);
        Ok(all.fold(Changes::none(), |changes, (Count { name, always }, value)| {
            let path = ["/status/", name].concat();
            if value != 0 || *always { changes.set(path, value) } else { changes.remove(path) }
        }))
    }

    pub(crate) fn simulate(&self, pods: Pods<'_>) -> Answer<windlass_sdk::serde_json::Value> {
        let max_unavailable = self.spec.strategy.rolling_update.max_unavailable;
        let max_unavailable = (!max_unavailable.is_null()).then(|| max_unavailable.text().trim_matches('"'));
        let revision = self.status.as_ref().and_then(|status| status.get("currentRevision")?.string());
        let state = State {
            name: &self.metadata.name,
            generation: self.metadata.generation.0,
            max_unavailable,
            current_revision: revision.as_deref().unwrap_or_default(),
        };
        Ok((of_kind(&self.kind).simulated)(&state, pods))
    }

    fn status_number(&self, name: &str) -> Answer<i64> {
        self.status.as_ref().map_or(Ok(0), |status| number::<i64>(&"status", status, name))
    }

    fn template_generation(&self) -> Answer<i64> {
        match self.metadata.annotations.get(TEMPLATE_GENERATION) {
            Some(text) if !text.is_empty() => text.parse().map_err(|_| {
                Rejection::new(
                    format!("metadata.annotations['{TEMPLATE_GENERATION}']"),
                    format!("{:?} is not a generation", text.as_str()),
                )
            }),
            _ => Ok(0),
        }
    }
}

/// A number of a status; 0 where it is absent.
fn number<T>(place: &dyn Display, status: &Entries<'_, Json<'_>>, name: &str) -> Answer<i64>
where
    T: TryFrom<i64> + Into<i64>,
{
    match status.get(name).filter(|value| !value.is_null()) {
        Some(value) => {
            // Nearly all are, and that is known sooner.
            if let Some(count) = value.count() {
                return Ok(count.into());
            }
            parse_at::<Int<T>>(format_args!("{place}.{name}"), value.text()).map(|int| int.0.into())
        }
        None => Ok(0),
    }
}
