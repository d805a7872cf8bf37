//! Clients and servers on this machine, and servers that misbehave.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Node as CoreNode;
use kube::client::Body;
use prometheus_client::registry::Registry;
use rcgen::{CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, KeyPair};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use windlass_api::cluster::Cluster;
use windlass_scheduler::{Answer, Counted, Need, Node, OpenQuestion, Question, Resources, Room};

use super::{Estimators, MemberEstimators, Options};
use crate::protocol::ObjectReference;
use crate::server::{GrpcService, Member, Metrics, Service, serve};
use crate::tls::{ClientFiles, Identity, ServerFiles};

const PATIENCE: Duration = Duration::from_secs(30);

struct Nodes(Arc<Room>);

impl Member for Nodes {
    fn room(&self) -> Option<Arc<Room>> {
        Some(Arc::clone(&self.0))
    }

    fn unschedulable(
        &self,
        workload: ObjectReference,
        longer_than: Duration,
    ) -> BoxFuture<'_, Result<usize, String>> {
        Box::pin(async move {
            if workload.name.is_empty() {
                Err("no name".to_owned())
            } else {
                Ok(longer_than.as_secs() as usize)
            }
        })
    }
}

/// A server of a member with so many nodes of four cores.
async fn server(cluster: &str, nodes: usize, files: &ServerFiles) -> (u16, CancellationToken) {
    let node: CoreNode = serde_json::from_value(
        json!({"metadata": {"name": "n"}, "status": {"allocatable": {"cpu": "4", "pods": "9"}}}),
    )
    .unwrap();
    let room = Room { nodes: vec![Node::new(&node); nodes], ..Room::default() };
    let service = Arc::new(Service::new(cluster.to_owned(), Arc::new(Nodes(Arc::new(room))), 4));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let shutdown = CancellationToken::new();
    let metrics = Metrics::registered(&mut Registry::default());
    tokio::spawn(serve(
        listener,
        files.config().unwrap(),
        GrpcService::new(service, metrics),
        shutdown.clone(),
    ));
    (port, shutdown)
}

