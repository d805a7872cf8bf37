//! One member that no Cluster object tells of.

use kube::Client;
use tokio::sync::broadcast;

use crate::member_clients::{MemberChange, MemberClients};

/// A member with a client that stays the same.
pub struct OneMember {
    name: String,
    client: Client,
    changes: broadcast::Sender<MemberChange>,
}

impl OneMember {
    /// The member `name`, reached by `client`.
    pub fn new(name: String, client: Client) -> OneMember {
        let (changes, _) = broadcast::channel(1);
        OneMember { name, client, changes }
    }
}

impl MemberClients for OneMember {
    fn client(&self, cluster: &str) -> Option<Client> {
        (cluster == self.name).then(|| self.client.clone())
    }

    fn clusters(&self) -> Vec<String> {
        vec![self.name.clone()]
    }

    fn changes(&self) -> broadcast::Receiver<MemberChange> {
        self.changes.subscribe()
    }

    fn problem(&self, _: &str) -> Option<String> {
        None
    }
}
