//! How far a workload has come: statuses that count replicas.

use std::fmt::Display;

use windlass_sdk::json::{Entries, Int, Json, Text, count, parse_at};
use windlass_sdk::serde::ser::{Serialize, SerializeMap, Serializer};
use windlass_sdk::{Answer, Changes, Members, Pods, Rejection};

use crate::rollout_kinds::{COUNTS_MAX, Count, RolloutKind, State, of_kind};

/// The generation of the template that a member's object was made from.
const TEMPLATE_GENERATION: &str = "resourcetemplate.karmada.io/generation";

windlass_sdk::shape! {
    /// Deployment, ReplicaSet, StatefulSet, DaemonSet.
    pub(crate) struct Rollout<'a> {
        kind: Text<'a>,
        metadata: RolloutMetadata<'a>,
        spec: RolloutSpec<'a>,
        /// Of its fields, few are asked for.
        status: Json<'a>,
    }

    struct RolloutMetadata<'a> {
        name: Text<'a>,
        generation: Int<i64>,
        annotations: Entries<'a, Text<'a>>,
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

/// A status with the generations that it belongs to, as it travels from the member to the template.
#[derive(Default)]
pub(crate) struct Reflected {
    fields: [(&'static str, i64); FIELDS_MAX],
    len: usize,
}

/// All counts and generations that a status carries.
const FIELDS_MAX: usize = COUNTS_MAX + 3;

impl Reflected {
    fn put(&mut self, name: &'static str, value: i64, always: bool) {
        if value != 0 || always {
            self.fields[self.len] = (name, value);
            self.len += 1;
        }
    }
}

impl Serialize for Reflected {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len))?;
        for (name, value) in &self.fields[..self.len] {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl Rollout<'_> {
    pub(crate) fn status(&self) -> Answer<Option<Reflected>> {
        let RolloutKind { counts, reflects_observed_generation, empty_is_unreported, .. } =
            of_kind(&self.kind);
        let (numbers, observed) = self.counted(counts)?;
        if self.status.is_null() {
            return Ok(None);
        }
        let mut reflected = Reflected::default();
        reflected.put("generation", self.metadata.generation.0, false);
        reflected.put("resourceTemplateGeneration", self.template_generation()?, false);
        if *reflects_observed_generation {
            reflected.put("observedGeneration", observed.read::<i64>(&"status")?, false);
        }
        for (number, count) in numbers.iter().zip(*counts) {
            reflected.put(count.name, number.read::<i32>(&"status")?, count.always);
        }
        Ok((reflected.len > 0 || !empty_is_unreported).then_some(reflected))
    }

    pub(crate) fn health(&self) -> Answer<bool> {
        let names = match self.kind.as_str() {
            "ReplicaSet" => ["", "", "availableReplicas", "observedGeneration"],
            "DaemonSet" => {
                ["desiredNumberScheduled", "updatedNumberScheduled", "numberAvailable", "observedGeneration"]
            }
            _ => ["", "updatedReplicas", "availableReplicas", "observedGeneration"],
        };
        let [desired, updated, available, observed] = self.numbers(names)?;
        let count = |number: Number<'_>| number.read::<i64>(&"status");
        let wanted = || self.spec.replicas.map_or(i64::MIN, |replicas| i64::from(replicas.0));
        let rolled_out = match self.kind.as_str() {
            "ReplicaSet" => count(available)? >= wanted(),
            "DaemonSet" => {
                let updated = count(updated)?;
                updated >= count(desired)? && count(available)? >= updated
            }
            _ => {
                let updated = count(updated)?;
                updated >= wanted() && count(available)? >= updated
            }
        };
        Ok(rolled_out && count(observed)? == self.metadata.generation.0)
    }

    /// The sums over the members. The template's generation counts as observed when every member has observed it.
    pub(crate) fn aggregate(&self, members: Members<'_>) -> Answer<Changes> {
        let RolloutKind { counts, compares_with_members_generation, .. } = of_kind(&self.kind);
        let (numbers, observed) = self.counted(counts)?;
        let generation = self.metadata.generation.0;
        let mut sums = vec![0; counts.len()];
        let mut aligned = 0;
        for member in members.reported::<Entries<'_, Json<'_>>>()? {
            let (status, place) = (&member.status, member.place());
            for (sum, Count { name, .. }) in sums.iter_mut().zip(*counts) {
                *sum += in_status(status, name).read::<i32>(&place)?;
            }
            let members_own = in_status(status, "generation").read::<i64>(&place)?;
            let template = if *compares_with_members_generation { members_own } else { generation };
            aligned += usize::from(
                in_status(status, "observedGeneration").read::<i64>(&place)? >= members_own
                    && in_status(status, "resourceTemplateGeneration").read::<i64>(&place)? >= template,
            );
        }
        let observed_before = observed.read::<i64>(&"status")?;
        let observed = if aligned == members.len() { generation } else { observed_before };

        let before = numbers.iter().take(counts.len()).map(|number| number.read::<i64>(&"status"));
        let before = before.collect::<Answer<Vec<_>>>()?;
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
        let [revision] = self.numbers(["currentRevision"])?;
        let revision = Json::from_text(revision.text).string();
        let state = State {
            name: &self.metadata.name,
            generation: self.metadata.generation.0,
            max_unavailable,
            current_revision: revision.as_deref().unwrap_or_default(),
        };
        Ok((of_kind(&self.kind).simulated)(&state, pods))
    }

    /// Of these names in the status: the numbers, which are read when it is known that they matter.
    fn numbers<const N: usize>(&self, names: [&'static str; N]) -> Answer<[Number<'_>; N]> {
        if !self.status.text().starts_with('{') {
            self.status.expect_object("status")?;
        }
        let texts = self.status.texts(names);
        Ok(std::array::from_fn(|at| Number { name: names[at], text: texts[at] }))
    }

    /// What the status counts of `counts`, in their order, and the generation that it was observed at.
    fn counted(&self, counts: &[Count]) -> Answer<([Number<'_>; COUNTS_MAX], Number<'_>)> {
        let mut names = [""; COUNTS_MAX + 1];
        names[0] = "observedGeneration";
        for (name, count) in names[1..].iter_mut().zip(counts) {
            *name = count.name;
        }
        let [observed, numbers @ ..] = self.numbers(names)?;
        Ok((numbers, observed))
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

/// A number of a status, as it is written.
#[derive(Clone, Copy)]
struct Number<'a> {
    name: &'a str,
    text: &'a str,
}

/// A number of a member's status.
fn in_status<'a>(status: &Entries<'a, Json<'a>>, name: &'a str) -> Number<'a> {
    Number { name, text: status.get(name).map_or("null", Json::text) }
}

impl Number<'_> {
    /// It; 0 where it is absent.
    fn read<T>(self, place: &dyn Display) -> Answer<i64>
    where
        T: TryFrom<i64> + Into<i64>,
    {
        let Number { name, text } = self;
        // Nearly all are plain counts, and that is known sooner.
        match count(text) {
            Some(count) => Ok(count.into()),
            None if text == "null" => Ok(0),
            None => parse_at::<Int<T>>(format_args!("{place}.{name}"), text).map(|int| int.0.into()),
        }
    }
}
