//! Holds workloads back: what the settings select is not scheduled until somebody releases it.
//!
//! The hook sets `spec.suspension.scheduling: true` on ResourceBindings and ClusterResourceBindings at creation, unless
//! the binding says one or the other itself. Setting the field to `false` releases the workload.
//!
//! Settings say what is held. All criteria that are given must match; without settings nothing is held.
//!
//! ```yaml
//! # Flink jobs of the teams' namespaces, unless they are marked urgent.
//! namespaces: [team-a, team-b]
//! kinds:
//!   - apiVersion: flink.apache.org/v1beta1   # `*`, or left out: any
//!     kind: FlinkDeployment
//! labels:                                    # of the binding, as a Kubernetes LabelSelector
//!   matchExpressions:
//!     - {key: urgent, operator: DoesNotExist}
//! ```

mod selector;
mod settings;

use settings::Settings;
use windlass_sdk::admission::{Admitted, Hook, Request, Verb, Watched};
use windlass_sdk::json::Text;
use windlass_sdk::kubernetes::Metadata;
use windlass_sdk::{Answer, Changes};

const CREATIONS: [Watched; 2] = [created("resourcebindings"), created("clusterresourcebindings")];

const fn created(resource: &'static str) -> Watched {
    Watched { group: "work.karmada.io", version: "*", resource, verbs: &[Verb::Create] }
}

windlass_sdk::hook! {
    name: "suspension",
    description: "Holds workloads back from scheduling until they are released",
    watches: CREATIONS,
    hook: Suspension,
}

struct Suspension;

windlass_sdk::shape! {
    struct Binding<'a> {
        metadata: Metadata<'a>,
        spec: Spec<'a>,
    }

    struct Spec<'a> {
        resource: Resource<'a>,
        suspension: Suspended,
    }

    struct Resource<'a> {
        api_version: Text<'a>,
        kind: Text<'a>,
    }

    struct Suspended {
        scheduling: Option<bool>,
    }
}

impl Hook for Suspension {
    type Settings = Settings;

    fn check(settings: &Settings) -> Answer<()> {
        settings.check()
    }

    fn admit(request: &Request, settings: &Settings) -> Answer<Admitted> {
        let binding: Binding<'_> = request.read()?;
        let Spec { resource, suspension } = &binding.spec;
        // What is in the namespace is not in the object yet when the request is made with a path alone.
        let held = settings.hold(
            &request.namespace,
            &binding.metadata.labels,
            &resource.api_version,
            &resource.kind,
        );
        if !held || suspension.scheduling.is_some() {
            return Ok(Admitted::unchanged());
        }
        Ok(Admitted::with(Changes::none().set("/spec/suspension/scheduling", true)))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_answers_as_the_cases_say() {
        let cases = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/conformance/suspension");
        windlass_sdk::testing::hook::<super::Plugin>(cases);
    }
}
