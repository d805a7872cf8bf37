//! Reading Karmada's marks on objects (labels, annotations, finalizers), and making permanent ids.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use windlass_api::labels::{
    BINDING_DEPENDED_BY_PREFIX, CLUSTER_RESOURCE_BINDING_NAME, CLUSTER_RESOURCE_BINDING_PERMANENT_ID,
    RESOURCE_BINDING_NAME, RESOURCE_BINDING_NAMESPACE, RESOURCE_BINDING_PERMANENT_ID,
};

use windlass_core::{Gvk, ObjectId};

use crate::index::{Key, binding_resource};

/// A binding, as others name it.
pub(crate) fn binding_object(key: Key) -> ObjectId {
    let resource = binding_resource(!key.namespace.is_empty());
    let gvk = Gvk::new(&resource.api_version, &resource.kind);
    ObjectId { gvk, namespace: key.namespace, name: key.name }
}

/// The label of an object.
pub(crate) fn label<'a>(meta: &'a ObjectMeta, name: &str) -> Option<&'a str> {
    meta.labels.as_ref()?.get(name).map(String::as_str)
}

/// The annotation of an object.
pub(crate) fn annotation<'a>(meta: &'a ObjectMeta, name: &str) -> Option<&'a str> {
    meta.annotations.as_ref()?.get(name).map(String::as_str)
}

/// The permanent id of a binding, on itself, its Works and the objects in the members.
pub(crate) fn binding_id(meta: &ObjectMeta) -> Option<&str> {
    label(meta, RESOURCE_BINDING_PERMANENT_ID).or_else(|| label(meta, CLUSTER_RESOURCE_BINDING_PERMANENT_ID))
}

/// The labels of a binding that name the bindings it is required by.
pub(crate) fn dependents(meta: &ObjectMeta) -> Vec<&str> {
    let labels = meta.labels.iter().flatten();
    labels
        .map(|(name, _)| name.as_str())
        .filter(|name| name.starts_with(BINDING_DEPENDED_BY_PREFIX))
        .collect()
}

/// The binding that a Work or an object in a member belongs to.
pub(crate) fn binding_key(meta: &ObjectMeta) -> Option<Key> {
    match (annotation(meta, RESOURCE_BINDING_NAMESPACE), annotation(meta, RESOURCE_BINDING_NAME)) {
        (Some(namespace), Some(name)) => Some(Key::new(namespace, name)),
        _ => annotation(meta, CLUSTER_RESOURCE_BINDING_NAME).map(|name| Key::new("", name)),
    }
}

/// Whether the object has this finalizer.
pub(crate) fn has_finalizer(meta: &ObjectMeta, finalizer: &str) -> bool {
    meta.finalizers.as_ref().is_some_and(|finalizers| finalizers.iter().any(|name| name == finalizer))
}

/// A permanent id: a UUID, always the same for the same parts, so that a write which is repeated makes no second id.
pub(crate) fn permanent_id(parts: &[&str]) -> String {
    let mut words = [0_u64; 2];
    for (word, seed) in words.iter_mut().zip([0xcbf2_9ce4_8422_2325_u64, 0x6c62_272e_07bb_0142]) {
        *word = parts.iter().fold(seed, |hash, part| {
            // FNV-1a, with a separator that no name contains.
            let hash =
                part.bytes().fold(hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
            (hash ^ 0xff).wrapping_mul(0x0100_0000_01b3)
        });
    }
    let [high, low] = words;
    // Version 8 (made by a rule of one's own), variant 1.
    let high = (high & !0xf000) | 0x8000;
    let low = (low & !(0b11 << 62)) | (0b10 << 62);
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permanent_id_is_a_uuid_and_belongs_to_its_parts() {
        let id = permanent_id(&["default", "nginx-deployment", "u1"]);
        assert_eq!(id.len(), 36);
        assert_eq!(id.as_bytes()[14], b'8');
        assert_eq!(id, permanent_id(&["default", "nginx-deployment", "u1"]));
        assert_ne!(id, permanent_id(&["default", "nginx-deployment", "u2"]));
        assert_ne!(id, permanent_id(&["defaultnginx-deployment", "", "u1"]));
    }
}
