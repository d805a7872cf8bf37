//! `windlass up`: the whole control plane in one process.

mod banner;
mod control_plane;
mod customizations;
mod folder;
mod member;
mod parts;
mod registration;
mod remotes;
mod reports;
mod settings;
mod webhook;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use windlass_controllers::Descheduling;
use windlass_simulator::MemberSpec;

use crate::args::{PluginSourceArgs, UpArgs};
pub use control_plane::ControlPlane;
pub(crate) use member::{parse_members, read_members};

/// What a control plane is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Everything is kept here.
    pub data_dir: PathBuf,
    /// Of the control plane's API server, on 127.0.0.1; 0 takes any free one.
    pub port: u16,
    /// Where the plugins are served as webhooks of other control planes, on 127.0.0.1; 0 takes any free port.
    pub webhook_port: Option<u16>,
    pub members: Members,
    /// What becomes of replicas that a member can't place; `None`: they stay.
    pub descheduling: Option<Descheduling>,
    /// Plugins beside the built-in ones.
    pub plugin_dir: Option<PathBuf>,
    /// Settings of built-in admission plugins: a file, read again when it changes.
    pub plugin_settings: Option<PathBuf>,
}

/// Which simulated member clusters there are.
#[derive(Clone, Debug)]
pub enum Members {
    /// Those of the start before; at the first start, two.
    AsBefore,
    /// `member1` and so on, each of three nodes.
    Count(usize),
    Described(Vec<MemberSpec>),
}

/// A runtime for the control plane.
///
/// # Errors
/// The system gives no threads.
pub fn runtime() -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")
}

pub(crate) fn command(args: UpArgs) -> anyhow::Result<ExitCode> {
    let UpArgs { port, data_dir, members, member_spec, webhook_port, descheduler, plugins, logging } = args;
    let PluginSourceArgs { plugin_dir, plugin_settings } = plugins;
    crate::logging::start(&logging)?;
    let members = match (members, member_spec) {
        (Some(count), _) => Members::Count(count.into()),
        (None, Some(file)) => Members::Described(read_members(&file)?),
        (None, None) => Members::AsBefore,
    };
    let descheduling = descheduler.options();
    let options =
        Options { data_dir, port, webhook_port, members, descheduling, plugin_dir, plugin_settings };
    runtime()?.block_on(async move {
        let mut stop = std::pin::pin!(stop_signal());
        let control_plane = tokio::select! {
            started = ControlPlane::start(options) => started?,
            stopped = &mut stop => return stopped.map(|()| ExitCode::SUCCESS),
        };
        banner::print(&control_plane);
        tokio::select! {
            stopped = stop => stopped?,
            failed = control_plane.failed() => return Err(failed),
        }
        eprintln!("stopping");
        control_plane.stop().await;
        Ok(ExitCode::SUCCESS)
    })
}

/// Returns at the first SIGTERM or SIGINT.
pub(crate) async fn stop_signal() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
