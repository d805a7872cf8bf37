//! What Argo's workflows mean: steps that run in pods, once or by the clock.

mod cron;
mod workflow;

use cron::{CronWorkflow, CronWorkflowProgress};
use workflow::{Parallelism, SuspendedWorkflow, Workflow, WorkflowProgress};

windlass_sdk::interpreter! {
    name: "argo",
    description: "Argo Workflows: Workflow, CronWorkflow",
    kinds: [
        ("argoproj.io/v1alpha1", "Workflow") => Workflow<'_> { replicas, components, dependencies },
        ("argoproj.io/v1alpha1", "Workflow") => Parallelism { revise },
        ("argoproj.io/v1alpha1", "Workflow") => SuspendedWorkflow<'_> { retain },
        ("argoproj.io/v1alpha1", "Workflow") => WorkflowProgress<'_> { health, simulate },

        ("argoproj.io/v1alpha1", "CronWorkflow") => CronWorkflow<'_> { dependencies },
        ("argoproj.io/v1alpha1", "CronWorkflow") => CronWorkflowProgress<'_> { retain, aggregate, health },
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
