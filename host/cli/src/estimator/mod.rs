//! `windlass estimator`: how much room a member has, for schedulers that can't see its nodes. Karmada's protocol.

mod args;
mod readiness;
mod watched;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use windlass_admission::server::metrics as metrics_of;
use windlass_controllers::{MemberClients, OneMember, Rooms, WatchedPods};
use windlass_estimator::server::{self, GrpcService, Metrics, Service};

pub(crate) use args::EstimatorArgs;

use crate::client::config_by_flags;
use crate::part::{enabled, serve};
use crate::stdout;
use crate::up::{runtime, stop_signal};
use watched::{Quotas, Watched};

/// The feature gate by which ResourceQuotas count.
const RESOURCE_QUOTA_ESTIMATE: &str = "ResourceQuotaEstimate";
/// As Karmada's, if it is told 0.
const PARALLELISM: u16 = 16;

pub(crate) fn command(args: EstimatorArgs) -> anyhow::Result<ExitCode> {
    let EstimatorArgs {
        kubeconfig,
        master,
        cluster_name,
        bind_address,
        server_port,
        grpc_auth_cert_file,
        grpc_auth_key_file,
        grpc_client_ca_file,
        insecure_skip_grpc_client_verify,
        parallelism,
        metrics_bind_address,
        health_probe_bind_address,
        feature_gates,
        idle,
        logging,
    } = args;
    let skip = insecure_skip_grpc_client_verify;
    let files = args::files(&grpc_auth_cert_file, &grpc_auth_key_file, &grpc_client_ca_file, skip)?;
    let tls = files.config().context("the certificates can't be used")?;
    logging.start()?;
    idle.remark(&[]);
    let quotas = match enabled(&feature_gates, RESOURCE_QUOTA_ESTIMATE) {
        Some(false) => Quotas::DontCount(Mutex::default()),
        Some(true) | None => Quotas::Count,
    };
    runtime()?.block_on(async move {
        let config = config_by_flags(kubeconfig.as_deref(), master.as_deref()).await?;
        let url = config.cluster_url.to_string();
        let client = kube::Client::try_from(config).context("the member can't be reached")?;
        let bind = SocketAddr::new(bind_address, server_port);
        let listener = TcpListener::bind(bind)
            .await
            .with_context(|| format!("cannot listen on {bind}; --server-port 0 takes any free port"))?;
        let address = listener.local_addr().context("cannot ask for the port")?;

        let (shutdown, tasks) = (CancellationToken::new(), TaskTracker::new());
        let rooms = Arc::new(Rooms::default());
        let member: Arc<dyn MemberClients> = Arc::new(OneMember::new(cluster_name.clone(), client));
        tasks.spawn(Arc::clone(&rooms).run(member.clone(), shutdown.clone()));
        let pods = WatchedPods::new(rooms.clone(), member, Arc::new(jiff::Timestamp::now));
        let watched = Watched { cluster: cluster_name.clone(), rooms, pods, quotas };
        let parallelism = if parallelism == 0 { PARALLELISM } else { parallelism };
        let service = Arc::new(Service::new(cluster_name.clone(), Arc::new(watched), parallelism.into()));

        let mut registry = Registry::default();
        let metrics = Metrics::registered(&mut registry);
        let ready = Arc::clone(&service);
        let health = (health_probe_bind_address, readiness::routes(move || ready.is_ready()));
        let counted = (metrics_bind_address, metrics_of(Arc::new(registry)));
        serve(health, counted, &tasks, &shutdown).await?;
        let scheme = if tls.is_some() { "with TLS" } else { "without TLS" };
        stdout::say(format_args!(
            "Windlass estimates for cluster {cluster_name} ({url}) at {address}, {scheme}"
        ));
        tasks.spawn(server::serve(listener, tls, GrpcService::new(service, metrics), shutdown.clone()));

        stop_signal().await?;
        eprintln!("stopping");
        shutdown.cancel();
        tasks.close();
        tasks.wait().await;
        Ok(ExitCode::SUCCESS)
    })
}
