//! AdvancedCronJobs: jobs by the clock, of Kubernetes' own kind or broadcast.

use windlass_sdk::kubernetes::{Metadata, PodTemplate};
use windlass_sdk::status::{Field, Fields, Status, StatusMetadata};
use windlass_sdk::{Answer, Changes, Dependent, Members};

use crate::template::dependencies;

static ADVANCED_CRON_JOB: Fields =
    Fields(&[Field::joined("active"), Field::last("lastScheduleTime"), Field::last_text("type")]);

windlass_sdk::shape! {
    pub(crate) struct AdvancedCronJobTemplate<'a> {
        metadata: Metadata<'a>,
        spec: AdvancedCronJobSpec<'a>,
    }

    struct AdvancedCronJobSpec<'a> {
        template: Template<'a>,
    }

    struct Template<'a> {
        job_template: JobTemplate<'a>,
        broadcast_job_template: Option<JobTemplate<'a>>,
    }

    struct JobTemplate<'a> {
        spec: JobSpec<'a>,
    }

    struct JobSpec<'a> {
        template: PodTemplate<'a>,
    }

    pub(crate) struct AdvancedCronJob<'a> {
        metadata: StatusMetadata<'a>,
        status: Option<Status<'a>>,
    }
}

impl AdvancedCronJobTemplate<'_> {
    pub(crate) fn dependencies(&self) -> Answer<Vec<Dependent>> {
        let Template { job_template, broadcast_job_template } = &self.spec.template;
        let job = broadcast_job_template.as_ref().unwrap_or(job_template);
        Ok(dependencies(&job.spec.template, &self.metadata))
    }
}

impl AdvancedCronJob<'_> {
    /// What runs in any of the members, and when it last ran.
    pub(crate) fn aggregate(&self, members: Members<'_>) -> Answer<Changes> {
        if members.is_empty() {
            return Ok(Changes::none());
        }
        ADVANCED_CRON_JOB.aggregate(&self.metadata, self.status.as_ref(), members)
    }
}
