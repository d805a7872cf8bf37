//! Conflicts: fields that an apply would change and somebody else owns.

use super::fields::shown;
use super::managers::{Identity, Managers};

/// One field that somebody else owns, for a 409's causes (reason `FieldManagerConflict`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// `conflict with "kubectl-client-side-apply" using apps/v1`.
    pub message: String,
    /// `.spec.replicas`.
    pub field: String,
    /// `"kubectl-client-side-apply" using apps/v1`.
    pub(super) owner: String,
}

/// The fields in `contested`, one conflict each.
pub(super) fn conflicts(contested: &Managers) -> Vec<Conflict> {
    let mut conflicts = Vec::new();
    for (identity, owned) in contested {
        let owner = owner(identity);
        for path in owned.fields.paths() {
            let message = format!("conflict with {owner}");
            conflicts.push(Conflict { message, field: shown(&path), owner: owner.clone() });
        }
    }
    conflicts
}

fn owner(identity: &Identity) -> String {
    let Identity { manager, applies, api_version, subresource } = identity;
    let mut text = format!("{manager:?}");
    if !subresource.is_empty() {
        text.push_str(&format!(" with subresource {subresource:?}"));
    }
    if !applies {
        text.push_str(&format!(" using {api_version}"));
    }
    text
}

/// The message of the 409.
pub(super) fn summary(conflicts: &[Conflict]) -> String {
    if let [one] = conflicts {
        return format!("Apply failed with 1 conflict: conflict with {}: {}", one.owner, one.field);
    }
    let mut lines = Vec::new();
    let mut owner = "";
    for conflict in conflicts {
        if conflict.owner != owner {
            owner = &conflict.owner;
            lines.push(format!("conflicts with {owner}:"));
        }
        lines.push(format!("- {}", conflict.field));
    }
    format!("Apply failed with {} conflicts: {}", conflicts.len(), lines.join("\n"))
}
