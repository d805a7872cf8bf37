//! What is counted about the webhooks that are asked.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use windlass_core::Operation;

/// In seconds: from a neighbour to the longest timeout.
const BUCKETS: [f64; 10] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    webhook: String,
    operation: &'static str,
    /// `Ok`, or who is to blame.
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    webhook: String,
}

#[derive(Clone, Debug)]
pub(super) struct Metrics {
    calls: Family<Answered, Counter<u64, AtomicU64>>,
    durations: Family<Of, Histogram, fn() -> Histogram>,
    retries: Family<Of, Counter<u64, AtomicU64>>,
    remembered: Family<Of, Counter<u64, AtomicU64>>,
    pub(super) waiting: Gauge,
}

impl Metrics {
    pub(super) fn new() -> Metrics {
        let histogram: fn() -> Histogram = || Histogram::new(BUCKETS);
        Metrics {
            calls: Family::default(),
            durations: Family::new_with_constructor(histogram),
            retries: Family::default(),
            remembered: Family::default(),
            waiting: Gauge::default(),
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("windlass_remote_interpreter");
        registry.register(
            "calls",
            "Questions to webhooks, by result or by whose fault there is none",
            self.calls.clone(),
        );
        registry.register_with_unit(
            "call_duration",
            "How long an answer took, with what was tried again",
            Unit::Seconds,
            self.durations.clone(),
        );
        registry.register("retries", "Questions that were sent again", self.retries.clone());
        registry.register("remembered", "Questions whose answer was known", self.remembered.clone());
        registry.register("waiting", "Callers that wait for an answer", self.waiting.clone());
    }

    pub(super) fn answered(&self, webhook: &str, operation: Operation, result: &'static str, took: Duration) {
        let answered = Answered { webhook: webhook.to_owned(), operation: operation.name(), result };
        self.calls.get_or_create(&answered).inc();
        self.durations.get_or_create(&Of { webhook: webhook.to_owned() }).observe(took.as_secs_f64());
    }

    pub(super) fn retried(&self, webhook: &str) {
        self.retries.get_or_create(&Of { webhook: webhook.to_owned() }).inc();
    }

    pub(super) fn remembered(&self, webhook: &str) {
        self.remembered.get_or_create(&Of { webhook: webhook.to_owned() }).inc();
    }
}
