//! What Argo's workflows mean: steps that run in pods, once or by the clock.

mod cron;
mod workflow;

use cron::{CronWorkflow, CronWorkflowProgress};
use windlass_sdk::Kept;
use workflow::{Parallelism, Workflow, WorkflowProgress};

windlass_sdk::interpreter! {
    name: "argo",
    description: "Argo Workflows: Workflow, CronWorkflow",
    kinds: [
        ("argoproj.io/v1alpha1", "Workflow") => Workflow<'_> { replicas, components, dependencies },
        ("argoproj.io/v1alpha1", "Workflow") => Parallelism { revise },
        ("argoproj.io/v1alpha1", "Workflow") => WorkflowProgress<'_> { health, simulate },

        ("argoproj.io/v1alpha1", "CronWorkflow") => CronWorkflow<'_> { dependencies },
        ("argoproj.io/v1alpha1", "CronWorkflow") => CronWorkflowProgress<'_> { aggregate, health },
    ],
    declared: [
        // Steps suspend and resume the workflow that they belong to. The controller keeps all that it knows of a workflow
        // in the status, and no other place.
        ("argoproj.io/v1alpha1", "Workflow") => { retain: [Kept::given("/spec/suspend"), Kept::given("/status")] },
        // Whoever works in a member may have suspended the schedule there.
        ("argoproj.io/v1alpha1", "CronWorkflow") => { retain: [Kept::given("/spec/suspend")] },
    ],
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_answers_as_the_cases_say() {
        let cases = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/conformance/argo");
        windlass_sdk::testing::interpreter::<super::Plugin>(cases);
    }
}
