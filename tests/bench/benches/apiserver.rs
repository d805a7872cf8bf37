//! The embedded API server: durable writes, watch fan-out, lists. Over TLS, as every client but our own comes.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, PostParams, WatchEvent, WatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use tokio_util::sync::CancellationToken;
use windlass_apiserver::{ApiServer, Config};
use windlass_bench::{config_map, percentile};

const CLIENTS: usize = 32;
const WRITES: usize = 20_000;
const WATCHERS: usize = 100;
const EVENTS: usize = 200;
const LISTED: usize = 10_000;

fn main() -> anyhow::Result<()> {
    windlass::up::runtime()?.block_on(run())
}

async fn run() -> anyhow::Result<()> {
    let folder = tempfile::TempDir::new()?;
    let server = ApiServer::open(Config {
        data_dir: folder.path().to_owned(),
        name: "bench".to_owned(),
        definitions: Vec::new(),
        hooks: Vec::new(),
        store: windlass_apiserver::store::Options::default(),
    })
    .await?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let kubeconfig = server.kubeconfig(&format!("https://{}", listener.local_addr()?))?;
    let shutdown = CancellationToken::new();
    let serving = tokio::spawn({
        let (server, shutdown) = (server.clone(), shutdown.clone());
        async move { server.serve(listener, shutdown).await }
    });

    let in_process = vec![server.client()];
    let mut over_tls = Vec::new();
    for _ in 0..CLIENTS {
        over_tls.push(client(&kubeconfig).await?);
    }
    writes("in process", "local", &in_process).await?;
    writes("over TLS", "tls", &over_tls).await?;
    fan_out(&over_tls).await?;
    list(&over_tls[0]).await?;

    shutdown.cancel();
    serving.await??;
    Ok(())
}

async fn client(kubeconfig: &str) -> anyhow::Result<kube::Client> {
    let config = kube::Config::from_custom_kubeconfig(
        Kubeconfig::from_yaml(kubeconfig)?,
        &KubeConfigOptions::default(),
    )
    .await?;
    Ok(kube::Client::try_from(config)?)
}

fn api(client: &kube::Client) -> Api<ConfigMap> {
    Api::namespaced(client.clone(), "default")
}

async fn create(api: &Api<ConfigMap>, name: &str, bytes: usize) -> anyhow::Result<()> {
    let object = serde_json::from_value(config_map(name, bytes))?;
    api.create(&PostParams::default(), &object).await?;
    Ok(())
}

/// Each client creates its share of the objects, one after the other; every write is on disk when it returns.
async fn writes(how: &str, prefix: &str, clients: &[kube::Client]) -> anyhow::Result<()> {
    let began = Instant::now();
    let tasks = (0..CLIENTS).map(|number| {
        let api = api(&clients[number % clients.len()]);
        let prefix = format!("{prefix}-{number}");
        tokio::spawn(async move {
            let mut times = Vec::with_capacity(WRITES / CLIENTS);
            for index in 0..WRITES / CLIENTS {
                let began = Instant::now();
                create(&api, &format!("{prefix}-{index}"), 2_048).await?;
                times.push(began.elapsed());
            }
            anyhow::Ok(times)
        })
    });
    let mut times = Vec::with_capacity(WRITES);
    for finished in futures::future::join_all(tasks).await {
        times.extend(finished??);
    }
    println!(
        "durable creates of 2 KB, {CLIENTS} clients, {how}: {:.0}/s, p50 {:.2} ms, p99 {:.2} ms",
        times.len() as f64 / began.elapsed().as_secs_f64(),
        milliseconds(percentile(&mut times, 50.0)),
        milliseconds(percentile(&mut times, 99.0))
    );
    Ok(())
}

/// From the moment a create is sent to the moment each of 100 watchers has its event.
async fn fan_out(clients: &[kube::Client]) -> anyhow::Result<()> {
    let (sent, _) = tokio::sync::watch::channel(Instant::now());
    let (arrived, mut arrivals) = tokio::sync::mpsc::channel::<Duration>(WATCHERS * 4);
    for number in 0..WATCHERS {
        let version = api(&clients[0]).list_metadata(&kube::api::ListParams::default().limit(1)).await?;
        let version = version.metadata.resource_version.unwrap_or_default();
        let api = api(&clients[number % clients.len()]);
        let mut events = api.watch(&WatchParams::default().timeout(290), &version).await?.boxed();
        let (sent, arrived) = (sent.subscribe(), arrived.clone());
        tokio::spawn(async move {
            while let Some(Ok(event)) = events.next().await {
                if let WatchEvent::Added(_) = event {
                    let since = sent.borrow().elapsed();
                    if arrived.send(since).await.is_err() {
                        break;
                    }
                }
            }
        });
    }
    let api = api(&clients[0]);
    let mut times = Vec::with_capacity(WATCHERS * EVENTS);
    let mut acknowledged = Vec::with_capacity(EVENTS);
    for index in 0..EVENTS {
        let began = Instant::now();
        sent.send_replace(began);
        create(&api, &format!("event-{index}"), 2_048).await?;
        acknowledged.push(began.elapsed());
        for _ in 0..WATCHERS {
            let since = tokio::time::timeout(Duration::from_secs(10), arrivals.recv()).await?;
            times.extend(since);
        }
    }
    println!(
        "watch events to {WATCHERS} watchers, from sending the create: p50 {:.2} ms, p99 {:.2} ms (the create itself: p50 {:.2} ms)",
        milliseconds(percentile(&mut times, 50.0)),
        milliseconds(percentile(&mut times, 99.0)),
        milliseconds(percentile(&mut acknowledged, 50.0))
    );
    Ok(())
}

/// One list of 10,000 objects, as bytes: what the server does, without the client's parsing.
async fn list(client: &kube::Client) -> anyhow::Result<()> {
    let mut times = Vec::new();
    let mut bytes = 0;
    for _ in 0..10 {
        let began = Instant::now();
        let request = http::Request::get(format!("/api/v1/namespaces/default/configmaps?limit={LISTED}"))
            .body(Vec::new())?;
        bytes = client.request_text(request).await?.len();
        times.push(began.elapsed());
    }
    let median = percentile(&mut times, 50.0);
    println!(
        "list of {LISTED} objects, {:.1} MB: p50 {:.1} ms, {:.0} MB/s",
        bytes as f64 / 1e6,
        milliseconds(median),
        bytes as f64 / 1e6 / median.as_secs_f64()
    );
    // What is listed is what was written, not less.

    anyhow::ensure!(bytes > LISTED * 1_500, "the list is shorter than what was written");
    Ok(())
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
