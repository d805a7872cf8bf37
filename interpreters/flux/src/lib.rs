//! What Flux's objects mean: sources that are fetched, and what is made of them.

mod kustomization;
mod release;
mod source;
mod synced;

use kustomization::Kustomization;
use release::HelmRelease;
use source::{Bucket, GitRepository, HelmChart, HelmRepository, OciRepository};
use synced::Synced;
use windlass_sdk::Kept;

windlass_sdk::interpreter! {
    name: "flux",
    description: "Flux: HelmRelease, Kustomization and the sources",
    kinds: [
        ("helm.toolkit.fluxcd.io/v2beta1", "HelmRelease") => HelmRelease<'_> { dependencies },
        ("helm.toolkit.fluxcd.io/v2beta1", "HelmRelease") => Synced<'_> { aggregate, status, health },
        ("helm.toolkit.fluxcd.io/v2beta2", "HelmRelease") => HelmRelease<'_> { dependencies },
        ("helm.toolkit.fluxcd.io/v2beta2", "HelmRelease") => Synced<'_> { aggregate, status, health },
        ("helm.toolkit.fluxcd.io/v2", "HelmRelease") => HelmRelease<'_> { dependencies },
        ("helm.toolkit.fluxcd.io/v2", "HelmRelease") => Synced<'_> { aggregate, status, health },

        ("kustomize.toolkit.fluxcd.io/v1", "Kustomization") => Kustomization<'_> { dependencies },
        ("kustomize.toolkit.fluxcd.io/v1", "Kustomization") => Synced<'_> { aggregate, status, health },

        ("source.toolkit.fluxcd.io/v1", "GitRepository") => GitRepository<'_> { dependencies },
        ("source.toolkit.fluxcd.io/v1", "GitRepository") => Synced<'_> { aggregate, status, health },

        ("source.toolkit.fluxcd.io/v1beta2", "Bucket") => Bucket<'_> { dependencies },
        ("source.toolkit.fluxcd.io/v1beta2", "Bucket") => Synced<'_> { aggregate, status, health },
        ("source.toolkit.fluxcd.io/v1", "Bucket") => Bucket<'_> { dependencies },
        ("source.toolkit.fluxcd.io/v1", "Bucket") => Synced<'_> { aggregate, status, health },

        ("source.toolkit.fluxcd.io/v1beta2", "HelmChart") => HelmChart<'_> { dependencies },
        ("source.toolkit.fluxcd.io/v1beta2", "HelmChart") => Synced<'_> { aggregate, status, health },
        ("source.toolkit.fluxcd.io/v1", "HelmChart") => HelmChart<'_> { dependencies },
        ("source.toolkit.fluxcd.io/v1", "HelmChart") => Synced<'_> { aggregate, status, health },

        ("source.toolkit.fluxcd.io/v1beta2", "HelmRepository") => HelmRepository<'_> { dependencies },
        ("source.toolkit.fluxcd.io/v1beta2", "HelmRepository") => Synced<'_> { aggregate, status, health },
        ("source.toolkit.fluxcd.io/v1", "HelmRepository") => HelmRepository<'_> { dependencies },
        ("source.toolkit.fluxcd.io/v1", "HelmRepository") => Synced<'_> { aggregate, status, health },

        ("source.toolkit.fluxcd.io/v1beta2", "OCIRepository") => OciRepository<'_> { dependencies },
        ("source.toolkit.fluxcd.io/v1beta2", "OCIRepository") => Synced<'_> { aggregate, status, health },
        ("source.toolkit.fluxcd.io/v1", "OCIRepository") => OciRepository<'_> { dependencies },
        ("source.toolkit.fluxcd.io/v1", "OCIRepository") => Synced<'_> { aggregate, status, health },
    ],
    declared: [
        // Whoever works in a member may have suspended the object there.
        ("helm.toolkit.fluxcd.io/v2beta1", "HelmRelease")
        | ("helm.toolkit.fluxcd.io/v2beta2", "HelmRelease")
        | ("helm.toolkit.fluxcd.io/v2", "HelmRelease")
        | ("kustomize.toolkit.fluxcd.io/v1", "Kustomization")
        | ("source.toolkit.fluxcd.io/v1", "GitRepository")
        | ("source.toolkit.fluxcd.io/v1beta2", "Bucket")
        | ("source.toolkit.fluxcd.io/v1", "Bucket")
        | ("source.toolkit.fluxcd.io/v1beta2", "HelmChart")
        | ("source.toolkit.fluxcd.io/v1", "HelmChart")
        | ("source.toolkit.fluxcd.io/v1beta2", "HelmRepository")
        | ("source.toolkit.fluxcd.io/v1", "HelmRepository")
        | ("source.toolkit.fluxcd.io/v1beta2", "OCIRepository")
        | ("source.toolkit.fluxcd.io/v1", "OCIRepository") => {
            retain: [Kept::given("/spec/suspend")],
        },
    ],
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_answers_as_the_cases_say() {
        let cases = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/conformance/flux");
        windlass_sdk::testing::interpreter::<super::Plugin>(cases);
    }
}
