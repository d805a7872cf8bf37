//! Volumes and claims to them.

use windlass_sdk::json::{Json, Text};
use windlass_sdk::{Answer, Changes, Members};

windlass_sdk::shape! {
    pub(crate) struct PersistentVolume<'a> {
        status: Json<'a>,
    }

    pub(crate) struct PersistentVolumeClaim<'a> {
        status: Json<'a>,
    }

    struct Phase<'a>: Serialize {
        phase: Text<'a>,
    }
}

impl PersistentVolume<'_> {
    /// The phase that most calls for attention; a member that has not reported is pending.
    pub(crate) fn aggregate(&self, members: Members<'_>) -> Answer<Changes> {
        let reported = members.reported::<Phase<'_>>()?;
        let mut phases: Vec<&str> = reported.iter().map(|member| member.status.phase.as_str()).collect();
        if reported.len() < members.len() {
            phases.push("Pending");
        }
        let order = ["Failed", "Pending", "Available", "Bound", "Released"];
        let phase = order.into_iter().find(|phase| phases.contains(phase)).unwrap_or_default();
        Ok(with_phase(self.status, phase))
    }
}

impl PersistentVolumeClaim<'_> {
    /// Lost if it is lost anywhere, bound if it is bound everywhere.
    pub(crate) fn aggregate(&self, members: Members<'_>) -> Answer<Changes> {
        let reported = members.reported::<Phase<'_>>()?;
        let phases = || reported.iter().map(|member| member.status.phase.as_str());
        let phase =
            phases().find(|phase| *phase == "Lost").or_else(|| phases().rfind(|phase| *phase != "Bound"));
        Ok(with_phase(self.status, phase.unwrap_or("Bound")))
    }

    pub(crate) fn health(&self) -> Answer<bool> {
        Ok(self.status.field("phase").string().is_some_and(|phase| phase == "Bound"))
    }
}

/// A status with nothing but a phase.
fn with_phase(before: Json<'_>, phase: &str) -> Changes {
    if before.is_empty() && phase.is_empty() {
        return Changes::none();
    }
    Changes::none().set("/status", Phase { phase: phase.into() })
}
