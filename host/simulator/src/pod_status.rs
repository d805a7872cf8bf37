//! The statuses that a kubelet and kube-scheduler would give a pod.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, PodSpec, PodStatus};
use serde_json::{Value, json};

/// What is remembered of a pod's containers to report on them: names and images.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Containers {
    main: Vec<(String, String)>,
    init: Vec<(String, String)>,
}

impl Containers {
    pub(crate) fn of(spec: &PodSpec) -> Containers {
        let faces = |containers: &[Container]| {
            let face = |one: &Container| (one.name.clone(), one.image.clone().unwrap_or_default());
            containers.iter().map(face).collect()
        };
        Containers {
            main: faces(&spec.containers),
            init: faces(spec.init_containers.as_deref().unwrap_or_default()),
        }
    }
}

/// A pod's status as far as the simulator wrote it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Reported {
    /// When the pod came to its node.
    pub(crate) started: Option<Timestamp>,
    pub(crate) ready: bool,
    /// Whether the containers wait: before the first start, or for the next.
    pub(crate) held_back: bool,
    pub(crate) restarts: u32,
    pub(crate) run_began: Option<Timestamp>,
    pub(crate) run_ended: Option<Timestamp>,
}

impl Reported {
    pub(crate) fn of(status: Option<&PodStatus>) -> Reported {
        let Some(status) = status else { return Reported::default() };
        let conditions = status.conditions.as_deref().unwrap_or_default();
        let first = status.container_statuses.as_deref().unwrap_or_default().first();
        let state = first.and_then(|first| first.state.as_ref());
        let last = first.and_then(|first| first.last_state.as_ref()?.terminated.as_ref());
        Reported {
            started: status.start_time.as_ref().map(|time| time.0),
            ready: conditions.iter().any(|one| one.type_ == "Ready" && one.status == "True"),
            held_back: state.is_some_and(|state| state.waiting.is_some()),
            restarts: first.map_or(0, |first| u32::try_from(first.restart_count).unwrap_or(0)),
            run_began: state.and_then(|state| state.running.as_ref()?.started_at.as_ref()).map(|time| time.0),
            run_ended: last.and_then(|last| last.finished_at.as_ref()).map(|time| time.0),
        }
    }
}

/// The addresses of a pod that has come to its node.
pub(crate) struct Addresses<'a> {
    pub(crate) host: &'a str,
    pub(crate) pod: &'a str,
}

/// What the containers of a pod on a node do.
pub(crate) enum Doing<'a> {
    /// They can't be started.
    Waiting {
        reason: &'a str,
    },
    Running {
        ready: bool,
        began: Timestamp,
    },
    /// They ended and will be started again.
    BackingOff {
        exit_code: i32,
    },
    Ended {
        exit_code: i32,
    },
}

/// The status of a pod on its node. `addresses` are given once; what isn't stated stays as it is.
pub(crate) fn on_node(
    doing: &Doing<'_>,
    containers: &Containers,
    before: &Reported,
    addresses: Option<&Addresses<'_>>,
    now: Timestamp,
) -> Value {
    let started = before.started.unwrap_or(now);
    let ready = matches!(doing, Doing::Running { ready: true, .. });
    let since = |kind: &str| if kind.contains("Ready") { now } else { started };
    let ended_well = matches!(doing, Doing::Ended { exit_code: 0 });
    let condition = |kind: &str, holds: bool| {
        let mut condition = json!({"type": kind, "status": if holds { "True" } else { "False" },
            "lastProbeTime": null, "lastTransitionTime": seconds(since(kind))});
        if !holds {
            condition["reason"] = json!(if ended_well { "PodCompleted" } else { "ContainersNotReady" });
        }
        condition
    };
    let alive = !matches!(doing, Doing::Ended { .. });
    let conditions = [
        condition("PodReadyToStartContainers", alive),
        condition("Initialized", true),
        condition("Ready", ready),
        condition("ContainersReady", ready),
        condition("PodScheduled", true),
    ];
    let phase = match doing {
        Doing::Waiting { .. } => "Pending",
        Doing::Running { .. } | Doing::BackingOff { .. } => "Running",
        Doing::Ended { exit_code: 0 } => "Succeeded",
        Doing::Ended { .. } => "Failed",
    };
    let main: Vec<Value> = containers.main.iter().map(|one| container(one, doing, before, now)).collect();
    let mut status = json!({"phase": phase, "conditions": conditions, "containerStatuses": main});
    if !containers.init.is_empty() {
        let done = before.run_began.is_some() || !matches!(doing, Doing::Waiting { .. });
        let init: Vec<Value> = containers.init.iter().map(|one| init_container(one, done, started)).collect();
        status["initContainerStatuses"] = init.into();
    }
    if let Some(Addresses { host, pod }) = addresses {
        status["hostIP"] = json!(host);
        status["hostIPs"] = json!([{"ip": host}]);
        status["podIP"] = json!(pod);
        status["podIPs"] = json!([{"ip": pod}]);
        status["startTime"] = json!(seconds(started));
    }
    status
}