/// Estimators whose Services send to these ports by the cluster's name; those of others don't exist.
fn estimators(ports: &[(&'static str, u16)], options: Options) -> Estimators {
    let ports = ports.to_vec();
    let api = tower::service_fn(move |request: http::Request<Body>| {
        let path = request.uri().path().to_owned();
        let found = ports.iter().find(|(cluster, _)| path.ends_with(&format!("-{cluster}")));
        let answer = match found {
            Some((_, port)) => (
                200,
                json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"},
                "spec": {"type": "ExternalName", "externalName": "127.0.0.1",
                    "ports": [{"port": 10352, "targetPort": port}]}}),
            ),
            None => (404, json!({"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404})),
        };
        async move {
            let response = http::Response::builder().status(answer.0);
            Ok::<_, Infallible>(response.body(Body::from(answer.1.to_string().into_bytes())).unwrap())
        }
    });
    Estimators::new(kube::Client::new(api, "default"), options, CancellationToken::new()).unwrap()
}

fn cluster(cpu: &str) -> Cluster {
    serde_json::from_value(json!({"apiVersion": "cluster.karmada.io/v1alpha1", "kind": "Cluster",
        "metadata": {"name": "m"}, "spec": {"syncMode": "Push"},
        "status": {"resourceSummary": {"allocatable": {"cpu": cpu}}}}))
    .unwrap()
}

fn question(cluster: &str, cpu: &str) -> OpenQuestion {
    let request = serde_json::from_value(json!({"cpu": cpu})).unwrap();
    let need = Need { replicas: 1, request: Resources::read(&request).unwrap(), ..Need::default() };
    OpenQuestion { cluster: cluster.to_owned(), question: Question::new(Counted::Replicas, "d", &[need]) }
}

/// Asks, and waits for the answer.
async fn answer(estimators: &Estimators, open: &OpenQuestion) -> Answer {
    let mut changes = estimators.changes();
    estimators.ask(open.clone());
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answers = estimators.answers(&open.cluster).expect("the cluster is known");
        if let Some(answer) = answers.get(&open.question) {
            return answer;
        }
        let _ = timeout_at(deadline, changes.recv()).await.expect("an answer in time");
    }
}

#[tokio::test]
async fn a_question_is_one_call_until_the_member_changes() {
    let (port, _) = server("m1", 3, &ServerFiles::default()).await;
    let estimators = estimators(&[("m1", port)], Options::default());
    assert!(estimators.answers("m1").is_none());
    estimators.cluster("m1", Some(&cluster("12")));
    for _ in 0..1000 {
        estimators.ask(question("m1", "2"));
    }
    assert_eq!(answer(&estimators, &question("m1", "2")).await, Answer::Fits(6));
    assert_eq!(answer(&estimators, &question("m1", "2000m")).await, Answer::Fits(6));
    assert_eq!(estimators.calls(), 1);
    assert_eq!(answer(&estimators, &question("m1", "3")).await, Answer::Fits(3));
    estimators.cluster("m1", Some(&cluster("12")));
    assert_eq!(answer(&estimators, &question("m1", "2")).await, Answer::Fits(6));
    assert_eq!(estimators.calls(), 2, "a heartbeat is no change");
    estimators.cluster("m1", Some(&cluster("11")));
    assert_eq!(answer(&estimators, &question("m1", "2")).await, Answer::Fits(6));
    assert_eq!(estimators.calls(), 3);
    estimators.cluster("m1", None);
    assert!(estimators.answers("m1").is_none());
}

#[tokio::test]
async fn an_estimator_of_another_cluster_has_no_opinion() {
    let (port, _) = server("other", 3, &ServerFiles::default()).await;
    let estimators = estimators(&[("m1", port)], Options::default());
    estimators.cluster("m1", Some(&cluster("12")));
    assert_eq!(answer(&estimators, &question("m1", "2")).await, Answer::NoOpinion);
}

#[tokio::test]
async fn unschedulable_pods_are_asked_for_each_time() {
    let (port, _) = server("m1", 3, &ServerFiles::default()).await;
    let estimators = estimators(&[("m1", port)], Options::default());
    let workload = |name: &str| ObjectReference { name: name.to_owned(), ..ObjectReference::default() };
    let asked = estimators.unschedulable("m1", workload("a"), Duration::from_secs(60)).await;
    assert_eq!(asked.unwrap(), None, "the cluster isn't known");
    estimators.cluster("m1", Some(&cluster("12")));
    let asked = estimators.unschedulable("m1", workload("a"), Duration::from_secs(60)).await;
    assert_eq!(asked.unwrap(), Some(60));
    let refused = estimators.unschedulable("m1", workload(""), Duration::ZERO).await.unwrap_err();
    assert_eq!(refused.to_string(), "it refused: no name");
}

/// A server that takes connections, does this with them, and nothing else.
async fn misbehaving(greeting: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 24];
            let _ = stream.read_exact(&mut head).await;
            let _ = stream.write_all(greeting).await;
            open.push(stream);
        }
    });
    port
}

