//! Asking: the scheduler that runs, wherever it is, and else the API's objects.

use anyhow::{Context as _, bail};
use http::{Method, Request, StatusCode};
use kube::api::{Api, ListParams};
use kube::client::Body;
use serde_json::Value;
use windlass_api::cluster::Cluster;
use windlass_controllers::explain::{Report, from_objects};

use super::args::{AskingArgs, ReportFormat};
use super::find::{bindings, list};
use crate::client::config_by_flags;
use crate::stdout::{print, print_json};

/// Under which path a scheduler answers: in `windlass up` the API's, else its own server's.
pub(crate) const PATH: &str = "/scheduler";

/// A control plane and its scheduler.
pub(crate) struct Asking {
    pub(crate) client: kube::Client,
    pub(crate) namespace: String,
    /// The one that was named.
    scheduler: Option<(String, kube::Client)>,
    output: ReportFormat,
}

impl Asking {
    pub(crate) async fn start(args: AskingArgs) -> anyhow::Result<Asking> {
        let AskingArgs { namespace, kubeconfig, scheduler, output } = args;
        let config = config_by_flags(kubeconfig.as_deref(), None).await?;
        let namespace = namespace.unwrap_or_else(|| config.default_namespace.clone());
        let client = kube::Client::try_from(config).context("the control plane can't be reached")?;
        let scheduler = scheduler.map(|url| named(&url).map(|client| (url, client))).transpose()?;
        Ok(Asking { client, namespace, scheduler, output })
    }

    /// The report on a binding that there is.
    pub(crate) async fn report(&self, binding: Value) -> anyhow::Result<Report> {
        let text = |pointer: &str| binding.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let path = match (text("/metadata/namespace"), text("/metadata/name")) {
            ("", name) => format!("{PATH}/clusterbindings/{name}"),
            (namespace, name) => format!("{PATH}/bindings/{namespace}/{name}"),
        };
        match self.ask(Method::GET, &path, Vec::new()).await? {
            Some(report) => Ok(report),
            None => self.by_objects(binding).await,
        }
    }

    /// The report on a binding as it might be.
    pub(crate) async fn dry_run(&self, binding: Value) -> anyhow::Result<Report> {
        let body = serde_json::to_vec(&binding).context("the binding can't be written")?;
        match self.ask(Method::POST, &format!("{PATH}/dry-run"), body).await? {
            Some(report) => Ok(report),
            None => self.by_objects(binding).await,
        }
    }

    /// `None`: there is no scheduler that could be asked.
    async fn ask(&self, method: Method, path: &str, body: Vec<u8>) -> anyhow::Result<Option<Report>> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(Body::from(body))
            .context("the question can't be asked")?;
        let client = self.scheduler.as_ref().map_or(&self.client, |(_, client)| client);
        let answer = client.send(request).await;
        let (status, text) = match (answer, &self.scheduler) {
            (Ok(answer), _) => {
                let status = answer.status();
                let bytes = answer.into_body().collect_bytes().await.context("the answer broke off")?;
                (status, bytes)
            }
            (Err(error), Some((url, _))) => {
                return Err(error).with_context(|| format!("no scheduler answers at {url}"));
            }
            (Err(error), None) => return Err(error).context("the control plane can't be reached"),
        };
        match (status, &self.scheduler) {
            (StatusCode::OK, _) => Ok(Some(serde_json::from_slice(&text).context("the scheduler's answer")?)),
            // This API has no scheduler, or not for everybody, or its scheduler does not have this binding (yet).
            (StatusCode::NOT_FOUND | StatusCode::FORBIDDEN, None) => Ok(None),
            (status, _) => {
                let said: Value = serde_json::from_slice(&text).unwrap_or_default();
                let message = said["message"].as_str().map(str::to_owned);
                bail!("the scheduler answers: {}", message.unwrap_or_else(|| status.to_string()))
            }
        }
    }

    async fn by_objects(&self, binding: Value) -> anyhow::Result<Report> {
        let clusters = Api::<Cluster>::all(self.client.clone())
            .list(&ListParams::default())
            .await
            .context("the clusters can't be listed")?;
        let mut others = Vec::new();
        // Only these ask where others are.
        if let Some(namespace) = binding["metadata"]["namespace"].as_str()
            && !binding["spec"]["workloadAffinityGroups"].is_null()
        {
            others = list(&bindings(&self.client, Some(namespace))).await?;
        }
        from_objects(binding, &clusters.items, others).context("the binding can't be read")
    }

    pub(crate) fn print(&self, reports: &[Report]) -> anyhow::Result<()> {
        match (self.output, reports) {
            (ReportFormat::Json, [one]) => print_json(one),
            (ReportFormat::Json, several) => print_json(several),
            (ReportFormat::Table, reports) => {
                let reports: Vec<String> = reports.iter().map(ToString::to_string).collect();
                print(reports.join("\n"))
            }
        }
    }
}

fn named(url: &str) -> anyhow::Result<kube::Client> {
    let wanted = || format!("--scheduler {url:?} is not of the form http://HOST:PORT");
    let parsed: http::Uri = url.parse().with_context(wanted)?;
    if parsed.scheme().is_none() || parsed.host().is_none() {
        bail!(wanted());
    }
    kube::Client::try_from(kube::Config::new(parsed)).with_context(wanted)
}
