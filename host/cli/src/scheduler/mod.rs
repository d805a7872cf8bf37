//! `windlass scheduler`: the scheduler alone, for a control plane whose other parts are Karmada's.

mod args;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use prometheus_client::registry::Registry;
use windlass_admission::server;
use windlass_controllers::{
    EstimatedRooms, MemberRooms, NoRooms, Scheduler, SchedulerContext, SchedulerSettings, run_scheduler,
};
use windlass_core::Interpreter;
use windlass_estimator::client::Estimators;

pub(crate) use args::SchedulerArgs;

use crate::args::PluginSourceArgs;
use crate::client::config_by_flags;
use crate::part::{Duties, FeatureGate, PREEMPTION, enabled, serve};
use crate::runtime::Plugins;
use crate::stdout;
use crate::up::runtime;

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
        leader_elect_resource_name,
        estimators,
        idle,
        rates,
        logging,
    } = args;
    let candidate = election.candidate(leader_elect_resource_name)?;
    args::check_plugins(&plugins)?;
    let estimators = estimators.options()?;
    logging.start()?;
    for remark in feature_gates.iter().filter_map(FeatureGate::remark) {
        tracing::warn!("{remark}");
    }
    idle.remark(&rates.given());
    let preemption = enabled(&feature_gates, PREEMPTION).unwrap_or(false);
    // Who has to leave takes its state along, and the plugins know what that is.
    let loaded = preemption.then(|| Plugins::load(&PluginSourceArgs::default())).transpose()?;
    let interpreter = loaded.as_ref().map(|loaded| -> Arc<dyn Interpreter> { loaded.interpreter.clone() });
    runtime()?.block_on(async move {
        let config = config_by_flags(kubeconfig.as_deref(), master.as_deref()).await?;
        let url = config.cluster_url.to_string();
        let client = kube::Client::try_from(config).context("the control plane can't be reached")?;
        let mut registry = Registry::default();
        let duties = Duties::new(&mut registry);

        let scheduler = Scheduler::new(SchedulerSettings {
            name: scheduler_name.clone(),
            writes_in_flight: writes_in_flight.into(),
            preemption,
        });
        let mut rooms: Arc<dyn MemberRooms> = Arc::new(NoRooms::default());
        if let Some(options) = estimators {
            let estimators = Estimators::new(client.clone(), options, duties.shutdown.clone())
                .context("the certificates for estimators can't be used")?;
            let estimated = Arc::new(EstimatedRooms::new(rooms, Arc::new(estimators)));
            duties.tasks.spawn(Arc::clone(&estimated).run(duties.shutdown.clone()));
            rooms = estimated;
        }
        let context = SchedulerContext {
            client: client.clone(),
            rooms,
            clock: Arc::new(jiff::Timestamp::now),
            scheduler: scheduler.clone(),
            interpreter,
        };
        scheduler.show(&mut registry);
        let alive = (health_probe_bind_address, server::health(&duties.shutdown));
        let counted = server::metrics(Arc::new(registry)).merge(crate::explain::routes(scheduler));
        serve(alive, (metrics_bind_address, counted), &duties.tasks, &duties.shutdown).await?;

        stdout::say(format_args!("Windlass schedules as {scheduler_name} for {url}"));
        duties.perform(client, candidate, move |term| run_scheduler(context.clone(), term)).await
    })
}
