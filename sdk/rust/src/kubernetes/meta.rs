//! Object metadata.

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
