//! The same load on both servers, one after the other, in one run: absolute figures are this machine's, ratios travel.

use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use futures::StreamExt as _;
use futures::future::try_join_all;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ListParams, PostParams, WatchEvent, WatchParams};
use serde_json::json;

use crate::servers::{self, Durability, Embedded, Kubernetes};

const CLIENTS: usize = 32;
const WATCHERS: usize = 100;
const OBJECT_BYTES: usize = 2_048;
const LISTS: usize = 10;
const PATIENCE: Duration = Duration::from_secs(30);

/// How much is asked of each server.
#[derive(Args)]
pub(crate) struct Options {
    /// Objects to create, by 32 clients; the list holds them all.
    #[arg(long, default_value_t = 5_000)]
    objects: usize,
    /// Events to send to 100 watchers, one after the other.
    #[arg(long, default_value_t = 50)]
    events: usize,
}

/// What one server did.
struct Figures {
    creates_per_second: f64,
    event: Duration,
    list: Duration,
}

/// Puts the load on both servers and prints the figures beside each other.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let programs = servers::build().await?;
    let theirs = {
        let kubernetes = Kubernetes::start(&programs, Durability::Kept).await?;
        let clients =
            (0..CLIENTS).map(|_| kubernetes.another_client()).collect::<anyhow::Result<Vec<_>>>()?;
        measure(&clients, &options).await.context("kube-apiserver")?
    };
    let embedded = Embedded::open().await?;
    let network = embedded.serve().await?;
    let mut clients = Vec::with_capacity(CLIENTS);
    for _ in 0..CLIENTS {
        clients.push(network.another_client().await?);
    }
    let ours = measure(&clients, &options).await.context("the embedded server")?;
    network.stop().await?;
    embedded.shutdown().await;

    let Options { objects, events } = options;
    println!("both over TLS on this machine, every write on disk when it is acknowledged");
    println!("{:<58} {:>14} {:>14} {:>8}", "", "kube-apiserver", "windlass", "ratio");
    row(
        &format!("creates of 2 KB by {CLIENTS} clients, a second"),
        theirs.creates_per_second,
        ours.creates_per_second,
        ours.creates_per_second / theirs.creates_per_second,
    );
    let milliseconds = |duration: Duration| duration.as_secs_f64() * 1e3;
    let faster = |theirs: Duration, ours: Duration| theirs.as_secs_f64() / ours.as_secs_f64();
    row(
        &format!("from a create to {WATCHERS} watchers, median of {events}, ms"),
        milliseconds(theirs.event),
        milliseconds(ours.event),
        faster(theirs.event, ours.event),
    );
    row(
        &format!("list of {objects} objects, median of {LISTS}, ms"),
        milliseconds(theirs.list),
        milliseconds(ours.list),
        faster(theirs.list, ours.list),
    );
    Ok(())
}

fn row(what: &str, theirs: f64, ours: f64, ratio: f64) {
    println!("{what:<58} {theirs:>14.1} {ours:>14.1} {ratio:>7.1}x");
}

async fn measure(clients: &[kube::Client], options: &Options) -> anyhow::Result<Figures> {
    let api = |client: &kube::Client| Api::<ConfigMap>::namespaced(client.clone(), "default");
    // The namespace comes a moment after the server.
    let began = Instant::now();
    while let Err(error) = create(&api(&clients[0]), "first").await {
        anyhow::ensure!(began.elapsed() < PATIENCE, "no object can be created: {error:#}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    let began = Instant::now();
    let each = options.objects / CLIENTS;
    try_join_all(clients.iter().enumerate().map(|(number, client)| {
        let api = api(client);
        let work = async move {
            for index in 0..each {
                create(&api, &format!("load-{number}-{index}")).await?;
            }
            anyhow::Ok(())
        };
        async { tokio::spawn(work).await? }
    }))
    .await?;
    let creates_per_second = (each * CLIENTS) as f64 / began.elapsed().as_secs_f64();

    let event = fan_out(clients, options.events).await?;

    let mut times = Vec::with_capacity(LISTS);
    for _ in 0..LISTS {
        let began = Instant::now();
        let request =
            http::Request::get("/api/v1/namespaces/default/configmaps?limit=100000").body(Vec::new())?;
        let bytes = clients[0].request_text(request).await?.len();
        anyhow::ensure!(bytes > each * CLIENTS * 1_500, "the list is shorter than what was written");
        times.push(began.elapsed());
    }
    Ok(Figures { creates_per_second, event, list: median(times) })
}

/// From the moment a create is sent to the moment each of the watchers has its event.
async fn fan_out(clients: &[kube::Client], events: usize) -> anyhow::Result<Duration> {
    let api = |at: usize| Api::<ConfigMap>::namespaced(clients[at % clients.len()].clone(), "default");
    let list = api(0).list_metadata(&ListParams::default().limit(1)).await?;
    let version = list.metadata.resource_version.unwrap_or_default();
    let (arrived, mut arrivals) = tokio::sync::mpsc::channel::<Instant>(WATCHERS);
    let mut watching = tokio::task::JoinSet::new();
    for number in 0..WATCHERS {
        let mut stream = api(number).watch(&WatchParams::default().timeout(290), &version).await?.boxed();
        let arrived = arrived.clone();
        watching.spawn(async move {
            while let Some(Ok(event)) = stream.next().await {
                if matches!(event, WatchEvent::Added(_)) && arrived.send(Instant::now()).await.is_err() {
                    return;
                }
            }
        });
    }
    let mut times = Vec::with_capacity(events * WATCHERS);
    for index in 0..events {
        let sent = Instant::now();
        create(&api(0), &format!("event-{index}")).await?;
        for _ in 0..WATCHERS {
            let at = tokio::time::timeout(PATIENCE, arrivals.recv()).await?.context("the watches ended")?;
            times.push(at.duration_since(sent));
        }
    }
    Ok(median(times))
}

async fn create(api: &Api<ConfigMap>, name: &str) -> anyhow::Result<()> {
    let object = serde_json::from_value(json!({
        "metadata": {"name": name, "labels": {"load": "true"}},
        "data": {"filler": "x".repeat(OBJECT_BYTES - 450)}
    }))?;
    api.create(&PostParams::default(), &object).await?;
    Ok(())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
