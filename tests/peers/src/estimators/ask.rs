//! Questions through our client.

use std::time::Duration;

use anyhow::{Context, bail};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};
use windlass_api::cluster::Cluster;
use windlass_estimator::client::{Estimators, MemberEstimators, Options};
use windlass_scheduler::{Answer, OpenQuestion, Question};

const PATIENCE: Duration = Duration::from_secs(30);

/// Our client, which knows one cluster.
pub(super) struct Asker {
    pub(super) estimators: Estimators,
    cluster: &'static str,
    _shutdown: DropGuard,
}

impl Asker {
    pub(super) fn new(
        client: &kube::Client,
        options: Options,
        cluster: &'static str,
    ) -> anyhow::Result<Asker> {
        let shutdown = CancellationToken::new();
        let estimators = Estimators::new(client.clone(), options, shutdown.clone())?;
        estimators.cluster(cluster, Some(&Cluster::new(cluster, Default::default())));
        Ok(Asker { estimators, cluster, _shutdown: shutdown.drop_guard() })
    }

    /// Its answer; that it has no opinion is an error.
    pub(super) async fn ask(&self, question: &Question) -> anyhow::Result<i64> {
        let mut changes = self.estimators.changes();
        self.estimators.ask(OpenQuestion { cluster: self.cluster.to_owned(), question: question.clone() });
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answers = self.estimators.answers(self.cluster).context("the cluster is known")?;
            match answers.get(question) {
                Some(Answer::Fits(count)) => return Ok(count),
                Some(Answer::NoOpinion) => bail!("it has no opinion on {question:?}"),
                None => {
                    let _ = timeout_at(deadline, changes.recv()).await.context("no answer in time")?;
                }
            }
        }
    }
}
