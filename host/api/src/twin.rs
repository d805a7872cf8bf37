//! Cluster-scoped kinds that share their spec and status with a namespaced one.

/// Declares a cluster-scoped kind with the spec (and status, if given) of a namespaced kind that `kube::CustomResource`
/// derives; names, scope and document differ, all else is the namespaced kind's.
macro_rules! cluster_scoped_twin {
    (
        $(#[$doc:meta])*
        $twin:ident of $of:ident, $plural:literal, $short:literal,
        spec: $spec:ty $(, status: $status:ty)?
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, ::serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $twin {
            /// The object's metadata.
            #[serde(default)]
            pub metadata: ::kube::core::ObjectMeta,
            /// As in the namespaced kind.
            pub spec: $spec,
            $(
                /// As in the namespaced kind.
                #[serde(default)]
                pub status: Option<$status>,
            )?
        }

        impl $twin {
            /// An object with this name and spec, and nothing else.
            pub fn new(name: &str, spec: $spec) -> Self {
                let metadata = ::kube::core::ObjectMeta { name: Some(name.to_owned()), ..Default::default() };
                Self { metadata, spec $(, status: None::<$status>)? }
            }
        }

        impl ::serde::Serialize for $twin {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use ::kube::core::Resource;
                use ::serde::ser::SerializeStruct;
                let mut object = serializer.serialize_struct(stringify!($twin), 5)?;
                object.serialize_field("apiVersion", &Self::api_version(&()))?;
                object.serialize_field("kind", stringify!($twin))?;
                object.serialize_field("metadata", &self.metadata)?;
                object.serialize_field("spec", &self.spec)?;
                $(
                    let status: &Option<$status> = &self.status;
                    if status.is_some() {
                        object.serialize_field("status", status)?;
                    }
                )?
                object.end()
            }
        }

        impl ::kube::core::Resource for $twin {
            type DynamicType = ();
            type Scope = ::kube::core::ClusterResourceScope;

            fn kind(_: &()) -> ::std::borrow::Cow<'_, str> {
                stringify!($twin).into()
            }

            fn group(_: &()) -> ::std::borrow::Cow<'_, str> {
                <$of as ::kube::core::Resource>::group(&())
            }

            fn version(_: &()) -> ::std::borrow::Cow<'_, str> {
                <$of as ::kube::core::Resource>::version(&())
            }

            fn plural(_: &()) -> ::std::borrow::Cow<'_, str> {
                $plural.into()
            }

            fn meta(&self) -> &::kube::core::ObjectMeta {
                &self.metadata
            }

            fn meta_mut(&mut self) -> &mut ::kube::core::ObjectMeta {
                &mut self.metadata
            }
        }

        impl $twin {
            /// The kind's definition.
            pub(crate) fn crd()
            -> ::k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition {
                let mut crd = <$of as ::kube::core::CustomResourceExt>::crd();
                crd.metadata.name = Some(format!("{}.{}", $plural, crd.spec.group));
                crd.spec.scope = "Cluster".to_owned();
                crd.spec.names.kind = stringify!($twin).to_owned();
                crd.spec.names.list_kind = Some(concat!(stringify!($twin), "List").to_owned());
                crd.spec.names.plural = $plural.to_owned();
                crd.spec.names.singular = Some(stringify!($twin).to_ascii_lowercase());
                crd.spec.names.short_names = Some(vec![$short.to_owned()]);
                crd
            }
        }
    };
}
pub(crate) use cluster_scoped_twin;

#[cfg(test)]
mod tests {
    use kube::core::Resource;
    use serde_json::json;

    use crate::work::ClusterResourceBinding;

    #[test]
    fn a_twin_reads_and_writes_as_an_object_of_its_own_kind() {
        let object = json!({"apiVersion": "work.karmada.io/v1alpha2", "kind": "ClusterResourceBinding",
            "metadata": {"name": "a"},
            "spec": {"resource": {"apiVersion": "v1", "kind": "Namespace", "name": "a"}, "conflictResolution": "Abort"},
            "status": {"schedulerObservedGeneration": 2}});
        let binding: ClusterResourceBinding = serde_json::from_value(object.clone()).unwrap();
        assert_eq!(serde_json::to_value(&binding).unwrap(), object);
        assert_eq!(
            ClusterResourceBinding::url_path(&(), None),
            "/apis/work.karmada.io/v1alpha2/clusterresourcebindings"
        );
    }
}
