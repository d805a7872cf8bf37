//! Who is to blame when a call into a plugin fails.

use std::fmt;
use std::sync::Arc;

use crate::object::ObjectId;

/// What went wrong, and so whose fault it is.
///
/// `Rejected` is the plugin's considered answer about the object; the others but `HostFault` are the plugin's own
/// failure, and count towards its backoff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The host could not make the call: no instance was free in time, the engine failed.
    HostFault,
    /// The plugin trapped: a panic, an exhausted stack, an access out of bounds.
    Trap,
    /// The plugin looked at the object and refused it; `field` names where, as a JSON path, if it said so.
    Rejected { field: Option<String> },
    /// The call took longer than its deadline.
    Deadline,
    /// The plugin wanted more memory than its limit.
    OutOfMemory,
    /// The plugin's answer makes no sense: not the JSON it has to be, or a change outside its fence.
    BadAnswer,
    /// A remote interpreter could not be reached, or failed on its side.
    Unavailable,
}

impl Blame {
    /// A short name for a metric's label or a condition's reason.
    pub const fn reason(&self) -> &'static str {
        match self {
            Blame::HostFault => "HostFault",
            Blame::Trap => "Trap",
            Blame::Rejected { .. } => "Rejected",
            Blame::Deadline => "Deadline",
            Blame::OutOfMemory => "OutOfMemory",
            Blame::BadAnswer => "BadAnswer",
            Blame::Unavailable => "Unavailable",
        }
    }

    /// Whether the failure counts against the plugin rather than against the object or the host.
    pub const fn is_plugins_fault(&self) -> bool {
        matches!(
            self,
            Blame::Trap | Blame::Deadline | Blame::OutOfMemory | Blame::BadAnswer | Blame::Unavailable
        )
    }
}

/// A call that failed: which plugin, which call (an operation's name, or `Admit`), which object, why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallError {
    pub plugin: Arc<str>,
    pub call: &'static str,
    pub object: Arc<ObjectId>,
    pub blame: Blame,
    pub message: String,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CallError { plugin, call, object, blame, message } = self;
        match blame {
            Blame::Rejected { field: Some(field) } => {
                write!(f, "plugin {plugin} rejects {object} in {call}: {field}: {message}")
            }
            Blame::Rejected { field: None } => {
                write!(f, "plugin {plugin} rejects {object} in {call}: {message}")
            }
            _ => write!(f, "plugin {plugin} failed in {call} of {object} ({}): {message}", blame.reason()),
        }
    }
}

impl std::error::Error for CallError {}
