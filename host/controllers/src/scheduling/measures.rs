//! What the scheduling loop counts, by the names that karmada-scheduler's dashboards know.

use std::fmt;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use windlass_api::labels::APPLIED_PLACEMENT;
use windlass_scheduler::engine::Write;

use super::engine::Scheduler;
use crate::marks;

/// How an attempt ended, and why it was due.
type Labels = [(&'static str, &'static str); 2];
/// Which part of a decision.
type Step = [(&'static str, &'static str); 1];

/// Histograms, each made by the function that the family is given.
type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// Counts of one scheduler; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Measures {
    attempts: Family<Labels, Counter>,
    end_to_end: Histograms<Labels>,
    algorithm: Histograms<Step>,
}

fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 15))
}

fn microseconds() -> Histogram {
    Histogram::new(exponential_buckets(0.000_004, 2.0, 20))
}

impl Default for Measures {
    fn default() -> Measures {
        Measures {
            attempts: Family::default(),
            end_to_end: Family::new_with_constructor(seconds),
            algorithm: Family::new_with_constructor(microseconds),
        }
    }
}

/// What kind of a decision is being written: the binding is scaled, or all is reconsidered.
pub(super) fn schedule_type(write: &Write) -> &'static str {
    let applied = marks::annotation(&write.binding.metadata, APPLIED_PLACEMENT);
    let scaled = !write.binding.spec.clusters.is_empty() && applied == Some(write.placement.as_str());
    if scaled { "ScaleSchedule" } else { "ReconcileSchedule" }
}

impl Measures {
    /// A decision took so long to be made.
    pub(super) fn decided(&self, took: Duration) {
        self.algorithm.get_or_create(&[("schedule_step", "All")]).observe(took.as_secs_f64());
    }

    /// An attempt to schedule has ended, so long after it began.
    pub(super) fn attempted(&self, succeeded: bool, schedule_type: &'static str, took: Duration) {
        let result = if succeeded { "scheduled" } else { "error" };
        let labels = [("result", result), ("schedule_type", schedule_type)];
        self.attempts.get_or_create(&labels).inc();
        self.end_to_end.get_or_create(&labels).observe(took.as_secs_f64());
    }
}

impl Scheduler {
    /// Has all that is counted shown.
    pub fn show(&self, registry: &mut Registry) {
        let Measures { attempts, end_to_end, algorithm } = self.measures().clone();
        let registry = registry.sub_registry_with_prefix("karmada_scheduler");
        registry.register(
            "schedule_attempts",
            "Attempts to schedule a ResourceBinding or ClusterResourceBinding",
            attempts,
        );
        registry.register(
            "e2e_scheduling_duration_seconds",
            "From the decision on a binding to its being written",
            end_to_end,
        );
        registry.register(
            "scheduling_algorithm_duration_seconds",
            "How long a decision takes to be made",
            algorithm,
        );
        registry.register_collector(Box::new(Pending(self.clone())));
    }
}

/// How many bindings are where, as of when they are looked at.
struct Pending(Scheduler);

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").finish_non_exhaustive()
    }
}

impl Collector for Pending {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (depths, incoming) = self.0.ask(|engine, _| (engine.depths(), engine.incoming()));
        let queues = [
            ("active", depths.active),
            ("backoff", depths.backoff),
            ("unschedulable", depths.unschedulable),
            ("writing", depths.writing),
        ];
        let help = "Bindings that are not settled, by what they wait in";
        let mut pending = encoder.encode_descriptor("pending_bindings", help, None, MetricType::Gauge)?;
        for (queue, depth) in queues {
            let depth = i64::try_from(depth).unwrap_or(i64::MAX);
            ConstGauge::new(depth).encode(pending.encode_family(&[("queue", queue)])?)?;
        }
        let help = "Bindings that came into the queue, by what brought them";
        let mut came =
            encoder.encode_descriptor("queue_incoming_bindings", help, None, MetricType::Counter)?;
        for (event, count) in incoming {
            ConstCounter::new(count).encode(came.encode_family(&[("event", event)])?)?;
        }
        Ok(())
    }
}
