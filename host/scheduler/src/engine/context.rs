//! What a decision has to know beside the binding, and the decision itself.

use std::time::Duration;

use windlass_api::Key;
use windlass_api::work::ResourceBindingSpec;

use super::known::Known;
use super::reserved::give_back;
use super::{Action, Engine};
use crate::context::{Context, Peers};
use crate::decide::Decision;
use crate::estimate::decide_or_ask;
use crate::queue::Popped;

/// How long a binding waits for answers before it is decided on without, or asks again.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

impl Engine {
    /// Decides on a binding. `None`: something has to be asked first, and it waits for the answers.
    pub(super) fn decide(&mut self, popped: &Popped<Key>, known: &Known, now: Duration) -> Option<Decision> {
        let (key, spec) = (&popped.key, &known.binding.spec);
        let context = Context { held: known.held(), peers: self.peers(key, spec) };
        let withheld = self.withhold(key, known.priority());
        let decided = decide_or_ask(&self.clusters, spec, &known.status(), &context);
        give_back(&mut self.clusters, withheld);
        match decided {
            Ok(decision) => Some(decision),
            Err(questions) => {
                for question in &questions {
                    self.asking.entry(question.cluster.clone()).or_default().insert(key.clone());
                }
                self.outbox.push_back(Action::Ask(questions));
                self.queue.hold(popped.clone(), now.saturating_add(ANSWERED_WITHIN));
                None
            }
        }
    }

    /// Where the workloads are beside which a binding has to be, or must not be: what is being written counts.
    pub(super) fn peers(&self, key: &Key, spec: &ResourceBindingSpec) -> Peers {
        let keys = self.concerns.peers(key, spec);
        if keys.is_empty() {
            return Peers::default();
        }
        let others = keys.iter().filter_map(|peer| {
            let spec = &self.bindings.get(peer)?.binding.spec;
            Some(match self.in_flight.get(peer) {
                Some(in_flight) => {
                    let mut clusters = spec.clusters.clone();
                    clusters.extend(in_flight.targets.iter().cloned());
                    ResourceBindingSpec { clusters, ..spec.clone() }
                }
                None => spec.clone(),
            })
        });
        Peers::of(spec, others.collect::<Vec<_>>().iter())
    }

    /// A cluster's estimator has answered something: those that waited for it go on.
    pub(super) fn answered(&mut self, cluster: &str) {
        for key in self.asking.remove(cluster).unwrap_or_default() {
            self.queue.release_held(&key);
        }
    }
}
