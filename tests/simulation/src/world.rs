//! One run: an agenda of what happens when, and what each happening leads to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::json;
use windlass_api::Key;
use windlass_api::work::AggregatedStatusItem;
use windlass_scheduler::engine::{Action, Write, WriteEnd};
use windlass_scheduler::{Answer, Counted, Need, OpenQuestion, Question};

use crate::check;
use crate::disturb;
use crate::fleet::Member;
use crate::process::Process;
use crate::random::{Choices, Random};
use crate::store::{Change, Store, say};
use crate::workload::assigned;

/// How long nothing is disturbed before all has to be at rest: longer than any promise, and than anybody is waited for
/// who leaves.
const REST: Duration = Duration::from_secs(280);

/// How often each binding may be made to leave until all has come to rest.
const EVICTIONS_MAX: usize = 3;

/// A run in which something did not hold.
#[derive(Debug)]
pub struct Failure {
    /// What did not hold.
    pub what: String,
    /// What happened until then; empty unless it was asked for.
    pub trace: String,
}

/// What can happen.
pub(crate) enum Event {
    /// The next disturbance.
    Disturb,
    /// `again`: it was delivered before.
    Deliver {
        process: usize,
        list: u64,
        change: Change,
        again: bool,
    },
    Relist {
        process: usize,
        kind: usize,
    },
    Wake {
        process: usize,
    },
    /// A write reaches the API server.
    Arrive {
        process: usize,
        write: Box<Write>,
    },
    Answer {
        process: usize,
        key: Key,
        attempt: u64,
        end: WriteEnd,
    },
    /// An estimator says how much fits, as of a report of its cluster.
    Answered {
        process: usize,
        open: Box<OpenQuestion>,
        answer: Answer,
        version: u64,
    },
    /// A note is written into a status.
    Note {
        process: usize,
        key: Key,
    },
    /// A member takes up what a binding says.
    Settle {
        cluster: String,
        key: Key,
    },
    Report {
        cluster: String,
    },
    /// What is known of a workload in a cluster is said in its binding.
    Health {
        cluster: String,
        key: Key,
    },
    Stop {
        process: usize,
    },
}

/// How bad it is.
pub(crate) struct Faults {
    /// Watches are late by up to this.
    pub(crate) late_ms: u64,
    pub(crate) doubled: usize,
    pub(crate) write_ms: u64,
    pub(crate) failed: usize,
    pub(crate) lost: usize,
    /// Whether health is never heard of before the room that it takes, so that room can be accounted for exactly.
    pub(crate) orderly: bool,
    /// Whether the server takes the status with a decision.
    pub(crate) takes_status: bool,
}

/// All there is.
pub(crate) struct World {
    pub(crate) random: Random,
    pub(crate) now: Duration,
    agenda: BTreeMap<(Duration, u64), Event>,
    entered: u64,
    pub(crate) store: Store,
    pub(crate) members: BTreeMap<String, Member>,
    pub(crate) processes: Vec<Process>,
    started: usize,
    pub(crate) faults: Faults,
    pub(crate) disturbances: usize,
    /// Statuses that are on their way.
    noting: BTreeSet<(usize, Key)>,
    /// Whether many want what there is not enough of.
    pub(crate) crowded: bool,
    /// How many were made to leave since nothing is disturbed any more.
    evicted_in_peace: usize,
    trace: Option<String>,
}

/// Runs a seed; gives the trace where it was asked for.
///
/// # Errors
/// Something did not hold.
pub fn run(seed: u64, trace: bool) -> Result<String, Failure> {
    let mut world = World::new(seed, trace);
    let ran = world.run();
    let trace = world.trace.take().unwrap_or_default();
    ran.map(|()| trace.clone()).map_err(|what| Failure { what, trace })
}

impl World {
    fn new(seed: u64, trace: bool) -> World {
        let mut random = Random::new(seed);
        let orderly = random.chance(60);
        let faults = Faults {
            late_ms: if orderly { 300 } else { *random.pick(&[50, 500, 4000]) },
            doubled: *random.pick(&[0, 5, 30]),
            write_ms: *random.pick(&[5, 50, 800]),
            failed: *random.pick(&[0, 2, 20]),
            lost: *random.pick(&[0, 2, 20]),
            orderly,
            takes_status: random.chance(30),
        };
        let disturbances = 20 + random.below(40);
        let crowded = random.chance(40);
        World {
            random,
            now: Duration::from_secs(1),
            agenda: BTreeMap::new(),
            entered: 0,
            store: Store::default(),
            members: BTreeMap::new(),
            processes: Vec::new(),
            started: 0,
            faults,
            disturbances,
            noting: BTreeSet::new(),
            crowded,
            evicted_in_peace: 0,
            trace: trace.then(String::new),
        }
    }

