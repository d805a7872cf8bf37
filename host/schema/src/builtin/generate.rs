//! Definitions of the built-in types, as k8s-openapi describes them, joined with the merging facts of
//! `kinds/merging.json`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, ListMeta, ObjectMeta, Status};
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value};

use crate::structural::Definitions;

/// Makes the definitions of one type and all it refers to.
type Generate = fn(&mut SchemaGenerator);

/// A type by the name its definition has: `io.k8s.api.apps.v1.Deployment`.
fn generators() -> Vec<(String, Generate)> {
    fn entry<T: JsonSchema>() -> (String, Generate) {
        (T::schema_name().into_owned(), |generator| {
            generator.subschema_for::<T>();
        })
    }
    macro_rules! types {
        ($($path:ty,)*) => { vec![$(entry::<$path>()),*] };
    }
    types![
        ObjectMeta,
        ListMeta,
        Status,
        DeleteOptions,
        k8s_openapi::api::autoscaling::v1::Scale,
        k8s_openapi::api::core::v1::ConfigMap,
        k8s_openapi::api::core::v1::Endpoints,
        k8s_openapi::api::core::v1::Event,
        k8s_openapi::api::core::v1::LimitRange,
        k8s_openapi::api::core::v1::Namespace,
        k8s_openapi::api::core::v1::Node,
        k8s_openapi::api::core::v1::PersistentVolumeClaim,
        k8s_openapi::api::core::v1::PersistentVolume,
        k8s_openapi::api::core::v1::Pod,
        k8s_openapi::api::core::v1::PodTemplate,
        k8s_openapi::api::core::v1::ReplicationController,
        k8s_openapi::api::core::v1::ResourceQuota,
        k8s_openapi::api::core::v1::Secret,
        k8s_openapi::api::core::v1::ServiceAccount,
        k8s_openapi::api::core::v1::Service,
        k8s_openapi::api::apps::v1::ControllerRevision,
        k8s_openapi::api::apps::v1::DaemonSet,
        k8s_openapi::api::apps::v1::Deployment,
        k8s_openapi::api::apps::v1::ReplicaSet,
        k8s_openapi::api::apps::v1::StatefulSet,
        k8s_openapi::api::events::v1::Event,
        k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler,
        k8s_openapi::api::autoscaling::v1::HorizontalPodAutoscaler,
        k8s_openapi::api::batch::v1::CronJob,
        k8s_openapi::api::batch::v1::Job,
        k8s_openapi::api::networking::v1::IngressClass,
        k8s_openapi::api::networking::v1::Ingress,
        k8s_openapi::api::networking::v1::NetworkPolicy,
        k8s_openapi::api::policy::v1::PodDisruptionBudget,
        k8s_openapi::api::rbac::v1::ClusterRoleBinding,
        k8s_openapi::api::rbac::v1::ClusterRole,
        k8s_openapi::api::rbac::v1::RoleBinding,
        k8s_openapi::api::rbac::v1::Role,
        k8s_openapi::api::storage::v1::CSIDriver,
        k8s_openapi::api::storage::v1::CSINode,
        k8s_openapi::api::storage::v1::CSIStorageCapacity,
        k8s_openapi::api::storage::v1::StorageClass,
        k8s_openapi::api::storage::v1::VolumeAttachment,
        k8s_openapi::api::admissionregistration::v1::ValidatingAdmissionPolicy,
        k8s_openapi::api::admissionregistration::v1::ValidatingAdmissionPolicyBinding,
        k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration,
        k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration,
        k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
        k8s_openapi::api::scheduling::v1::PriorityClass,
        k8s_openapi::api::coordination::v1::Lease,
        k8s_openapi::api::discovery::v1::EndpointSlice,
        k8s_openapi::api::certificates::v1::CertificateSigningRequest,
        k8s_openapi::api::networking::v1::IPAddress,
        k8s_openapi::api::networking::v1::ServiceCIDR,
        k8s_openapi::api::storage::v1::VolumeAttributesClass,
        k8s_openapi::api::node::v1::RuntimeClass,
        k8s_openapi::api::flowcontrol::v1::FlowSchema,
        k8s_openapi::api::flowcontrol::v1::PriorityLevelConfiguration,
        k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService,
        k8s_openapi::api::authentication::v1::SelfSubjectReview,
        k8s_openapi::api::authentication::v1::TokenRequest,
        k8s_openapi::api::authentication::v1::TokenReview,
        k8s_openapi::api::authorization::v1::LocalSubjectAccessReview,
        k8s_openapi::api::authorization::v1::SelfSubjectAccessReview,
        k8s_openapi::api::authorization::v1::SelfSubjectRulesReview,
        k8s_openapi::api::authorization::v1::SubjectAccessReview,
        k8s_openapi::api::core::v1::Binding,
        k8s_openapi::api::policy::v1::Eviction,
    ]
}

