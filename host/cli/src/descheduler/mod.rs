//! `windlass descheduler`: the descheduler alone, for a control plane whose other parts are Karmada's.

mod args;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use prometheus_client::registry::Registry;
use windlass_admission::server;
use windlass_controllers::{Descheduled, DeschedulerContext, run_descheduler};
use windlass_estimator::client::Estimators;

pub(crate) use args::{BuiltInDeschedulerArgs, DeschedulerArgs};

use crate::client::config_by_flags;
use crate::part::{Duties, serve};
use crate::stdout;
use crate::up::runtime;

/// The Lease of karmada-descheduler.
const LEASE: &str = "karmada-descheduler";

pub(crate) fn command(args: DeschedulerArgs) -> anyhow::Result<ExitCode> {
    let DeschedulerArgs {
        kubeconfig,
        master,
        patience,
        metrics_bind_address,
        health_probe_bind_address,
        election,
        estimators,
        idle,
        logging,
    } = args;
    let candidate = election.candidate(LEASE.to_owned())?;
    let estimators = estimators.options(false)?;
    logging.start()?;
    idle.remark(&[]);
    runtime()?.block_on(async move {
        let config = config_by_flags(kubeconfig.as_deref(), master.as_deref()).await?;
        let url = config.cluster_url.to_string();
        let client = kube::Client::try_from(config).context("the control plane can't be reached")?;
        let mut registry = Registry::default();
        let duties = Duties::new(&mut registry);
        let estimators = Estimators::new(client.clone(), estimators, duties.shutdown.clone())
            .context("the certificates for estimators can't be used")?;
        let descheduled = Descheduled::registered(&mut registry);
        let context = DeschedulerContext {
            client: client.clone(),
            estimators: Arc::new(estimators),
            options: patience.options(),
            descheduled,
        };
        let alive = (health_probe_bind_address, server::health(&duties.shutdown));
        let counted = (metrics_bind_address, server::metrics(Arc::new(registry)));
        serve(alive, counted, &duties.tasks, &duties.shutdown).await?;
        stdout::say(format_args!("Windlass deschedules for {url}"));
        duties.perform(client, candidate, move |term| run_descheduler(context.clone(), term)).await
    })
}
