//! The descheduler alone, in a control plane whose other parts are somebody else's: it watches bindings and clusters,
//! and asks the members' estimators.

use std::sync::Arc;

use kube::api::Api;
use kube::runtime::watcher::Config;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use windlass_api::cluster::Cluster;
use windlass_estimator::client::{Estimators, MemberEstimators as _};

use super::{Descheduled, Descheduler, Descheduling};
use crate::election::Term;
use crate::events::Events;
use crate::index::{Binding, Change, Index, binding_resource, feed};

/// What the descheduler is given.
#[derive(Clone)]
pub struct DeschedulerContext {
    /// A client of the control plane.
    pub client: kube::Client,
    /// Are told of the clusters, and asked about them.
    pub estimators: Arc<Estimators>,
    pub options: Descheduling,
    /// Counts what it does.
    pub descheduled: Descheduled,
}

/// Deschedules for as long as `term` lasts.
pub async fn run_descheduler(context: DeschedulerContext, term: Term) {
    let DeschedulerContext { client, estimators, options, descheduled } = context;
    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    let index = Arc::new(Index::new(client.clone(), stop.clone()));
    let asked = estimators.clone();
    index.clusters.listen(move |change| {
        let cluster = change.object();
        let name = cluster.metadata.name.as_deref().unwrap_or_default();
        match change {
            Change::Applied { .. } => asked.cluster(name, Some(cluster)),
            Change::Deleted { .. } => asked.cluster(name, None),
        }
    });
    let clusters = Api::<Cluster>::all(client.clone());
    let bindings = Api::<Binding>::all_with(client.clone(), &binding_resource(true));
    let (watching, config) = (stop.clone(), Config::default());
    tasks.spawn(
        feed(clusters, config.clone(), index.clusters.clone(), Some, watching.clone())
            .instrument(tracing::info_span!("watch", cache = "clusters")),
    );
    tasks.spawn(
        feed(bindings, config, index.bindings.clone(), Some, watching)
            .instrument(tracing::info_span!("watch", cache = "bindings")),
    );
    let (events, publish) = Events::new(client, stop.clone());
    tasks.spawn(publish.instrument(tracing::info_span!("events")));
    let work = async {
        index.clusters.synced().await;
        index.bindings.synced().await;
        let descheduler = Descheduler {
            index: index.clone(),
            waiting: estimators.clone(),
            events,
            options,
            counts: descheduled,
            recent: Default::default(),
        };
        descheduler.run(term.end.clone()).await;
    };
    term.lost.run_until_cancelled(term.end.run_until_cancelled(work)).await;
    stop.cancel();
    tasks.close();
    tasks.wait().await;
}
