//! What Kubernetes' own kinds mean, and the status of any kind that nobody knows better.
//!
//! A kind is listed once for each part of it that is read: what a pod template requires says nothing of how far a
//! rollout has come, and the other way round.

mod batch;
mod ingress;
mod loadbalancer;
mod pod;
mod policy;
mod rollout;
mod rollout_kinds;
mod storage;
mod template;

use batch::{CronJob, Job, JobScale, JobTemplate};
use ingress::{Ingress, ServiceImport};
use loadbalancer::Service;
use pod::{AssignedPod, Pod, PodProgress};
use policy::{HorizontalPodAutoscaler, PodDisruptionBudget};
use rollout::Rollout;
use storage::{PersistentVolume, PersistentVolumeClaim};
use template::{CronJobTemplate, Scale, Workload};
use windlass_sdk::{Kept, Reflection};

windlass_sdk::interpreter! {
    name: "kubernetes",
    description: "Kubernetes' own kinds, and the status of any other",
    kinds: [
        ("apps/v1", "Deployment") => Workload<'_> { replicas, components, dependencies },
        ("apps/v1", "Deployment") => Scale { revise },
        ("apps/v1", "Deployment") => Rollout<'_> { status, health, aggregate, simulate },

        ("apps/v1", "ReplicaSet") => Workload<'_> { replicas, components, dependencies },
        ("apps/v1", "ReplicaSet") => Scale { revise },
        ("apps/v1", "ReplicaSet") => Rollout<'_> { status, health, aggregate, simulate },

        ("apps/v1", "StatefulSet") => Workload<'_> { replicas, components, dependencies },
        ("apps/v1", "StatefulSet") => Scale { revise },
        ("apps/v1", "StatefulSet") => Rollout<'_> { status, health, aggregate, simulate },

        ("apps/v1", "DaemonSet") => Workload<'_> { dependencies },
        ("apps/v1", "DaemonSet") => Rollout<'_> { status, health, aggregate, simulate },

        ("batch/v1", "Job") => JobTemplate<'_> { replicas, components, dependencies },
        ("batch/v1", "Job") => JobScale { revise },
        ("batch/v1", "Job") => Job<'_> { status, health, aggregate, simulate },

        ("batch/v1", "CronJob") => CronJobTemplate<'_> { dependencies },
        ("batch/v1", "CronJob") => CronJob<'_> { health, aggregate },

        ("v1", "Pod") => Pod<'_> { replicas, components, dependencies },
        ("v1", "Pod") => AssignedPod<'_> { retain },
        ("v1", "Pod") => PodProgress<'_> { health, aggregate, simulate },

        ("v1", "Service") => Service<'_> { aggregate, status, health },
        ("networking.k8s.io/v1", "Ingress") => Ingress<'_> { dependencies, aggregate, health },
        ("multicluster.x-k8s.io/v1alpha1", "ServiceImport") => ServiceImport<'_> { dependencies },

        ("v1", "PersistentVolume") => PersistentVolume<'_> { aggregate },
        ("v1", "PersistentVolumeClaim") => PersistentVolumeClaim<'_> { aggregate, health },

        ("policy/v1", "PodDisruptionBudget") => PodDisruptionBudget<'_> { aggregate, status, health },
        ("autoscaling/v1", "HorizontalPodAutoscaler") => HorizontalPodAutoscaler { aggregate, status },
        ("autoscaling/v2", "HorizontalPodAutoscaler") => HorizontalPodAutoscaler { aggregate, status },
    ],
    declared: [
        // What an autoscaler in the member has set, where the label asks for it.
        ("apps/v1", "Deployment") => {
            retain: [Kept::given("/spec/replicas")
                .only_where("/metadata/labels/resourcetemplate.karmada.io~1retain-replicas", "true")],
        },
        // The labels by which the member's controller tells the pods of this job from others'.
        ("batch/v1", "Job") => {
            retain: [Kept::given("/spec/selector/matchLabels"), Kept::given("/spec/template/metadata/labels")],
        },
        // The address and the port that the member has allocated.
        ("v1", "Service") => {
            retain: [Kept::filled("/spec/healthCheckNodePort"), Kept::filled("/spec/clusterIP")],
        },
        // The secrets that the member has added.
        ("v1", "ServiceAccount") => {
            retain: [Kept::joined("/secrets", "name"), Kept::joined("/imagePullSecrets", "name")],
        },
        // The token that the member's controller has written.
        ("v1", "Secret") => {
            retain: [Kept::given("/data").only_where("/type", "kubernetes.io/service-account-token")],
        },
        // What the member has bound one to the other.
        ("v1", "PersistentVolume") => { retain: [Kept::given("/spec/claimRef")] },
        ("v1", "PersistentVolumeClaim") => { retain: [Kept::filled("/spec/volumeName")] },

        ("networking.k8s.io/v1", "Ingress") | ("*", "*") => { status: Reflection::whole() },
    ],
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_answers_as_the_cases_say() {
        let cases = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/conformance/kubernetes");
        windlass_sdk::testing::interpreter::<super::Plugin>(cases);
    }
}
