//! Where pods may run.

use serde::Serialize;

use crate::json::{Entries, Text};

/// What a node must be like: work.karmada.io/v1alpha2 NodeClaim.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeClaim<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hard_node_affinity: Option<NodeSelector<'a>>,
    #[serde(skip_serializing_if = "Entries::is_empty")]
    pub node_selector: Entries<'a, Text<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tolerations: Vec<Toleration<'a>>,
}

crate::shape! {
    /// core/v1 Toleration.
    pub struct Toleration<'a>: Serialize {
        #[serde(skip_serializing_if = "str::is_empty")]
        pub key: Text<'a>,
        #[serde(skip_serializing_if = "str::is_empty")]
        pub operator: Text<'a>,
        #[serde(skip_serializing_if = "str::is_empty")]
        pub value: Text<'a>,
        #[serde(skip_serializing_if = "str::is_empty")]
        pub effect: Text<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        pub toleration_seconds: Option<i64>,
    }

    /// core/v1 NodeSelector.
    pub struct NodeSelector<'a>: Serialize {
        pub node_selector_terms: Vec<NodeSelectorTerm<'a>>,
    }

    /// core/v1 NodeSelectorTerm.
    pub struct NodeSelectorTerm<'a>: Serialize {
        #[serde(skip_serializing_if = "Vec::is_empty")]
        pub match_expressions: Vec<NodeSelectorRequirement<'a>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        pub match_fields: Vec<NodeSelectorRequirement<'a>>,
    }

    /// core/v1 NodeSelectorRequirement.
    pub struct NodeSelectorRequirement<'a>: Serialize {
        pub key: Text<'a>,
        pub operator: Text<'a>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        pub values: Vec<Text<'a>>,
    }
}
