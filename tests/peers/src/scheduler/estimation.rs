//! How often members' estimators are asked while many bindings are placed by what they say: 20 members of 500 nodes,
//! each with an estimator that counts node by node, asked over the network by Karmada's protocol.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use windlass_controllers::{EstimatedRooms, NoRooms, SchedulerContext, Term, run_scheduler};
use windlass_estimator::client::{Estimators, Options as Client};
use windlass_estimator::protocol::ObjectReference;
use windlass_estimator::server::{GrpcService, Member, Metrics, Service, serve};
use windlass_scheduler::{Node, Resources, Room};

use super::latency::{context, prepare};
use super::load::{Counting, Kind, create_each};
use super::workloads::MEMBERS_OF_BENCHES;
use crate::karmada::objects::apply;
use crate::servers::Embedded;

const NODES: usize = 500;
/// Questions that one estimator works on at once.
const PARALLELISM: usize = 2;

#[derive(Args)]
pub(crate) struct Options {
    /// How many bindings are placed.
    #[arg(long, default_value_t = 5_000)]
    bindings: usize,
    /// How many different requests for CPU they have.
    #[arg(long, default_value_t = 10)]
    sizes: usize,
    /// What is scheduled.
    #[arg(long, value_enum, default_value = "dynamic")]
    kind: Kind,
}

/// A member whose nodes are what they are.
struct Nodes {
    room: Arc<Room>,
    asked: Arc<AtomicUsize>,
}

impl Member for Nodes {
    fn room(&self) -> Option<Arc<Room>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Some(Arc::clone(&self.room))
    }

    fn unschedulable(&self, _: ObjectReference, _: Duration) -> BoxFuture<'_, Result<usize, String>> {
        async { Ok(0) }.boxed()
    }
}

fn room() -> anyhow::Result<Room> {
    let resources = |cpu: usize, memory: &str| -> anyhow::Result<Resources> {
        let list: BTreeMap<_, _> = serde_json::from_value(json!({"cpu": cpu.to_string(), "memory": memory}))?;
        Ok(Resources::reported(&list))
    };
    let node = |index: usize| {
        Ok(Node {
            name: format!("n{index}"),
            allocatable: resources(64, "256Gi")?,
            requested: resources(index % 5, "8Gi")?,
            // Enough for all, by the caution with which pods of other sizes are reckoned until they show in an answer:
            // what is measured is how often members are asked.
            pod_slots: 250,
            pods: 20,
            ..Node::default()
        })
    };
    Ok(Room { nodes: (0..NODES).map(node).collect::<anyhow::Result<_>>()?, ..Room::default() })
}

pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let Options { bindings, sizes, kind } = options;
    ensure!(sizes > 0, "--sizes 0 leaves nothing to ask for: 1 or more");
    let embedded = Embedded::open().await?;
    let client = &embedded.client;
    prepare(client).await?;
    let shutdown = CancellationToken::new();
    let asked = Arc::new(AtomicUsize::new(0));
    let system = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "karmada-system"}});
    apply(client, &system).await?;
    let room = Arc::new(room()?);
    for number in 1..=MEMBERS_OF_BENCHES {
        let cluster = format!("m{number}");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("a free port")?;
        let port = listener.local_addr().context("the port")?.port();
        let member = Nodes { room: Arc::clone(&room), asked: Arc::clone(&asked) };
        let service = Arc::new(Service::new(cluster.clone(), Arc::new(member), PARALLELISM));
        let service = GrpcService::new(service, Metrics::registered(&mut Default::default()));
        tokio::spawn(serve(listener, None, service, shutdown.clone()));
        let service = json!({"apiVersion": "v1", "kind": "Service",
            "metadata": {"namespace": "karmada-system", "name": format!("karmada-scheduler-estimator-{cluster}")},
            "spec": {"type": "ExternalName", "externalName": "127.0.0.1",
                "ports": [{"name": "grpc", "port": 10352, "targetPort": port}]}});
        apply(client, &service).await?;
    }
    create_each(client, kind, "b", bindings, "windlass", |number, binding| {
        let request = &mut binding["spec"]["replicaRequirements"]["resourceRequest"];
        if request.is_object() {
            request["cpu"] = json!(format!("{}m", 100 * (1 + number % sizes)));
        }
    })
    .await?;
    let counting = Counting::start(client.clone(), "b", bindings).await?;
    let estimators = Estimators::new(client.clone(), Client::default(), shutdown.clone())
        .context("a client of estimators")?;
    let rooms = Arc::new(EstimatedRooms::new(Arc::new(NoRooms::default()), Arc::new(estimators)));
    let telling = tokio::spawn(Arc::clone(&rooms).run(shutdown.clone()));
    let term = Term::default();
    let context = SchedulerContext { rooms, ..context(client) };
    let running = tokio::spawn(run_scheduler(context, term.clone()));
    let pace = counting.pace().await?;
    println!(
        "{bindings} bindings of {sizes} sizes over {MEMBERS_OF_BENCHES} members of {NODES} nodes, on the embedded \
         server: {:.0} bindings/s, {} calls of estimators",
        pace.per_second(),
        asked.load(Ordering::Relaxed)
    );
    term.end.cancel();
    running.await.context("the scheduler panicked")?;
    shutdown.cancel();
    telling.await.context("the estimators' news")?;
    embedded.shutdown().await;
    Ok(())
}
