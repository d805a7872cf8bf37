//! How far a workload has come.

use windlass_sdk::json::{Json, Text};
use windlass_sdk::serde_json::Value;
use windlass_sdk::status::{Reflected, Status, StatusMetadata};
use windlass_sdk::{Answer, Changes, Members, Pods, Rejection};

use crate::rollout_kinds::{State, Wanted, of_kind};

windlass_sdk::shape! {
    /// CloneSet, StatefulSet, UnitedDeployment, DaemonSet.
    pub(crate) struct Rollout<'a> {
        kind: Text<'a>,
        metadata: StatusMetadata<'a>,
        spec: Json<'a>,
        status: Option<Status<'a>>,
    }
}

impl<'a> Rollout<'a> {
    pub(crate) fn status(&self) -> Answer<Option<Reflected<'a>>> {
        Ok(of_kind(&self.kind).fields.reflect(&self.metadata, self.status.as_ref()))
    }

    /// Observed, all pods updated, and all of those available. A status that doesn't say so yet says no.
    pub(crate) fn health(&self) -> Answer<bool> {
        let kind = of_kind(&self.kind);
        let Some(status) = &self.status else { return Ok(false) };
        let reported = |name: &str| status.get(name).copied().unwrap_or_default();
        let count = |name| number(&format!("status.{name}"), reported(name));
        if !reported("observedGeneration").same(&self.metadata.generation) {
            return Ok(false);
        }
        let wanted = match kind.wanted {
            Wanted::Replicas if self.spec.is_null() => None,
            Wanted::Replicas => match self.spec.field("replicas") {
                open if open.is_null() => Some(f64::NEG_INFINITY),
                replicas => number("spec.replicas", replicas)?,
            },
            Wanted::Reported(name) => count(name)?,
        };
        let (updated, available) = (count(kind.updated)?, count(kind.available)?);
        Ok(wanted.is_some() && updated >= wanted && updated.is_some() && available >= updated)
    }

    pub(crate) fn aggregate(&self, members: Members<'_>) -> Answer<Changes> {
        of_kind(&self.kind).fields.aggregate(&self.metadata, self.status.as_ref(), members)
    }

    pub(crate) fn simulate(&self, pods: Pods<'_>) -> Answer<Value> {
        let revision = self.status.as_ref().and_then(|status| status.get("currentRevision")?.string());
        let state = State {
            name: &self.metadata.name,
            generation: self.metadata.generation.number().unwrap_or_default() as i64,
            current_revision: revision.as_deref().unwrap_or_default(),
        };
        Ok((of_kind(&self.kind).simulated)(&state, pods))
    }
}

/// The number that a field is; `None` where it is absent.
fn number(field: &str, value: Json<'_>) -> Answer<Option<f64>> {
    match value.number() {
        None if !value.is_null() => Err(Rejection::new(field, "must be a number")),
        number => Ok(number),
    }
}
