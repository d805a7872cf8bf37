//! The ledger beside an API server that admits, stores, tries again and tells late.

#![allow(clippy::unwrap_used, reason = "all of it is test code: a panic is how a test fails")]

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;
use proptest::prelude::*;
use windlass_api::quantity::Quantity;
use windlass_quota::{BindingId, Charge, Ledger, Refused};
use windlass_scheduler::Resources;

fn cpu(units: i64) -> Resources {
    [("cpu", Quantity::from_units(units))].into_iter().filter(|(_, amount)| !amount.is_zero()).collect()
}

fn limits(units: i64) -> BTreeMap<String, Text> {
    [("cpu".to_owned(), Text(units.to_string()))].into()
}

fn id(name: &str) -> BindingId<'_> {
    BindingId { namespace: "shop", name }
}

fn charge(generation: i64, version: u64, before: i64, after: i64) -> Charge {
    Charge { uid: "u".to_owned(), generation, version, before: cpu(before), after: cpu(after) }
}

fn limited(limit: i64) -> Ledger {
    let ledger = Ledger::default();
    ledger.limit(id("team"), 1, &limits(limit));
    ledger.complete();
    ledger
}

fn over(refused: Result<(), Refused>) -> String {
    refused.unwrap_err().to_string()
}

#[test]
fn two_writes_at_one_moment_dont_both_take_the_last_room() {
    let (ledger, now) = (limited(10), Instant::now());
    ledger.charge(id("a"), charge(1, 5, 0, 6), now).unwrap();
    assert_eq!(
        over(ledger.charge(id("b"), charge(1, 6, 0, 6), now)),
        "FederatedResourceQuota shop/team is exceeded (cpu: wanted 6, used 6, limit 10, over by 2)"
    );
    ledger.charge(id("b"), charge(1, 6, 0, 4), now).unwrap();
}

#[test]
fn a_write_that_is_admitted_again_is_charged_once() {
    let (ledger, now) = (limited(10), Instant::now());
    for version in [5, 5, 7, 9] {
        ledger.charge(id("a"), charge(1, version, 0, 10), now).unwrap();
    }
    assert!(ledger.observe(id("a"), "u", 2, 10, || cpu(10)));
    assert!(!ledger.observe(id("a"), "u", 2, 11, || unreachable!("the same generation uses the same")));
    ledger.charge(id("a"), charge(2, 11, 10, 10), now).unwrap();
    assert_eq!(ledger.used("shop", &limits(0)), limits(10));
}

#[test]
fn a_write_that_failed_gives_its_room_back() {
    let (ledger, now) = (limited(10), Instant::now());
    assert!(!ledger.observe(id("a"), "u", 1, 5, || cpu(0)));
    ledger.charge(id("a"), charge(1, 5, 0, 10), now).unwrap();
    assert!(ledger.would_charge(id("b"), &charge(1, 6, 0, 1), now).is_err());
    // Somebody else's write of the same binding was quicker.
    ledger.observe(id("a"), "u", 1, 8, || cpu(0));
    ledger.would_charge(id("b"), &charge(1, 6, 0, 1), now).unwrap();
    // Nothing was ever heard of it.
    ledger.charge(id("a"), charge(1, 8, 0, 10), now).unwrap();
    assert!(ledger.would_charge(id("b"), &charge(1, 6, 0, 1), now).is_err());
    ledger.would_charge(id("b"), &charge(1, 6, 0, 1), now + Duration::from_secs(60)).unwrap();
}

#[test]
fn a_dry_run_charges_nothing() {
    let (ledger, now) = (limited(10), Instant::now());
    ledger.would_charge(id("a"), &charge(1, 5, 0, 10), now).unwrap();
    ledger.charge(id("b"), charge(1, 6, 0, 10), now).unwrap();
}

#[test]
fn what_uses_less_is_allowed_even_where_too_much_is_used() {
    let (ledger, now) = (limited(10), Instant::now());
    ledger.observe(id("a"), "u", 1, 5, || cpu(30));
    ledger.charge(id("a"), charge(1, 5, 30, 20), now).unwrap();
    assert!(ledger.charge(id("a"), charge(1, 5, 20, 21), now).is_err());
    // Until it is seen it may still use as much as before.
    assert!(over(ledger.charge(id("b"), charge(1, 6, 0, 1), now)).contains("used 30"));
}

