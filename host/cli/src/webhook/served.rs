//! What the webhook server serves: the plugins of this process, and how they do.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;
use windlass_admission::interpret::{self, Limits, Metrics};
use windlass_admission::{Chain, FailurePolicy, admit, server};
use windlass_api::config::{ResourceInterpreterWebhook, RuleWithOperations};
use windlass_core::{Gvk, Operation};
use windlass_interpreter::Dispatcher;
use windlass_plugins::{Abilities, Catalogue, InterpreterPlugin, Precedence};
use windlass_quota::Ledger;

use super::place::{Identity, Place};
use crate::runtime::{Plugins, random_bytes};

/// The webhook's full name in configurations.
const WEBHOOK: &str = "interpreters.windlass.io";

/// What is counted in this process, and how it is shown.
pub(crate) struct Measures {
    registry: Arc<Registry>,
    questions: Metrics,
}

impl Measures {
    /// `registry` may hold what others count.
    pub(crate) fn of(plugins: &Plugins, mut registry: Registry) -> Measures {
        let questions = Metrics::registered(&mut registry);
        plugins.interpreter.webhooks().register(&mut registry);
        let catalogue = Arc::clone(&plugins.catalogue);
        let asked = [&plugins.interpreter, &plugins.plugins_alone].map(Arc::clone);
        registry.register_collector(Box::new(PluginCounts { catalogue, asked }));
        Measures { registry: Arc::new(registry), questions }
    }

    /// In Prometheus' text format.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)
            .expect("nothing fails at writing to a string");
        text
    }
}

/// Every route of the server. With a ledger, quotas are enforced by it.
pub(crate) fn router(
    plugins: &Plugins,
    limits: Limits,
    measures: &Measures,
    quotas: Option<Arc<Ledger>>,
    shutdown: &CancellationToken,
) -> Router {
    let mut chain = Chain::new(Arc::new(random_bytes)).with(Arc::new(plugins.hooks()), FailurePolicy::Fail);
    if let Some(ledger) = quotas {
        chain = chain.enforcing(ledger, Instant::now);
    }
    interpret::routes(plugins.plugins_alone.clone(), limits, measures.questions.clone())
        .merge(admit::routes(chain))
        .merge(server::health(shutdown))
        .merge(server::metrics(Arc::clone(&measures.registry)))
}

/// What registers the server with a control plane.
pub(crate) fn webhook(
    place: &Place,
    identity: &Identity,
    timeout_seconds: i32,
    rules: Vec<RuleWithOperations>,
) -> ResourceInterpreterWebhook {
    ResourceInterpreterWebhook {
        name: WEBHOOK.to_owned(),
        client_config: place.client_config(identity.authorities.as_deref()),
        rules,
        timeout_seconds: Some(timeout_seconds),
        interpreter_context_versions: vec!["v1alpha1".to_owned()],
    }
}

/// The rules for all kinds that the plugins declare; `wanted` chooses plugins by name.
///
/// What a built-in plugin answers for any kind whatever is left out: it is what a control plane does anyway, and would
/// send every object here.
pub(crate) fn rules(catalogue: &Catalogue, wanted: impl Fn(&str) -> bool) -> Vec<RuleWithOperations> {
    let snapshot = catalogue.snapshot();
    let plugins = snapshot.interpreters().filter(|plugin| wanted(plugin.about().name()));
    let offers: Vec<_> = plugins.flat_map(|plugin| offers(plugin)).collect();
    interpret::rules(offers)
}

fn offers(plugin: &InterpreterPlugin) -> Vec<(Gvk, Operation)> {
    let about = plugin.about();
    let Abilities::Interprets(kinds) = &about.manifest().abilities else { return Vec::new() };
    let mut offers = Vec::new();
    for support in kinds
        .iter()
        .filter(|support| support.wildcards() < 3 || about.origin().precedence() != Precedence::BuiltIn)
    {
        let gvk = Gvk {
            group: support.group.clone(),
            version: support.version.clone(),
            kind: support.kind.clone(),
        };
        offers.extend(support.operations().iter().map(|operation| (gvk.clone(), operation)));
    }
    offers
}

/// The counts of each plugin, and of the memory of their answers, as of when they are looked at.
struct PluginCounts {
    catalogue: Arc<Catalogue>,
    asked: [Arc<Dispatcher>; 2],
}

impl fmt::Debug for PluginCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginCounts").finish_non_exhaustive()
    }
}

impl Collector for PluginCounts {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let snapshot = self.catalogue.snapshot();
        let serving: Vec<_> = snapshot.entries().iter().filter_map(|entry| entry.plugin.as_ref()).collect();
        let help = "Calls into a plugin";
        let mut calls =
            encoder.encode_descriptor("windlass_plugin_calls", help, None, MetricType::Counter)?;
        for plugin in &serving {
            let about = plugin.about();
            let labels = [("plugin", about.name().as_ref())];
            ConstCounter::new(about.counts().calls + about.counts().declared)
                .encode(calls.encode_family(&labels)?)?;
        }
        let help = "Calls into a plugin that failed, by whose fault it was";
        let mut failures =
            encoder.encode_descriptor("windlass_plugin_failures", help, None, MetricType::Counter)?;
        for plugin in &serving {
            let about = plugin.about();
            for (reason, count) in about.counts().failures {
                let labels = [("plugin", about.name().as_ref()), ("reason", reason)];
                ConstCounter::new(count).encode(failures.encode_family(&labels)?)?;
            }
        }
        let counts = self.asked.each_ref().map(|asked| asked.memo_counts());
        let hits: u64 = counts.iter().map(|counts| counts.hits).sum();
        let misses: u64 = counts.iter().map(|counts| counts.misses).sum();
        let help = "Questions whose answer was remembered, and those that had to be asked";
        let mut memory = encoder.encode_descriptor("windlass_answers", help, None, MetricType::Counter)?;
        for (known, count) in [("true", hits), ("false", misses)] {
            ConstCounter::new(count).encode(memory.encode_family(&[("remembered", known)])?)?;
        }
        Ok(())
    }
}
