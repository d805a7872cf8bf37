//! What Kyverno's policies mean: rules that are ready to judge what is asked of a cluster.

mod policy;

use policy::{POLICY, Policy};

windlass_sdk::interpreter! {
    name: "kyverno",
    description: "Kyverno: Policy, ClusterPolicy",
    kinds: [
        ("kyverno.io/v1", "Policy") => Policy<'_> { aggregate, health },
        ("kyverno.io/v1", "ClusterPolicy") => Policy<'_> { aggregate, health },
        ("kyverno.io/v2beta1", "Policy") => Policy<'_> { aggregate, health },
        ("kyverno.io/v2beta1", "ClusterPolicy") => Policy<'_> { aggregate, health },
    ],
    declared: [
        ("kyverno.io/v1", "Policy") | ("kyverno.io/v1", "ClusterPolicy")
        | ("kyverno.io/v2beta1", "Policy") | ("kyverno.io/v2beta1", "ClusterPolicy") => {
            status: POLICY.reflection(),
        },
    ],
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_answers_as_the_cases_say() {
        let cases = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/conformance/kyverno");
        windlass_sdk::testing::interpreter::<super::Plugin>(cases);
    }
}