#[test]
fn a_quota_that_changes_at_the_same_moment_holds_as_the_lower_of_both() {
    let (ledger, now) = (limited(10), Instant::now());
    ledger.limit_coming(id("team"), 1, &limits(5), now);
    assert!(over(ledger.would_charge(id("a"), &charge(1, 5, 0, 6), now)).contains("limit 5"));
    ledger.limit(id("team"), 7, &limits(5));
    ledger.limit_coming(id("team"), 7, &limits(20), now);
    assert!(ledger.would_charge(id("a"), &charge(1, 5, 0, 6), now).is_err(), "it may yet fail");
    ledger.limit(id("team"), 8, &limits(20));
    ledger.would_charge(id("a"), &charge(1, 5, 0, 6), now).unwrap();
    ledger.limit_coming(id("new"), 0, &limits(1), now);
    assert!(over(ledger.would_charge(id("a"), &charge(1, 5, 0, 6), now)).contains("shop/new"));
    ledger.would_charge(id("a"), &charge(1, 5, 0, 6), now + Duration::from_secs(60)).unwrap();
    ledger.unlimited(id("team"));
    ledger.would_charge(id("a"), &charge(1, 5, 0, 600), now + Duration::from_secs(60)).unwrap();
}

#[test]
fn nobody_grows_before_all_is_known() {
    let (ledger, now) = (Ledger::default(), Instant::now());
    assert_eq!(ledger.charge(id("a"), charge(1, 5, 0, 1), now), Err(Refused::Unknown));
    ledger.charge(id("a"), charge(1, 5, 2, 1), now).unwrap();
}

#[test]
fn an_amount_out_of_range_is_taken_off_as_it_was_added() {
    let (ledger, huge) = (limited(10), cpu(i64::MAX));
    for name in ["a", "b", "c"] {
        assert!(ledger.observe(id(name), "u", 1, 1, || huge.clone()));
    }
    ledger.observe(id("d"), "u", 1, 1, || cpu(3));
    for name in ["a", "b", "c"] {
        assert!(ledger.gone(id(name), 2));
    }
    assert_eq!(ledger.used("shop", &limits(0)), limits(3));
}

/// What happens next to one of a few bindings.
#[derive(Clone, Debug)]
enum Step {
    /// A write is admitted, and waits to be stored.
    Admit {
        binding: usize,
        cpu: i64,
        dry_run: bool,
    },
    /// The oldest write that waits is stored, if its binding is still what it was made from; it is tried again, or
    /// not, if it isn't.
    Store {
        again: bool,
    },
    /// The oldest write that waits fails for a reason of its own, and nobody tries again.
    Fail,
    /// A status or a label changes: another version of the same generation.
    Touch {
        binding: usize,
    },
    Delete {
        binding: usize,
    },
    /// The quota is changed.
    Limit {
        cpu: i64,
    },
    /// The watch brings so many events.
    Tell {
        events: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let binding = 0..4_usize;
    prop_oneof![
        4 => (binding.clone(), 0..8_i64, prop::bool::weighted(0.2))
            .prop_map(|(binding, cpu, dry_run)| Step::Admit { binding, cpu, dry_run }),
        4 => any::<bool>().prop_map(|again| Step::Store { again }),
        1 => Just(Step::Fail),
        1 => binding.clone().prop_map(|binding| Step::Touch { binding }),
        1 => binding.prop_map(|binding| Step::Delete { binding }),
        1 => (0..20_i64).prop_map(|cpu| Step::Limit { cpu }),
        3 => (1..4_usize).prop_map(|events| Step::Tell { events }),
    ]
}

#[derive(Clone, Debug)]
struct Stored {
    uid: String,
    generation: i64,
    version: u64,
    cpu: i64,
}

#[derive(Clone, Debug)]
enum Event {
    Applied(usize, Stored),
    Deleted(usize, u64),
    Limit(u64, i64),
}

/// A write that was admitted.
#[derive(Clone, Debug)]
struct Write {
    binding: usize,
    from: Option<Stored>,
    /// How often there has been a binding of its name. One that comes and goes while another creation of it waits is
    /// more than the ledger follows.
    born: usize,
    cpu: i64,
    /// The lowest limit there has been between its admission and now.
    limit: i64,
}

struct Server {
    ledger: Ledger,
    now: Instant,
    version: u64,
    bindings: BTreeMap<usize, Stored>,
    born: [usize; 4],
    limit: (u64, i64),
    writes: VecDeque<Write>,
    untold: VecDeque<Event>,
}

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

impl Server {
    fn new() -> Server {
        let ledger = limited(10);
        Server {
            ledger,
            now: Instant::now(),
            version: 1,
            bindings: BTreeMap::new(),
            born: [0; 4],
            limit: (1, 10),
            writes: VecDeque::new(),
            untold: VecDeque::new(),
        }
    }

