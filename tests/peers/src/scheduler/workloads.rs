//! What is scheduled: Deployments of a few kinds, each with one outcome that any right scheduler comes to.

use anyhow::{Context, bail};
use serde_json::{Value, json};

/// How a policy places its Deployments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Duplicated,
    StaticWeight,
    DynamicWeight,
    Aggregated,
}

pub(super) const KINDS: [Kind; 4] =
    [Kind::Duplicated, Kind::StaticWeight, Kind::DynamicWeight, Kind::Aggregated];
pub(super) const MEMBERS: [&str; 3] = ["m1", "m2", "m3"];
/// How many members there are where something is measured: `m1` and so on.
pub(super) const MEMBERS_OF_BENCHES: usize = 20;
const REPLICAS: u32 = 6;

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Kind::Duplicated => "duplicated",
            Kind::StaticWeight => "static",
            Kind::DynamicWeight => "dynamic",
            Kind::Aggregated => "aggregated",
        }
    }

    /// Of a binding by its name.
    pub(super) fn of(binding: &str) -> anyhow::Result<Kind> {
        let found = KINDS.into_iter().find(|kind| binding.starts_with(kind.name()));
        found.with_context(|| format!("{binding} is of no kind"))
    }

    fn strategy(self) -> Value {
        let divided = |preference: &str, weights: Value| {
            let mut scheduling =
                json!({"replicaSchedulingType": "Divided", "replicaDivisionPreference": preference});
            if !weights.is_null() {
                scheduling["weightPreference"] = weights;
            }
            scheduling
        };
        let weight =
            |name: &str, weight: u32| json!({"targetCluster": {"clusterNames": [name]}, "weight": weight});
        match self {
            Kind::Duplicated => json!({"replicaSchedulingType": "Duplicated"}),
            Kind::StaticWeight => divided(
                "Weighted",
                json!({"staticWeightList": [weight("m1", 1), weight("m2", 2), weight("m3", 3)]}),
            ),
            Kind::DynamicWeight => divided("Weighted", json!({"dynamicWeight": "AvailableReplicas"})),
            Kind::Aggregated => divided("Aggregated", Value::Null),
        }
    }

    /// Checks where so many times the usual replicas went.
    pub(super) fn check(self, clusters: &Value, times: u64) -> anyhow::Result<()> {
        let all = u64::from(REPLICAS) * times;
        let replicas = |name: &str| {
            let mut found = clusters.as_array().into_iter().flatten();
            found.find(|cluster| cluster["name"] == name).and_then(|cluster| cluster["replicas"].as_u64())
        };
        let got = MEMBERS.map(|member| replicas(member).unwrap_or(0));
        let right = match self {
            Kind::Duplicated => got == [all; 3],
            Kind::StaticWeight => got == [all / 6, all / 3, all / 2],
            Kind::DynamicWeight => got == [all / 3; 3],
            Kind::Aggregated => got.iter().sum::<u64>() == all && got.contains(&all),
        };
        if !right {
            bail!("{} of {all} replicas went to {clusters}", self.name());
        }
        Ok(())
    }
}

/// A policy for the Deployments of one kind.
pub(super) fn policy(kind: Kind) -> Value {
    json!({"apiVersion": "policy.karmada.io/v1alpha1", "kind": "PropagationPolicy",
        "metadata": {"namespace": "default", "name": kind.name()},
        "spec": {"resourceSelectors": [{"apiVersion": "apps/v1", "kind": "Deployment",
                "labelSelector": {"matchLabels": {"kind": kind.name()}}}],
            "placement": {"clusterAffinity": {"clusterNames": MEMBERS}, "replicaScheduling": kind.strategy()}}})
}

pub(super) fn deployment(kind: Kind, number: usize) -> Value {
    let name = format!("{}-{number}", kind.name());
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"namespace": "default", "name": name, "labels": {"kind": kind.name()}},
        "spec": {"replicas": REPLICAS, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "c",
                "image": "example.com/c:1", "resources": {"requests": {"cpu": "100m"}}}]}}}})
}

/// So that its replicas are `times` the usual number.
pub(super) fn scaled(kind: Kind, number: usize, times: u32) -> Value {
    let name = format!("{}-{number}", kind.name());
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"namespace": "default", "name": name},
        "spec": {"replicas": REPLICAS * times}})
}

/// A member that reports itself: nobody has to run it.
pub(super) fn cluster(name: &str) -> Value {
    json!({"apiVersion": "cluster.karmada.io/v1alpha1", "kind": "Cluster",
        "metadata": {"name": name, "labels": {"tier": name}},
        "spec": {"id": format!("id-of-{name}"), "syncMode": "Pull", "provider": "p", "region": format!("region-{name}"),
            "apiEndpoint": format!("https://{name}.example.com"),
            "impersonatorSecretRef": {"namespace": "karmada-cluster", "name": name}}})
}

/// As the member's agent would say it.
pub(super) fn cluster_status(name: &str, cpu: &str) -> Value {
    let condition = |kind: &str| {
        json!({"type": kind, "status": "True", "reason": "Ready", "message": "as it says",
            "lastTransitionTime": "2026-01-01T00:00:00Z"})
    };
    json!({"apiVersion": "cluster.karmada.io/v1alpha1", "kind": "Cluster", "metadata": {"name": name},
        "status": {"kubernetesVersion": "v1.36.0",
            "apiEnablements": [{"groupVersion": "apps/v1", "resources": [{"name": "deployments", "kind": "Deployment"}]}],
            "conditions": [condition("Ready"), condition("CompleteAPIEnablements")],
            "nodeSummary": {"totalNum": 10, "readyNum": 10},
            "resourceSummary": {"allocatable": {"cpu": cpu, "memory": "4000Gi", "pods": "100000"}}}})
}
