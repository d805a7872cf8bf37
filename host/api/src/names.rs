//! The names of objects that belong to other objects. They are Karmada's, so that objects are found again where a
//! control plane is taken over.

use crate::labels::{NAMESPACE_CLUSTER, NAMESPACE_SYSTEM};

/// What the name of a cluster's execution namespace begins with.
pub const EXECUTION_NAMESPACE_PREFIX: &str = "karmada-es-";

/// The characters of generated names: no vowels, so no words.
const SAFE: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// The namespace in the control plane that holds a cluster's Works.
pub fn execution_namespace(cluster: &str) -> String {
    format!("{EXECUTION_NAMESPACE_PREFIX}{cluster}")
}

/// The cluster whose execution namespace this is, if it is one.
pub fn cluster_of_execution_namespace(namespace: &str) -> Option<&str> {
    namespace.strip_prefix(EXECUTION_NAMESPACE_PREFIX)
}

/// Whether a namespace belongs to the control plane itself, so that nothing in it is propagated.
pub fn is_reserved_namespace(namespace: &str) -> bool {
    namespace == NAMESPACE_SYSTEM
        || namespace == NAMESPACE_CLUSTER
        || namespace.starts_with(EXECUTION_NAMESPACE_PREFIX)
}

/// The name of a resource's binding.
pub fn binding(kind: &str, name: &str) -> String {
    let mut text = name.replace(':', ".");
    text.push('-');
    text.push_str(kind);
    text.to_lowercase()
}

/// The name of a resource's Work, the same in every cluster's execution namespace.
pub fn work(kind: &str, name: &str, namespace: &str) -> String {
    let name = name.replace(':', ".").to_lowercase();
    let hashed = if namespace.is_empty() {
        format!("{name}-{kind}").to_lowercase()
    } else {
        format!("{namespace}-{name}-{kind}").to_lowercase()
    };
    format!("{name}-{}", safe_hash(&hashed))
}

/// What stands for a binding where its namespace and name do not fit, as in a label's key.
pub fn binding_reference(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { safe_hash(name) } else { safe_hash(&format!("{namespace}/{name}")) }
}

/// The name of the Secret with which a user's name is taken on in a cluster.
pub fn impersonator_secret(cluster: &str) -> String {
    format!("{cluster}-impersonator")
}

/// FNV-1a, 32 bits.
pub fn fnv32a(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

fn safe_hash(text: &str) -> String {
    fnv32a(text).to_string().bytes().map(|byte| char::from(SAFE[usize::from(byte) % SAFE.len()])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fnv_1a() {
        assert_eq!(fnv32a(""), 2_166_136_261);
        assert_eq!(fnv32a("a"), 0xe40c_292c);
        assert_eq!(fnv32a("foobar"), 0xbf9c_f968);
    }

    #[test]
    fn names_are_karmadas() {
        assert_eq!(work("Deployment", "nginx", "default"), "nginx-687f7fb96f");
        assert_eq!(binding("Deployment", "nginx"), "nginx-deployment");
        assert_eq!(binding("ClusterRole", "system:Admin"), "system.admin-clusterrole");
        assert_eq!(execution_namespace("member1"), "karmada-es-member1");
        assert_eq!(cluster_of_execution_namespace("karmada-es-member1"), Some("member1"));
        assert_eq!(cluster_of_execution_namespace("default"), None);
    }

    #[test]
    fn the_control_planes_own_namespaces_are_reserved() {
        assert!(is_reserved_namespace("karmada-es-a") && is_reserved_namespace("karmada-system"));
        assert!(!is_reserved_namespace("default"));
    }
}
