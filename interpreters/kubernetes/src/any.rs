//! Objects of any kind.

use windlass_sdk::json::Json;
use windlass_sdk::{Answer, Rejection};

windlass_sdk::shape! {
    pub(crate) struct AnyObject<'a> {
        status: Json<'a>,
    }
}

impl<'a> AnyObject<'a> {
    /// The whole status.
    pub(crate) fn status(&self) -> Answer<Json<'a>> {
        whole(self.status)
    }
}

/// A status passed on as it is; null where there is none.
pub(crate) fn whole(status: Json<'_>) -> Answer<Json<'_>> {
    if status.is_null() || status.text().starts_with('{') {
        Ok(status)
    } else {
        Err(Rejection::new("status", "must be an object"))
    }
}
