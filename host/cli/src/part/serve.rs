//! What a part shows of itself, over plain HTTP: whether it lives, and what it counts.

use anyhow::Context as _;
use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::go::Bind;

/// Serves what tells of health, and what tells more, until `shutdown`: in one place where both addresses are the same.
pub(crate) async fn serve(
    (health, alive): (Bind, Router),
    (metrics, counted): (Bind, Router),
    tasks: &TaskTracker,
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    if health == metrics {
        return start(health, "--health-probe-bind-address", alive.merge(counted), tasks, shutdown).await;
    }
    start(health, "--health-probe-bind-address", alive, tasks, shutdown).await?;
    start(metrics, "--metrics-bind-address", counted, tasks, shutdown).await
}

async fn start(
    bind: Bind,
    flag: &str,
    router: Router,
    tasks: &TaskTracker,
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    let Bind::At(address) = bind else { return Ok(()) };
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}: give {flag} another, or 0 for nowhere"))?;
    let address = listener.local_addr().context("cannot ask for the port")?;
    tracing::info!(flag, %address, "listening");
    let shutdown = shutdown.clone();
    tasks.spawn(async move {
        let stop = async move { shutdown.cancelled().await };
        if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stop).await {
            tracing::error!(%address, %error, "the server ended");
        }
    });
    Ok(())
}
