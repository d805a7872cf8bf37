//! What kube-controller-manager does for an API server that has no workloads to run: namespaces are filled at birth
//! and emptied at death, what has lost its owners goes, old events go, and so does what
//! has finished and asked to be kept no longer.
//!
//! Each chore is a pure planner: it takes note of every change in the store, and for a key says which requests are
//! due now or when to look again. One driver per chore feeds it, makes the requests through an ordinary client, and
//! tries again with a growing pause what failed. Nothing polls.

mod collector;
mod driver;
mod event_expiry;
mod finished_ttl;
mod namespace_defaults;
mod namespace_deletion;
mod observed;
mod ownership;
mod queue;
mod request;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use kube::Client;
use tokio_util::sync::CancellationToken;

use crate::store::Store;

/// Keeps house until `shutdown`. `root_certificate`, PEM, is what every namespace's `kube-root-ca.crt` holds.
///
/// The client is for writing, and has to be allowed everything; what is there is read from the store that the
/// client's server writes to.
pub(crate) async fn run(
    client: Client,
    store: Arc<Store>,
    root_certificate: String,
    shutdown: CancellationToken,
) {
    let defaults = namespace_defaults::NamespaceDefaults::new(Arc::clone(&store), root_certificate);
    let deletion = namespace_deletion::NamespaceDeletion::new(Arc::clone(&store));
    let collector = collector::Collector::new(Arc::clone(&store));
    let expiry = event_expiry::EventExpiry::new(Arc::clone(&store));
    let finished = finished_ttl::FinishedTtl::new(Arc::clone(&store));
    tokio::join!(
        driver::drive(defaults, client.clone(), Arc::clone(&store), shutdown.clone()),
        driver::drive(deletion, client.clone(), Arc::clone(&store), shutdown.clone()),
        driver::drive(collector, client.clone(), Arc::clone(&store), shutdown.clone()),
        driver::drive(expiry, client.clone(), Arc::clone(&store), shutdown.clone()),
        driver::drive(finished, client, store, shutdown),
    );
}
