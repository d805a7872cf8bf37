//! What a FlinkDeployment means: a job manager, some task managers, and a job in a state.

mod deployment;
mod status;

use deployment::FlinkDeployment;

windlass_sdk::interpreter! {
    name: "flink",
    description: "Apache Flink: FlinkDeployment",
    kinds: [
        ("flink.apache.org/v1beta1", "FlinkDeployment") => FlinkDeployment<'_> {
            replicas, components, aggregate, status, health, simulate,
        },
    ],
}
