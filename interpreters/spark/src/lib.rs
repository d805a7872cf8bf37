//! What Spark applications mean: a driver and its executors, at once or by the clock.
//!
//! Nothing restores their state. The operator submits an application from the beginning, even where it tries again
//! itself, and no field of its spec or status is about going on. A stream goes on from its checkpoint location, which the
//! program gets in arguments of its own and Spark reads no configuration for; both travel with the application. What a
//! policy preserves comes along as labels.

mod application;
mod dependencies;
mod memory;
mod scheduled;
mod status;

use application::Application;
use dependencies::{ApplicationPods, ScheduledPods};
use scheduled::Scheduled;
use status::{Progress, REFLECTED, Simulation};
use windlass_sdk::Reflection;

windlass_sdk::interpreter! {
    name: "spark",
    description: "Apache Spark: SparkApplication, ScheduledSparkApplication",
    kinds: [
        ("sparkoperator.k8s.io/v1beta2", "SparkApplication") => Application<'_> { components },
        ("sparkoperator.k8s.io/v1beta2", "SparkApplication") => ApplicationPods<'_> { dependencies },
        ("sparkoperator.k8s.io/v1beta2", "SparkApplication") => Progress<'_> { aggregate, health },
        ("sparkoperator.k8s.io/v1beta2", "SparkApplication") => Simulation<'_> { simulate },

        ("sparkoperator.k8s.io/v1beta2", "ScheduledSparkApplication") => ScheduledPods<'_> { dependencies },
        ("sparkoperator.k8s.io/v1beta2", "ScheduledSparkApplication") => Scheduled<'_> { aggregate, status, health, simulate },
    ],
    declared: [
        ("sparkoperator.k8s.io/v1beta2", "SparkApplication") => { status: Reflection::fields(REFLECTED) },
    ],
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_answers_as_the_cases_say() {
        let cases = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/conformance/spark");
        windlass_sdk::testing::interpreter::<super::Plugin>(cases);
    }
}
