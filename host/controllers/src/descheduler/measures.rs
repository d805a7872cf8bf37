//! What the descheduler counts.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

/// Counts of one descheduler; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Descheduled {
    /// How often all bindings were looked at.
    pub(super) rounds: Counter,
    /// Replicas that were taken from members.
    pub(super) replicas: Counter,
}

impl Descheduled {
    /// Counts that `registry` shows.
    pub fn registered(registry: &mut Registry) -> Descheduled {
        let counts = Descheduled::default();
        let Descheduled { rounds, replicas } = counts.clone();
        registry.register("windlass_descheduler_rounds", "How often all bindings were looked at", rounds);
        registry.register(
            "windlass_descheduler_replicas",
            "Replicas that were taken from members which could not place them",
            replicas,
        );
        counts
    }
}