    fn used(&self) -> i64 {
        self.bindings.values().map(|stored| stored.cpu).sum()
    }

    fn next(&mut self) -> u64 {
        self.version += 1;
        self.version
    }

    fn admit(&mut self, binding: usize, wanted: i64, dry_run: bool) {
        let from = self.bindings.get(&binding).cloned();
        let charge = Charge {
            uid: from.as_ref().map(|from| from.uid.clone()).unwrap_or_default(),
            generation: from.as_ref().map_or(0, |from| from.generation),
            version: from.as_ref().map_or(0, |from| from.version),
            before: cpu(from.as_ref().map_or(0, |from| from.cpu)),
            after: cpu(wanted),
        };
        if dry_run {
            let _ = self.ledger.would_charge(id(NAMES[binding]), &charge, self.now);
        } else if self.ledger.charge(id(NAMES[binding]), charge, self.now).is_ok() {
            let born = self.born[binding];
            self.writes.push_back(Write { binding, from, born, cpu: wanted, limit: self.limit.1 });
        }
    }

    fn store(&mut self, again: bool) {
        let Some(write) = self.writes.pop_front() else { return };
        let Write { binding, from, born, cpu, limit } = write;
        let there = self.bindings.get(&binding);
        let same = there.map(|stored| stored.version) == from.as_ref().map(|from| from.version);
        if !same || born != self.born[binding] {
            if again {
                self.admit(binding, cpu, false);
            }
            return;
        }
        let version = self.next();
        let before = from.as_ref().map_or(0, |from| from.cpu);
        let stored = match from {
            Some(from) if from.cpu == cpu => Stored { version, ..from },
            Some(from) => Stored { generation: from.generation + 1, version, cpu, ..from },
            None => {
                self.born[binding] += 1;
                Stored { uid: format!("u{version}"), generation: 1, version, cpu }
            }
        };
        self.bindings.insert(binding, stored.clone());
        self.untold.push_back(Event::Applied(binding, stored));
        if cpu > before {
            let used = self.used();
            assert!(used <= limit, "{used} used of {limit}");
        }
    }

    fn tell(&mut self) {
        match self.untold.pop_front() {
            Some(Event::Applied(binding, stored)) => {
                let Stored { uid, generation, version, cpu: units } = stored;
                self.ledger.observe(id(NAMES[binding]), &uid, generation, version, || cpu(units));
            }
            Some(Event::Deleted(binding, version)) => {
                self.ledger.gone(id(NAMES[binding]), version);
            }
            Some(Event::Limit(version, cpu)) => self.ledger.limit(id("team"), version, &limits(cpu)),
            None => {}
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Admit { binding, cpu, dry_run } => self.admit(binding, cpu, dry_run),
            Step::Store { again } => self.store(again),
            Step::Fail => drop(self.writes.pop_front()),
            Step::Touch { binding } => {
                let version = self.next();
                if let Some(stored) = self.bindings.get_mut(&binding) {
                    stored.version = version;
                    self.untold.push_back(Event::Applied(binding, stored.clone()));
                }
            }
            Step::Delete { binding } => {
                let version = self.next();
                if self.bindings.remove(&binding).is_some() {
                    self.untold.push_back(Event::Deleted(binding, version));
                }
            }
            Step::Limit { cpu } => {
                self.ledger.limit_coming(id("team"), self.limit.0, &limits(cpu), self.now);
                // A limit that is raised frees nobody who was judged before; one that is lowered comes too late for
                // those who were.
                self.limit = (self.next(), cpu);
                self.untold.push_back(Event::Limit(self.limit.0, cpu));
            }
            Step::Tell { events } => (0..events).for_each(|_| self.tell()),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_quota_is_exceeded_and_the_ledger_is_the_sum_of_the_bindings(steps in prop::collection::vec(step(), 1..60)) {
        let mut server = Server::new();
        for step in steps {
            server.take(step);
        }
        while !server.untold.is_empty() {
            server.tell();
        }
        let used = server.ledger.total("shop").get("cpu");
        prop_assert_eq!(used, Quantity::from_units(server.used()));
        // What no write holds any more is free again.
        let (free, later) = (server.limit.1 - server.used(), server.now + Duration::from_secs(60));
        let room = server.ledger.would_charge(id("e"), &charge(0, 0, 0, free.max(0)), later);
        prop_assert_eq!(room.is_ok(), true);
        let more = server.ledger.would_charge(id("e"), &charge(0, 0, 0, free.max(0) + 1), later);
        prop_assert_eq!(more.is_err(), true);
    }
}
