//! What OpenKruise's workloads mean.
//!
//! A kind is listed once for each part of it that is read, as what its pods require says nothing of how it does.

mod broadcast;
mod cron;
mod rollout;
mod rollout_kinds;
mod sidecars;
mod template;

use broadcast::{BROADCAST_JOB, BroadcastJob, BroadcastJobScale, BroadcastJobTemplate};
use cron::{AdvancedCronJob, AdvancedCronJobTemplate};
use rollout::Rollout;
use sidecars::{SidecarSet, SidecarSetSpec};
use template::{Scale, UnitedDeployment, Workload};
use windlass_sdk::Kept;

windlass_sdk::interpreter! {
    name: "kruise",
    description: "OpenKruise: CloneSet, StatefulSet, DaemonSet, UnitedDeployment, BroadcastJob, AdvancedCronJob, SidecarSet",
    kinds: [
        ("apps.kruise.io/v1alpha1", "CloneSet") => Workload<'_> { replicas, components, dependencies },
        ("apps.kruise.io/v1alpha1", "CloneSet") => Scale { revise },
        ("apps.kruise.io/v1alpha1", "CloneSet") => Rollout<'_> { status, health, aggregate, simulate },
        ("apps.kruise.io/v1beta1", "CloneSet") => Workload<'_> { replicas, components, dependencies },
        ("apps.kruise.io/v1beta1", "CloneSet") => Scale { revise },
        ("apps.kruise.io/v1beta1", "CloneSet") => Rollout<'_> { status, health, aggregate, simulate },

        ("apps.kruise.io/v1beta1", "StatefulSet") => Workload<'_> { replicas, components, dependencies },
        ("apps.kruise.io/v1beta1", "StatefulSet") => Scale { revise },
        ("apps.kruise.io/v1beta1", "StatefulSet") => Rollout<'_> { status, health, aggregate, simulate },

        ("apps.kruise.io/v1alpha1", "UnitedDeployment") => UnitedDeployment<'_> { replicas, components, dependencies },
        ("apps.kruise.io/v1alpha1", "UnitedDeployment") => Scale { revise },
        ("apps.kruise.io/v1alpha1", "UnitedDeployment") => Rollout<'_> { status, health, aggregate, simulate },
        ("apps.kruise.io/v1beta1", "UnitedDeployment") => UnitedDeployment<'_> { replicas, components, dependencies },
        ("apps.kruise.io/v1beta1", "UnitedDeployment") => Scale { revise },
        ("apps.kruise.io/v1beta1", "UnitedDeployment") => Rollout<'_> { status, health, aggregate, simulate },

        ("apps.kruise.io/v1alpha1", "DaemonSet") => Workload<'_> { dependencies },
        ("apps.kruise.io/v1alpha1", "DaemonSet") => Rollout<'_> { status, health, aggregate, simulate },
        ("apps.kruise.io/v1beta1", "DaemonSet") => Workload<'_> { dependencies },
        ("apps.kruise.io/v1beta1", "DaemonSet") => Rollout<'_> { status, health, aggregate, simulate },

        ("apps.kruise.io/v1alpha1", "BroadcastJob") => BroadcastJobTemplate<'_> { replicas, components, dependencies },
        ("apps.kruise.io/v1alpha1", "BroadcastJob") => BroadcastJobScale { revise },
        ("apps.kruise.io/v1alpha1", "BroadcastJob") => BroadcastJob<'_> { health, aggregate, simulate },
        ("apps.kruise.io/v1beta1", "BroadcastJob") => BroadcastJobTemplate<'_> { replicas, components, dependencies },
        ("apps.kruise.io/v1beta1", "BroadcastJob") => BroadcastJobScale { revise },
        ("apps.kruise.io/v1beta1", "BroadcastJob") => BroadcastJob<'_> { health, aggregate, simulate },

        ("apps.kruise.io/v1alpha1", "AdvancedCronJob") => AdvancedCronJobTemplate<'_> { dependencies },
        ("apps.kruise.io/v1alpha1", "AdvancedCronJob") => AdvancedCronJob<'_> { aggregate },
        ("apps.kruise.io/v1beta1", "AdvancedCronJob") => AdvancedCronJobTemplate<'_> { dependencies },
        ("apps.kruise.io/v1beta1", "AdvancedCronJob") => AdvancedCronJob<'_> { aggregate },

        ("apps.kruise.io/v1alpha1", "SidecarSet") => SidecarSetSpec<'_> { replicas, dependencies },
        ("apps.kruise.io/v1alpha1", "SidecarSet") => SidecarSet<'_> { retain, status, health, aggregate },
        ("apps.kruise.io/v1beta1", "SidecarSet") => SidecarSetSpec<'_> { replicas, dependencies },
        ("apps.kruise.io/v1beta1", "SidecarSet") => SidecarSet<'_> { retain, status, health, aggregate },
    ],
    declared: [
        // The labels by which the member's controller tells the pods of this job from others'.
        ("apps.kruise.io/v1alpha1", "BroadcastJob") | ("apps.kruise.io/v1beta1", "BroadcastJob") => {
            status: BROADCAST_JOB.reflection(),
            retain: [Kept::given("/spec/template/metadata/labels")],
        },
    ],
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_answers_as_the_cases_say() {
        let cases = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/conformance/kruise");
        windlass_sdk::testing::interpreter::<super::Plugin>(cases);
    }
}
