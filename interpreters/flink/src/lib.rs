//! What Flink's objects mean: a job manager, some task managers, and jobs in a state.

mod dependencies;
mod deployment;
mod resumption;
mod session;
mod status;

use dependencies::FlinkPods;
use deployment::{FlinkDeployment, Progress};
use resumption::Resumed;
use session::{FlinkSessionJob, SESSION_JOB, SessionJobProgress};

windlass_sdk::interpreter! {
    name: "flink",
    description: "Apache Flink: FlinkDeployment, FlinkSessionJob",
    kinds: [
        ("flink.apache.org/v1beta1", "FlinkDeployment") => FlinkDeployment<'_> { replicas, components, simulate },
        ("flink.apache.org/v1beta1", "FlinkDeployment") => FlinkPods<'_> { dependencies },
        ("flink.apache.org/v1beta1", "FlinkDeployment") => Progress<'_> { aggregate, status, health },
        ("flink.apache.org/v1beta1", "FlinkDeployment") => Resumed<'_> { restore },
        ("flink.apache.org/v1beta1", "FlinkSessionJob") => FlinkSessionJob<'_> { dependencies, simulate },
        ("flink.apache.org/v1beta1", "FlinkSessionJob") => SessionJobProgress<'_> { health, aggregate },
        ("flink.apache.org/v1beta1", "FlinkSessionJob") => Resumed<'_> { restore },
    ],
    declared: [
        ("flink.apache.org/v1beta1", "FlinkSessionJob") => { status: SESSION_JOB.reflection() },
    ],
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_answers_as_the_cases_say() {
        let cases = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/conformance/flink");
        windlass_sdk::testing::interpreter::<super::Plugin>(cases);
    }
}
