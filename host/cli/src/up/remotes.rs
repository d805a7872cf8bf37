//! ResourceInterpreterWebhookConfigurations, followed: the dispatcher asks the webhooks that are configured.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::Service;
use kube::api::Api;
use kube::runtime::reflector::{self, Store};
use kube::runtime::{WatchStreamExt as _, watcher};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use windlass_api::config::ResourceInterpreterWebhookConfiguration;
use windlass_interpreter::Dispatcher;
use windlass_interpreter::remote::{ServicePlace, Services};

use super::parts::Parts;

/// How long a start waits for the configurations there are.
const PATIENCE: Duration = Duration::from_secs(30);

impl Parts {
    /// Follows the configurations that `client` shows, from now on. Returns once those that are there are in force:
    /// whoever asks before that would be answered by somebody else.
    pub(super) async fn follow_webhooks(
        &mut self,
        client: kube::Client,
        interpreter: Arc<Dispatcher>,
    ) -> anyhow::Result<()> {
        let (services_ready, services_seen) = oneshot::channel();
        let services = follow_services(client.clone(), Arc::clone(&interpreter), services_ready);
        self.follow("services of webhooks", services);
        let (ready, seen) = oneshot::channel();
        self.follow("interpreter webhooks", follow_configurations(client, interpreter, ready));
        for seen in [services_seen, seen] {
            tokio::time::timeout(PATIENCE, seen)
                .await
                .context("the ResourceInterpreterWebhookConfigurations can't be listed in time")?
                .context("the following of ResourceInterpreterWebhookConfigurations ended")?;
        }
        Ok(())
    }

    fn follow(&mut self, what: &'static str, following: impl Future<Output = ()> + Send + 'static) {
        let shutdown: CancellationToken = self.shutdown.clone();
        let following = Box::pin(following);
        self.spawn(what, async move {
            shutdown.run_until_cancelled(following).await;
        });
    }
}

async fn follow_configurations(
    client: kube::Client,
    interpreter: Arc<Dispatcher>,
    ready: oneshot::Sender<()>,
) {
    let api: Api<ResourceInterpreterWebhookConfiguration> = Api::all(client);
    let (seen, writer) = reflector::store();
    let events = reflector::reflector(writer, watcher(api, watcher::Config::default())).default_backoff();
    each_state(events, seen, ready, |configurations| {
        let configurations: Vec<_> = configurations.iter().map(|one| one.as_ref().clone()).collect();
        interpreter.webhooks().set(&configurations);
    })
    .await;
}

async fn follow_services(client: kube::Client, interpreter: Arc<Dispatcher>, ready: oneshot::Sender<()>) {
    let api: Api<Service> = Api::all(client);
    let (seen, writer) = reflector::store();
    // Of the templates of a fleet only what leads to a place is kept.
    let events = watcher(api, watcher::Config::default()).modify(|service| {
        service.metadata.managed_fields = None;
        service.metadata.annotations = None;
        service.metadata.labels = None;
        service.status = None;
    });
    let events = reflector::reflector(writer, events).default_backoff();
    each_state(events, seen, ready, |services| {
        interpreter
            .webhooks()
            .set_services(services.iter().filter_map(|service| place(service)).collect::<Services>());
    })
    .await;
}

/// Calls `changed` with all objects whenever they are other ones.
async fn each_state<K>(
    events: impl Stream<Item = Result<watcher::Event<K>, watcher::Error>>,
    seen: Store<K>,
    ready: oneshot::Sender<()>,
    changed: impl Fn(Vec<Arc<K>>),
) where
    K: reflector::Lookup + Clone + 'static,
    K::DynamicType: Eq + std::hash::Hash + Clone,
{
    let mut ready = Some(ready);
    let mut events = std::pin::pin!(events.into_stream());
    while let Some(event) = events.next().await {
        match event {
            Ok(watcher::Event::Init | watcher::Event::InitApply(_)) => {}
            Ok(watcher::Event::InitDone | watcher::Event::Apply(_) | watcher::Event::Delete(_)) => {
                changed(seen.state());
                if let Some(ready) = ready.take() {
                    // Who waits for it may have given up.
                    let _ = ready.send(());
                }
            }
            Err(error) => tracing::warn!(%error, "watching failed; what was seen before stays in force"),
        }
    }
}

fn place(service: &Service) -> Option<((String, String), ServicePlace)> {
    let name = (service.metadata.namespace.clone()?, service.metadata.name.clone()?);
    let spec = service.spec.as_ref()?;
    if spec.type_.as_deref() == Some("ExternalName") {
        return Some((name, ServicePlace::ExternalName(spec.external_name.clone()?)));
    }
    let place = match spec.cluster_ip.as_deref() {
        None | Some("" | "None") => ServicePlace::Headless,
        Some(ip) => {
            let ports = spec.ports.iter().flatten().filter_map(|port| u16::try_from(port.port).ok());
            ServicePlace::Address { ip: ip.to_owned(), ports: ports.collect() }
        }
    };
    Some((name, place))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_service_is_where_its_spec_says() {
        let check = |spec: serde_json::Value, want: ServicePlace| {
            let service = json!({"metadata": {"namespace": "ns", "name": "s"}, "spec": spec});
            let service: Service = serde_json::from_value(service).unwrap();
            assert_eq!(place(&service), Some((("ns".to_owned(), "s".to_owned()), want)));
        };
        let ports = json!([{"port": 443}]);
        let address = ServicePlace::Address { ip: "10.0.0.1".to_owned(), ports: vec![443] };
        check(json!({"clusterIP": "10.0.0.1", "ports": ports}), address);
        check(json!({"clusterIP": "None", "ports": ports}), ServicePlace::Headless);
        let elsewhere = ServicePlace::ExternalName("a.example.com".to_owned());
        check(json!({"type": "ExternalName", "externalName": "a.example.com"}), elsewhere);
    }
}
