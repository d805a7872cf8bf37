//! Object metadata, and what statuses have in common.

use crate::json::{Entries, Int, Text};

crate::shape! {
    /// What plugins ask of an object's metadata.
    pub struct Metadata<'a> {
        pub name: Text<'a>,
        pub namespace: Text<'a>,
        pub uid: Text<'a>,
        pub generation: Int<i64>,
        pub labels: Entries<'a, Text<'a>>,
        pub annotations: Entries<'a, Text<'a>>,
    }
}

impl Metadata<'_> {
    /// The namespace that the object is in once it is stored.
    pub fn namespace_or_default(&self) -> &str {
        if self.namespace.is_empty() { "default" } else { &self.namespace }
    }
}

crate::shape! {
    /// A condition, as far as plugins look at it. Times are compared as the text they are.
    pub struct Condition<'a> {
        pub r#type: Text<'a>,
        pub status: Text<'a>,
        pub last_update_time: Option<Text<'a>>,
        pub last_transition_time: Option<Text<'a>>,
    }
}

impl Condition<'_> {
    /// Whether this is the condition `name` and it holds.
    pub fn holds(&self, name: &str) -> bool {
        self.r#type == name && self.status == "True"
    }
}
