//! Work: what is to be applied in a member has to be an object.

use serde_json::Value;
use windlass_api::work::WorkSpec;
use windlass_core::AdmissionRequest;

use super::read;
use crate::causes::Causes;

pub(super) fn validate(request: &AdmissionRequest, causes: &mut Causes) {
    let Some(spec) = read::<WorkSpec>(&request.object, "spec", causes) else { return };
    for (index, manifest) in spec.workload.manifests.iter().enumerate() {
        let at = format!("spec.workload.manifests[{index}]");
        if !manifest.is_object() {
            causes.invalid(at, "manifest", "must be an object");
            continue;
        }
        for (field, pointer) in
            [("apiVersion", "/apiVersion"), ("kind", "/kind"), ("metadata.name", "/metadata/name")]
        {
            if manifest.pointer(pointer).and_then(Value::as_str).is_none_or(str::is_empty) {
                causes.required(
                    format!("{at}.{field}"),
                    "a manifest is applied by its apiVersion, kind and name",
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, create};
    use serde_json::json;

    #[test]
    fn a_manifest_has_to_be_an_object_with_a_name() {
        let manifests =
            json!([{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}}, {"kind": "Secret"}, 7]);
        let object = json!({"spec": {"workload": {"manifests": manifests}}});
        check(
            &create("work.karmada.io", "works", object),
            &[
                "spec.workload.manifests[1].apiVersion",
                "spec.workload.manifests[1].metadata.name",
                "spec.workload.manifests[2]",
            ],
        );
    }
}
