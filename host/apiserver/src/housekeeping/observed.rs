//! What the chores need to know of an object, read from its bytes.

use serde::{Deserialize, Deserializer};

use crate::store::Stored;

/// An object's type and some of its metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Observed {
    #[serde(deserialize_with = "null_is_absent")]
    pub(super) api_version: String,
    pub(super) metadata: Metadata,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Metadata {
    pub(super) deletion_timestamp: Option<String>,
    #[serde(deserialize_with = "null_is_absent")]
    pub(super) finalizers: Vec<String>,
    #[serde(deserialize_with = "null_is_absent")]
    pub(super) owner_references: Vec<OwnerReference>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct OwnerReference {
    #[serde(deserialize_with = "null_is_absent")]
    pub(super) uid: String,
    #[serde(deserialize_with = "null_is_absent")]
    pub(super) block_owner_deletion: bool,
}

fn null_is_absent<'de, T: Default + Deserialize<'de>, D: Deserializer<'de>>(input: D) -> Result<T, D::Error> {
    Option::deserialize(input).map(Option::unwrap_or_default)
}

impl Observed {
    /// Reads a stored object. What cannot be read is taken for absent: the server checked it when it was written.
    pub(super) fn of(object: &Stored) -> Observed {
        serde_json::from_slice(&object.json).unwrap_or_default()
    }

    pub(super) fn is_being_deleted(&self) -> bool {
        self.metadata.deletion_timestamp.is_some()
    }

    pub(super) fn has_finalizer(&self, finalizer: &str) -> bool {
        self.metadata.finalizers.iter().any(|found| found == finalizer)
    }
}
