//! What is counted about the questions that are answered.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use windlass_core::Operation;

/// In seconds: a warm plugin answers in microseconds, the longest timeout is 30 s.
const BUCKETS: [f64; 10] = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 10.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    operation: &'static str,
    code: i32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    operation: &'static str,
}

/// One set for each server.
#[derive(Clone, Debug)]
pub struct Metrics {
    requests: Family<Answered, Counter<u64, AtomicU64>>,
    durations: Family<Asked, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
}

impl Metrics {
    /// Metrics that `registry` shows.
    pub fn registered(registry: &mut Registry) -> Metrics {
        let histogram: fn() -> Histogram = || Histogram::new(BUCKETS);
        let metrics = Metrics {
            requests: Family::default(),
            durations: Family::new_with_constructor(histogram),
            in_flight: Gauge::default(),
        };
        let registry = registry.sub_registry_with_prefix("windlass_interpreter_webhook");
        registry.register(
            "requests",
            "Questions answered, by operation and the code of the answer",
            metrics.requests.clone(),
        );
        registry.register_with_unit(
            "request_duration",
            "How long answering took, from the whole question to the answer",
            Unit::Seconds,
            metrics.durations.clone(),
        );
        registry.register(
            "requests_in_flight",
            "Questions that are being answered",
            metrics.in_flight.clone(),
        );
        metrics
    }

    /// Counts a request until the value is dropped.
    pub(super) fn begin(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    /// `None`: no operation was asked that there is.
    pub(super) fn answered(&self, operation: Option<Operation>, code: i32, took: Duration) {
        let operation = operation.map_or("none", Operation::name);
        self.requests.get_or_create(&Answered { operation, code }).inc();
        self.durations.get_or_create(&Asked { operation }).observe(took.as_secs_f64());
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(super) struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}
