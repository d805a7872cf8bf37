//! What a Volcano job means: tasks that run together, and a phase.
//!
//! Nothing restores its state: Volcano starts pods, and whether it restarts a task or a whole job, they begin anew. No
//! field is about where they go on. What a policy preserves comes along as labels.

mod aggregate;
mod job;
mod status;

use job::Job;
use status::{Progress, Simulation};

windlass_sdk::interpreter! {
    name: "volcano",
    description: "Volcano: Job",
    kinds: [
        ("batch.volcano.sh/v1alpha1", "Job") => Job<'_> { components, dependencies },
        ("batch.volcano.sh/v1alpha1", "Job") => Progress<'_> { aggregate, status, health },
        ("batch.volcano.sh/v1alpha1", "Job") => Simulation<'_> { simulate },
    ],
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_answers_as_the_cases_say() {
        let cases = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/conformance/volcano");
        windlass_sdk::testing::interpreter::<super::Plugin>(cases);
    }
}
