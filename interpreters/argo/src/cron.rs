//! Workflows that are started by the clock.

use windlass_sdk::kubernetes::Metadata;
use windlass_sdk::status::{Field, Fields, Status, StatusMetadata, has_condition};
use windlass_sdk::{Answer, Changes, Dependent, Members};

use crate::workflow::WorkflowSpec;

static CRON_WORKFLOW: Fields = Fields(&[
    Field::joined("active"),
    Field::conditions(),
    Field::sum("failed"),
    Field::last("lastScheduledTime"),
    Field::last("phase"),
    Field::sum("succeeded"),
]);

windlass_sdk::shape! {
    pub(crate) struct CronWorkflow<'a> {
        metadata: Metadata<'a>,
        spec: CronWorkflowSpec<'a>,
    }

    struct CronWorkflowSpec<'a> {
        workflow_spec: WorkflowSpec<'a>,
    }

    pub(crate) struct CronWorkflowProgress<'a> {
        metadata: StatusMetadata<'a>,
        status: Option<Status<'a>>,
    }
}

impl CronWorkflow<'_> {
    pub(crate) fn dependencies(&self) -> Answer<Vec<Dependent>> {
        Ok(self.spec.workflow_spec.dependencies(&self.metadata.namespace))
    }
}

impl CronWorkflowProgress<'_> {
    /// Healthy while its workflows can be made. How they end is the workflows' own.
    pub(crate) fn health(&self) -> Answer<bool> {
        let has =
            |condition| self.status.as_ref().is_some_and(|status| has_condition(status, condition, &[]));
        Ok(!has("SpecError") && !has("SubmissionError"))
    }

    pub(crate) fn aggregate(&self, members: Members<'_>) -> Answer<Changes> {
        CRON_WORKFLOW.aggregate(&self.metadata, self.status.as_ref(), members)
    }
}
