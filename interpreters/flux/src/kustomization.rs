//! Kustomizations: what is applied from a source.

use windlass_sdk::json::Text;
use windlass_sdk::kubernetes::{Metadata, Name, References};
use windlass_sdk::{Answer, Dependent};

windlass_sdk::shape! {
    pub(crate) struct Kustomization<'a> {
        metadata: Metadata<'a>,
        spec: KustomizationSpec<'a>,
    }

    struct KustomizationSpec<'a> {
        decryption: Decryption<'a>,
        kube_config: KubeConfig<'a>,
        service_account_name: Text<'a>,
    }

    struct Decryption<'a> {
        secret_ref: Name<'a>,
    }

    /// For the cluster that things are applied to, where it is another.
    pub(crate) struct KubeConfig<'a> {
        pub(crate) secret_ref: Name<'a>,
    }
}

impl Kustomization<'_> {
    pub(crate) fn dependencies(&self) -> Answer<Vec<Dependent>> {
        let KustomizationSpec { decryption, kube_config, service_account_name } = &self.spec;
        let mut references = References::default();
        references.secret(&decryption.secret_ref.name);
        references.secret(&kube_config.secret_ref.name);
        references.account(service_account_name);
        Ok(references.dependents(&self.metadata.namespace))
    }
}
