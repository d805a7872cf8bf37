//! What Ray's kinds mean: clusters of a head and groups of workers, and the jobs and services on them.
//!
//! Nothing restores the state of a RayJob. The operator submits its entrypoint to a new cluster, each time from the
//! beginning, even where it tries again itself; a `jobId` names a submission and does not continue it, and what a head
//! keeps in an external store is of its own cluster. Training goes on from a checkpoint where the entrypoint looks for
//! one. What a policy preserves comes along as labels.

mod cluster;
mod cluster_status;
mod job;
mod pods;
mod service;
mod simulation;

use cluster::RayCluster;
use cluster_status::ClusterProgress;
use job::{JobProgress, RayJob};
use service::{RayService, ServiceProgress};
use windlass_sdk::Reflection;

windlass_sdk::interpreter! {
    name: "ray",
    description: "Ray: RayCluster, RayJob, RayService",
    kinds: [
        ("ray.io/v1", "RayCluster") => RayCluster<'_> { components, dependencies, simulate },
        ("ray.io/v1", "RayCluster") => ClusterProgress<'_> { aggregate, health },
        ("ray.io/v1", "RayJob") => RayJob<'_> { components, dependencies, simulate },
        ("ray.io/v1", "RayJob") => JobProgress<'_> { aggregate, health },
        ("ray.io/v1", "RayService") => RayService<'_> { components, dependencies, simulate },
        ("ray.io/v1", "RayService") => ServiceProgress<'_> { aggregate, health },
    ],
    declared: [
        ("ray.io/v1", "RayCluster") | ("ray.io/v1", "RayJob") | ("ray.io/v1", "RayService") => {
            status: Reflection::whole(),
        },
    ],
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_answers_as_the_cases_say() {
        let cases = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/conformance/ray");
        windlass_sdk::testing::interpreter::<super::Plugin>(cases);
    }
}