    fn run(&mut self) -> Result<(), String> {
        disturb::begin(self);
        self.start();
        self.at(Duration::ZERO, Event::Disturb);
        let mut end = Duration::MAX;
        while let Some(((at, _), event)) = self.agenda.pop_first() {
            if at > end {
                break;
            }
            self.now = at;
            let touched = self.handle(event);
            if end == Duration::MAX && self.disturbances == 0 {
                end = self.now + REST;
            }
            self.publish();
            if let Some(process) = touched {
                self.act(process)?;
                self.publish();
            }
        }
        check::at_rest(self)
    }

    /// Has something happen after a while.
    pub(crate) fn at(&mut self, after: Duration, event: Event) {
        self.entered += 1;
        self.agenda.insert((self.now + after, self.entered), event);
    }

    pub(crate) fn say(&mut self, what: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            let _ = writeln!(trace, "{:>9.3} {}", self.now.as_secs_f64(), what());
        }
    }

    /// Starts a scheduler process.
    pub(crate) fn start(&mut self) {
        let id = self.started;
        self.started += 1;
        self.say(|| format!("scheduler {id} starts"));
        self.processes.push(Process::start(id, &self.store, self.now));
        self.at(Duration::ZERO, Event::Wake { process: id });
    }

    fn process(&mut self, id: usize) -> Option<&mut Process> {
        self.processes.iter_mut().find(|process| process.id == id)
    }

    /// Gives the process that has to be looked after.
    fn handle(&mut self, event: Event) -> Option<usize> {
        let now = self.now;
        match event {
            Event::Disturb => {
                disturb::disturb(self);
                return self.processes.first().map(|process| process.id);
            }
            Event::Deliver { process, list, change, again } => {
                let known = self.process(process)?;
                // Nothing is raised from the dead: no watch goes back behind an end.
                if known.lists[change.kind()] == list && !(again && known.has_seen_end_of(&change)) {
                    known.deliver(&change, now);
                    self.say(|| format!("scheduler {process} hears {}", heard(&change)));
                }
                return Some(process);
            }
            Event::Relist { process, kind } => {
                let at = self.processes.iter().position(|known| known.id == process)?;
                self.processes[at].list(kind, &self.store, now);
                return Some(process);
            }
            Event::Wake { process } => {
                self.process(process)?.woken_at = None;
                return Some(process);
            }
            Event::Arrive { process, write } => self.arrive(process, &write),
            Event::Answer { process, key, attempt, end } => {
                self.say(|| {
                    format!("scheduler {process} hears that its write of {key} ended: {}", ended(&end))
                });
                self.process(process)?.write_ended(&key, attempt, end, now);
                return Some(process);
            }
            Event::Answered { process, open, answer, version } => {
                self.say(|| format!("scheduler {process} hears from {} that it is {answer:?}", open.cluster));
                self.process(process)?.answered(*open, answer, version, now);
                return Some(process);
            }
            Event::Note { process, key } => self.write_note(process, &key),
            Event::Settle { cluster, key } => self.settle(&cluster, &key),
            Event::Report { cluster } => {
                if let Some(member) = self.members.get(&cluster)
                    && self.store.clusters.contains_key(&cluster)
                {
                    let report = member.report();
                    self.say(|| {
                        format!("{cluster} reports {} cpus, running {:?}", report.capacity, report.running)
                    });
                    self.store.report(report);
                }
            }
            Event::Health { cluster, key } => self.health(&cluster, &key),
            Event::Stop { process } => {
                self.say(|| format!("scheduler {process} stops"));
                self.processes.retain(|known| known.id != process);
                if self.processes.is_empty() {
                    self.start();
                }
            }
        }
        None
    }

    fn arrive(&mut self, process: usize, write: &Write) {
        let calm = self.disturbances == 0;
        let fails = !calm && self.random.chance(self.faults.failed);
        let end = if fails {
            WriteEnd::Failed("not reached".to_owned())
        } else {
            let time = disturb::time(self.now);
            let end = self.store.write(write, self.faults.takes_status.then_some(time));
            self.say(|| format!("write of {} to {:?}: {}", write.key, write.targets, ended(&end)));
            if !calm && self.random.chance(self.faults.lost) {
                WriteEnd::Failed("the answer was lost".to_owned())
            } else {
                end
            }
        };
        let after = self.random.millis(0, self.faults.write_ms);
        self.at(after, Event::Answer { process, key: write.key.clone(), attempt: write.attempt, end });
    }

    /// Lets watches know what is new, and members take it up.
    fn publish(&mut self) {
        for change in std::mem::take(&mut self.store.news) {
            if let Change::Binding(key, binding) = &change {
                let clusters: Vec<String> = self.members.keys().cloned().collect();
                for cluster in clusters {
                    let wanted = binding.as_ref().map_or(0, |binding| assigned(binding, &cluster));
                    let running = self.members[&cluster].running.get(key).map_or(0, |(cpus, _)| *cpus);
                    let listed = binding.iter().flat_map(|it| &it.spec.clusters).any(|it| it.name == cluster);
                    let said = binding
                        .iter()
                        .flat_map(|it| &it.status)
                        .flat_map(|status| &status.aggregated_status)
                        .any(|item| item.cluster_name == cluster);
                    if wanted != running || listed != said {
                        let last = if self.faults.orderly { 1500 } else { 15_000 };
                        let after = self.random.millis(200, last);
                        self.at(after, Event::Settle { cluster, key: key.clone() });
                    }
                }
            }
            for index in 0..self.processes.len() {
                self.send(index, change.clone());
            }
        }
    }

    fn send(&mut self, index: usize, change: Change) {
        let late = self.random.millis(0, self.faults.late_ms);
        let twice = self.random.chance(self.faults.doubled);
        let kind = change.kind();
        let process = &mut self.processes[index];
        let at = process.delivered_until[kind].max(self.now + late);
        process.delivered_until[kind] = at;
        let (id, list, after) = (process.id, process.lists[kind], at - self.now);
        if twice {
            // Once more later, out of its order, where that is no word of an end.
            let again = match &change {
                Change::Binding(_, None) | Change::Cluster(_, None) => after,
                _ => after + self.random.millis(0, 1000),
            };
            self.at(again, Event::Deliver { process: id, list, change: change.clone(), again: true });
        }
        self.at(after, Event::Deliver { process: id, list, change, again: false });
    }

    /// Has a process do what it has to do.
    fn act(&mut self, id: usize) -> Result<(), String> {
        let now = self.now;
        loop {
            let Some(process) = self.process(id) else { return Ok(()) };
            let Some(action) = process.engine.next(now) else { break };
            match action {
                Action::Write(write) => {
                    self.say(|| {
                        let by =
                            write.evicted_for.as_ref().map(|it| Key::of(&it.binding.metadata).to_string());
                        let why = by.map(|by| format!(" for {by}")).unwrap_or_default();
                        format!("scheduler {id} decides {} -> {:?}{why}", write.key, write.targets)
                    });
                    check::decision(self, id, &write)?;
                    if write.evicted_for.is_some() && self.disturbances == 0 {
                        self.evicted_in_peace += 1;
                        if self.evicted_in_peace > EVICTIONS_MAX * self.store.bindings.len() {
                            return Err(format!("they drive each other out: {}", write.key));
                        }
                    }
                    if let Some(process) = self.process(id) {
                        let written = (write.targets.clone(), check::rank(&write));
                        process.writing.insert(write.key.clone(), written);
                    }
                    let after = self.random.millis(0, self.faults.write_ms);
                    self.at(after, Event::Arrive { process: id, write: Box::new(write) });
                }
                Action::Note(note) => {
                    self.say(|| {
                        format!("scheduler {id} notes {}: {} {}", note.key, note.reason, note.message)
                    });
                    let key = note.key.clone();
                    if let Some(process) = self.process(id) {
                        process.note(note);
                    }
                    if self.noting.insert((id, key.clone())) {
                        let after = self.random.millis(20, 400);
                        self.at(after, Event::Note { process: id, key });
                    }
                }
                Action::Tell(_) => {}
                Action::Ask(questions) => questions.into_iter().for_each(|open| self.ask(id, open)),
            }
        }
        let Some(process) = self.process(id) else { return Ok(()) };
        if let Some(wake) = process.engine.wake_at(now) {
            // What is due now was not to be had now.
            let wake = wake.max(now + Duration::from_millis(1));
            if process.woken_at.is_none_or(|at| wake < at) {
                process.woken_at = Some(wake);
                self.at(wake - now, Event::Wake { process: id });
            }
        }
        Ok(())
    }

    /// Has an estimator count, which is late, or gives no answer, or none that is of use.
    fn ask(&mut self, id: usize, open: OpenQuestion) {
        let calm = self.disturbances == 0;
        let lost = !calm && self.random.chance(self.faults.lost);
        let silent = !calm && self.random.chance(self.faults.failed);
        let after = self.random.millis(1, if calm { 500 } else { 3000 });
        let Some(report) = self.process(id).and_then(|process| process.reports.get(&open.cluster)) else {
            return;
        };
        let free = report.capacity - report.running.values().sum::<i64>();
        let fits = fitting(&open.question, free);
        let version = report.version;
        self.say(|| format!("scheduler {id} asks {}, which has {free} cpus left", open.cluster));
        if lost {
            return;
        }
        let answer = if silent { Answer::NoOpinion } else { Answer::Fits(fits) };
        self.at(after, Event::Answered { process: id, open: Box::new(open), answer, version });
    }

    fn write_note(&mut self, id: usize, key: &Key) {
        self.noting.remove(&(id, key.clone()));
        let fails = self.disturbances > 0 && self.random.chance(self.faults.failed);
        let now = self.now;
        let Some(process) = self.process(id) else { return };
        if fails {
            self.noting.insert((id, key.clone()));
            self.at(Duration::from_millis(300), Event::Note { process: id, key: key.clone() });
            return;
        }
        let Some(note) = process.notes.remove(key) else { return };
        let time = disturb::time(now);
        self.store.binding(key, |binding| say(binding, note, time));
    }

    fn settle(&mut self, cluster: &str, key: &Key) {
        let wanted = self.store.bindings.get(key).and_then(|binding| {
            let target = binding.spec.clusters.iter().find(|target| target.name == cluster)?;
            Some((assigned(binding, cluster), target.replicas))
        });
        // A cluster that is gone hears of nothing.
        if !self.store.clusters.contains_key(cluster) {
            return;
        }
        let Some(member) = self.members.get_mut(cluster) else { return };
        let changed = match wanted {
            Some(wanted) => member.running.insert(key.clone(), wanted) != Some(wanted),
            None => member.running.remove(key).is_some(),
        };
        if changed {
            let after = self.random.millis(0, 400);
            self.at(after, Event::Report { cluster: cluster.to_owned() });
        }
        let after = self.random.millis(500, 700);
        self.at(after, Event::Health { cluster: cluster.to_owned(), key: key.clone() });
    }

    fn health(&mut self, cluster: &str, key: &Key) {
        let Some(member) = self.members.get(cluster) else { return };
        let running = member.running.get(key).copied();
        let cpus = running.map(|(cpus, _)| cpus);
        let shown = |process: &Process| {
            let report = process.reports.get(cluster);
            report.is_none_or(|report| report.running.get(key).copied() == cpus)
        };
        if self.faults.orderly && !self.processes.iter().all(shown) {
            self.at(
                Duration::from_millis(100),
                Event::Health { cluster: cluster.to_owned(), key: key.clone() },
            );
            return;
        }
        // What runs for one that is gone says nothing of another of its name.
        let anothers = self.store.bindings.get(key).is_some_and(|binding| {
            let items = binding.status.iter().flat_map(|status| &status.aggregated_status);
            let said = items.into_iter().any(|item| item.cluster_name == cluster);
            !said && cpus.is_some_and(|cpus| cpus != assigned(binding, cluster))
        });
        if anothers {
            return;
        }
        self.store.binding(key, |binding| {
            let items = &mut binding.status.get_or_insert_default().aggregated_status;
            items.retain(|item| item.cluster_name != cluster);
            if let Some((_, replicas)) = running {
                let item = json!({"clusterName": cluster, "applied": true, "health": "Healthy",
                    "status": {"replicas": replicas}});
                items.push(serde_json::from_value::<AggregatedStatusItem>(item).expect("an item"));
                items.sort_by(|a, b| a.cluster_name.cmp(&b.cluster_name));
            }
        });
    }
}

/// How often what is asked for fits into so many cpus.
fn fitting(question: &Question, free: i64) -> i64 {
    let each = |need: &Need| need.request.get("cpu").units();
    let cpus: i64 = match question.counted {
        Counted::Replicas => question.needs.iter().map(each).sum(),
        Counted::Sets => question.needs.iter().map(|need| need.replicas * each(need)).sum(),
    };
    if cpus > 0 { (free / cpus).max(0) } else { 10_000 }
}

fn heard(change: &Change) -> String {
    match change {
        Change::Binding(key, Some(binding)) => {
            let version = binding.metadata.resource_version.as_deref().unwrap_or_default();
            format!("of {key} at {version}")
        }
        Change::Binding(key, None) => format!("that {key} is gone"),
        Change::Cluster(name, Some(report)) => format!("of cluster {name} at {}", report.version),
        Change::Cluster(name, None) => format!("that cluster {name} is gone"),
        Change::Quota(namespace) => format!("of the quota of {namespace}"),
    }
}

fn ended(end: &WriteEnd) -> String {
    match end {
        WriteEnd::Written(binding) => {
            format!("written as {}", binding.metadata.resource_version.as_deref().unwrap_or_default())
        }
        other => format!("{other:?}"),
    }
}
