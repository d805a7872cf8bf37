//! The control loops: caches of what the API holds, and reconcilers that each take a key and nothing else.

mod context;
mod member_clients;

pub use context::{Context, Options};
pub use member_clients::{MemberChange, MemberClients};

use tokio_util::sync::CancellationToken;

/// Runs every control loop until `shutdown`.
pub async fn run(context: Context, shutdown: CancellationToken) {
    let _ = context;
    shutdown.cancelled().await;
}
