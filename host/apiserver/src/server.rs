//! The server as others hold it: opened on a directory, used in process through clients, served to the network.

use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, LazyLock, OnceLock};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, Patch, PatchParams};
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use windlass_core::Hook;
use windlass_schema::protobuf::Messages;

use crate::admission::Admission;
use crate::catalogue::Catalogue;
use crate::extra::{Answer, Extra};
use crate::identity::rbac::Rbac;
use crate::identity::{MASTERS, User};
use crate::state::{MetricsText, READS_MAX, State, WRITES_MAX};
use crate::store::{self, Store};
use crate::tls::{Authority, Credentials, Identity, Kubeconfig, TlsError};
use crate::{bootstrap, connection, definitions, housekeeping, service};

/// Who the server writes as on its own account, and as whom its definitions are applied.
const SELF: &str = "system:apiserver";
/// Who does the chores that kube-controller-manager does elsewhere.
const HOUSEKEEPER: &str = "system:kube-controller-manager";
const STORE_DIR: &str = "store";
const PKI_DIR: &str = "pki";

/// What a server is opened with.
pub struct Config {
    /// Holds the store and the certificate authority. Made if it doesn't exist.
    pub data_dir: PathBuf,
    /// Names the server in logs, and the cluster, user and context in kubeconfigs.
    pub name: String,
    /// Installed, or brought up to date, before the server opens.
    pub definitions: Vec<CustomResourceDefinition>,
    /// The admission chain: asked in this order about every create, update and delete.
    pub hooks: Vec<Arc<dyn Hook>>,
    pub store: store::Options,
}

/// Why a server did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Store(#[from] store::OpenError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The store was opened, but what every server holds could not be written to it.
    #[error("the server's own {object} could not be written")]
    Bootstrap { object: String, source: Box<kube::Error> },
}

/// Why serving ended early.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// An open API server. Cheap to clone; all clones are the same server.
#[derive(Clone)]
pub struct ApiServer {
    state: Arc<State>,
    /// Housekeeping ends with the last clone, so that it keeps no directory locked.
    _chores: Arc<DropGuard>,
}

