//! Pods and their templates, as far as others depend on what is in them.

use super::scheduling::{NodeSelector, Toleration};
use crate::json::{Entries, Text};
use crate::quantity::Quantity;

crate::shape! {
    /// core/v1 PodTemplateSpec.
    pub struct PodTemplate<'a> {
        pub metadata: TemplateMetadata<'a>,
        pub spec: PodSpec<'a>,
    }

    pub struct TemplateMetadata<'a> {
        pub namespace: Text<'a>,
    }

    /// core/v1 PodSpec.
    pub struct PodSpec<'a> {
        pub containers: Vec<Container<'a>>,
        pub init_containers: Vec<Container<'a>>,
        pub ephemeral_containers: Vec<Container<'a>>,
        pub overhead: Entries<'a, Quantity>,
        pub node_selector: Entries<'a, Text<'a>>,
        pub affinity: Affinity<'a>,
        pub tolerations: Vec<Toleration<'a>>,
        pub priority_class_name: Text<'a>,
        pub service_account_name: Text<'a>,
        pub image_pull_secrets: Vec<Name<'a>>,
        pub volumes: Vec<Volume<'a>>,
    }

    pub struct Affinity<'a> {
        pub node_affinity: NodeAffinity<'a>,
    }

    pub struct NodeAffinity<'a> {
        pub required_during_scheduling_ignored_during_execution: Option<NodeSelector<'a>>,
    }

    /// core/v1 Container.
    pub struct Container<'a> {
        pub name: Text<'a>,
        pub resources: Resources<'a>,
        pub env: Vec<EnvVar<'a>>,
        pub env_from: Vec<EnvFrom<'a>>,
    }

    pub struct Resources<'a> {
        pub requests: Entries<'a, Quantity>,
        pub limits: Entries<'a, Quantity>,
    }

    pub struct EnvVar<'a> {
        pub value_from: EnvVarSource<'a>,
    }

    pub struct EnvVarSource<'a> {
        pub config_map_key_ref: Option<Name<'a>>,
        pub secret_key_ref: Option<Name<'a>>,
    }

    pub struct EnvFrom<'a> {
        pub config_map_ref: Option<Name<'a>>,
        pub secret_ref: Option<Name<'a>>,
    }

    /// A reference by name alone.
    pub struct Name<'a> {
        pub name: Text<'a>,
    }

    /// core/v1 Volume.
    pub struct Volume<'a> {
        pub azure_file: Option<SecretName<'a>>,
        pub cephfs: Option<SecretRef<'a>>,
        pub cinder: Option<SecretRef<'a>>,
        pub config_map: Option<Name<'a>>,
        pub csi: Option<CsiVolume<'a>>,
        pub flex_volume: Option<SecretRef<'a>>,
        pub iscsi: Option<SecretRef<'a>>,
        pub persistent_volume_claim: Option<Claim<'a>>,
        pub projected: Option<Projected<'a>>,
        pub rbd: Option<SecretRef<'a>>,
        #[serde(rename = "scaleIO")]
        pub scale_io: Option<SecretRef<'a>>,
        pub secret: Option<SecretName<'a>>,
        pub storageos: Option<SecretRef<'a>>,
    }

    pub struct SecretName<'a> {
        pub secret_name: Text<'a>,
    }

    pub struct SecretRef<'a> {
        pub secret_ref: Option<Name<'a>>,
    }

    pub struct CsiVolume<'a> {
        pub node_publish_secret_ref: Option<Name<'a>>,
    }

    pub struct Claim<'a> {
        pub claim_name: Text<'a>,
    }

    pub struct Projected<'a> {
        pub sources: Vec<ProjectedSource<'a>>,
    }

    pub struct ProjectedSource<'a> {
        pub config_map: Option<Name<'a>>,
        pub secret: Option<Name<'a>>,
    }
}
