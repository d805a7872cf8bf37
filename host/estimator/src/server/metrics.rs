//! What is counted of the answers.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    /// The type that was asked for, by Karmada's names.
    r#type: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    r#type: &'static str,
}

/// How many questions were answered, and in what time.
#[derive(Clone, Debug)]
pub struct Metrics {
    requests: Family<Outcome, Counter>,
    seconds: Family<Of, Histogram>,
}

impl Metrics {
    /// Registers them.
    pub fn registered(registry: &mut Registry) -> Metrics {
        let metrics = Metrics {
            requests: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.000_1, 4.0, 9))),
        };
        registry.register("windlass_estimator_requests", "Questions answered", metrics.requests.clone());
        registry.register(
            "windlass_estimator_request_duration_seconds",
            "From a question to its answer",
            metrics.seconds.clone(),
        );
        metrics
    }

    pub(super) fn answered(&self, r#type: &'static str, succeeded: bool, seconds: f64) {
        let result = if succeeded { "success" } else { "error" };
        self.requests.get_or_create(&Outcome { r#type, result }).inc();
        self.seconds.get_or_create(&Of { r#type }).observe(seconds);
    }
}
