//! What a member's own estimator has answered, as data: questions, answers, and what was promised since.
//!
//! Whom to ask, when, and for how long an answer holds does not belong here.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use windlass_api::work::{ResourceBindingSpec, ResourceBindingStatus};

use super::{Estimate, Shortage};
use crate::context::Context;
use crate::decide::{Decision, consider};
use crate::snapshot::{Promise, Snapshot};
use crate::workload::Need;

/// For how long an answer may be gone by: what shows in the member for longer is part of it.
pub const ANSWER_HOLDS: Duration = Duration::from_secs(10);

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Counted {
    /// Pods of one kind.
    Replicas,
    /// Whole sets of components.
    Sets,
}

/// What a member's estimator can be asked. Two that can't be answered differently are equal: neither the names of
/// components nor the replicas of a workload that is divided make a difference.
#[derive(Clone, Debug)]
pub struct Question {
    pub counted: Counted,
    pub namespace: String,
    /// One need whose `replicas` say nothing, or the components of a set in their order.
    pub needs: Arc<[Need]>,
    /// All of it as text, by which questions are compared.
    key: Arc<str>,
}

impl Question {
    /// How often `needs` fit.
    pub fn new(counted: Counted, namespace: &str, needs: &[Need]) -> Question {
        let mut key = format!("{counted:?} {namespace}");
        for need in needs {
            let Need { name: _, replicas, request, claim, priority_class } = need;
            if counted == Counted::Sets {
                let _ = write!(key, "\n{replicas}");
            }
            let _ = write!(key, "\n{priority_class}");
            for (resource, amount) in request.positive() {
                let _ = write!(key, " {resource}={}", amount.nano());
            }
            if let Some(claim) = claim {
                // Nothing fails at printing what was read from JSON.
                let _ = write!(key, "\n{}", serde_json::to_string(claim.as_ref()).unwrap_or_default());
            }
        }
        Question { counted, namespace: namespace.to_owned(), needs: needs.into(), key: key.into() }
    }
}

impl PartialEq for Question {
    fn eq(&self, other: &Question) -> bool {
        self.key == other.key
    }
}

impl Eq for Question {}

impl Hash for Question {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

/// What an estimator says to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// So many fit, promises apart.
    Fits(i64),
    /// It can't tell: whatever else is known of the cluster counts.
    NoOpinion,
}

/// All that a member's estimator has answered and that still holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    known: HashMap<Question, Answer>,
    silent: bool,
}

impl Answers {
    /// Of an estimator that can't be reached, and has no opinion on anything.
    pub fn silent() -> Answers {
        Answers { known: HashMap::new(), silent: true }
    }

    /// Its answer; `None`: it has to be asked.
    pub fn get(&self, question: &Question) -> Option<Answer> {
        if self.silent { Some(Answer::NoOpinion) } else { self.known.get(question).copied() }
    }

    /// How often what was asked for fits, less what was promised. `None`: the estimator hasn't said.
    pub(super) fn count(&self, question: &Question, promises: &[Promise]) -> Option<Estimate> {
        let Some(Answer::Fits(fits)) = self.get(question) else { return None };
        let taken =
            promises.iter().fold(0i64, |taken, promise| taken.saturating_add(taken_by(promise, question)));
        let left = fits.saturating_sub(taken);
        Some(if left > 0 {
            Estimate::of(left)
        } else {
            Estimate::none(Shortage::Answered { fits: fits.max(0), promised: taken })
        })
    }
}

impl FromIterator<(Question, Answer)> for Answers {
    fn from_iter<I: IntoIterator<Item = (Question, Answer)>>(answers: I) -> Self {
        Answers { known: answers.into_iter().collect(), silent: false }
    }
}

/// A question to one cluster's estimator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenQuestion {
    pub cluster: String,
    pub question: Question,
}

/// Decides where a binding goes, or says what has to be asked first: all that the decision looked at and that the
/// clusters' estimators haven't answered. Once they have, another group of clusters may raise others.
///
/// # Errors
/// What is to be asked. It isn't empty.
pub fn decide_or_ask(
    snapshot: &Snapshot,
    spec: &ResourceBindingSpec,
    status: &ResourceBindingStatus,
    context: &Context,
) -> Result<Decision, Vec<OpenQuestion>> {
    let mut open = Vec::new();
    let decision = consider(snapshot, spec, status, context, |attempt, _, trial| {
        for candidate in &trial.candidates {
            let cluster = candidate.cluster;
            let Some(estimator) = attempt.asked_of(candidate) else { continue };
            // Whoever counts nodes needs no other's opinion.
            let (None, Some(answers)) = (&cluster.room, &cluster.answers) else { continue };
            let question = estimator.question();
            let new = |open: &OpenQuestion| open.cluster != cluster.name;
            if answers.get(question).is_none() && open.iter().all(new) {
                open.push(OpenQuestion { cluster: cluster.name.clone(), question: question.clone() });
            }
        }
    });
    if open.is_empty() { Ok(decision) } else { Err(open) }
}

