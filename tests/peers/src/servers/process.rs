//! A program that runs as long as the value lives.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::process::{Child, Command};
use tokio::time::Instant;

/// How long a program may take to end.
const STOP: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);

pub(crate) struct Process {
    name: &'static str,
    log: PathBuf,
    child: Child,
}

impl Process {
    /// Starts it with its output in a file of `folder`. It is killed when the value is dropped.
    pub(crate) fn start(
        name: &'static str,
        program: &Path,
        arguments: &[String],
        folder: &Path,
    ) -> anyhow::Result<Process> {
        let log = folder.join(format!("{name}.log"));
        let file = std::fs::File::create(&log).with_context(|| format!("{}", log.display()))?;
        let child = Command::new(program)
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(file.try_clone().context("a log's handle")?)
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} does not start", program.display()))?;
        Ok(Process { name, log, child })
    }

    /// Asks `ready` again and again until it gives a value.
    pub(crate) async fn until<T>(
        &mut self,
        patience: Duration,
        mut ready: impl AsyncFnMut() -> Option<T>,
    ) -> anyhow::Result<T> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(value) = ready().await {
                return Ok(value);
            }
            if let Some(status) = self.child.try_wait().context("a child's state")? {
                bail!("{} ended ({status}): {}", self.name, self.last_words().1);
            }
            if Instant::now() > deadline {
                bail!("{} is not ready in {} s: {}", self.name, patience.as_secs(), self.last_words().1);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Its number on this machine.
    pub(crate) fn id(&self) -> anyhow::Result<u32> {
        self.child.id().with_context(|| format!("{} has ended: {}", self.name, self.last_words().1))
    }

    /// Asks it to end, and waits until it has.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        if let Some(id) = self.child.id() {
            let asked = Command::new("kill").arg(id.to_string()).status().await.context("kill")?;
            if asked.success() {
                let ended = tokio::time::timeout(STOP, self.child.wait()).await;
                ended.with_context(|| format!("{} does not end: {}", self.name, self.last_words().1))??;
            }
        }
        Ok(())
    }

    /// Its name, and the end of its log.
    pub(crate) fn last_words(&self) -> (&'static str, String) {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        (self.name, lines[lines.len().saturating_sub(15)..].join("\n"))
    }
}

/// A port of 127.0.0.1 that nobody listens on now.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("a free port")?;
    Ok(listener.local_addr().context("a free port")?.port())
}
