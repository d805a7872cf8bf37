//! What a FlinkDeployment means: a job manager, some task managers, and a job in a state.

mod deployment;
mod status;

use deployment::{FlinkDeployment, Progress};

windlass_sdk::interpreter! {
    name: "flink",
    description: "Apache Flink: FlinkDeployment",
    kinds: [
        ("flink.apache.org/v1beta1", "FlinkDeployment") => FlinkDeployment<'_> { replicas, components, simulate },
        ("flink.apache.org/v1beta1", "FlinkDeployment") => Progress<'_> { aggregate, status, health },
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
