//! Well-known labels, annotations, finalizers, taints and namespaces.
//!
//! Permanent ids are UUIDs made once for an object, so that what points to it survives a restore from backup, where
//! `metadata.uid` changes. Names and namespaces are annotations: they may be longer than a label allows.

/// Label: the permanent id of a PropagationPolicy, on it and on all that it propagates.
pub const PROPAGATION_POLICY_PERMANENT_ID: &str = "propagationpolicy.karmada.io/permanent-id";
/// Annotation: the namespace of the PropagationPolicy that propagates an object.
pub const PROPAGATION_POLICY_NAMESPACE: &str = "propagationpolicy.karmada.io/namespace";
/// Annotation: the name of the PropagationPolicy that propagates an object.
pub const PROPAGATION_POLICY_NAME: &str = "propagationpolicy.karmada.io/name";
/// Label: the permanent id of a ClusterPropagationPolicy, on it and on all that it propagates.
pub const CLUSTER_PROPAGATION_POLICY_PERMANENT_ID: &str = "clusterpropagationpolicy.karmada.io/permanent-id";
/// Annotation: the name of the ClusterPropagationPolicy that propagates an object.
pub const CLUSTER_PROPAGATION_POLICY_NAME: &str = "clusterpropagationpolicy.karmada.io/name";

/// Label: the permanent id of a ResourceBinding, on it, on its Works and on their objects.
pub const RESOURCE_BINDING_PERMANENT_ID: &str = "resourcebinding.karmada.io/permanent-id";
/// Annotation: the namespace of the ResourceBinding that a Work or its object comes from.
pub const RESOURCE_BINDING_NAMESPACE: &str = "resourcebinding.karmada.io/namespace";
/// Annotation: the name of the ResourceBinding that a Work or its object comes from.
pub const RESOURCE_BINDING_NAME: &str = "resourcebinding.karmada.io/name";
/// Annotation, on a binding: the dependencies of its resource, as JSON.
pub const RESOURCE_BINDING_DEPENDENCIES: &str = "resourcebinding.karmada.io/dependencies";
/// Label: the permanent id of a ClusterResourceBinding, on it, on its Works and on their objects.
pub const CLUSTER_RESOURCE_BINDING_PERMANENT_ID: &str = "clusterresourcebinding.karmada.io/permanent-id";
/// Annotation: the name of the ClusterResourceBinding that a Work or its object comes from.
pub const CLUSTER_RESOURCE_BINDING_NAME: &str = "clusterresourcebinding.karmada.io/name";
/// Label, on a binding: which kind of object made it.
pub const BINDING_MANAGED_BY: &str = "binding.karmada.io/managed-by";
/// Prefix of labels, on the binding of a dependency, that name the bindings that need it:
/// `resourcebinding.karmada.io/depended-by-<hash>`.
pub const BINDING_DEPENDED_BY_PREFIX: &str = "resourcebinding.karmada.io/depended-by-";

/// Label: the permanent id of a Work, on it and on its objects.
pub const WORK_PERMANENT_ID: &str = "work.karmada.io/permanent-id";
/// Annotation: the namespace of the Work that an object comes from.
pub const WORK_NAMESPACE: &str = "work.karmada.io/namespace";
/// Annotation: the name of the Work that an object comes from.
pub const WORK_NAME: &str = "work.karmada.io/name";
/// Annotation, on a template: `overwrite` or `abort`, where an object that is not managed is in the way.
pub const CONFLICT_RESOLUTION: &str = "work.karmada.io/conflict-resolution";
/// A value of [`CONFLICT_RESOLUTION`]: the object is taken over.
pub const CONFLICT_RESOLUTION_OVERWRITE: &str = "overwrite";
/// A value of [`CONFLICT_RESOLUTION`]: the object is left as it is.
pub const CONFLICT_RESOLUTION_ABORT: &str = "abort";

/// Annotation, on a binding: the placement that was applied last, as JSON.
pub const APPLIED_PLACEMENT: &str = "policy.karmada.io/applied-placement";
/// Annotation, on a Work: the OverridePolicies that were applied and what they changed, as JSON.
pub const APPLIED_OVERRIDES: &str = "policy.karmada.io/applied-overrides";
/// Annotation, on a Work: the ClusterOverridePolicies that were applied and what they changed, as JSON.
pub const APPLIED_CLUSTER_OVERRIDES: &str = "policy.karmada.io/applied-cluster-overrides";

/// Annotation, on a member's object: the template's UID.
pub const TEMPLATE_UID: &str = "resourcetemplate.karmada.io/uid";
/// Annotation, on a member's object: the template's generation when the object was made from it.
pub const TEMPLATE_GENERATION: &str = "resourcetemplate.karmada.io/generation";
/// Annotation, on a member's object: the keys of the labels that come from the template, sorted, with commas.
pub const MANAGED_LABELS: &str = "resourcetemplate.karmada.io/managed-labels";
/// Annotation, on a member's object: the keys of the annotations that come from the template, sorted, with commas.
pub const MANAGED_ANNOTATIONS: &str = "resourcetemplate.karmada.io/managed-annotations";
/// Label, on a template: with the value `true`, members keep the replicas that they have.
pub const RETAIN_REPLICAS: &str = "resourcetemplate.karmada.io/retain-replicas";
/// Label, on a template: with the value `Always`, it cannot be deleted.
pub const DELETION_PROTECTED: &str = "resourcetemplate.karmada.io/deletion-protected";
/// The value of [`DELETION_PROTECTED`] that protects.
pub const DELETION_PROTECTED_ALWAYS: &str = "Always";
/// Label, on a template: which kind of policy propagates it.
pub const CLAIMED_BY: &str = "resourcetemplate.karmada.io/claimed-by";

