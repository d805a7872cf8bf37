//! Simulated member clusters: pods, nodes and workload statuses without a kubelet, a kube-scheduler or an operator.
//!
//! A [`Member`] works through nothing but a client of its API server, and knows no workload kind: what an object wants
//! and what status it shows is the interpreter's to say. [`spec`] is what a member is made of; [`MemberState`] is also
//! the admission hook that enforces ResourceQuotas.
//!
//! # What is simulated
//!
//! - **Pods** of any kind whose replicas or components an interpreter tells, made from the pod template at
//!   `spec.template` where there is one, else from what the interpreter says they require. They are owned by the
//!   object itself. They start after `podStartupDelay`; those that are to end (`restartPolicy` Never or OnFailure, or
//!   components of an object with a run time) do after `podRunTime`. A pod that ends and shouldn't is started again,
//!   with a back-off of 1 s doubling to a minute.
//! - **Failures**, by annotations under `simulator.windlass.io/` on a workload, its pod template, or a pod, at any
//!   time: `run-time: 5s`, `exit-code: "1"` (with a restart policy of Always, a crash loop), `ready: "false"`,
//!   `waiting-reason: ImagePullBackOff`. On a node: `ready: "false"`.
//! - **Rollouts**: a changed template replaces the pods as `spec.strategy` or `spec.updateStrategy` says (maxSurge,
//!   maxUnavailable, Recreate, OnDelete, paused); the pods of components all at once. What is deleted or evicted is
//!   replaced.
//! - **Ends**: pods of finite workloads stay when they have ended. Whether more are needed is asked of the
//!   interpreter: a condition Complete, Failed or Suspended in its status ends the pods that still run, and one that is
//!   Complete or Failed is final. `spec.ttlSecondsAfterFinished` is kept.
//! - **Nodes**: cordons, taints (NoExecute with tolerationSeconds), readiness and its taints, capacity, node selectors
//!   and required node affinity, pod slots, extended resources. Pods on a node that isn't ready are not ready at once,
//!   and leave after the five minutes that Kubernetes gives them, or what they tolerate.
//! - **ResourceQuotas**: every key that kube-apiserver counts for these resources, scopes, and its words when it
//!   refuses.
//!
//! # What is not
//!
//! ReplicaSets between Deployments and their pods, and so the history of rollouts; the stable names, volumes and
//! partitions of StatefulSets; a DaemonSet's pods; the Jobs of a CronJob; deadlines, `minReadySeconds`, and the
//! restarts of OnFailure pods counted as failures. Affinity between pods and topology spread constraints are not
//! heeded, as they aren't by the control plane's estimates; nor preemption, volumes, probes, logs, images, networks.

mod amounts;
mod behaviour;
mod counted;
mod feed;
mod kinds;
mod member;
mod node_health;
mod placement;
mod pod;
mod pod_status;
mod quota;
mod setup;
pub mod spec;
mod state;
mod template;
mod times;
mod writes;

pub use member::{Member, MemberState};
pub use setup::SetupError;
pub use spec::{MemberSpec, MemberSpecFile, SpecError};