/// The definitions of the named types and of all they refer to. Names that are not built in are left out.
pub(crate) fn definitions(names: &[&str]) -> Definitions {
    let mut generator =
        SchemaSettings::openapi3().with(|settings| settings.transforms.clear()).into_generator();
    for (_, generate) in generators().into_iter().filter(|(name, _)| names.contains(&name.as_str())) {
        generate(&mut generator);
    }
    let facts = super::tables::merging();
    let described = super::tables::described();
    let mut definitions: Definitions = generator.take_definitions(false).into_iter().collect();
    for (name, definition) in &mut definitions {
        care_for(name, definition);
        require(definition, described.get(name).map(|described| described.required.as_slice()));
        if let Some(facts) = facts.get(name) {
            add(definition, facts);
        }
    }
    definitions
}

/// k8s-openapi has fields as required that are merely always written.
fn require(definition: &mut Value, names: Option<&[String]>) {
    let Some(Value::Array(required)) = definition.get_mut("required") else { return };
    let names = names.unwrap_or_default();
    required.retain(|name| names.iter().any(|one| name == one));
    if required.is_empty()
        && let Some(fields) = definition.as_object_mut()
    {
        fields.remove("required");
    }
}

/// The definitions as OpenAPI documents show them: with what is said of them that nobody here checks by it.
pub(crate) fn described(names: &[&str]) -> Definitions {
    let mut definitions = definitions(names);
    for (name, described) in super::tables::described() {
        let Some(definition) = definitions.get_mut(&name) else { continue };
        if let Value::Object(fields) = &mut *definition {
            fields.extend(described.unions.map(|unions| ("x-kubernetes-unions".to_owned(), unions)));
            fields.extend(described.kinds.map(|kinds| ("x-kubernetes-group-version-kind".to_owned(), kinds)));
        }
        for (property, choices) in described.choices {
            // `accessModes[]`: of each item of a list.
            let place = match property.strip_suffix("[]") {
                Some(list) => definition["properties"].get_mut(list).and_then(|list| list.get_mut("items")),
                None => definition["properties"].get_mut(&property),
            };
            if let Some(Value::Object(place)) = place {
                place.insert("enum".to_owned(), choices);
            }
        }
    }
    definitions
}

/// What the descriptions leave out of types with an encoding of their own.
fn care_for(name: &str, definition: &mut Value) {
    let Some(fields) = definition.as_object_mut() else { return };
    let short = name.rsplit('.').next().unwrap_or_default();
    match short {
        // Any JSON at all.
        "JSON" | "JSONSchemaPropsOrBool" | "JSONSchemaPropsOrArray" | "JSONSchemaPropsOrStringArray" => {
            fields.remove("oneOf");
            fields.remove("type");
            fields.insert("x-kubernetes-preserve-unknown-fields".to_owned(), Value::Bool(true));
        }
        "RawExtension" => {
            fields.insert("x-kubernetes-preserve-unknown-fields".to_owned(), Value::Bool(true));
            fields.insert("x-kubernetes-map-type".to_owned(), "atomic".into());
        }
        "FieldsV1" | "Patch" => {
            fields.insert("x-kubernetes-preserve-unknown-fields".to_owned(), Value::Bool(true));
        }
        _ => {}
    }
}

/// Writes the extensions that `facts` hold beside the properties they are of; the property `""` is the type itself.
fn add(definition: &mut Value, facts: &Map<String, Value>) {
    for (property, facts) in facts {
        let place = match property.as_str() {
            "" => Some(&mut *definition),
            name => definition.get_mut("properties").and_then(|properties| properties.get_mut(name)),
        };
        let (Some(Value::Object(place)), Value::Object(facts)) = (place, facts) else { continue };
        for (fact, value) in facts {
            let keyword = match fact.as_str() {
                "list" => "x-kubernetes-list-type",
                "keys" => "x-kubernetes-list-map-keys",
                "map" => "x-kubernetes-map-type",
                "patch" => "x-kubernetes-patch-strategy",
                "default" => "default",
                "mergeKey" => "x-kubernetes-patch-merge-key",
                _ => continue,
            };
            place.insert(keyword.to_owned(), value.clone());
        }
    }
}