/// How many of what was asked for a promise takes the place of, at most.
///
/// Pods that are alike take each other's place. Of others nobody knows on which nodes they come to be, so each is taken
/// to push out as many as its largest request needs: more than it really does, so that nothing is promised twice.
fn taken_by(promise: &Promise, question: &Question) -> i64 {
    let Question { counted, needs, .. } = question;
    let alike = |a: &Need, b: &Need| {
        a.request == b.request && a.claim == b.claim && a.priority_class == b.priority_class
    };
    if *counted == Counted::Sets
        && promise.needs.len() == needs.len()
        && promise.needs.iter().zip(needs.iter()).all(|(a, b)| alike(a, b))
    {
        let sets = promise.needs.iter().zip(needs.iter()).map(|(promised, need)| match need.replicas {
            0 => 0,
            each => ceiling(promised.replicas.max(0).into(), each.into()),
        });
        return sets.max().unwrap_or(0);
    }
    let pushed_out = |promised: &Need| match (counted, needs.as_ref()) {
        (Counted::Replicas, [need]) if alike(promised, need) => 1,
        (Counted::Replicas, [need]) => {
            let shares = promised.request.positive().map(|(resource, amount)| {
                let size = need.request.get(resource).nano();
                if size > 0 { ceiling(amount.nano(), size) } else { 0 }
            });
            shares.max().unwrap_or(0).max(1)
        }
        // Pieces of a set may be pushed out for one resource each.
        _ => {
            let shares = promised.request.positive().map(|(resource, amount)| {
                let sizes = needs.iter().map(|need| need.request.get(resource).nano());
                sizes.filter(|size| *size > 0).min().map_or(0, |size| ceiling(amount.nano(), size))
            });
            shares.fold(0i64, i64::saturating_add).max(1)
        }
    };
    promise.needs.iter().fold(0i64, |taken, promised| {
        taken.saturating_add(promised.replicas.max(0).saturating_mul(pushed_out(promised)))
    })
}

