//! Preserved state becomes labels of the object in its new home, as Karmada has it.

use windlass_sdk::kubernetes::Metadata;
use windlass_sdk::{Answer, Changes, State};

windlass_sdk::shape! {
    pub(crate) struct AnyObject<'a> {
        metadata: Metadata<'a>,
    }
}

impl AnyObject<'_> {
    pub(crate) fn restore(&self, state: &State<'_>) -> Answer<Changes> {
        Ok(state.labels(&self.metadata))
    }
}