#[tokio::test]
async fn whatever_one_estimator_does_the_others_answer_and_nobody_waits_twice() {
    let (good, _) = server("good", 3, &ServerFiles::default()).await;
    let (dies, stop) = server("dies", 3, &ServerFiles::default()).await;
    let hangs = misbehaving(b"").await;
    let babbles = misbehaving(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n\x00\xff\x00\xff").await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let options = Options { timeout: Duration::from_secs(5), ..Options::default() };
    let ports = [("good", good), ("dies", dies), ("hangs", hangs), ("babbles", babbles), ("closed", closed)];
    let estimators = estimators(&ports, options);
    // The last one's Service names a place that nobody knows.
    for (name, _) in ports.into_iter().chain([("nowhere", 0)]) {
        estimators.cluster(name, Some(&cluster("12")));
    }
    assert_eq!(answer(&estimators, &question("dies", "1")).await, Answer::Fits(12));
    stop.cancel();
    estimators.ask(question("hangs", "2"));
    let begun = Instant::now();
    for cpu in ["1", "2", "3"] {
        answer(&estimators, &question("good", cpu)).await;
        answer(&estimators, &question("babbles", cpu)).await;
        answer(&estimators, &question("closed", cpu)).await;
    }
    assert!(begun.elapsed() < Duration::from_secs(4), "nobody waits for the one that hangs");
    assert_eq!(answer(&estimators, &question("babbles", "2")).await, Answer::NoOpinion);
    assert_eq!(answer(&estimators, &question("hangs", "2")).await, Answer::NoOpinion);
    assert_eq!(answer(&estimators, &question("nowhere", "2")).await, Answer::NoOpinion);
    let begun = Instant::now();
    assert_eq!(answer(&estimators, &question("hangs", "3")).await, Answer::NoOpinion);
    assert!(begun.elapsed() < Duration::from_secs(4), "it is known to hang");
    assert_eq!(answer(&estimators, &question("dies", "2")).await, Answer::NoOpinion);
    assert_eq!(answer(&estimators, &question("good", "2")).await, Answer::Fits(6));
}

#[tokio::test]
async fn one_that_comes_back_is_heard_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let estimators = estimators(&[("m1", port)], Options::default());
    estimators.cluster("m1", Some(&cluster("12")));
    assert_eq!(answer(&estimators, &question("m1", "2")).await, Answer::NoOpinion);
    let mut changes = estimators.changes();
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let service = Arc::new(Service::new("m1".to_owned(), Arc::new(Nodes(Arc::default())), 1));
    let metrics = Metrics::registered(&mut Registry::default());
    tokio::spawn(serve(listener, None, GrpcService::new(service, metrics), CancellationToken::new()));
    timeout(PATIENCE, changes.recv()).await.expect("news in time").unwrap();
    assert_eq!(answer(&estimators, &question("m1", "2")).await, Answer::Fits(0));
}

struct Pki {
    folder: tempfile::TempDir,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Pki {
    fn new() -> Pki {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.crt"), authority.pem()).unwrap();
        Pki { folder, authority }
    }

    fn file(&self, name: &str) -> PathBuf {
        Path::new(self.folder.path()).join(name)
    }

    fn identity(&self, name: &str, usage: ExtendedKeyUsagePurpose) -> Identity {
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.authority).unwrap();
        let identity = Identity {
            certificate: self.file(&format!("{name}.crt")),
            key: self.file(&format!("{name}.key")),
        };
        std::fs::write(&identity.certificate, certificate.pem()).unwrap();
        std::fs::write(&identity.key, key.serialize_pem()).unwrap();
        identity
    }
}

#[tokio::test]
async fn certificates_are_asked_for_as_karmada_asks_for_them() {
    let (pki, strangers) = (Pki::new(), Pki::new());
    let files = ServerFiles {
        identity: Some(pki.identity("server", ExtendedKeyUsagePurpose::ServerAuth)),
        client_authority: Some(pki.file("ca.crt")),
    };
    let (strict, _) = server("m1", 3, &files).await;
    let (lax, _) = server("m1", 3, &ServerFiles { client_authority: None, ..files }).await;
    let check = async |port: u16, files: ClientFiles, want: Answer| {
        let estimators = estimators(&[("m1", port)], Options { files: files.clone(), ..Options::default() });
        estimators.cluster("m1", Some(&cluster("12")));
        assert_eq!(answer(&estimators, &question("m1", "2")).await, want, "{port} {files:?}");
    };
    let (yes, no) = (Answer::Fits(6), Answer::NoOpinion);
    let client = Some(pki.identity("client", ExtendedKeyUsagePurpose::ClientAuth));
    let ours =
        ClientFiles { identity: client, authority: Some(pki.file("ca.crt")), insecure_skip_verify: false };
    check(strict, ours.clone(), yes).await;
    check(strict, ClientFiles { identity: None, ..ours.clone() }, no).await;
    let stranger = Some(strangers.identity("client", ExtendedKeyUsagePurpose::ClientAuth));
    check(strict, ClientFiles { identity: stranger, ..ours.clone() }, no).await;
    check(lax, ClientFiles { identity: None, ..ours.clone() }, yes).await;
    let elsewhere = ClientFiles { authority: Some(strangers.file("ca.crt")), ..ours.clone() };
    check(lax, elsewhere.clone(), no).await;
    check(strict, ClientFiles { insecure_skip_verify: true, ..elsewhere }, yes).await;
    check(strict, ClientFiles::default(), no).await;
    let missing = ClientFiles { authority: Some(pki.file("nothing.crt")), ..ours };
    assert!(missing.config().unwrap_err().to_string().contains("nothing.crt can't be read as PEM"));
}