fn container(
    (name, image): &(String, String),
    doing: &Doing<'_>,
    before: &Reported,
    now: Timestamp,
) -> Value {
    let terminated = |exit_code: i32| {
        let reason = if exit_code == 0 { "Completed" } else { "Error" };
        json!({"terminated": {"exitCode": exit_code, "reason": reason, "finishedAt": seconds(now),
            "startedAt": seconds(before.run_began.unwrap_or(now))}})
    };
    let (state, last_state) = match doing {
        Doing::Waiting { reason } => (json!({"waiting": {"reason": reason}}), None),
        Doing::Running { began, .. } => (json!({"running": {"startedAt": seconds(*began)}}), None),
        Doing::BackingOff { exit_code } => {
            (json!({"waiting": {"reason": "CrashLoopBackOff"}}), Some(terminated(*exit_code)))
        }
        Doing::Ended { exit_code } => (terminated(*exit_code), None),
    };
    let running = matches!(doing, Doing::Running { .. });
    let mut status = json!({"name": name, "image": image, "imageID": image, "started": running,
        "ready": matches!(doing, Doing::Running { ready: true, .. }), "restartCount": before.restarts,
        "state": state});
    if let Some(last) = last_state {
        status["lastState"] = last;
    }
    status
}

fn init_container((name, image): &(String, String), done: bool, at: Timestamp) -> Value {
    let at = seconds(at);
    let state = if done {
        json!({"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": at, "finishedAt": at}})
    } else {
        json!({"waiting": {"reason": "PodInitializing"}})
    };
    json!({"name": name, "image": image, "imageID": image, "ready": done, "restartCount": 0, "state": state})
}

/// The status of a pod that no node can take.
pub(crate) fn unschedulable(message: &str, now: Timestamp) -> Value {
    json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
        "message": message, "lastProbeTime": null, "lastTransitionTime": seconds(now)}]})
}

/// As Kubernetes prints times: whole seconds, UTC.
pub(crate) fn seconds(now: Timestamp) -> String {
    Timestamp::from_second(now.as_second()).unwrap_or(now).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_reported_is_read_back() {
        let spec = serde_json::from_value(json!({"containers": [{"name": "c", "image": "i"}]})).unwrap();
        let containers = Containers::of(&spec);
        let at = |second| Timestamp::from_second(second).unwrap();
        let addresses = Addresses { host: "10.0.0.1", pod: "10.64.0.1" };
        let read = |status: Value| Reported::of(Some(&serde_json::from_value(status).unwrap()));
        let running = Doing::Running { ready: true, began: at(5) };
        let first = read(on_node(&running, &containers, &Reported::default(), Some(&addresses), at(5)));
        let want =
            Reported { started: Some(at(5)), ready: true, run_began: Some(at(5)), ..Reported::default() };
        assert_eq!(first, want);
        let crashed = on_node(&Doing::BackingOff { exit_code: 1 }, &containers, &first, None, at(8));
        assert_eq!(crashed["phase"], "Running");
        let crashed = read(crashed);
        assert!(crashed.held_back && !crashed.ready);
        assert_eq!(crashed.run_ended, Some(at(8)));
        let ended = on_node(&Doing::Ended { exit_code: 0 }, &containers, &first, None, at(9));
        assert_eq!(ended["phase"], "Succeeded");
        assert_eq!(ended["containerStatuses"][0]["state"]["terminated"]["startedAt"], "1970-01-01T00:00:05Z");
    }
}
