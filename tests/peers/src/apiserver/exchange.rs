//! Sends a round to both servers, up to the first answer that differs.

use anyhow::Context;
use serde_json::json;

use super::call::Call;
use super::difference::{self, Aspect, Difference};
use super::peer::{Peer, Session};
use super::rounds::{LAST, Round};

/// The server that is followed, and the one that follows it.
pub(crate) struct Pair {
    pub(crate) theirs: Peer,
    pub(crate) ours: Peer,
}

/// A difference, and after which of the round's calls it was seen: at its end if there is none.
pub(crate) struct Found {
    pub(crate) at: usize,
    pub(crate) difference: Difference,
}

/// What came of a round.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) found: Vec<Found>,
    /// Requests to each server.
    pub(crate) requests: usize,
    /// Events of each server.
    pub(crate) events: usize,
}

impl Pair {
    /// Sends the round under a name that no round had before.
    ///
    /// # Errors
    /// A server does not answer.
    pub(crate) async fn play(&self, round: &Round, name: &str) -> anyhow::Result<Outcome> {
        let mut outcome = Outcome::default();
        let mut theirs = Session::new(&self.theirs, name);
        let mut ours = Session::new(&self.ours, name);
        let collection = round.sample.collection();
        for session in [&mut theirs, &mut ours] {
            if round.sample.namespaced {
                let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
                let created = session.send(&Call::new("POST", "/api/v1/namespaces", namespace)).await?;
                if created.code != 201 {
                    anyhow::bail!("{} does not create namespace {name}: {}", session.peer.name, created.body);
                }
            }
            session.begin(&collection).await?;
        }
        for (at, call) in round.calls.iter().enumerate() {
            let (their, our) = tokio::try_join!(theirs.send(call), ours.send(call))?;
            outcome.requests += 1;
            let found = difference::answers(&their, &our);
            let apart = found.iter().any(|difference| difference.aspect != Aspect::Wording);
            outcome.found.extend(found.into_iter().map(|difference| Found { at, difference }));
            if apart {
                // From here on they may hold different objects.
                return Ok(outcome);
            }
        }
        self.compare_events(round, &mut theirs, &mut ours, &mut outcome).await?;
        Ok(outcome)
    }

    async fn compare_events(
        &self,
        round: &Round,
        theirs: &mut Session<'_>,
        ours: &mut Session<'_>,
        outcome: &mut Outcome,
    ) -> anyhow::Result<()> {
        let sample = &round.sample;
        if sample.is_definition() {
            // Conditions come in writes of their own, which the servers may combine.
            return Ok(());
        }
        let last = Call::new("POST", sample.collection(), sample.named(LAST));
        let created = tokio::try_join!(theirs.send(&last), ours.send(&last))?;
        if (created.0.code, created.1.code) != (201, 201) {
            return Ok(());
        }
        let watch = Call::get(sample.collection())
            .with("watch", "true")
            .with("resourceVersion", super::call::START)
            .with("timeoutSeconds", "10");
        let name = sample.name(LAST);
        let (their, our) = tokio::try_join!(theirs.events(&watch, &name), ours.events(&watch, &name))
            .context("the events of a round")?;
        outcome.events += our.len();
        let found = difference::events(&their, &our);
        outcome.found.extend(found.into_iter().map(|difference| Found { at: round.calls.len(), difference }));
        Ok(())
    }
}
