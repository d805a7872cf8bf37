//! The same requests to the embedded API server and to kube-apiserver; what differs is told.

mod accepted;
mod call;
mod corpus;
mod difference;
mod exchange;
mod fixed;
mod groups;
mod mutation;
mod normal;
mod peer;
mod rounds;
mod schema;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::bail;
use clap::Args;
use serde_json::Value;

use crate::servers::{self, Durability, Embedded, Kubernetes};
use accepted::Accepted;
use call::Call;
use exchange::Pair;
use groups::Groups;
use peer::Peer;
use rounds::Generator;
use schema::Schemas;
pub(crate) use windlass_sdk::testing::Random;

#[derive(Args)]
pub(crate) struct Options {
    /// Determines every request. May be given several times.
    #[arg(long, default_values_t = [1])]
    seed: Vec<u64>,
    /// Requests for each seed, to each of the servers.
    #[arg(long, default_value_t = 3000)]
    requests: usize,
    /// Only rounds about these resources (plurals).
    #[arg(long)]
    only: Vec<String>,
    /// How many groups of differences get an example that is made as small as possible.
    #[arg(long, default_value_t = 40)]
    shrink: usize,
    /// Also compare discovery and the OpenAPI documents.
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    documents: bool,
    /// Fails only if there are more differences than these: a ratchet, to be turned down as they are mended.
    #[arg(long, default_value_t = 0)]
    at_most: usize,
}

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
/// Until a definition's objects are served.
const PATIENCE: Duration = Duration::from_secs(30);

/// Fails where more answers differ, that no rule accepts, than are let through.
pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let programs = servers::build().await?;
    let kubernetes = Kubernetes::start(&programs, Durability::Waived).await?;
    let embedded = Embedded::open().await?;
    let pair = Pair {
        theirs: Peer { name: "kubernetes", client: kubernetes.client.clone() },
        ours: Peer { name: "windlass", client: embedded.client.clone() },
    };
    let verdict = compare(&pair, &options).await;
    embedded.shutdown().await;
    verdict
}

async fn compare(pair: &Pair, options: &Options) -> anyhow::Result<ExitCode> {
    let begun = Instant::now();
    for definition in corpus::definitions()? {
        install(&pair.theirs, &definition).await?;
        install(&pair.ours, &definition).await?;
    }
    let rules = accepted::read()?;
    let mut in_documents = 0;
    if options.documents {
        for comparison in [fixed::discovery(pair).await?, fixed::openapi(pair).await?] {
            in_documents += report_fixed(&rules, comparison);
        }
    }
    let mut samples = corpus::samples(&pair.theirs).await?;
    samples.retain(|sample| options.only.is_empty() || options.only.contains(&sample.plural));
    if samples.is_empty() {
        bail!("the corpus has no object of {}", options.only.join(" or "));
    }
    let schemas = Schemas::read(&pair.theirs, &samples).await?;
    let mut groups = Groups::default();
    let (mut requests, mut events, mut rounds) = (0, 0, 0);
    let mut plain: Vec<_> = samples.iter().map(rounds::plain).collect();
    plain.reverse();
    for seed in &options.seed {
        let mut generator = Generator { samples: &samples, schemas: &schemas, random: Random::new(*seed) };
        let bound = requests + options.requests;
        while requests < bound {
            let round = plain.pop().unwrap_or_else(|| generator.round());
            rounds += 1;
            let outcome = pair.play(&round, &format!("r{rounds}")).await?;
            requests += outcome.requests.max(1);
            events += outcome.events;
            groups.add(&rules, &round, outcome.found);
        }
    }
    let sent = begun.elapsed();
    groups.report(pair, options.shrink).await?;
    let (differences, wording) = groups.counts();
    let failed = in_documents + differences > options.at_most;
    println!();
    for (name, count) in &groups.accepted {
        println!("accepted {count} times: {name}");
    }
    println!(
        "seeds {:?}: {requests} requests in {rounds} rounds and {events} events, {} s; {differences} differences, \
         {wording} of them in wording alone; {in_documents} in documents; at most {} are let through",
        options.seed,
        sent.as_secs(),
        options.at_most
    );
    println!("{} passed, {} failed", usize::from(!failed), usize::from(failed));
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Prints what no rule accepts, and counts it.
fn report_fixed(rules: &[Accepted], comparison: fixed::Comparison) -> usize {
    let mut count = 0;
    for (about, difference) in comparison {
        if !rules.iter().any(|rule| rule.covers(&about, &difference)) {
            count += 1;
            println!(
                "{about} {}\n  kubernetes: {}\n  windlass:   {}",
                difference.place, difference.theirs, difference.ours
            );
        }
    }
    count
}

/// Installs a definition, and waits until its objects are served.
async fn install(peer: &Peer, definition: &Value) -> anyhow::Result<()> {
    let created = peer.send(&Call::new("POST", DEFINITIONS, definition.clone())).await?;
    if created.code != 201 {
        bail!("{} refuses the definition of {}: {}", peer.name, definition["metadata"]["name"], created.body);
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let version = text(&definition["spec"]["versions"][0]["name"]);
    let (group, plural) = (text(&definition["spec"]["group"]), text(&definition["spec"]["names"]["plural"]));
    let path = format!("/apis/{group}/{version}/{plural}");
    let deadline = Instant::now() + PATIENCE;
    while peer.send(&Call::get(path.as_str())).await?.code != 200 {
        if Instant::now() > deadline {
            bail!("{} does not serve {path}", peer.name);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
