//! What a resource that has to leave its clusters takes along: its state there, as its policy's rules and its kind's
//! interpreter have it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use windlass_api::work::{AggregatedStatusItem, GracefulEvictionTask, ResourceBindingSpec};
use windlass_core::{Interpreter, Object};
use windlass_scheduler::engine::Write;

use crate::events::Events;
use crate::index::{Binding, Index, Key};
use crate::listen::template_of;
use crate::marks::binding_object;

/// Preserves the state of those who leave.
#[derive(Clone)]
pub(super) struct States {
    pub(super) interpreter: Arc<dyn Interpreter>,
    pub(super) index: Arc<Index>,
    pub(super) events: Events,
}

impl States {
    /// The write with the state of all clusters that are left in its tasks. Who needs the room does not wait for what
    /// can't be preserved: that is told as an event.
    pub(super) async fn preserved(&self, mut write: Write) -> Write {
        let Write { binding, eviction_tasks: Some(tasks), evicted_for: Some(_), .. } = &mut write else {
            return write;
        };
        let binding = binding.clone();
        for task in tasks.iter_mut().filter(|task| is_new(task, &binding.spec)) {
            let Some(item) = item(&binding, &task.from_cluster) else { continue };
            match self.state(&binding, item).await {
                Ok(state) => task.preserved_label_state.extend(state),
                Err(why) => self.events.warn(
                    &binding_object(Key::of(&binding.metadata)),
                    binding.metadata.uid.as_deref().unwrap_or_default(),
                    "PreserveStateFailed",
                    "PreserveState",
                    format!("leaves {} without its state: {why}", task.from_cluster),
                ),
            }
        }
        write
    }

    async fn state(
        &self,
        binding: &Binding,
        item: &AggregatedStatusItem,
    ) -> Result<BTreeMap<String, String>, String> {
        let object = self.object(binding, item).await?;
        let application = binding.spec.failover.as_ref().and_then(|failover| failover.application.as_ref());
        let rules = application.and_then(|application| application.state_preservation.as_ref());
        let rules = rules.map(|preservation| preservation.rules.as_slice()).unwrap_or_default();
        match self.interpreter.preserve_state(&object, rules) {
            None => Ok(BTreeMap::new()),
            Some(answered) => answered.result.map_err(|error| error.to_string()),
        }
    }

    /// The template with the status of one cluster, or what the binding says of it where it is gone.
    async fn object(&self, binding: &Binding, item: &AggregatedStatusItem) -> Result<Object, String> {
        let id = template_of(binding);
        let template = self.index.templates.get(&id).await.ok().flatten();
        let mut object = match template {
            Some(template) => template.object.to_value(),
            None => {
                let mut metadata = json!({"name": id.name});
                if !id.namespace.is_empty() {
                    metadata["namespace"] = json!(id.namespace);
                }
                json!({"apiVersion": id.gvk.api_version(), "kind": id.gvk.kind, "metadata": metadata})
            }
        };
        object["status"] = item.status.clone().unwrap_or(Value::Null);
        Object::from_value(&object).map_err(|error| error.to_string())
    }
}

/// Whether a task is about a cluster that is being left just now.
fn is_new(task: &GracefulEvictionTask, spec: &ResourceBindingSpec) -> bool {
    task.is_preemption() && spec.clusters.iter().any(|target| target.name == task.from_cluster)
}

fn item<'a>(binding: &'a Binding, cluster: &str) -> Option<&'a AggregatedStatusItem> {
    binding.status.as_ref()?.aggregated_status.iter().find(|item| item.cluster_name == cluster)
}
