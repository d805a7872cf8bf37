//! What a member serves, as its Cluster's status lists it.

use kube::Client;
use kube::discovery::Discovery;
use windlass_api::cluster::{ApiEnablement, ApiResource};
use windlass_api::conditions::cluster;

/// What the last looks have found.
#[derive(Clone, Debug, Default)]
pub(super) struct Apis {
    pub(super) enablements: Vec<ApiEnablement>,
    failure: Option<String>,
}

impl Apis {
    /// Looks again. What was known stays known while the member can't be asked.
    pub(super) async fn look(&mut self, client: &Client) {
        match discover(client).await {
            Ok(enablements) => *self = Apis { enablements, failure: None },
            Err(error) => self.failure = Some(error.to_string()),
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.failure.is_none() && !self.enablements.is_empty()
    }

    /// Whether the list is complete, and reason and message of the condition that says so.
    pub(super) fn told(&self) -> (bool, &'static str, String) {
        let count = self.enablements.len();
        match &self.failure {
            _ if count == 0 => {
                let why = self.failure.as_deref().unwrap_or("it serves nothing");
                let message = format!("collected empty APIEnablements from the cluster: {why}");
                (false, cluster::EMPTY_API_ENABLEMENTS, message)
            }
            Some(why) => {
                let message =
                    format!("might collect partial APIEnablements({count}) from the cluster: {why}");
                (false, cluster::PARTIAL_API_ENABLEMENTS, message)
            }
            None => (
                true,
                cluster::FULL_API_ENABLEMENTS,
                "collected complete APIEnablements from the cluster".to_owned(),
            ),
        }
    }
}

/// Every kind in every version, in order.
async fn discover(client: &Client) -> Result<Vec<ApiEnablement>, kube::Error> {
    let discovery = match Discovery::new(client.clone()).run_aggregated().await {
        Ok(discovery) => discovery,
        Err(_) => Discovery::new(client.clone()).run().await?,
    };
    let mut enablements = Vec::new();
    for group in discovery.groups() {
        for version in group.versions() {
            let mut resources: Vec<ApiResource> = group
                .versioned_resources(version)
                .into_iter()
                .map(|(resource, _)| ApiResource { name: resource.plural, kind: resource.kind })
                .collect();
            resources.sort_by(|a, b| a.name.cmp(&b.name));
            let group_version = match group.name() {
                "" => version.to_owned(),
                name => format!("{name}/{version}"),
            };
            enablements.push(ApiEnablement { group_version, resources });
        }
    }
    enablements.sort_by(|a, b| a.group_version.cmp(&b.group_version));
    enablements.dedup_by(|a, b| a.group_version == b.group_version);
    Ok(enablements)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_could_not_be_read_again_is_told_as_partial() {
        let mut apis = Apis::default();
        assert_eq!(apis.told().1, cluster::EMPTY_API_ENABLEMENTS);
        apis.enablements.push(ApiEnablement { group_version: "v1".to_owned(), resources: Vec::new() });
        assert!(apis.is_complete());
        assert_eq!(apis.told().1, cluster::FULL_API_ENABLEMENTS);
        apis.failure = Some("gone".to_owned());
        let (complete, reason, message) = apis.told();
        assert_eq!((complete, reason), (false, cluster::PARTIAL_API_ENABLEMENTS));
        assert!(message.contains("gone"));
    }
}
