//! Objects that others refer to by name.

use std::collections::BTreeSet;

use super::pod::{Container, Name, PodSpec, SecretRef, Volume};
use crate::answer::Dependent;

/// The names of what something refers to in its own namespace. Empty names are none.
#[derive(Clone, Debug, Default)]
pub struct References<'p> {
    config_maps: BTreeSet<&'p str>,
    secrets: BTreeSet<&'p str>,
    accounts: BTreeSet<&'p str>,
    claims: BTreeSet<&'p str>,
}

impl<'p> References<'p> {
    pub fn config_map(&mut self, name: &'p str) {
        self.config_maps.insert(name);
    }

    pub fn secret(&mut self, name: &'p str) {
        self.secrets.insert(name);
    }

    pub fn account(&mut self, name: &'p str) {
        self.accounts.insert(name);
    }

    /// The account that pods run as. `default` is in every namespace already.
    pub fn own_account(&mut self, name: &'p str) {
        if name != "default" {
            self.account(name);
        }
    }

    pub fn claim(&mut self, name: &'p str) {
        self.claims.insert(name);
    }

    /// All that a pod refers to.
    pub fn pod(&mut self, spec: &'p PodSpec<'_>) {
        spec.image_pull_secrets.iter().for_each(|secret| self.secret(&secret.name));
        self.containers(&spec.init_containers);
        self.containers(&spec.containers);
        self.containers(&spec.ephemeral_containers);
        self.volumes(&spec.volumes);
        self.own_account(&spec.service_account_name);
    }

    /// What the variables of containers are read from.
    pub fn containers(&mut self, containers: &'p [Container<'_>]) {
        for container in containers {
            for source in &container.env_from {
                self.config_maps.extend(named(&source.config_map_ref));
                self.secrets.extend(named(&source.secret_ref));
            }
            for variable in &container.env {
                self.config_maps.extend(named(&variable.value_from.config_map_key_ref));
                self.secrets.extend(named(&variable.value_from.secret_key_ref));
            }
        }
    }

    /// What is in volumes, and the secrets for getting at it.
    pub fn volumes(&mut self, volumes: &'p [Volume<'_>]) {
        for volume in volumes {
            self.config_maps.extend(named(&volume.config_map));
            self.claims.extend(volume.persistent_volume_claim.iter().map(|claim| claim.claim_name.as_str()));
            self.secrets.extend(volume.secret.iter().map(|secret| secret.secret_name.as_str()));
            self.secrets.extend(volume.azure_file.iter().map(|file| file.secret_name.as_str()));
            self.secrets.extend(volume.csi.iter().filter_map(|csi| named(&csi.node_publish_secret_ref)));
            for by_reference in [
                &volume.cephfs,
                &volume.cinder,
                &volume.flex_volume,
                &volume.iscsi,
                &volume.rbd,
                &volume.scale_io,
                &volume.storageos,
            ] {
                self.secrets
                    .extend(by_reference.iter().filter_map(|SecretRef { secret_ref }| named(secret_ref)));
            }
            for source in volume.projected.iter().flat_map(|projected| &projected.sources) {
                self.config_maps.extend(named(&source.config_map));
                self.secrets.extend(named(&source.secret));
            }
        }
    }

    /// All of them, each once, as objects of `namespace`: ConfigMaps, Secrets, ServiceAccounts, PersistentVolumeClaims,
    /// each kind in the order of names.
    pub fn dependents(self, namespace: &str) -> Vec<Dependent> {
        [
            ("ConfigMap", self.config_maps),
            ("Secret", self.secrets),
            ("ServiceAccount", self.accounts),
            ("PersistentVolumeClaim", self.claims),
        ]
        .into_iter()
        .flat_map(|(kind, names)| names.into_iter().map(move |name| (kind, name)))
        .filter(|(_, name)| !name.is_empty())
        .map(|(kind, name)| Dependent {
            api_version: "v1",
            kind,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            ..Dependent::default()
        })
        .collect()
    }
}

fn named<'p>(reference: &'p Option<Name<'_>>) -> Option<&'p str> {
    reference.as_ref().map(|reference| reference.name.as_str())
}
