//! Simulated member clusters: an API server each, the simulator in it, and their registration.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use tokio::net::TcpListener;
use windlass_apiserver::{ApiServer, Config, store};
use windlass_simulator::{MemberSpec, MemberSpecFile, MemberState};

use super::Members;
use super::folder::{Folder, write_whole};
use super::registration::{Endpoint, register};

/// How many members a first start has when nobody said.
const DEFAULT_MEMBERS: usize = 2;
/// The group that may do everything in a member: the control plane acts for all its users there.
const MASTERS: &str = "system:masters";

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

/// Where a server listens.
pub(super) struct Address {
    pub(super) listener: TcpListener,
    pub(super) url: String,
}

/// Listens on 127.0.0.1: on `port`, or for 0 on the port of the last start where it is free, else on any. `folder`
/// remembers it.
pub(super) async fn listen(port: u16, folder: &Path) -> anyhow::Result<Address> {
    let port_file = folder.join("port");
    let before = std::fs::read_to_string(&port_file).ok().and_then(|text| text.trim().parse::<u16>().ok());
    let wanted = if port == 0 { before.unwrap_or(0) } else { port };
    let listener = match TcpListener::bind(("127.0.0.1", wanted)).await {
        Err(_) if port == 0 => TcpListener::bind(("127.0.0.1", 0)).await,
        bound => bound,
    }
    .with_context(|| format!("cannot listen on 127.0.0.1:{wanted}; --port 0 takes any free port"))?;
    let address = listener.local_addr().context("cannot ask for the port")?;
    write_whole(&port_file, &address.port().to_string())?;
    Ok(Address { listener, url: format!("https://{address}") })
}

/// A member that is known to the control plane, and not served yet.
pub(super) struct Opened {
    pub(super) spec: MemberSpec,
    pub(super) server: ApiServer,
    pub(super) address: Address,
    pub(super) state: MemberState,
    pub(super) member: Member,
}

/// Opens a member's API server, and registers it with the control plane.
pub(super) async fn open(
    spec: MemberSpec,
    folder: Folder,
    control_plane: kube::Client,
) -> anyhow::Result<Opened> {
    let name = spec.name.clone();
    let state = MemberState::default();
    let home = folder.member(&name);
    let config = Config {
        data_dir: home.clone(),
        name: name.clone(),
        definitions: Vec::new(),
        hooks: vec![Arc::new(state.clone())],
        store: store::Options::default(),
    };
    let server = ApiServer::open(config).await.with_context(|| format!("the API server of member {name}"))?;
    let address = listen(0, &home).await?;
    let kubeconfig = folder.member_kubeconfig(&name);
    write_kubeconfig(&server, &address.url, &kubeconfig)?;
    let endpoint = Endpoint {
        url: address.url.clone(),
        authority: server.certificate_authority().to_owned(),
        token: token(&server, &Folder::token_file(&home))?,
    };
    register(&control_plane, &server.client(), &spec, &endpoint).await?;
    let member = Member { name, url: address.url.clone(), kubeconfig };
    Ok(Opened { spec, server, address, state, member })
}

/// Writes the kubeconfig by which the server at `url` is used.
pub(super) fn write_kubeconfig(server: &ApiServer, url: &str, file: &Path) -> anyhow::Result<()> {
    let document = server.kubeconfig(url).context("cannot make a kubeconfig")?;
    write_whole(file, &document)
}

/// The control plane's token for a member: made once, so that restarts don't pile them up.
fn token(server: &ApiServer, file: &Path) -> anyhow::Result<String> {
    if let Ok(token) = std::fs::read_to_string(file) {
        return Ok(token);
    }
    let token = server.issue_token("windlass", [MASTERS.to_owned()]).context("cannot make a token")?;
    write_whole(file, &token)?;
    Ok(token)
}
