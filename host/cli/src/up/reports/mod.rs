//! What the control plane says of its plugins through its API: one Plugin object for each place that one is loaded
//! from, and its Events for what it prints. They are written as the catalogue changes, and put back where somebody else
//! changed them.

mod log;
mod object;

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use kube::ResourceExt as _;
use kube::api::{Api, DeleteParams, PostParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use tokio::sync::watch;
use windlass_api::plugin::{Plugin, PluginSpec, PluginStatus};
use windlass_plugins::{Catalogue, Entry};

/// How often the plugins' counts are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How old a count may be that is shown: plugins are asked all the time, and each report is a durable write.
const COUNTS_AGE_MAX: Duration = Duration::from_secs(10);
/// How long after a fault of its own a plugin is called unhealthy.
const FAULT_REMEMBERED: Duration = Duration::from_secs(300);

/// Reports on the plugins for as long as it is polled. `changed` tells of a changed catalogue.
pub(super) async fn report(
    client: kube::Client,
    catalogue: Arc<Catalogue>,
    mut changed: watch::Receiver<u64>,
) {
    let api = Api::<Plugin>::all(client.clone());
    let mut events = pin!(watcher(api.clone(), watcher::Config::default()).default_backoff());
    let mut reports = Reports {
        api,
        known: BTreeMap::new(),
        faults: BTreeMap::new(),
        written: BTreeMap::new(),
        log: log::Log::new(client),
    };
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut complete = false;
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(Ok(event)) => complete = reports.note(event, complete),
                Some(Err(error)) => tracing::debug!(%error, "the watch of plugins broke, and is made anew"),
                None => return,
            },
            Ok(()) = changed.changed() => {}
            _ = look.tick() => {}
        }
        if complete {
            reports.bring_up_to_date(catalogue.snapshot().entries()).await;
        }
    }
}

struct Reports {
    api: Api<Plugin>,
    /// What the API has, as far as is known here.
    known: BTreeMap<String, Plugin>,
    /// When each plugin last failed by its own fault.
    faults: BTreeMap<String, Faults>,
    /// When each status was written last.
    written: BTreeMap<String, Instant>,
    /// What the plugins print.
    log: log::Log,
}

/// The plugin's own faults, as they were counted last.
#[derive(Default)]
struct Faults {
    count: u64,
    last: Option<Instant>,
}

impl Faults {
    /// Takes notice of a new count; says whether there was a fault of late.
    fn count(&mut self, count: u64, now: Instant) -> bool {
        // Fewer than before: another version, which starts from nothing.
        if count < self.count {
            self.last = None;
        } else if count > self.count {
            self.last = Some(now);
        }
        self.count = count;
        self.last.is_some_and(|last| now.duration_since(last) < FAULT_REMEMBERED)
    }
}

impl Reports {
    /// Takes notice of what the API says; returns whether all that it has is known now.
    fn note(&mut self, event: watcher::Event<Plugin>, complete: bool) -> bool {
        match event {
            watcher::Event::Init => {
                self.known.clear();
                return false;
            }
            watcher::Event::InitDone => return true,
            watcher::Event::InitApply(plugin) | watcher::Event::Apply(plugin) => {
                self.known.insert(plugin.name_any(), plugin);
            }
            watcher::Event::Delete(plugin) => {
                self.known.remove(&plugin.name_any());
            }
        }
        complete
    }

    async fn bring_up_to_date(&mut self, entries: &[Entry]) {
        let now = Instant::now();
        let mut loaded = BTreeSet::new();
        for entry in entries {
            let name = object::name(&entry.origin);
            let about = entry.plugin.as_ref().map(windlass_plugins::Plugin::about);
            let own_faults = about.map_or(0, |about| about.counts().own_faults());
            let failed_of_late = self.faults.entry(name.clone()).or_default().count(own_faults, now);
            let status = object::status(entry, failed_of_late);
            let settled = self.settle(&name, object::spec(&entry.origin), status, now).await;
            warn(&name, settled);
            if let Some(plugin) = &entry.plugin {
                self.log.note(&name, plugin.take_journal());
            }
            if let Some(known) = self.known.get(&name)
                && let Err(error) = self.log.tell(known, now).await
            {
                tracing::debug!(plugin = name, %error, "what a plugin printed was not told, trying again");
            }
            loaded.insert(name);
        }
        let others: Vec<Plugin> = self
            .known
            .iter()
            .filter(|(name, _)| !loaded.contains(*name))
            .map(|(_, plugin)| plugin.clone())
            .collect();
        for plugin in others {
            let name = plugin.name_any();
            let settled = if object::is_report(&plugin) {
                self.remove(&name).await
            } else {
                self.settle_status(plugin, object::not_installed(), now).await
            };
            warn(&name, settled);
        }
    }

    /// Creates or changes one object, where it is not as it should be.
    async fn settle(
        &mut self,
        name: &str,
        spec: PluginSpec,
        status: PluginStatus,
        now: Instant,
    ) -> Result<(), kube::Error> {
        let plugin = match self.known.get(name) {
            None => self.api.create(&PostParams::default(), &object::new(name, spec)).await?,
            Some(known) if known.spec != spec || !object::is_report(known) => {
                let wanted = object::changed(known.clone(), spec);
                self.api.replace(name, &PostParams::default(), &wanted).await?
            }
            Some(known) => known.clone(),
        };
        self.known.insert(name.to_owned(), plugin.clone());
        self.settle_status(plugin, status, now).await
    }

    async fn settle_status(
        &mut self,
        mut plugin: Plugin,
        mut status: PluginStatus,
        now: Instant,
    ) -> Result<(), kube::Error> {
        let name = plugin.name_any();
        let old = plugin.status.take().unwrap_or_default();
        object::keep_transition_times(&mut status, &old);
        let recent =
            self.written.get(&name).is_some_and(|written| now.duration_since(*written) < COUNTS_AGE_MAX);
        if status == old || (recent && object::differ_in_counts_only(&status, &old)) {
            return Ok(());
        }
        plugin.status = Some(status);
        let written = self.api.replace_status(&name, &PostParams::default(), &plugin).await?;
        self.written.insert(name.clone(), now);
        self.known.insert(name, written);
        Ok(())
    }

    /// What was loaded from there is gone.
    async fn remove(&mut self, name: &str) -> Result<(), kube::Error> {
        self.api.delete(name, &DeleteParams::default()).await?;
        self.known.remove(name);
        self.faults.remove(name);
        self.written.remove(name);
        self.log.forget(name);
        Ok(())
    }
}

/// A report that could not be written is written at the next look.
fn warn(name: &str, settled: Result<(), kube::Error>) {
    match settled {
        Ok(()) => {}
        // Somebody else changed the object meanwhile, and the watch says how.
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => {}
        Err(error) => tracing::warn!(plugin = name, %error, "cannot report on a plugin, trying again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_remembered_for_a_while_and_forgotten_with_its_version() {
        let mut faults = Faults::default();
        let now = Instant::now();
        assert!(!faults.count(0, now));
        assert!(faults.count(2, now));
        assert!(faults.count(2, now + FAULT_REMEMBERED / 2));
        assert!(!faults.count(2, now + FAULT_REMEMBERED));
        assert!(faults.count(3, now + FAULT_REMEMBERED));
        assert!(!faults.count(0, now + FAULT_REMEMBERED));
    }
}
