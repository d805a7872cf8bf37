//! Answers of a scheduler at work, by paths, for whoever serves them: the control plane's API, or a server of its own.

use serde_json::{Value, json};
use windlass_api::Key;
use windlass_api::work::ResourceBindingStatus;
use windlass_scheduler::engine::{Place, Standing};

use super::report::{Promised, Queued, Report, Source};
use crate::index::Binding;
use crate::scheduling::Scheduler;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Get,
    Post,
    Other,
}

/// Answers what is asked of a path below that of the scheduler; the code is HTTP's.
///
/// `GET queue`; `GET bindings/NAMESPACE/NAME` and `GET clusterbindings/NAME` of bindings that it knows;
/// `POST dry-run` with a binding as it might be.
pub fn answer(scheduler: &Scheduler, verb: Verb, path: &str, body: &[u8]) -> (u16, Value) {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    match (verb, segments.as_slice()) {
        (Verb::Get, ["queue"]) => (200, queue(scheduler)),
        (Verb::Get, ["bindings", namespace, name]) => known(scheduler, &Key::new(namespace, name)),
        (Verb::Get, ["clusterbindings", name]) => known(scheduler, &Key::new("", name)),
        (Verb::Post, ["dry-run"]) => dry_run(scheduler, body),
        (_, ["queue" | "bindings" | "clusterbindings" | "dry-run", ..]) => refusal(
            405,
            "MethodNotAllowed",
            "it is GET for queue and bindings, and POST for dry-run".to_owned(),
        ),
        _ => refusal(
            404,
            "NotFound",
            "the scheduler answers queue, bindings/NAMESPACE/NAME, clusterbindings/NAME, and dry-run"
                .to_owned(),
        ),
    }
}

/// As the API server says no.
fn refusal(code: u16, reason: &str, message: String) -> (u16, Value) {
    let status = json!({"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code,
        "reason": reason, "message": message});
    (code, status)
}

fn queue(scheduler: &Scheduler) -> Value {
    let depths = scheduler.ask(|engine, _| engine.depths());
    json!({"active": depths.active, "backoff": depths.backoff, "unschedulable": depths.unschedulable,
        "writing": depths.writing, "bindings": depths.bindings})
}

fn known(scheduler: &Scheduler, key: &Key) -> (u16, Value) {
    let report = scheduler.ask(|engine, now| {
        let binding = engine.known(key)?;
        let none = ResourceBindingStatus::default();
        let status = binding.status.as_ref().unwrap_or(&none);
        let explanation = engine.dry_run(key, &binding.spec, status, now);
        let mut report = Report::of(binding, Source::Scheduler, explanation);
        if let Some(standing) = engine.standing(key, now) {
            report.stands(&standing);
        }
        Some(report)
    });
    match report {
        Some(report) => written(&report),
        None => refusal(
            404,
            "NotFound",
            format!("it schedules no binding {key}: another scheduler may, or nobody"),
        ),
    }
}

fn dry_run(scheduler: &Scheduler, body: &[u8]) -> (u16, Value) {
    let binding: Binding = match serde_json::from_slice(body) {
        Ok(binding) => binding,
        Err(error) => return refusal(400, "BadRequest", format!("the body is no binding: {error}")),
    };
    let key = Key::of(&binding.metadata);
    let none = ResourceBindingStatus::default();
    let status = binding.status.as_ref().unwrap_or(&none);
    let explanation = scheduler.ask(|engine, now| engine.dry_run(&key, &binding.spec, status, now));
    written(&Report::of(&binding, Source::Scheduler, explanation))
}

fn written(report: &Report) -> (u16, Value) {
    match serde_json::to_value(report) {
        Ok(value) => (200, value),
        Err(error) => refusal(500, "InternalError", error.to_string()),
    }
}

impl Report {
    /// Adds where the binding stands.
    fn stands(&mut self, standing: &Standing) {
        let (place, ahead, wait) = match standing.place {
            Place::Active { ahead } => ("Active", Some(ahead), None),
            Place::Backoff { wait, ahead } => ("Backoff", Some(ahead), Some(wait)),
            Place::Unschedulable { wait } => ("Unschedulable", None, Some(wait)),
            Place::Writing => ("Writing", None, None),
            Place::Suspended => ("Suspended", None, None),
            Place::Settled => ("Settled", None, None),
            Place::NotOurs => ("NotOurs", None, None),
        };
        self.queue = Some(Queued {
            place: place.to_owned(),
            ahead,
            seconds: wait.map(|wait| wait.as_secs_f64()),
            priority: standing.priority,
            waits_for: standing.waits_for.clone(),
        });
        self.promised = standing
            .promised
            .iter()
            .map(|(cluster, promise)| Promised {
                cluster: cluster.clone(),
                pods: promise.needs.iter().map(|need| need.replicas).sum(),
            })
            .collect();
    }
}
