//! A part at work: while it holds its Lease, or always where it needs none, until it is told to stop.

use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use windlass_controllers::{Candidate, Election, Term};

use crate::up::stop_signal;

/// What a part does it with, and what it is to leave behind in order.
pub(crate) struct Duties {
    pub(crate) shutdown: CancellationToken,
    pub(crate) tasks: TaskTracker,
    leading: Gauge,
}

impl Duties {
    /// Shows in `registry` whether this process leads.
    pub(crate) fn new(registry: &mut Registry) -> Duties {
        let leading = Gauge::default();
        registry.register(
            "leader_election_master_status",
            "Whether this process is the one that works (1) or stands by (0)",
            leading.clone(),
        );
        Duties { shutdown: CancellationToken::new(), tasks: TaskTracker::new(), leading }
    }

    /// Has `work` done until SIGTERM or SIGINT.
    pub(crate) async fn perform<W>(
        self,
        client: kube::Client,
        candidate: Option<Candidate>,
        work: impl Fn(Term) -> W + Send + Sync + 'static,
    ) -> anyhow::Result<ExitCode>
    where
        W: Future<Output = ()> + Send + 'static,
    {
        let Duties { shutdown, tasks, leading } = self;
        let working = if let Some(candidate) = candidate {
            let election = Election::new(client, candidate, Arc::new(jiff::Timestamp::now));
            let mut leads = election.leads();
            tasks.spawn(async move {
                while leads.changed().await.is_ok() {
                    leading.set(i64::from(*leads.borrow_and_update()));
                }
            });
            tokio::spawn(election.run(work, shutdown.clone()))
        } else {
            leading.set(1);
            tokio::spawn(work(Term { end: shutdown.clone(), ..Term::default() }))
        };
        tokio::pin!(working);
        tokio::select! {
            stopped = stop_signal() => stopped?,
            _ = &mut working => bail!("what this process is for broke down; the log says why"),
        }
        eprintln!("stopping");
        shutdown.cancel();
        working.await.context("what this process is for panicked")?;
        tasks.close();
        tasks.wait().await;
        Ok(ExitCode::SUCCESS)
    }
}
