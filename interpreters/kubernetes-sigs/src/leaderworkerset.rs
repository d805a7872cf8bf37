//! LeaderWorkerSets: groups of pods, each with a leader and workers, that serve one model together.

use windlass_sdk::json::Int;
use windlass_sdk::kubernetes::{Metadata, PodTemplate, dependencies_of_pods};
use windlass_sdk::serde_json::{Value, json};
use windlass_sdk::status::{Field, Fields, Reflected, Status, StatusMetadata, has_condition};
use windlass_sdk::{Answer, Changes, Component, Dependent, Members, Pods, Rejection};

const LEADER: &str = "leader";
const WORKER: &str = "worker";

static LEADER_WORKER_SET: Fields = Fields(&[
    Field::OBSERVED_GENERATION,
    Field::conditions(),
    Field::sum("replicas"),
    Field::sum("readyReplicas"),
    Field::sum("updatedReplicas"),
    Field::last_named("hpaPodSelector"),
]);

windlass_sdk::shape! {
    pub(crate) struct LeaderWorkerSet<'a> {
        metadata: Metadata<'a>,
        spec: LeaderWorkerSetSpec<'a>,
    }

    struct LeaderWorkerSetSpec<'a> {
        replicas: Option<Int>,
        leader_worker_template: LeaderWorkerTemplate<'a>,
    }

    struct LeaderWorkerTemplate<'a> {
        size: Option<Int>,
        leader_template: Option<PodTemplate<'a>>,
        worker_template: PodTemplate<'a>,
    }

    pub(crate) struct LeaderWorkerSetProgress<'a> {
        metadata: StatusMetadata<'a>,
        spec: ProgressSpec,
        status: Option<Status<'a>>,
    }

    struct ProgressSpec {
        replicas: Option<Int>,
        leader_worker_template: GroupSize,
    }

    struct GroupSize {
        size: Option<Int>,
    }
}

impl LeaderWorkerSet<'_> {
    /// The leaders of all groups, and their workers. Leaders are made like workers where nothing else is said.
    pub(crate) fn components(&self) -> Answer<Vec<Component<'_>>> {
        let LeaderWorkerSetSpec { replicas, leader_worker_template } = &self.spec;
        let LeaderWorkerTemplate { size, leader_template, worker_template } = leader_worker_template;
        let groups = replicas.map_or(1, |Int(groups)| groups);
        let size = size.map_or(1, |Int(size)| size);
        if groups < 0 {
            return Err(Rejection::new("spec.replicas", "must not be negative"));
        }
        let workers = size.checked_sub(1).filter(|each| *each >= 0).and_then(|each| groups.checked_mul(each));
        let Some(workers) = workers else {
            let message = format!("{groups} groups of {size} are no number of pods");
            return Err(Rejection::new("spec.leaderWorkerTemplate.size", message));
        };
        let leaders = Component::of_pods(LEADER, groups, leader_template.as_ref().unwrap_or(worker_template));
        Ok(match workers {
            0 => vec![leaders],
            _ => vec![leaders, Component::of_pods(WORKER, workers, worker_template)],
        })
    }

    pub(crate) fn dependencies(&self) -> Answer<Vec<Dependent>> {
        let LeaderWorkerTemplate { leader_template, worker_template, .. } = &self.spec.leader_worker_template;
        let pods = leader_template.iter().chain([worker_template]).map(|template| &template.spec);
        Ok(dependencies_of_pods(pods, &self.metadata.namespace))
    }
}

impl<'a> LeaderWorkerSetProgress<'a> {
    pub(crate) fn status(&self) -> Answer<Option<Reflected<'a>>> {
        Ok(LEADER_WORKER_SET.reflect(&self.metadata, self.status.as_ref()))
    }

    /// As many groups as there are to be, all of them updated and ready. Older controllers don't say which generation
    /// they have observed.
    pub(crate) fn health(&self) -> Answer<bool> {
        let Some(status) = &self.status else { return Ok(false) };
        let reported = |name: &str| status.get(name).copied().unwrap_or_default();
        let observed = reported("observedGeneration");
        let is_outdated = !observed.is_null() && !observed.same(&self.metadata.generation);
        let wanted = f64::from(self.groups());
        let count = |name| reported(name).number().unwrap_or_default();
        Ok(!is_outdated
            && count("updatedReplicas") >= wanted
            && count("readyReplicas") >= wanted
            && (wanted == 0.0 || has_condition(status, "Available", &[])))
    }

    pub(crate) fn aggregate(&self, members: Members<'_>) -> Answer<Changes> {
        LEADER_WORKER_SET.aggregate(&self.metadata, self.status.as_ref(), members)
    }

    /// What the controller reports: a group is ready when its leader and all of its workers are.
    pub(crate) fn simulate(&self, pods: Pods<'_>) -> Answer<Value> {
        let (leaders, workers) = (pods.of(LEADER), pods.of(WORKER));
        let each = self.spec.leader_worker_template.size.map_or(1, |Int(size)| size).max(1) as u32 - 1;
        let ready = workers.ready.checked_div(each).map_or(leaders.ready, |groups| groups.min(leaders.ready));
        let groups = u32::try_from(self.groups()).unwrap_or(0);
        let condition = |name: &str, reason: &str, message: &str| json!([{"type": name, "status": "True", "reason": reason, "message": message, "lastTransitionTime": null}]);
        let conditions = if ready >= groups {
            condition("Available", "AllGroupsReady", "All replicas are ready")
        } else {
            condition("Progressing", "GroupsProgressing", "Replicas are progressing")
        };
        Ok(json!({
            "observedGeneration": self.metadata.generation.numeric(),
            "replicas": leaders.of_any_template(),
            "readyReplicas": ready,
            "updatedReplicas": leaders.created,
            "hpaPodSelector": format!(
                "leaderworkerset.sigs.k8s.io/name={},leaderworkerset.sigs.k8s.io/worker-index=0",
                self.metadata.name,
            ),
            "conditions": conditions,
        }))
    }

    fn groups(&self) -> i32 {
        self.spec.replicas.map_or(1, |Int(groups)| groups)
    }
}
