//! A decision, with what was looked at on the way to it: for people, as a table and as JSON.

use std::fmt;

use serde::{Deserialize, Serialize};
use windlass_api::work::{ResourceBindingSpec, ResourceBindingStatus, TargetCluster};

use crate::attempt::{Attempt, Trial};
use crate::context::Context;
use crate::decide::{Decision, consider};
use crate::snapshot::Snapshot;

/// What is decided, and why. Prints as a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    pub decision: Outcome,
    /// The groups of clusters, in the order in which they were tried; empty where the binding contradicts itself.
    pub groups: Vec<Group>,
    /// Who leaves for it, where it has no room and takes it from others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preemption: Option<Preempts>,
}

/// Who leaves for a binding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Preempts {
    /// Bindings that would have to.
    pub bindings: Vec<Leaver>,
    /// Bindings that are leaving already.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leaving: Vec<Leaver>,
    /// Where it would go then.
    pub clusters: Vec<TargetCluster>,
}

/// A binding that leaves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Leaver {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
}

/// How a decision, or one group of it, ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all_fields = "camelCase")]
pub enum Outcome {
    Scheduled {
        /// The group of `clusterAffinities` that was chosen.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        affinity_name: Option<String>,
        /// As in `spec.clusters`.
        clusters: Vec<TargetCluster>,
    },
    Refused {
        /// As in the Scheduled condition.
        reason: String,
        message: String,
        /// Whether the clusters that were chosen before are given up.
        clears_clusters: bool,
    },
}

/// One group of clusters that was tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// Its name in `clusterAffinities`; absent where the placement has no groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affinity_name: Option<String>,
    /// `None`: it was chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// All clusters, in the order of their names.
    pub clusters: Vec<Cluster>,
}

/// What one group made of one cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cluster {
    pub name: String,
    /// The filter that refused it; absent where none did, and only then is there a score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// What the filter says, or why there is no room for even one replica or set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<i64>,
    /// How many replicas, or sets, are there already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub present: Option<i64>,
    /// How many more fit; absent for what has no pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<i64>,
    /// Whether the room played a part in the decision.
    #[serde(default)]
    pub room_counted: bool,
    /// Whether the selection took it.
    #[serde(default)]
    pub taken: bool,
    /// Its share, where it gets one; 0 for what has no replicas to set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
}

/// Decides as [`decide`](crate::decide()) does, and tells how it came to that.
pub fn explain(
    snapshot: &Snapshot,
    spec: &ResourceBindingSpec,
    status: &ResourceBindingStatus,
    context: &Context,
) -> Explanation {
    let mut groups = Vec::new();
    let decision = consider(snapshot, spec, status, context, |attempt, name, trial| {
        groups.push(Group::of(attempt, name, trial))
    });
    let decision = match decision {
        Decision::Scheduled { targets, affinity } => {
            Outcome::Scheduled { affinity_name: affinity, clusters: targets }
        }
        Decision::Refused(refusal) => Outcome::Refused {
            reason: refusal.reason.name().to_owned(),
            message: refusal.to_string(),
            clears_clusters: refusal.reason.clears_targets(),
        },
    };
    Explanation { decision, groups, preemption: None }
}

impl Group {
    fn of(attempt: &Attempt<'_>, name: Option<&str>, trial: &Trial<'_>) -> Group {
        let known = attempt.snapshot.clusters();
        let mut clusters: Vec<(usize, Cluster)> = Vec::with_capacity(known.len());
        for (index, refused) in &trial.refused {
            let reason = refused.reason(attempt.spec);
            let cluster = Cluster {
                filter: Some(reason.filter().to_owned()),
                message: Some(reason.to_string()),
                ..Cluster::named(&known[*index].name)
            };
            clusters.push((*index, cluster));
        }
        let mut taken: Vec<usize> = trial.taken.iter().map(|candidate| candidate.index).collect();
        taken.sort_unstable();
        let shares = trial.outcome.as_deref().unwrap_or_default();
        for candidate in &trial.candidates {
            let estimator = attempt.estimator.as_ref();
            let growth = attempt.growth.as_ref().filter(|_| candidate.outgrown);
            let room = match estimator {
                _ if candidate.outgrown => Some(0),
                Some(_) if candidate.estimated => Some(candidate.free),
                Some(estimator) => Some(estimator.count(candidate.cluster)),
                None => None,
            };
            let shortage = growth.or(estimator).filter(|_| room == Some(0));
            let shortage = shortage.and_then(|estimator| estimator.shortage(candidate.cluster));
            let share = shares.binary_search_by(|target| target.name.as_str().cmp(candidate.name()));
            let cluster = Cluster {
                message: shortage.map(|shortage| shortage.to_string()),
                score: Some(candidate.score),
                present: (candidate.score > 0).then_some(candidate.assigned),
                room,
                room_counted: candidate.estimated || candidate.outgrown,
                taken: taken.binary_search(&candidate.index).is_ok(),
                replicas: share.ok().map(|share| shares[share].replicas),
                ..Cluster::named(candidate.name())
            };
            clusters.push((candidate.index, cluster));
        }
        clusters.sort_by_key(|(index, _)| *index);
        Group {
            affinity_name: name.map(str::to_owned),
            refused: trial.outcome.as_ref().err().map(|complaint| complaint.summary.clone()),
            clusters: clusters.into_iter().map(|(_, cluster)| cluster).collect(),
        }
    }
}

