//! `windlass webhook`: the plugins as webhooks of a control plane that runs elsewhere, Karmada's or a kube-apiserver.

mod args;
mod place;
mod served;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use windlass_admission::interpret::{Limits, document};
use windlass_admission::server;
use windlass_quota::Ledger;

pub(crate) use args::WebhookArgs;
pub(crate) use place::{Certificate, Place};
pub(crate) use served::{Measures, router, rules, webhook};

use crate::client::by_kubeconfig;
use crate::runtime::Plugins;
use crate::stdout;
use crate::up::{runtime, stop_signal};

pub(crate) fn command(args: WebhookArgs) -> anyhow::Result<ExitCode> {
    let WebhookArgs {
        bind,
        port,
        url,
        service,
        tls_cert_file,
        tls_private_key_file,
        ca_bundle_file,
        cert_dir,
        kubeconfig,
        print_configuration,
        configuration_name,
        plugin,
        timeout_seconds,
        max_requests_in_flight,
        plugins,
        logging,
    } = args;
    let certificate = match (tls_cert_file, tls_private_key_file) {
        (Some(certificate), Some(key)) => Certificate::Files { certificate, key, bundle: ca_bundle_file },
        _ => Certificate::Own(cert_dir),
    };
    let limits = Limits { in_flight: max_requests_in_flight.into(), ..Limits::default() };
    if print_configuration {
        if port == 0 && url.is_none() && service.is_none() {
            bail!(
                "--port 0 is a port that nobody knows yet: name one, or the server's place with --url or --service"
            );
        }
        let place = Place::of(url, service, bind, port)?;
        let identity = certificate.open(Some(&place))?;
        let loaded = Plugins::load(&plugins)?;
        let rules = if plugin.is_empty() {
            rules(&loaded.catalogue, |_| true)
        } else {
            let snapshot = loaded.catalogue.snapshot();
            let known: Vec<_> =
                snapshot.interpreters().map(|plugin| plugin.about().name().to_string()).collect();
            if let Some(unknown) = plugin.iter().find(|name| !known.contains(name)) {
                bail!("--plugin {unknown} is not loaded; those that interpret are {}", known.join(", "));
            }
            rules(&loaded.catalogue, |name| plugin.iter().any(|wanted| wanted == name))
        };
        let webhook = webhook(&place, &identity, timeout_seconds, rules);
        stdout::print(serde_saphyr::to_string(&document(&configuration_name, &webhook))?)?;
        return Ok(ExitCode::SUCCESS);
    }
    crate::logging::start(&logging)?;
    let loaded = Plugins::load(&plugins)?;
    let count = loaded.catalogue.snapshot().interpreters().count();
    runtime()?.block_on(async move {
        let listener = TcpListener::bind(SocketAddr::new(bind, port))
            .await
            .with_context(|| format!("cannot listen on {bind}:{port}; --port 0 takes any free port"))?;
        let address = listener.local_addr().context("cannot ask for the port")?;
        // Without a name for its place it is known by those of this machine.
        let place = Place::of(url, service, bind, address.port()).ok();
        let tls = server::tls_config(certificate.open(place.as_ref())?.resolver)?;
        let shutdown = CancellationToken::new();
        let mut following = JoinSet::new();
        let quotas = match kubeconfig {
            Some(file) => {
                let (client, ledger) = (by_kubeconfig(&file).await?, Arc::<Ledger>::default());
                following.spawn(windlass_controllers::follow_quotas(
                    client,
                    ledger.clone(),
                    shutdown.clone(),
                ));
                Some(ledger)
            }
            None => None,
        };
        let measures = Measures::of(&loaded, Registry::default());
        let router = router(&loaded, limits, &measures, quotas, &shutdown);
        let serving = tokio::spawn(server::serve(listener, tls, router, shutdown.clone()));
        stdout::say(format_args!(
            "Windlass interprets at https://{address}{} with {count} plugins",
            windlass_admission::interpret::PATH
        ));
        stdout::say(
            "To register it: the same command with --print-configuration, piped into kubectl apply -f -",
        );
        stop_signal().await?;
        eprintln!("stopping");
        shutdown.cancel();
        serving.await.context("the server panicked")?;
        Ok(ExitCode::SUCCESS)
    })
}
