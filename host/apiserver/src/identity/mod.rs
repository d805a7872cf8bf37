//! Who calls, and what they may do.

pub(crate) mod authenticate;
pub(crate) mod authorize;
pub(crate) mod rbac;
pub(crate) mod review;

use serde_json::{Value, json};

use crate::tls::Identity;

/// Members of this group may do everything.
pub(crate) const MASTERS: &str = "system:masters";
const AUTHENTICATED: &str = "system:authenticated";
const UNAUTHENTICATED: &str = "system:unauthenticated";

/// Whoever calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) groups: Vec<String>,
}

impl User {
    /// An authenticated user; the group of all of these is added.
    pub(crate) fn new(name: impl Into<String>, groups: impl IntoIterator<Item = String>) -> User {
        let mut groups: Vec<String> = groups.into_iter().collect();
        if !groups.iter().any(|group| group == AUTHENTICATED) {
            groups.push(AUTHENTICATED.to_owned());
        }
        User { name: name.into(), groups }
    }

    /// The control plane itself.
    pub(crate) fn master(name: &str) -> User {
        User::new(name, [MASTERS.to_owned()])
    }

    pub(crate) fn anonymous() -> User {
        User { name: "system:anonymous".to_owned(), groups: vec![UNAUTHENTICATED.to_owned()] }
    }

    pub(crate) fn is_master(&self) -> bool {
        self.groups.iter().any(|group| group == MASTERS)
    }

    pub(crate) fn is_anonymous(&self) -> bool {
        self.groups.iter().any(|group| group == UNAUTHENTICATED)
    }

    /// authentication.k8s.io UserInfo
    pub(crate) fn info(&self) -> Value {
        json!({"username": self.name, "groups": self.groups})
    }
}

impl From<Identity> for User {
    fn from(Identity { user, groups }: Identity) -> User {
        User::new(user, groups)
    }
}
