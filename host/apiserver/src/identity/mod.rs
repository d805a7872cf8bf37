//! Who calls, and what they may do.

pub(crate) mod authenticate;
pub(crate) mod authorize;
pub(crate) mod rbac;
pub(crate) mod review;
pub(crate) mod service_accounts;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::tls::Identity;

/// Members of this group may do everything.
pub(crate) const MASTERS: &str = "system:masters";
const AUTHENTICATED: &str = "system:authenticated";
const UNAUTHENTICATED: &str = "system:unauthenticated";

/// Whoever calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    /// Empty where the credential names none.
    pub(crate) uid: String,
    pub(crate) groups: Vec<String>,
    /// What else the credential tells.
    pub(crate) extra: BTreeMap<String, Vec<String>>,
}

impl User {
    /// An authenticated user; the group of all of these is added.
    pub(crate) fn new(name: impl Into<String>, groups: impl IntoIterator<Item = String>) -> User {
        let mut groups: Vec<String> = groups.into_iter().collect();
        if !groups.iter().any(|group| group == AUTHENTICATED) {
            groups.push(AUTHENTICATED.to_owned());
        }
        User { name: name.into(), groups, ..User::default() }
    }

    /// The control plane itself.
    pub(crate) fn master(name: &str) -> User {
        User::new(name, [MASTERS.to_owned()])
    }

    pub(crate) fn anonymous() -> User {
        User {
            name: "system:anonymous".to_owned(),
            groups: vec![UNAUTHENTICATED.to_owned()],
            ..User::default()
        }
    }

    pub(crate) fn is_master(&self) -> bool {
        self.groups.iter().any(|group| group == MASTERS)
    }

    pub(crate) fn is_anonymous(&self) -> bool {
        self.groups.iter().any(|group| group == UNAUTHENTICATED)
    }

    /// authentication.k8s.io UserInfo
    pub(crate) fn info(&self) -> Value {
        let mut info = json!({"username": self.name, "groups": self.groups});
        if !self.uid.is_empty() {
            info["uid"] = json!(self.uid);
        }
        if !self.extra.is_empty() {
            info["extra"] = json!(self.extra);
        }
        info
    }
}

impl From<Identity> for User {
    fn from(Identity { user, groups }: Identity) -> User {
        User::new(user, groups)
    }
}