/// Label, on a member's object: with the value `true`, it comes from the control plane.
pub const MANAGED: &str = "karmada.io/managed";
/// The value of [`MANAGED`].
pub const MANAGED_TRUE: &str = "true";
/// Label: with the value `true`, the object is the control plane's own.
pub const SYSTEM: &str = "karmada.io/system";
/// Label, on a namespace: with the value `true`, it is not propagated on its own.
pub const NAMESPACE_SKIP_AUTO_PROPAGATION: &str = "namespace.karmada.io/skip-auto-propagation";
/// Label, on a Work: the namespace of the FederatedResourceQuota that it comes from.
pub const FEDERATED_RESOURCE_QUOTA_NAMESPACE: &str = "federatedresourcequota.karmada.io/namespace";
/// Label, on a Work: the name of the FederatedResourceQuota that it comes from.
pub const FEDERATED_RESOURCE_QUOTA_NAME: &str = "federatedresourcequota.karmada.io/name";

/// Finalizer, on a Cluster: its Works and its namespace go first.
pub const CLUSTER_FINALIZER: &str = "karmada.io/cluster-controller";
/// Finalizer, on a Work: its objects in the member go first.
pub const EXECUTION_FINALIZER: &str = "karmada.io/execution-controller";
/// Finalizer, on a ResourceBinding: its Works go first.
pub const BINDING_FINALIZER: &str = "karmada.io/binding-controller";
/// Finalizer, on a ClusterResourceBinding: its Works go first.
pub const CLUSTER_RESOURCE_BINDING_FINALIZER: &str = "karmada.io/cluster-resource-binding-controller";
/// Finalizer, on a PropagationPolicy: the marks on what it propagates go first.
pub const PROPAGATION_POLICY_FINALIZER: &str = "karmada.io/propagation-policy-controller";
/// Finalizer, on a ClusterPropagationPolicy: the marks on what it propagates go first.
pub const CLUSTER_PROPAGATION_POLICY_FINALIZER: &str = "karmada.io/cluster-propagation-policy-controller";
/// Finalizer, on a binding: the bindings of what its resource depends on are released first.
pub const DEPENDENCIES_FINALIZER: &str = "karmada.io/binding-dependencies-distributor";

/// Taint, on a Cluster: it is not healthy.
pub const TAINT_NOT_READY: &str = "cluster.karmada.io/not-ready";
/// Taint, on a Cluster: it does not answer.
pub const TAINT_UNREACHABLE: &str = "cluster.karmada.io/unreachable";
/// Taint, on a Cluster: nothing new is to be placed there.
pub const TAINT_UNSCHEDULABLE: &str = "cluster.karmada.io/unschedulable";

/// The namespace of the Secrets with which clusters are reached.
pub const NAMESPACE_CLUSTER: &str = "karmada-cluster";
/// The namespace of the control plane's own objects.
pub const NAMESPACE_SYSTEM: &str = "karmada-system";

/// The scheduler that decides where a policy names none.
pub const DEFAULT_SCHEDULER: &str = "default-scheduler";

/// An eviction's reason: a taint is not tolerated (any longer).
pub const EVICTION_TAINT_UNTOLERATED: &str = "TaintUntolerated";
/// An eviction's reason: the application was unhealthy for too long.
pub const EVICTION_APPLICATION_FAILURE: &str = "ApplicationFailure";
/// An eviction's reason: a binding of higher priority needs the room.
pub const EVICTION_PREEMPTED: &str = "Preempted";
/// An eviction's producer: the scheduler, for a binding of higher priority.
pub const EVICTION_PRODUCER_PREEMPTION: &str = "SchedulerPreemption";
/// An eviction's producer: whoever watches the clusters' taints.
pub const EVICTION_PRODUCER_TAINT: &str = "TaintManager";

/// The labels that the control plane puts on members' objects.
pub const MANAGED_OBJECT_LABELS: [&str; 3] = [RESOURCE_BINDING_PERMANENT_ID, WORK_PERMANENT_ID, MANAGED];
/// The annotations that the control plane puts on members' objects.
pub const MANAGED_OBJECT_ANNOTATIONS: [&str; 8] = [
    MANAGED_ANNOTATIONS,
    MANAGED_LABELS,
    RESOURCE_BINDING_NAMESPACE,
    RESOURCE_BINDING_NAME,
    TEMPLATE_UID,
    TEMPLATE_GENERATION,
    WORK_NAME,
    WORK_NAMESPACE,
];

/// On a Work: the state, as JSON, with which its resource was started after it had left another cluster.
pub const RESTORED_STATE: &str = "work.windlass.io/restored-state";
