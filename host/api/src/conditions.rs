//! The types and reasons of conditions.

/// A binding: a decision was made and holds.
pub const SCHEDULED: &str = "Scheduled";
/// A binding: every chosen cluster has taken the resource.
pub const FULLY_APPLIED: &str = "FullyApplied";

/// A Work: the cluster has taken its objects.
pub const WORK_APPLIED: &str = "Applied";
/// A Work: its objects are being applied.
pub const WORK_PROGRESSING: &str = "Progressing";
/// A Work: its objects exist in the cluster.
pub const WORK_AVAILABLE: &str = "Available";
/// A Work: its objects are not as they should be.
pub const WORK_DEGRADED: &str = "Degraded";
/// A Work: changes are passed on to the cluster.
pub const WORK_DISPATCHING: &str = "Dispatching";

/// A cluster: it answers and is healthy.
pub const CLUSTER_READY: &str = "Ready";
/// A cluster: the list of the kinds that it serves is complete.
pub const CLUSTER_COMPLETE_API_ENABLEMENTS: &str = "CompleteAPIEnablements";

/// A rebalancer: not all results are in its status, which would be too large to be stored.
pub const REBALANCER_SHORTENED: &str = "Shortened";
/// The reason of [`REBALANCER_SHORTENED`].
pub const OBJECT_TOO_LARGE: &str = "ObjectTooLarge";

/// Reasons of [`SCHEDULED`].
pub mod scheduled {
    /// Clusters were chosen.
    pub const SUCCESS: &str = "Success";
    /// The placement contradicts itself, or no decision could be made for another reason of its own.
    pub const SCHEDULER_ERROR: &str = "SchedulerError";
    /// No cluster is allowed by the placement.
    pub const NO_CLUSTER_FIT: &str = "NoClusterFit";
    /// The allowed clusters have no room.
    pub const UNSCHEDULABLE: &str = "Unschedulable";
    /// The namespace's FederatedResourceQuota allows no more.
    pub const QUOTA_EXCEEDED: &str = "QuotaExceeded";
    /// It left its clusters for a binding of higher priority, and waits for room.
    pub const PREEMPTED: &str = "Preempted";
    /// `spec.suspension.scheduling` holds the binding.
    pub const SUSPENDED: &str = "Suspended";
}

/// Reasons of [`FULLY_APPLIED`].
pub mod fully_applied {
    /// Every Work of the binding is applied.
    pub const SUCCESS: &str = "FullyAppliedSuccess";
    /// A Work of the binding is not applied yet, or failed.
    pub const FAILED: &str = "FullyAppliedFailed";
}

/// Reasons of [`WORK_APPLIED`] and [`WORK_DISPATCHING`].
pub mod work {
    /// All objects were applied.
    pub const APPLIED_SUCCESSFUL: &str = "AppliedSuccessful";
    /// An object could not be applied.
    pub const APPLIED_FAILED: &str = "AppliedFailed";
    /// Changes are passed on.
    pub const DISPATCHING: &str = "Dispatching";
    /// `spec.suspendDispatching` holds changes back.
    pub const SUSPEND_DISPATCHING: &str = "SuspendDispatching";
}

/// Reasons of [`CLUSTER_READY`].
pub mod cluster {
    /// The cluster answers and is healthy.
    pub const READY: &str = "ClusterReady";
    /// The cluster answers that it is not healthy.
    pub const NOT_READY: &str = "ClusterNotReady";
    /// The cluster does not answer.
    pub const NOT_REACHABLE: &str = "ClusterNotReachable";
    /// Nobody has reported on the cluster for too long.
    pub const STATUS_UNKNOWN: &str = "ClusterStatusUnknown";
    /// The cluster has never been reported on.
    pub const STATUS_NEVER_UPDATED: &str = "ClusterStatusNeverUpdated";
    /// The cluster answers, and what it has could not be listed.
    pub const STATUS_COLLECTION_FAILED: &str = "StatusCollectionFailed";
    /// [`CLUSTER_COMPLETE_API_ENABLEMENTS`](super::CLUSTER_COMPLETE_API_ENABLEMENTS): all kinds were listed.
    pub const FULL_API_ENABLEMENTS: &str = "Complete";
    /// Some groups' kinds could not be listed.
    pub const PARTIAL_API_ENABLEMENTS: &str = "Partial";
    /// No kinds could be listed.
    pub const EMPTY_API_ENABLEMENTS: &str = "Empty";
}
