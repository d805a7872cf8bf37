//! What a pod can't run without.

use super::pod::PodSpec;
use super::references::References;
use crate::answer::Dependent;

/// The ConfigMaps, Secrets, ServiceAccount and PersistentVolumeClaims that a pod in `namespace` refers to, each kind in
/// the order of names.
pub fn pod_dependencies(spec: &PodSpec<'_>, namespace: &str) -> Vec<Dependent> {
    dependencies_of_pods([spec], namespace)
}

/// As [`pod_dependencies`], of several pods together: what several refer to is there once.
pub fn dependencies_of_pods<'p, 'a: 'p>(
    specs: impl IntoIterator<Item = &'p PodSpec<'a>>,
    namespace: &str,
) -> Vec<Dependent> {
    let mut references = References::default();
    specs.into_iter().for_each(|spec| references.pod(spec));
    references.dependents(namespace)
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
