//! Karmada's estimator and ours, on the same member.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::json;
use windlass_estimator::protocol::ObjectReference;
use windlass_scheduler::{Counted, Need, Question};

use super::ask::Asker;
use super::questions;
use super::running::{Estimator, Place};
use crate::apiserver::Random;

/// Asks both the same, and tells how it went.
pub(super) async fn run(
    client: &kube::Client,
    place: &Place,
    [ours, theirs]: [&Estimator; 2],
    seed: u64,
    count: usize,
) -> anyhow::Result<String> {
    let mut askers = Vec::new();
    for estimator in [ours, theirs] {
        estimator.announce(client, estimator.prefix).await?;
        askers.push(Asker::new(client, place.options(estimator.prefix), estimator.cluster)?);
    }
    let [us, them] = <[Asker; 2]>::try_from(askers).ok().context("two estimators")?;
    let mut random = Random::new(seed);
    let (mut asked, mut better, mut different) = (HashSet::new(), 0, Vec::new());
    let mut none = 0;
    while asked.len() < count {
        let question = questions::random(&mut random)?;
        if !asked.insert(question.clone()) {
            continue;
        }
        let (we, they) = tokio::try_join!(us.ask(&question), them.ask(&question))?;
        none += usize::from(we == 0);
        if packs_better(&question, we, they) {
            better += 1;
        } else if we != they {
            different.push(format!("we say {we}, Karmada's says {they} to {question:?}"));
        }
    }
    if !different.is_empty() {
        bail!("{} of {count} answers differ:\n{}", different.len(), different.join("\n"));
    }
    let calls = us.estimators.calls();
    let asked = u64::try_from(asked.len()).unwrap_or(u64::MAX);
    ensure!(calls == asked, "{calls} calls for {asked} different questions");
    named(&us, &them).await.context("a difference that is named")?;
    waiting(&us, &them).await.context("pods that wait")?;
    Ok(format!(
        "Karmada's estimator and ours give {count} equal answers ({none} of them 0), but for {better} sets that ours \
         packs and Karmada's does not"
    ))
}

/// A difference that is meant: where the components don't fit in their order, ours tries the largest first.
fn packs_better(question: &Question, we: i64, they: i64) -> bool {
    question.counted == Counted::Sets && question.needs.len() > 1 && they == 0 && we > 0
}

/// What Karmada's estimator leaves out, and ours counts, as the member's API server will when the pods come.
async fn named(us: &Asker, them: &Asker) -> anyhow::Result<()> {
    let pods = questions::cores(Counted::Replicas, "counted-pods", "10m")?;
    check(us, them, &pods, 2, "a quota of pods").await?;
    let cores = questions::cores(Counted::Replicas, "not-best-effort", "1")?;
    check(us, them, &cores, 3, "a quota of what requests something").await?;
    // Karmada's takes a quota to count what is in any of its scopes; Kubernetes', what is in all.
    let high = |question: Question| {
        let needs: Vec<Need> = question
            .needs
            .iter()
            .map(|need| Need { priority_class: "high".to_owned(), ..need.clone() })
            .collect();
        Question::new(question.counted, &question.namespace, &needs)
    };
    let both = high(questions::cores(Counted::Replicas, "both-scopes", "1")?);
    let (we, they) = tokio::try_join!(us.ask(&both), them.ask(&both))?;
    ensure!(they == 3 && we > they, "a quota of two scopes: we say {we}, Karmada's says {they}");
    Ok(())
}

async fn check(us: &Asker, them: &Asker, question: &Question, want: i64, what: &str) -> anyhow::Result<()> {
    let (we, they) = tokio::try_join!(us.ask(question), them.ask(question))?;
    ensure!(we == want && they > want, "{what} leaves {want}: we say {we}, Karmada's says {they}");
    Ok(())
}

async fn waiting(us: &Asker, them: &Asker) -> anyhow::Result<()> {
    let count = async |asker: &Asker, kind: &str, name: &str, threshold: Duration| {
        let workload = ObjectReference {
            api_version: "apps/v1".to_owned(),
            kind: kind.to_owned(),
            namespace: "waiting".to_owned(),
            name: name.to_owned(),
        };
        asker.estimators.unschedulable("member1", workload, threshold).await
    };
    let (long, ages) = (Duration::from_secs(3600), Duration::from_secs(3600 * 24 * 365 * 20));
    for (threshold, want) in [(Duration::ZERO, 4), (long, 3), (ages, 0)] {
        let (we, they) = tokio::try_join!(
            count(us, "Deployment", "web", threshold),
            count(them, "Deployment", "web", threshold)
        )?;
        ensure!(
            we == Some(want) && they == Some(want),
            "longer than {threshold:?}: we say {we:?}, Karmada's says {they:?}, and it is {want}"
        );
    }
    // Ours goes by owner references, whatever kinds lie between; Karmada's knows Deployments alone.
    let we = count(us, "StatefulSet", "db", long).await?;
    let they = count(them, "StatefulSet", "db", long).await;
    ensure!(we == Some(3) && they.is_err(), "a StatefulSet: we say {we:?}, Karmada's says {they:?}");
    // And says that there is no such workload, where ours finds no pods of it.
    let we = count(us, "Deployment", "nothing", long).await?;
    let they = count(them, "Deployment", "nothing", long).await;
    ensure!(we == Some(0) && they.is_err(), "nothing: we say {we:?}, Karmada's says {they:?}");
    let other = us.estimators.unschedulable("other", ObjectReference::default(), long).await?;
    ensure!(other.is_none(), "{}", json!(other));
    Ok(())
}
