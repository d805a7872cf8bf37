//! What the members' own controllers write into objects that are otherwise ours.

use windlass_sdk::json::{Int, Json, Text};
use windlass_sdk::kubernetes::Metadata;
use windlass_sdk::{Answer, Changes, Rejection};

windlass_sdk::shape! {
    pub(crate) struct RetainedReplicas<'a> {
        metadata: Metadata<'a>,
        spec: ScaledSpec,
    }

    struct ScaledSpec {
        replicas: Option<Int<i64>>,
    }

    pub(crate) struct ServiceAccount<'a> {
        secrets: Vec<Json<'a>>,
        image_pull_secrets: Vec<Json<'a>>,
    }

    pub(crate) struct Secret<'a> {
        #[serde(rename = "type")]
        secret_type: Text<'a>,
        data: Json<'a>,
    }
}

impl RetainedReplicas<'_> {
    /// The replicas that an autoscaler in the member has set, where the label asks for it.
    pub(crate) fn retain(&self, observed: &Self) -> Answer<Changes> {
        let retain = self.metadata.labels.get("resourcetemplate.karmada.io/retain-replicas");
        if retain.is_none_or(|value| value.as_str() != "true") {
            return Ok(Changes::none());
        }
        match observed.spec.replicas {
            Some(replicas) => Ok(Changes::none().set("/spec/replicas", replicas)),
            None => Err(Rejection::new("observed.spec.replicas", "is missing, and is to be retained")),
        }
    }
}

impl ServiceAccount<'_> {
    /// The secrets that the member has added.
    pub(crate) fn retain(&self, observed: &Self) -> Answer<Changes> {
        let lists = [
            ("/secrets", &self.secrets, &observed.secrets),
            ("/imagePullSecrets", &self.image_pull_secrets, &observed.image_pull_secrets),
        ];
        Ok(lists.into_iter().fold(Changes::none(), |changes, (path, desired, observed)| {
            let mut merged = desired.clone();
            let mut names: Vec<Option<Text<'_>>> = desired.iter().map(name).collect();
            for secret in observed {
                if !names.contains(&name(secret)) {
                    names.push(name(secret));
                    merged.push(*secret);
                }
            }
            if merged.len() > desired.len() { changes.set(path, merged) } else { changes }
        }))
    }
}

fn name<'a>(secret: &Json<'a>) -> Option<Text<'a>> {
    secret.field("name").string()
}

impl Secret<'_> {
    /// The token that the member's controller has written.
    pub(crate) fn retain(&self, observed: &Self) -> Answer<Changes> {
        if self.secret_type != "kubernetes.io/service-account-token" || observed.data.is_null() {
            return Ok(Changes::none());
        }
        Ok(Changes::none().set("/data", observed.data))
    }
}
