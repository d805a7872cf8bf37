//! `windlass scheduler`: the scheduler alone, for a control plane whose other parts are Karmada's.

mod args;
mod gates;
mod serve;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use windlass_admission::server;
use windlass_controllers::{
    Candidate, Election, EstimatedRooms, MemberRooms, NoRooms, Scheduler, SchedulerContext, Term,
    run_scheduler,
};
use windlass_estimator::client::Estimators;

pub(crate) use args::{Bind, SchedulerArgs};
pub(crate) use gates::{FeatureGate, enabled};
pub(crate) use serve::serve;

use crate::client::config_by_flags;
use crate::runtime::random_bytes;
use crate::stdout;
use crate::up::{runtime, stop_signal};

pub(crate) fn command(args: SchedulerArgs) -> anyhow::Result<ExitCode> {
    let SchedulerArgs {
        kubeconfig,
        master,
        scheduler_name,
        metrics_bind_address,
        health_probe_bind_address,
        feature_gates,
        plugins,
        enable_empty_workload_propagation: _,
        writes_in_flight,
        election,
        estimators,
        idle,
        mut logging,
        verbosity,
    } = args;
    let timing = election.timing()?;
    args::check_plugins(&plugins)?;
    let estimators = estimators.options()?;
    if logging.log_level == "info" && verbosity >= 4 {
        logging.log_level = if verbosity >= 6 { "trace" } else { "debug" }.to_owned();
    }
    crate::logging::start(&logging)?;
    for remark in feature_gates.iter().filter_map(FeatureGate::remark) {
        tracing::warn!("{remark}");
    }
    if !idle.given().is_empty() {
        tracing::info!(flags = idle.given().join(" "), "these flags have no effect here");
    }
    runtime()?.block_on(async move {
        let config = config_by_flags(kubeconfig.as_deref(), master.as_deref()).await?;
        let url = config.cluster_url.to_string();
        let client = kube::Client::try_from(config).context("the control plane can't be reached")?;
        let shutdown = CancellationToken::new();
        let tasks = TaskTracker::new();

        let scheduler = Scheduler::new(&scheduler_name, writes_in_flight.into());
        let mut rooms: Arc<dyn MemberRooms> = Arc::new(NoRooms::default());
        if let Some(options) = estimators {
            let estimators = Estimators::new(client.clone(), options, shutdown.clone())
                .context("the certificates for estimators can't be used")?;
            let estimated = Arc::new(EstimatedRooms::new(rooms, Arc::new(estimators)));
            tasks.spawn(Arc::clone(&estimated).run(shutdown.clone()));
            rooms = estimated;
        }
        let context = SchedulerContext {
            client: client.clone(),
            rooms,
            clock: Arc::new(jiff::Timestamp::now),
            scheduler: scheduler.clone(),
            statuses_in_flight: writes_in_flight.into(),
        };
        let mut registry = Registry::default();
        let leading = Gauge::<i64>::default();
        registry.register(
            "leader_election_master_status",
            "Whether this process schedules (1) or stands by (0)",
            leading.clone(),
        );
        scheduler.show(&mut registry);
        let alive = (health_probe_bind_address, server::health(&shutdown));
        let counted = server::metrics(Arc::new(registry)).merge(crate::explain::routes(scheduler));
        serve(alive, (metrics_bind_address, counted), &tasks, &shutdown).await?;

        stdout::say(format_args!("Windlass schedules as {scheduler_name} for {url}"));
        let work = move |term| run_scheduler(context.clone(), term);
        let working = if election.leader_elect {
            let candidate = Candidate {
                namespace: election.leader_elect_resource_namespace,
                name: election.leader_elect_resource_name,
                identity: identity(),
                timing,
            };
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
            _ = &mut working => bail!("the scheduler broke down; the log says why"),
        }
        eprintln!("stopping");
        shutdown.cancel();
        working.await.context("the scheduler panicked")?;
        tasks.close();
        tasks.wait().await;
        Ok(ExitCode::SUCCESS)
    })
}

/// Of this process, and of no other: the machine's name for people, and a part that nobody else has.
fn identity() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = match host.trim() {
        "" => "windlass-scheduler",
        host => host,
    };
    format!("{host}_{:032x}", u128::from_be_bytes(random_bytes()))
}
