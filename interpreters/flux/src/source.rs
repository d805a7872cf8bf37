//! Sources, and the Secrets for getting at them.

use windlass_sdk::json::Text;
use windlass_sdk::kubernetes::{Metadata, Name, References};
use windlass_sdk::{Answer, Dependent};

windlass_sdk::shape! {
    pub(crate) struct Bucket<'a> {
        metadata: Metadata<'a>,
        spec: BucketSpec<'a>,
    }

    struct BucketSpec<'a> {
        secret_ref: Name<'a>,
    }

    pub(crate) struct GitRepository<'a> {
        metadata: Metadata<'a>,
        spec: GitRepositorySpec<'a>,
    }

    struct GitRepositorySpec<'a> {
        secret_ref: Name<'a>,
        verify: Verification<'a>,
    }

    pub(crate) struct HelmChart<'a> {
        metadata: Metadata<'a>,
        spec: HelmChartSpec<'a>,
    }

    /// The template of a HelmRelease's chart is the same.
    pub(crate) struct HelmChartSpec<'a> {
        pub(crate) verify: Verification<'a>,
    }

    pub(crate) struct HelmRepository<'a> {
        metadata: Metadata<'a>,
        spec: HelmRepositorySpec<'a>,
    }

    struct HelmRepositorySpec<'a> {
        secret_ref: Name<'a>,
    }

    pub(crate) struct OciRepository<'a> {
        metadata: Metadata<'a>,
        spec: OciRepositorySpec<'a>,
    }

    struct OciRepositorySpec<'a> {
        secret_ref: Name<'a>,
        cert_secret_ref: Name<'a>,
        verify: Verification<'a>,
        service_account_name: Text<'a>,
    }

    /// With whose keys a source has to be signed.
    pub(crate) struct Verification<'a> {
        pub(crate) secret_ref: Name<'a>,
    }
}

impl Bucket<'_> {
    pub(crate) fn dependencies(&self) -> Answer<Vec<Dependent>> {
        Ok(secrets([&self.spec.secret_ref], &self.metadata))
    }
}

impl GitRepository<'_> {
    pub(crate) fn dependencies(&self) -> Answer<Vec<Dependent>> {
        Ok(secrets([&self.spec.secret_ref, &self.spec.verify.secret_ref], &self.metadata))
    }
}

impl HelmChart<'_> {
    pub(crate) fn dependencies(&self) -> Answer<Vec<Dependent>> {
        Ok(secrets([&self.spec.verify.secret_ref], &self.metadata))
    }
}

impl HelmRepository<'_> {
    pub(crate) fn dependencies(&self) -> Answer<Vec<Dependent>> {
        Ok(secrets([&self.spec.secret_ref], &self.metadata))
    }
}

impl OciRepository<'_> {
    pub(crate) fn dependencies(&self) -> Answer<Vec<Dependent>> {
        let OciRepositorySpec { secret_ref, cert_secret_ref, verify, service_account_name } = &self.spec;
        let mut references = References::default();
        for secret in [secret_ref, cert_secret_ref, &verify.secret_ref] {
            references.secret(&secret.name);
        }
        references.account(service_account_name);
        Ok(references.dependents(&self.metadata.namespace))
    }
}

fn secrets<const N: usize>(secrets: [&Name<'_>; N], metadata: &Metadata<'_>) -> Vec<Dependent> {
    let mut references = References::default();
    secrets.into_iter().for_each(|secret| references.secret(&secret.name));
    references.dependents(&metadata.namespace)
}
