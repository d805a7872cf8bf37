//! CustomResourceDefinitions: what makes one valid, and the kinds it serves.

use std::sync::Arc;

use serde_json::Value;

use crate::field::FieldError;
use crate::kind::Kind;

/// The kinds of `definition`, one for each served version.
pub(crate) fn kinds(definition: &Value) -> Result<Vec<Arc<Kind>>, Vec<FieldError>> {
    let _ = definition;
    Ok(Vec::new())
}
