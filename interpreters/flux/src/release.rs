//! HelmReleases: a chart, and the values for it.

use windlass_sdk::json::Text;
use windlass_sdk::kubernetes::{Metadata, References};
use windlass_sdk::{Answer, Dependent};

use crate::kustomization::KubeConfig;
use crate::source::HelmChartSpec;

windlass_sdk::shape! {
    pub(crate) struct HelmRelease<'a> {
        metadata: Metadata<'a>,
        spec: HelmReleaseSpec<'a>,
    }

    struct HelmReleaseSpec<'a> {
        chart: Chart<'a>,
        values_from: Vec<ValuesReference<'a>>,
        kube_config: KubeConfig<'a>,
        service_account_name: Text<'a>,
    }

    struct Chart<'a> {
        spec: HelmChartSpec<'a>,
    }

    struct ValuesReference<'a> {
        kind: Text<'a>,
        name: Text<'a>,
    }
}

impl HelmRelease<'_> {
    pub(crate) fn dependencies(&self) -> Answer<Vec<Dependent>> {
        let HelmReleaseSpec { chart, values_from, kube_config, service_account_name } = &self.spec;
        let mut references = References::default();
        for ValuesReference { kind, name } in values_from {
            match kind.as_str() {
                "ConfigMap" => references.config_map(name),
                "Secret" => references.secret(name),
                _ => {}
            }
        }
        references.secret(&chart.spec.verify.secret_ref.name);
        references.secret(&kube_config.secret_ref.name);
        references.account(service_account_name);
        Ok(references.dependents(&self.metadata.namespace))
    }
}