impl Cluster {
    fn named(name: &str) -> Cluster {
        Cluster {
            name: name.to_owned(),
            filter: None,
            message: None,
            score: None,
            present: None,
            room: None,
            room_counted: false,
            taken: false,
            replicas: None,
        }
    }

    /// Its line of the table, by [`COLUMNS`](Cluster::COLUMNS).
    pub fn cells(&self) -> [String; 7] {
        let number = |number: Option<i64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
        let why = match (&self.filter, &self.message) {
            (Some(filter), Some(message)) => format!("{filter}: {message}"),
            (_, Some(message)) => message.clone(),
            _ => String::new(),
        };
        let taken = match (&self.filter, self.taken) {
            (Some(_), _) => "-",
            (None, true) => "yes",
            (None, false) => "no",
        };
        [
            self.name.clone(),
            number(self.score),
            number(self.present),
            number(self.room),
            taken.to_owned(),
            number(self.replicas.map(i64::from)),
            why,
        ]
    }

    /// The table's head.
    pub const COLUMNS: [&'static str; 7] =
        ["CLUSTER", "SCORE", "PRESENT", "ROOM", "TAKEN", "REPLICAS", "WHY"];
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Scheduled { clusters, .. } if clusters.is_empty() => {
                f.write_str("Scheduled, to no cluster: there are no replicas")
            }
            Outcome::Scheduled { affinity_name, clusters } => {
                f.write_str("Scheduled")?;
                if let Some(name) = affinity_name {
                    write!(f, ", by group {name}")?;
                }
                write!(f, ": {}", Targets(clusters))
            }
            Outcome::Refused { reason, message, .. } => write!(f, "{reason}: {message}"),
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.affinity_name {
            writeln!(f, "Group {name}{}", if self.refused.is_none() { ", chosen" } else { "" })?;
        }
        if let Some(refused) = &self.refused {
            writeln!(f, "Refused: {refused}")?;
        }
        let rows: Vec<[String; 7]> = self.clusters.iter().map(Cluster::cells).collect();
        let mut widths = Cluster::COLUMNS.map(str::len);
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let head = Cluster::COLUMNS.map(str::to_owned);
        for row in std::iter::once(&head).chain(&rows) {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(widths) {
                line.push_str(&format!("{cell:width$}   "));
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// `Preempts default/a (priority 0), then: member1 (3)`
impl fmt::Display for Preempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (head, bindings) in
            [("Preempts", &self.bindings), ("Waits until these have left:", &self.leaving)]
        {
            for (index, Leaver { namespace, name, priority }) in bindings.iter().enumerate() {
                let before = if index == 0 { head } else { "," };
                let slash = if namespace.is_empty() { "" } else { "/" };
                write!(f, "{before} {namespace}{slash}{name}")?;
                if let Some(priority) = priority {
                    write!(f, " (priority {priority})")?;
                }
            }
            if !bindings.is_empty() {
                f.write_str("; ")?;
            }
        }
        write!(f, "then {}", Targets(&self.clusters))
    }
}

/// `member1 (3), member2`
struct Targets<'a>(&'a [TargetCluster]);

impl fmt::Display for Targets<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, target) in self.0.iter().enumerate() {
            write!(f, "{}{}", if index == 0 { "" } else { ", " }, target.name)?;
            if target.replicas > 0 {
                write!(f, " ({})", target.replicas)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The table says of each cluster what the message would say in one line.
        match (&self.decision, self.groups.as_slice()) {
            (Outcome::Refused { reason, .. }, [_, ..]) => writeln!(f, "{reason}")?,
            (decision, _) => writeln!(f, "{decision}")?,
        }
        if let Some(preemption) = &self.preemption {
            writeln!(f, "{preemption}")?;
        }
        for group in &self.groups {
            write!(f, "\n{group}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{cluster, deployment, flink, snapshot, unseen};
    use serde_json::json;

    fn groups() -> serde_json::Value {
        json!({"clusterAffinities": [
                {"affinityName": "near", "clusterNames": ["m1"]}, {"affinityName": "far", "exclude": ["m1"]}],
            "replicaScheduling": {"replicaSchedulingType": "Divided", "replicaDivisionPreference": "Aggregated"}})
    }

    #[test]
    fn each_group_tells_of_each_cluster_and_the_table_says_the_same() {
        let clusters = snapshot([
            cluster("m1").cpu("1"),
            cluster("m2").cpu("9"),
            cluster("m3").cpu("0"),
            cluster("m4").taint("gpu", "NoSchedule"),
        ]);
        let mut spec = deployment(4, groups());
        spec.clusters = serde_json::from_value(json!([{"name": "m2", "replicas": 2}])).unwrap();
        let explanation = explain(&clusters, &spec, &unseen(), &Context::default());
        let json = serde_json::to_value(&explanation).unwrap();
        assert_eq!(
            json["decision"],
            json!({"outcome": "Scheduled", "affinityName": "far", "clusters": [{"name": "m2", "replicas": 4}]})
        );
        assert_eq!(
            json["groups"][1]["clusters"],
            json!([
                {"name": "m1", "filter": "ClusterAffinity", "roomCounted": false, "taken": false,
                    "message": "is not selected by the placement's cluster affinity"},
                {"name": "m2", "score": 100, "present": 2, "room": 9, "roomCounted": true, "taken": true, "replicas": 4},
                {"name": "m3", "score": 0, "room": 0, "roomCounted": true, "taken": true,
                    "message": "a replica needs cpu 1 and no node has more than 0 free (1 node)"},
                {"name": "m4", "filter": "TaintToleration", "roomCounted": false, "taken": false,
                    "message": "has the taint gpu:NoSchedule, which the placement does not tolerate"}])
        );
        assert_eq!(serde_json::from_value::<Explanation>(json).unwrap(), explanation);
        assert_eq!(
            explanation.to_string(),
            "Scheduled, by group far: m2 (4)

Group near
Refused: the chosen clusters have room for 1 of 4 more replicas
CLUSTER   SCORE   PRESENT   ROOM   TAKEN   REPLICAS   WHY
m1        0       -         1      yes     -
m2        -       -         -      -       -          ClusterAffinity: is not selected by the placement's cluster affinity
m3        -       -         -      -       -          ClusterAffinity: is not selected by the placement's cluster affinity
m4        -       -         -      -       -          ClusterAffinity: is not selected by the placement's cluster affinity

Group far, chosen
CLUSTER   SCORE   PRESENT   ROOM   TAKEN   REPLICAS   WHY
m1        -       -         -      -       -          ClusterAffinity: is not selected by the placement's cluster affinity
m2        100     2         9      yes     4
m3        0       -         0      yes     -          a replica needs cpu 1 and no node has more than 0 free (1 node)
m4        -       -         -      -       -          TaintToleration: has the taint gpu:NoSchedule, which the placement does not tolerate
"
        );
    }

    #[test]
    fn what_was_refused_says_so() {
        let clusters = snapshot([cluster("m1").cpu("1")]);
        let explanation = explain(&clusters, &flink(), &unseen(), &Context::default());
        let Outcome::Refused { reason, message, clears_clusters: false } = &explanation.decision else {
            panic!("{explanation:?}")
        };
        assert_eq!(reason, "Unschedulable");
        assert!(message.starts_with("no cluster has room for the whole workload: m1: "), "{message}");
        assert!(explanation.to_string().starts_with("Unschedulable\n\nRefused: no cluster has room"));
        let mut spec = flink();
        spec.placement = None;
        let text = explain(&clusters, &spec, &unseen(), &Context::default()).to_string();
        assert!(text.starts_with("SchedulerError: spec.placement is missing"), "{text}");
    }

    #[test]
    fn room_is_told_though_it_did_not_count() {
        let clusters = snapshot([cluster("m1").cpu("3")]);
        let explanation = explain(&clusters, &deployment(9, json!({})), &unseen(), &Context::default());
        let told = &explanation.groups[0].clusters[0];
        assert_eq!((told.room, told.room_counted, told.replicas), (Some(3), false, Some(9)));
    }
}
