//! How much memory `windlass scheduler` takes for each binding that it knows: what its process holds with many of them,
//! less what it holds with none.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use kube::api::ListParams;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::latency::prepare;
use super::load::{Counting, Kind, bindings, create};
use crate::servers::{Embedded, Process, free_port};

const PATIENCE: Duration = Duration::from_secs(120);
/// For how long room is kept free that nobody is seen to use: who has just begun remembers that of all bindings.
const PROMISED: Duration = Duration::from_secs(35);
/// Between two looks at a process.
const POLL: Duration = Duration::from_millis(500);
/// What it holds has settled when so many looks in a row see about the same.
const LOOKS: usize = 4;

#[derive(Args)]
pub(crate) struct Options {
    /// The `windlass` binary, of the release profile.
    #[arg(long, value_name = "FILE")]
    windlass: PathBuf,
    /// How many bindings there are.
    #[arg(long, default_value_t = 20_000)]
    bindings: usize,
    /// How they are placed.
    #[arg(long, value_enum, default_value = "dynamic")]
    kind: Kind,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let Options { windlass, bindings: count, kind } = options;
    let windlass =
        windlass.canonicalize().with_context(|| format!("{}: build it first", windlass.display()))?;
    let embedded = Embedded::open().await?;
    prepare(&embedded.client).await?;
    let network = embedded.serve().await?;
    let folder = tempfile::tempdir().context("a temporary directory")?;
    let kubeconfig = folder.path().join("kubeconfig");
    std::fs::write(&kubeconfig, network.kubeconfig()).context("a kubeconfig")?;

    let (without, _) = held(&windlass, &kubeconfig, folder.path(), 0, Duration::ZERO).await?;
    create(&embedded.client, kind, "b", count, "windlass").await?;
    let counting = Counting::start(embedded.client.clone(), "b", count).await?;
    let (scheduler, _) = start(&windlass, &kubeconfig, folder.path())?;
    counting.pace().await.with_context(|| scheduler.last_words().1)?;
    scheduler.stop().await?;
    let (at_first, with) = held(&windlass, &kubeconfig, folder.path(), count, PROMISED).await?;

    let (mut json, mut managers) = (0, 0);
    let mut page = ListParams::default().limit(500);
    loop {
        let listed = bindings(&embedded.client).list(&page).await.context("the bindings")?;
        for mut binding in listed.items {
            json += serde_json::to_string(&binding)?.len();
            managers += serde_json::to_string(&binding.metadata.managed_fields.take())?.len();
        }
        match listed.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => break,
        }
    }
    let each = |bytes: usize| bytes / count.max(1);
    let [at_first, held] = [at_first, with].map(|bytes| each(bytes.saturating_sub(without)));
    println!(
        "{count} bindings: {held} bytes for each, {at_first} while room is kept free for all of them; its JSON has {}, of which {} say who manages which field",
        each(json),
        each(managers)
    );
    println!("the process: {} MiB without bindings, {} MiB with them", without >> 20, with >> 20);
    network.stop().await?;
    embedded.shutdown().await;
    Ok(())
}

fn start(windlass: &Path, kubeconfig: &Path, folder: &Path) -> anyhow::Result<(Process, u16)> {
    let port = free_port()?;
    let arguments = [
        "scheduler".to_owned(),
        format!("--kubeconfig={}", kubeconfig.display()),
        "--leader-elect=false".to_owned(),
        "--scheduler-name=windlass".to_owned(),
        format!("--metrics-bind-address=127.0.0.1:{port}"),
        "--health-probe-bind-address=0".to_owned(),
    ];
    Ok((Process::start("windlass-scheduler", windlass, &arguments, folder)?, port))
}

/// What a scheduler that begins anew holds when it has heard of so many bindings, in bytes, and so much later.
async fn held(
    windlass: &Path,
    kubeconfig: &Path,
    folder: &Path,
    bindings: usize,
    later: Duration,
) -> anyhow::Result<(usize, usize)> {
    let (scheduler, port) = start(windlass, kubeconfig, folder)?;
    let deadline = Instant::now() + PATIENCE;
    let mut looks: Vec<usize> = Vec::new();
    loop {
        if Instant::now() > deadline {
            bail!("{bindings} bindings are not known in time: {}", scheduler.last_words().1);
        }
        tokio::time::sleep(POLL).await;
        if known(port).await.ok() != Some(bindings) {
            continue;
        }
        looks.push(resident(scheduler.id()?)?);
        let last = &looks[looks.len().saturating_sub(LOOKS)..];
        let (least, most) = (last.iter().min().copied(), last.iter().max().copied());
        if let (LOOKS, Some(least), Some(most)) = (last.len(), least, most)
            && most - least <= most / 100
        {
            tokio::time::sleep(later).await;
            let with_time = if later.is_zero() { most } else { resident(scheduler.id()?)? };
            scheduler.stop().await?;
            return Ok((most, with_time));
        }
    }
}

/// How many bindings a scheduler says that it knows.
async fn known(port: u16) -> anyhow::Result<usize> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let request = b"GET /scheduler/queue HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (_, body) = answer.split_once("\r\n\r\n").context("an answer without a body")?;
    let queue: Value = serde_json::from_str(body)?;
    let known = queue["bindings"].as_u64().context("how many bindings it knows")?;
    Ok(usize::try_from(known)?)
}

/// The memory of a process that is neither shared nor swapped out, in bytes.
fn resident(id: u32) -> anyhow::Result<usize> {
    let file = format!("/proc/{id}/status");
    let status = std::fs::read_to_string(&file).with_context(|| file.clone())?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<usize>().ok());
    kib.map(|kib| kib << 10).with_context(|| format!("{file} does not say RssAnon"))
}