impl ApiServer {
    /// Opens the data directory, and installs what every server holds.
    ///
    /// # Errors
    /// The directory can't be used, is in use, or is damaged; a definition is invalid.
    pub async fn open(config: Config) -> Result<ApiServer, OpenError> {
        let Config { data_dir, name, definitions, hooks, store } = config;
        let authority = Authority::open(&data_dir.join(PKI_DIR))?;
        let path = data_dir.join(STORE_DIR);
        let opened = tokio::task::spawn_blocking(move || Store::open(&path, store)).await;
        let store = Arc::new(opened.expect("opening a store does not panic, and is not cancelled")?);
        let state = Arc::new(State {
            name,
            admission: Admission::new(&store),
            rbac: Rbac::new(Arc::clone(&store)),
            store,
            catalogue: Catalogue::new(windlass_schema::builtin::kinds()),
            messages: LazyLock::new(Messages::read),
            hooks,
            authority,
            metrics: OnceLock::new(),
            extra: OnceLock::new(),
            reads: Arc::new(Semaphore::new(READS_MAX)),
            writes: Arc::new(Semaphore::new(WRITES_MAX)),
            random: rustls::crypto::ring::default_provider().secure_random,
            catalogued: AtomicU64::new(u64::MAX),
            replacing: Mutex::new(()),
            stopping: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        let chores = state.stopping.child_token();
        let housekeeper = service::client(&state, User::master(HOUSEKEEPER));
        let certificate = state.authority.certificate().to_owned();
        state.tasks.spawn(housekeeping::run(
            housekeeper,
            Arc::clone(&state.store),
            certificate,
            chores.clone(),
        ));
        let server = ApiServer { state, _chores: Arc::new(chores.drop_guard()) };
        bootstrap::install(&service::client(&server.state, User::master(SELF))).await?;
        server.install(definitions).await?;
        definitions::resume(&server.state);
        Ok(server)
    }

    /// Serves `/metrics` from now on, to those who may read it. What is set first stays.
    pub fn show_metrics(&self, text: MetricsText) {
        // A server has one owner, who counts in one place.
        let _ = self.state.metrics.set(text);
    }

    /// Has `answer` asked from now on for all paths below `prefix`, by those who may use them. What is set first stays.
    pub fn serve_below(&self, prefix: &'static str, answer: Answer) {
        // A server has one owner, who has one thing to add.
        let _ = self.state.extra.set(Extra::new(prefix, answer));
    }

    /// A client in this process that may do everything.
    pub fn client(&self) -> kube::Client {
        service::client(&self.state, User::master("system:admin"))
    }

    /// A client in this process that is taken for this user.
    pub fn client_as(
        &self,
        user: impl Into<String>,
        groups: impl IntoIterator<Item = String>,
    ) -> kube::Client {
        service::client(&self.state, User::new(user, groups))
    }

    /// Serves TLS on the listener until `shutdown` or [`ApiServer::shutdown`]; requests under way then finish.
    ///
    /// # Errors
    /// TLS can't be configured.
    pub async fn serve(&self, listener: TcpListener, shutdown: CancellationToken) -> Result<(), ServeError> {
        let tls = Arc::new(self.state.authority.server_config()?);
        connection::serve(&self.state, listener, tls, shutdown).await;
        Ok(())
    }

    /// A kubeconfig for whoever owns the machine: a client certificate of `system:masters`, valid for a year.
    ///
    /// # Errors
    /// The certificate can't be made.
    pub fn kubeconfig(&self, server_url: &str) -> Result<String, TlsError> {
        let certificate = self.state.authority.issue_client("system:admin", Some(MASTERS))?;
        Ok(self.kubeconfig_with(server_url, &Credentials::Certificate(certificate)))
    }

    /// A kubeconfig that proves who one is by a bearer token, good until the data directory is removed.
    ///
    /// # Errors
    /// The token can't be kept.
    pub fn kubeconfig_as(
        &self,
        server_url: &str,
        user: impl Into<String>,
        groups: impl IntoIterator<Item = String>,
    ) -> Result<String, TlsError> {
        let token = self.state.authority.issue_token(Identity::new(user, groups))?;
        Ok(self.kubeconfig_with(server_url, &Credentials::Token(token)))
    }

    /// The certificate, in PEM, by which clients know the server.
    pub fn certificate_authority(&self) -> &str {
        self.state.authority.certificate()
    }

    /// A bearer token for this user, good until the data directory is removed.
    ///
    /// # Errors
    /// The token can't be kept.
    pub fn issue_token(
        &self,
        user: impl Into<String>,
        groups: impl IntoIterator<Item = String>,
    ) -> Result<String, TlsError> {
        self.state.authority.issue_token(Identity::new(user, groups))
    }

    fn kubeconfig_with(&self, server: &str, credentials: &Credentials) -> String {
        let authority = self.state.authority.certificate();
        Kubeconfig { name: &self.state.name, server, authority, credentials }.document()
    }

    /// Ends watches, connections and background work, and waits for the latter. What was acknowledged is on disk
    /// already; the data directory is unlocked when the last client and clone are gone.
    pub async fn shutdown(&self) {
        self.state.stopping.cancel();
        self.state.tasks.close();
        self.state.tasks.wait().await;
    }

    async fn install(&self, definitions: Vec<CustomResourceDefinition>) -> Result<(), OpenError> {
        let api: Api<CustomResourceDefinition> = Api::all(service::client(&self.state, User::master(SELF)));
        for mut definition in definitions {
            let name = definition.metadata.name.clone().unwrap_or_default();
            definition.status = None;
            api.patch(&name, &PatchParams::apply(SELF).force(), &Patch::Apply(&definition))
                .await
                .map_err(|source| OpenError::bootstrap("definition", &name, source))?;
        }
        Ok(())
    }
}

impl OpenError {
    pub(crate) fn bootstrap(kind: &str, name: &str, source: kube::Error) -> OpenError {
        OpenError::Bootstrap { object: format!("{kind} {name:?}"), source: Box::new(source) }
    }
}
