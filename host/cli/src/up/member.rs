//! Simulated member clusters: an API server each, the simulator in it, and their registration.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tokio::net::TcpListener;
use windlass_simulator::{MemberSpec, MemberSpecFile};

use super::Members;
use super::folder::{Folder, write_whole};

/// How many members a first start has when nobody said.
const DEFAULT_MEMBERS: usize = 2;

pub(crate) fn read_members(file: &Path) -> anyhow::Result<Vec<MemberSpec>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    parse_members(&text, &file.display().to_string())
}

/// `what` names the text in an error.
pub(crate) fn parse_members(text: &str, what: &str) -> anyhow::Result<Vec<MemberSpec>> {
    Ok(MemberSpecFile::parse(text).with_context(|| format!("{what} cannot be used"))?.members)
}

/// The members of this start, recorded for the next.
pub(super) fn decide(members: Members, folder: &Folder) -> anyhow::Result<Vec<MemberSpec>> {
    let file = folder.members_file();
    let decided = match members {
        Members::Described(members) => members,
        Members::Count(count) => MemberSpecFile::members(count).members,
        Members::AsBefore if file.exists() => return read_members(&file),
        Members::AsBefore => MemberSpecFile::members(DEFAULT_MEMBERS).members,
    };
    let recorded = serde_json::to_string_pretty(&MemberSpecFile { members: decided.clone() })?;
    write_whole(&file, &recorded)?;
    Ok(decided)
}

/// A running member, as others see it.
#[derive(Clone, Debug)]
pub struct Member {
    pub name: String,
    pub url: String,
    pub kubeconfig: PathBuf,
}

/// Listens on 127.0.0.1: on `port`, or for 0 on the port of the last start where it is free, else on any.
pub(super) async fn listen(port: u16, port_file: &Path) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let before = std::fs::read_to_string(port_file).ok().and_then(|text| text.trim().parse::<u16>().ok());
    let wanted = if port == 0 { before.unwrap_or(0) } else { port };
    let listener = match TcpListener::bind(("127.0.0.1", wanted)).await {
        Err(_) if port == 0 => TcpListener::bind(("127.0.0.1", 0)).await,
        bound => bound,
    }
    .with_context(|| format!("cannot listen on 127.0.0.1:{wanted}; --port 0 takes any free port"))?;
    let address = listener.local_addr().context("cannot ask for the port")?;
    write_whole(port_file, &address.port().to_string())?;
    Ok((listener, address))
}