fn ceiling(amount: i128, size: i128) -> i64 {
    i64::try_from((amount / size).saturating_add(i128::from(amount % size > 0))).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimate::{replicas, sets};
    use crate::snapshot::{ClusterState, Room};
    use crate::testing::{cluster, need, node, node_claim, quota};
    use proptest::prelude::*;

    fn answered(answers: impl IntoIterator<Item = (Question, Answer)>) -> ClusterState {
        let summary = cluster("a").summary(&[("cpu", "100"), ("memory", "100Gi"), ("pods", "100")]);
        ClusterState { answers: Some(Arc::new(answers.into_iter().collect())), ..summary.into() }
    }

    fn one(cpu: &str) -> Need {
        need("", 1, &[("cpu", cpu)])
    }

    fn flink(task_managers: i64) -> Vec<Need> {
        vec![need("jm", 1, &[("cpu", "1")]), need("tm", task_managers, &[("cpu", "2")])]
    }

    fn promised(state: ClusterState, needs: Vec<Need>) -> ClusterState {
        let promises = vec![Promise { namespace: "d".to_owned(), needs, ..Promise::default() }];
        ClusterState { promises, ..state }
    }

    #[test]
    fn questions_are_equal_when_their_answers_must_be() {
        let ask = |needs: &[Need]| Question::new(Counted::Replicas, "d", needs);
        assert_eq!(ask(&[one("1")]), ask(&[need("x", 7, &[("cpu", "1000m")])]));
        assert_ne!(ask(&[one("1")]), ask(&[one("2")]));
        assert_ne!(ask(&[one("1")]), Question::new(Counted::Replicas, "other", &[one("1")]));
        assert_ne!(ask(&[one("1")]), Question::new(Counted::Sets, "d", &[one("1")]));
        let claimed = Need { claim: Some(node_claim(&[("disk", "ssd")])), ..one("1") };
        assert_ne!(ask(&[one("1")]), ask(&[claimed]));
        let sets = |needs: &[Need]| Question::new(Counted::Sets, "d", needs);
        assert_ne!(sets(&flink(1)), sets(&flink(2)));
    }

    #[test]
    fn an_answer_goes_before_the_summary_and_none_leaves_it_to_it() {
        let question = Question::new(Counted::Replicas, "d", &[one("1")]);
        assert_eq!(replicas(&answered([(question.clone(), Answer::Fits(7))]), "d", &one("1")).count, 7);
        assert_eq!(replicas(&answered([(question, Answer::NoOpinion)]), "d", &one("1")).count, 100);
        assert_eq!(replicas(&answered([]), "d", &one("1")).count, 100);
        let silent = ClusterState { answers: Some(Arc::new(Answers::silent())), ..answered([]) };
        assert_eq!(replicas(&silent, "d", &one("1")).count, 100);
    }

    #[test]
    fn only_what_a_decision_looks_at_and_nobody_knows_is_asked() {
        let spec = |placement: serde_json::Value| -> ResourceBindingSpec {
            serde_json::from_value(serde_json::json!({
                "resource": {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "d", "name": "a"},
                "replicas": 4, "replicaRequirements": {"resourceRequest": {"cpu": "1"}}, "placement": placement}))
            .unwrap()
        };
        let named =
            |name: &str, state: ClusterState| Arc::new(ClusterState { name: name.to_owned(), ..state });
        let question = Question::new(Counted::Replicas, "d", &[one("1")]);
        let snapshot = |unknown: ClusterState| {
            Snapshot::new([
                named("answered", answered([(question.clone(), Answer::Fits(9))])),
                named("unasked", ClusterState { answers: None, ..answered([]) }),
                named("unknown", unknown),
                named("watched", ClusterState { room: Some(Default::default()), ..answered([]) }),
            ])
        };
        let status = ResourceBindingStatus::default();
        let divided = spec(serde_json::json!({"replicaScheduling": {"replicaSchedulingType": "Divided",
            "replicaDivisionPreference": "Weighted", "weightPreference": {"dynamicWeight": "AvailableReplicas"}}}));
        let open =
            decide_or_ask(&snapshot(answered([])), &divided, &status, &Context::default()).unwrap_err();
        assert_eq!(open, [OpenQuestion { cluster: "unknown".to_owned(), question: question.clone() }]);
        let known = snapshot(answered([(question.clone(), Answer::NoOpinion)]));
        assert!(decide_or_ask(&known, &divided, &status, &Context::default()).is_ok());
        assert!(
            decide_or_ask(
                &snapshot(answered([])),
                &spec(serde_json::json!({})),
                &status,
                &Context::default()
            )
            .is_ok()
        );
    }

    #[test]
    fn what_was_promised_since_is_subtracted() {
        let question = Question::new(Counted::Replicas, "d", &[one("2")]);
        let state = answered([(question, Answer::Fits(10))]);
        let left = |needs: Vec<Need>| replicas(&promised(state.clone(), needs), "d", &one("2"));
        assert_eq!(left(vec![need("", 4, &[("cpu", "2")])]).count, 6);
        assert_eq!(left(vec![need("", 2, &[("cpu", "5")])]).count, 4, "each takes the place of three");
        assert_eq!(left(vec![need("", 3, &[("memory", "1Gi")])]).count, 7, "a pod takes a pod's slot");
        let none = left(vec![need("", 10, &[("cpu", "2")])]);
        assert_eq!(none.count, 0);
        assert_eq!(
            none.shortage.unwrap().to_string(),
            "has no room left: its estimator counts 10, and 10 are promised to others"
        );
        let question = Question::new(Counted::Sets, "d", &flink(2));
        let state = answered([(question, Answer::Fits(5))]);
        assert_eq!(sets(&promised(state.clone(), flink(2)), "d", &flink(2)).count, 4);
        let three = vec![need("jm", 3, &[("cpu", "1")]), need("tm", 6, &[("cpu", "2")])];
        assert_eq!(sets(&promised(state, three), "d", &flink(2)).count, 2);
    }

    proptest! {
        /// The answer was given before the promise; what is left is never more than the member then has room for.
        #[test]
        fn nothing_is_promised_twice(
            nodes in prop::collection::vec((0u32..12, 0u32..12, 0i64..8), 1..5),
            asked in (0u32..5, 0u32..5),
            given in prop::collection::vec((0u32..7, 0u32..7, 0i64..3), 1..3),
        ) {
            let amounts = |cpu: u32, memory: u32, replicas| {
                need("", replicas, &[("cpu", &cpu.to_string()), ("memory", &memory.to_string())])
            };
            let nodes: Vec<_> = nodes.iter().enumerate().map(|(index, (cpu, memory, slots))| {
                let mut node = node(&format!("n{index}"), &cpu.to_string(), &memory.to_string());
                node.pod_slots = *slots;
                node
            }).collect();
            let asked = amounts(asked.0, asked.1, 1);
            let room = Room { nodes, ..Room::default() };
            let exact = ClusterState { room: Some(room), ..ClusterState::default() };
            let question = Question::new(Counted::Replicas, "d", std::slice::from_ref(&asked));
            let before = replicas(&exact, "d", &asked).count;
            let given: Vec<_> = given.iter().map(|(cpu, memory, count)| amounts(*cpu, *memory, *count)).collect();
            let remembered = promised(answered([(question, Answer::Fits(before))]), given.clone());
            let now = promised(exact, given);
            prop_assert!(replicas(&remembered, "d", &asked).count <= replicas(&now, "d", &asked).count);
        }
    }

    #[test]
    fn a_quota_in_the_answer_is_not_promised_twice_either() {
        let room = Room {
            nodes: vec![node("n", "100", "100Gi")],
            quotas: [("d".to_owned(), vec![quota("q", &[("requests.cpu", "10")], &[])])].into(),
        };
        let exact = ClusterState { room: Some(room), ..ClusterState::default() };
        let question = Question::new(Counted::Replicas, "d", &[one("2")]);
        let before = replicas(&exact, "d", &one("2")).count;
        let given = vec![need("", 3, &[("cpu", "1")])];
        let remembered = promised(answered([(question, Answer::Fits(before))]), given.clone());
        assert_eq!(before, 5);
        assert!(
            replicas(&remembered, "d", &one("2")).count
                <= replicas(&promised(exact, given), "d", &one("2")).count
        );
    }
}
