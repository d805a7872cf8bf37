//! What plugins print, as Events of their Plugin objects: one for each plugin, which holds the last lines and counts
//! all of them. A plugin that prints at every call costs a write now and then, and no more room.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{Event, EventSource};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{Api, ObjectMeta, Patch, PatchParams};
use kube::{Resource as _, ResourceExt as _};
use windlass_api::plugin::Plugin;
use windlass_plugins::Journal;

/// How often a plugin's event is written at most.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// Different lines that one event tells of.
const LINES_MAX: usize = 16;
/// The API takes messages of up to 1,024 bytes.
const MESSAGE_BYTES_MAX: usize = 1_000;
/// Events of objects without a namespace are in this one.
const NAMESPACE: &str = "default";
const COMPONENT: &str = "windlass-plugins";

pub(super) struct Log {
    api: Api<Event>,
    plugins: BTreeMap<String, Printed>,
}

/// What one plugin printed.
#[derive(Default)]
struct Printed {
    /// The last lines that differ, and how often each came.
    lines: Vec<(String, u64)>,
    /// All lines there ever were.
    count: u64,
    first: Option<Time>,
    /// Whether there is something that has not been told.
    news: bool,
    told: Option<Instant>,
}

impl Printed {
    fn note(&mut self, journal: Journal) {
        let Journal { lines, left_out, memory_bytes: _ } = journal;
        if lines.is_empty() {
            return;
        }
        if !self.news {
            self.lines.clear();
        }
        self.news = true;
        self.count += left_out + lines.len() as u64;
        for line in lines {
            // The one that came last is at the end.
            let same = self.lines.iter().position(|(known, _)| *known == line);
            let times = same.map_or(0, |at| self.lines.remove(at).1);
            self.lines.push((line, times + 1));
        }
        self.lines.drain(..self.lines.len().saturating_sub(LINES_MAX));
    }

    fn is_due(&self, now: Instant) -> bool {
        self.news && self.told.is_none_or(|told| now.duration_since(told) >= TELL_EVERY)
    }

    /// The lines that fit, the last of them at the end.
    fn message(&self) -> String {
        let mut message = String::new();
        for (line, times) in self.lines.iter().rev() {
            let times = if *times > 1 { format!(" ({times} times)") } else { String::new() };
            let separator = if message.is_empty() { "" } else { "; " };
            if message.len() + separator.len() + line.len() + times.len() > MESSAGE_BYTES_MAX {
                break;
            }
            message = format!("{line}{times}{separator}{message}");
        }
        message
    }
}

impl Log {
    pub(super) fn new(client: kube::Client) -> Log {
        Log { api: Api::namespaced(client, NAMESPACE), plugins: BTreeMap::new() }
    }

    /// Takes notice of what a plugin printed.
    pub(super) fn note(&mut self, name: &str, journal: Journal) {
        if !journal.lines.is_empty() {
            self.plugins.entry(name.to_owned()).or_default().note(journal);
        }
    }

    /// Writes the plugin's event, if there is news and the last one is long enough ago.
    pub(super) async fn tell(&mut self, plugin: &Plugin, now: Instant) -> Result<(), kube::Error> {
        let name = plugin.name_any();
        let Some(printed) = self.plugins.get_mut(&name).filter(|printed| printed.is_due(now)) else {
            return Ok(());
        };
        let last = Time(jiff::Timestamp::now());
        let event = Event {
            metadata: ObjectMeta {
                name: Some(format!("{name}.printed")),
                namespace: Some(NAMESPACE.to_owned()),
                ..ObjectMeta::default()
            },
            involved_object: plugin.object_ref(&()),
            type_: Some("Normal".to_owned()),
            reason: Some("Printed".to_owned()),
            message: Some(printed.message()),
            count: Some(i32::try_from(printed.count).unwrap_or(i32::MAX)),
            first_timestamp: Some(printed.first.get_or_insert_with(|| last.clone()).clone()),
            last_timestamp: Some(last),
            source: Some(EventSource { component: Some(COMPONENT.to_owned()), host: None }),
            reporting_component: Some(COMPONENT.to_owned()),
            reporting_instance: Some(COMPONENT.to_owned()),
            ..Event::default()
        };
        // One that another control plane left behind is taken over.
        let apply = PatchParams::apply(COMPONENT).force();
        self.api.patch(&event.name_any(), &apply, &Patch::Apply(&event)).await?;
        printed.news = false;
        printed.told = Some(now);
        Ok(())
    }

    pub(super) fn forget(&mut self, name: &str) {
        self.plugins.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal(lines: &[&str], left_out: u64) -> Journal {
        Journal { lines: lines.iter().map(|line| (*line).to_owned()).collect(), left_out, memory_bytes: 0 }
    }

    #[test]
    fn lines_that_say_the_same_are_counted() {
        let mut printed = Printed::default();
        printed.note(journal(&["a", "b", "a"], 7));
        assert_eq!((printed.message().as_str(), printed.count), ("b; a (2 times)", 10));
        printed.note(journal(&[], 0));
        assert_eq!(printed.count, 10);
    }

    #[test]
    fn an_event_is_bounded_and_rare() {
        let mut printed = Printed::default();
        let now = Instant::now();
        assert!(!printed.is_due(now));
        let long = "ä".repeat(100);
        for number in 0..100 {
            printed.note(journal(&[&format!("{number} {long}")], 0));
        }
        let message = printed.message();
        assert!(message.len() <= MESSAGE_BYTES_MAX && message.contains("99 ä"), "{message}");
        assert!(printed.lines.len() <= LINES_MAX && printed.is_due(now));
        (printed.news, printed.told) = (false, Some(now));
        printed.note(journal(&["news"], 0));
        assert_eq!(printed.message(), "news", "what was told is told no more");
        assert!(!printed.is_due(now) && printed.is_due(now + TELL_EVERY));
    }
}
