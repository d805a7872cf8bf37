//! What the workloads of Kubernetes' special interest groups mean: sets of jobs that run together, and groups of pods
//! that serve together.

mod jobset;
mod leaderworkerset;

use jobset::{JOB_SET, JobSet, JobSetProgress};
use leaderworkerset::{LeaderWorkerSet, LeaderWorkerSetProgress};

windlass_sdk::interpreter! {
    name: "kubernetes-sigs",
    description: "kubernetes-sigs: JobSet, LeaderWorkerSet",
    kinds: [
        ("jobset.x-k8s.io/v1alpha2", "JobSet") => JobSet<'_> { components, dependencies },
        ("jobset.x-k8s.io/v1alpha2", "JobSet") => JobSetProgress<'_> { health, aggregate },
        ("jobset.x-k8s.io/v1alpha2", "JobSet") => JobSet<'_> { simulate },

        ("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet") => LeaderWorkerSet<'_> { components, dependencies },
        ("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet") => LeaderWorkerSetProgress<'_> {
            status, health, aggregate, simulate,
        },
    ],
    declared: [
        ("jobset.x-k8s.io/v1alpha2", "JobSet") => { status: JOB_SET.reflection() },
    ],
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_answers_as_the_cases_say() {
        let cases = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/conformance/kubernetes-sigs");
        windlass_sdk::testing::interpreter::<super::Plugin>(cases);
    }
}
