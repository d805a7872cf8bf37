//! What the pods of an application refer to.

use windlass_sdk::json::Text;
use windlass_sdk::kubernetes::{Container, EnvFrom, EnvVar, Metadata, Name, PodTemplate, References, Volume};
use windlass_sdk::{Answer, Dependent};

windlass_sdk::shape! {
    pub(crate) struct ApplicationPods<'a> {
        metadata: Metadata<'a>,
        spec: Spec<'a>,
    }

    pub(crate) struct ScheduledPods<'a> {
        metadata: Metadata<'a>,
        spec: ScheduledSpec<'a>,
    }

    struct ScheduledSpec<'a> {
        template: Spec<'a>,
    }

    struct Spec<'a> {
        image_pull_secrets: Vec<Text<'a>>,
        volumes: Vec<Volume<'a>>,
        spark_config_map: Text<'a>,
        hadoop_config_map: Text<'a>,
        driver: Role<'a>,
        executor: Role<'a>,
    }

    struct Role<'a> {
        env: Vec<EnvVar<'a>>,
        env_from: Vec<EnvFrom<'a>>,
        config_maps: Vec<Name<'a>>,
        secrets: Vec<Name<'a>>,
        service_account: Text<'a>,
        template: PodTemplate<'a>,
    }
}

impl ApplicationPods<'_> {
    pub(crate) fn dependencies(&self) -> Answer<Vec<Dependent>> {
        Ok(self.spec.dependencies(&self.metadata.namespace))
    }
}

impl ScheduledPods<'_> {
    /// Those of the applications that it starts.
    pub(crate) fn dependencies(&self) -> Answer<Vec<Dependent>> {
        Ok(self.spec.template.dependencies(&self.metadata.namespace))
    }
}

impl<'a> Spec<'a> {
    fn dependencies(&self, namespace: &str) -> Vec<Dependent> {
        let roles = [&self.driver, &self.executor];
        let containers = roles.map(Role::container);
        let mut references = References::default();
        references.containers(&containers);
        references.volumes(&self.volumes);
        self.image_pull_secrets.iter().for_each(|secret| references.secret(secret));
        references.config_map(&self.spark_config_map);
        references.config_map(&self.hadoop_config_map);
        for Role { config_maps, secrets, service_account, template, .. } in roles {
            config_maps.iter().for_each(|config_map| references.config_map(&config_map.name));
            secrets.iter().for_each(|secret| references.secret(&secret.name));
            references.own_account(service_account);
            references.pod(&template.spec);
        }
        references.dependents(namespace)
    }
}

impl<'a> Role<'a> {
    /// With the variables, which stand in a role as they do in a container.
    fn container(&self) -> Container<'a> {
        Container { env: self.env.clone(), env_from: self.env_from.clone(), ..Container::default() }
    }
}
