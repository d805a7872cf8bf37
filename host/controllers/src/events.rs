//! Events for people to read. They are news, not state: published behind the work, and dropped when too many wait.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use windlass_core::ObjectId;

/// How many events may wait: a burst of failures is told by its first few hundred as well.
const WAITING_MAX: usize = 256;

/// Takes events; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Events {
    queue: mpsc::Sender<(Event, ObjectReference)>,
}

impl Events {
    /// A publisher, and the task that does the publishing until `shutdown`.
    pub(crate) fn new(
        client: kube::Client,
        shutdown: CancellationToken,
    ) -> (Events, impl Future<Output = ()> + Send) {
        let (queue, mut waiting) = mpsc::channel::<(Event, ObjectReference)>(WAITING_MAX);
        let reporter = Reporter { controller: "windlass-controllers".to_owned(), instance: None };
        let recorder = Recorder::new(client, reporter);
        let publish = async move {
            loop {
                let next = tokio::select! {
                    () = shutdown.cancelled() => return,
                    next = waiting.recv() => next,
                };
                let Some((event, about)) = next else { return };
                if let Err(error) = recorder.publish(&event, &about).await {
                    tracing::debug!(%error, "an event was not published");
                }
            }
        };
        (Events { queue }, publish)
    }

    /// Warns that something went wrong with an object.
    pub(crate) fn warn(&self, about: &ObjectId, uid: &str, reason: &str, action: &str, note: String) {
        self.publish(EventType::Warning, about, uid, reason, action, note);
    }

    /// Tells of something that was done to an object.
    pub(crate) fn inform(&self, about: &ObjectId, uid: &str, reason: &str, action: &str, note: String) {
        self.publish(EventType::Normal, about, uid, reason, action, note);
    }

    fn publish(
        &self,
        type_: EventType,
        about: &ObjectId,
        uid: &str,
        reason: &str,
        action: &str,
        note: String,
    ) {
        let event = Event {
            type_,
            reason: reason.to_owned(),
            note: Some(shortened(note)),
            action: action.to_owned(),
            secondary: None,
        };
        let about = ObjectReference {
            api_version: Some(about.gvk.api_version()),
            kind: Some(about.gvk.kind.clone()),
            namespace: Some(about.namespace.clone()).filter(|namespace| !namespace.is_empty()),
            name: Some(about.name.clone()),
            uid: Some(uid.to_owned()),
            ..ObjectReference::default()
        };
        if self.queue.try_send((event, about)).is_err() {
            tracing::debug!(reason, "too many events wait, one is dropped");
        }
    }
}

/// The API takes notes of up to 1,024 bytes.
fn shortened(mut note: String) -> String {
    if note.len() > 1024 {
        let end = (0..=1020).rev().find(|at| note.is_char_boundary(*at)).unwrap_or(0);
        note.truncate(end);
        note.push_str("...");
    }
    note
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_note_is_cut_between_characters() {
        assert_eq!(shortened("short".to_owned()), "short");
        let cut = shortened("ä".repeat(2000));
        assert!(cut.len() <= 1024 && cut.ends_with("ä..."));
    }
}
