//! What a pod can't run without.

use std::collections::BTreeSet;

use super::pod::{Name, PodSpec, SecretRef};
use crate::answer::Dependent;

/// The ConfigMaps, Secrets, ServiceAccount and PersistentVolumeClaims that a pod in `namespace` refers to, each kind in
/// the order of names.
pub fn pod_dependencies(spec: &PodSpec<'_>, namespace: &str) -> Vec<Dependent> {
    let mut config_maps = BTreeSet::new();
    let mut secrets = BTreeSet::new();
    let mut claims = BTreeSet::new();

    secrets.extend(spec.image_pull_secrets.iter().map(|secret| secret.name.as_str()));
    for container in spec.init_containers.iter().chain(&spec.containers).chain(&spec.ephemeral_containers) {
        for source in &container.env_from {
            config_maps.extend(named(&source.config_map_ref));
            secrets.extend(named(&source.secret_ref));
        }
        for variable in &container.env {
            config_maps.extend(named(&variable.value_from.config_map_key_ref));
            secrets.extend(named(&variable.value_from.secret_key_ref));
        }
    }
    for volume in &spec.volumes {
        config_maps.extend(named(&volume.config_map));
        claims.extend(volume.persistent_volume_claim.iter().map(|claim| claim.claim_name.as_str()));
        secrets.extend(volume.secret.iter().map(|secret| secret.secret_name.as_str()));
        secrets.extend(volume.azure_file.iter().map(|file| file.secret_name.as_str()));
        secrets.extend(volume.csi.iter().filter_map(|csi| named(&csi.node_publish_secret_ref)));
        for by_reference in [
            &volume.cephfs,
            &volume.cinder,
            &volume.flex_volume,
            &volume.iscsi,
            &volume.rbd,
            &volume.scale_io,
            &volume.storageos,
        ] {
            secrets.extend(by_reference.iter().filter_map(|SecretRef { secret_ref }| named(secret_ref)));
        }
        for source in volume.projected.iter().flat_map(|projected| &projected.sources) {
            config_maps.extend(named(&source.config_map));
            secrets.extend(named(&source.secret));
        }
    }
    let mut accounts = BTreeSet::new();
    accounts.extend(Some(spec.service_account_name.as_str()).filter(|name| *name != "default"));

    let of_kind = |kind: &'static str, names: BTreeSet<&str>| {
        let dependent = move |name: &str| Dependent {
            api_version: "v1",
            kind,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            ..Dependent::default()
        };
        names.into_iter().filter(|name| !name.is_empty()).map(dependent).collect::<Vec<_>>()
    };
    let mut dependents = of_kind("ConfigMap", config_maps);
    dependents.extend(of_kind("Secret", secrets));
    dependents.extend(of_kind("ServiceAccount", accounts));
    dependents.extend(of_kind("PersistentVolumeClaim", claims));
    dependents
}

fn named<'a>(reference: &'a Option<Name<'_>>) -> Option<&'a str> {
    reference.as_ref().map(|reference| reference.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    #[test]
    fn every_reference_is_found_once_and_in_order() {
        let spec: PodSpec<'_> = parse(
            r#"{"serviceAccountName": "runner",
                "imagePullSecrets": [{"name": "pull"}, {}],
                "initContainers": [{"envFrom": [{"configMapRef": {"name": "b"}}, {"secretRef": {"name": "init"}}]}],
                "containers": [{"env": [{"name": "X", "value": "y"},
                    {"valueFrom": {"configMapKeyRef": {"name": "a", "key": "k"}}},
                    {"valueFrom": {"secretKeyRef": {"name": "pull"}}}]}],
                "volumes": [{"configMap": {"name": "b"}}, {"secret": {"secretName": "tls"}}, {"emptyDir": {}},
                    {"persistentVolumeClaim": {"claimName": "data"}}, {"azureFile": {"secretName": "azure"}},
                    {"rbd": {"secretRef": {"name": "ceph"}}}, {"csi": {"nodePublishSecretRef": {"name": "csi"}}},
                    {"projected": {"sources": [{"configMap": {"name": "c"}}, {"secret": {"name": "projected"}}]}}]}"#,
        )
        .unwrap();
        let found = pod_dependencies(&spec, "ns");
        assert!(found.iter().all(|dependent| dependent.api_version == "v1" && dependent.namespace == "ns"));
        let names = |kind: &str| {
            found
                .iter()
                .filter(|dependent| dependent.kind == kind)
                .map(|dependent| dependent.name.as_str())
                .collect::<Vec<_>>()
        };
        assert_eq!(names("ConfigMap"), ["a", "b", "c"]);
        assert_eq!(names("Secret"), ["azure", "ceph", "csi", "init", "projected", "pull", "tls"]);
        assert_eq!(names("ServiceAccount"), ["runner"]);
        assert_eq!(names("PersistentVolumeClaim"), ["data"]);
    }

    #[test]
    fn the_default_account_is_everywhere_already() {
        let spec: PodSpec<'_> = parse(r#"{"serviceAccountName": "default"}"#).unwrap();
        assert!(pod_dependencies(&spec, "ns").is_empty());
    }
}
