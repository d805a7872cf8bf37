use serde_json::{Value, json};
use windlass_api::labels::APPLIED_PLACEMENT;
use windlass_api::work::ResourceBindingSpec;

mod preemption;

use super::*;
use crate::estimate::{Answer, Question};
use crate::snapshot::ClusterState;
use crate::testing::{ClusterBuilder, cluster, config_map, deployment};

/// An engine, and an API server that it is alone with.
struct World {
    engine: Engine,
    now: Duration,
    version: u64,
    objects: HashMap<Key, Arc<Binding>>,
}

fn key(name: &str) -> Key {
    Key::new("default", name)
}

fn divided() -> Value {
    json!({"replicaScheduling": {"replicaSchedulingType": "Divided", "replicaDivisionPreference": "Aggregated"}})
}

impl World {
    fn new(clusters: impl IntoIterator<Item = ClusterBuilder>) -> World {
        let settings = Settings {
            scheduler_name: "default-scheduler".to_owned(),
            writes_in_flight: 4,
            limits: Limits::default(),
            began: Timestamp::UNIX_EPOCH,
            preemption: true,
        };
        let mut world = World {
            engine: Engine::new(settings),
            now: Duration::from_secs(1),
            version: 0,
            objects: HashMap::new(),
        };
        for cluster in clusters {
            world.engine.cluster(cluster.into(), world.now);
        }
        world
    }

    /// Stores a binding without telling anybody.
    fn store(&mut self, name: &str, change: impl FnOnce(&mut Binding)) -> Arc<Binding> {
        let mut binding = match self.objects.get(&key(name)) {
            Some(binding) => Binding::clone(binding),
            None => {
                serde_json::from_value(json!({"metadata": {"namespace": "default", "name": name, "uid": name,
                "generation": 0}, "spec": deployment(1, divided())}))
                .unwrap()
            }
        };
        change(&mut binding);
        self.version += 1;
        binding.metadata.resource_version = Some(self.version.to_string());
        binding.metadata.generation = binding.metadata.generation.map(|generation| generation + 1);
        let binding = Arc::new(binding);
        self.objects.insert(key(name), binding.clone());
        binding
    }

    fn put(&mut self, name: &str, change: impl FnOnce(&mut Binding)) {
        let binding = self.store(name, change);
        self.engine.binding(binding, self.now);
    }

    fn spec(&mut self, name: &str, change: impl FnOnce(&mut ResourceBindingSpec)) {
        self.put(name, |binding| change(&mut binding.spec));
    }

    fn urgent(&mut self, name: &str, priority: i32) {
        self.spec(name, |spec| {
            spec.schedule_priority = Some(serde_json::from_value(json!({"priority": priority})).unwrap());
        });
    }

    fn pull(&mut self) -> Option<Action> {
        self.engine.next(self.now)
    }

    /// The writes that are wanted now; notes are passed over.
    fn writes(&mut self) -> Vec<Write> {
        let actions: Vec<Action> = std::iter::from_fn(|| self.pull()).collect();
        let writes = actions.into_iter().filter_map(|action| match action {
            Action::Write(write) => Some(write),
            Action::Ask(_) | Action::Note(_) | Action::Tell(_) => None,
        });
        writes.collect()
    }

    fn land(&mut self, write: &Write) -> Arc<Binding> {
        let (targets, placement) = (write.targets.clone(), write.placement.clone());
        let name = write.key.name.clone();
        let tasks = write.eviction_tasks.clone();
        self.store(&name, |binding| {
            if let Some(tasks) = tasks {
                binding.spec.graceful_eviction_tasks = tasks;
            }
            binding.spec.clusters = targets;
            binding
                .metadata
                .annotations
                .get_or_insert_default()
                .insert(APPLIED_PLACEMENT.to_owned(), placement);
        })
    }

    fn end(&mut self, write: &Write, end: WriteEnd) {
        self.engine.write_ended(&write.key, write.attempt, end, self.now);
    }

    /// Carries out all there is to do.
    fn settle(&mut self) {
        loop {
            let writes = self.writes();
            if writes.is_empty() {
                return;
            }
            for write in writes {
                let landed = self.land(&write);
                self.end(&write, WriteEnd::Written(landed));
            }
        }
    }

    fn place(&self, name: &str) -> Place {
        self.engine.standing(&key(name), self.now).unwrap().place
    }

    fn targets(&self, name: &str) -> Vec<String> {
        let binding = &self.objects[&key(name)];
        binding.spec.clusters.iter().map(|it| format!("{}:{}", it.name, it.replicas)).collect()
    }

    fn promised(&self, cluster: &str) -> i64 {
        let state = self.engine.clusters().get(cluster).unwrap();
        state.promises.iter().flat_map(|promise| &promise.needs).map(|need| need.replicas).sum()
    }

    fn healthy(&mut self, name: &str) {
        self.put(name, |binding| {
            let items: Vec<Value> = (binding.spec.clusters.iter())
                .map(|it| json!({"clusterName": it.name, "health": "Healthy", "status": {"n": it.replicas}}))
                .collect();
            binding.status.get_or_insert_default().aggregated_status =
                serde_json::from_value(json!(items)).unwrap();
        });
    }
}

#[test]
fn the_more_urgent_goes_next_though_thousands_wait() {
    let mut world = World::new([cluster("a").cpu("10000")]);
    for index in 0..5000 {
        world.spec(&format!("low-{index}"), |_| {});
    }
    let under_way = world.writes();
    assert_eq!(under_way.len(), 4, "only so many writes are under way");
    world.urgent("high", 1000);
    let landed = world.land(&under_way[0]);
    world.end(&under_way[0], WriteEnd::Written(landed));
    let next = world.writes();
    assert_eq!(next.iter().map(|write| write.key.name.as_str()).collect::<Vec<_>>(), ["high"]);
}

#[test]
fn room_is_taken_from_the_decision_until_the_workload_shows() {
    let mut world = World::new([cluster("a").cpu("3")]);
    for name in ["x", "y"] {
        world.spec(name, |spec| spec.replicas = 2);
    }
    world.settle();
    assert_eq!((world.targets("x"), world.targets("y")), (vec!["a:2".to_owned()], vec![]));
    assert_eq!((world.promised("a"), world.place("x")), (2, Place::Settled));
    assert!(matches!(world.place("y"), Place::Unschedulable { .. }));
    world.healthy("x");
    world.engine.cluster(cluster("a").cpu("1").into(), world.now);
    assert_eq!(world.promised("a"), 0);
    world.now += ROOM_EVENTS_EVERY;
    world.settle();
    assert!(world.targets("y").is_empty(), "1 cpu is left");
    world.engine.cluster(cluster("a").cpu("2").into(), world.now);
    world.now += ROOM_EVENTS_EVERY;
    world.settle();
    assert_eq!(world.targets("y"), ["a:2"]);
}

#[test]
fn a_conflict_keeps_the_room_and_waits_for_the_newer_binding() {
    let mut world = World::new([cluster("a").cpu("2")]);
    world.urgent("x", 9);
    world.spec("x", |spec| spec.replicas = 2);
    let writes = world.writes();
    world.store("x", |binding| binding.metadata.finalizers = Some(vec!["a/b".to_owned()]));
    world.spec("y", |spec| spec.replicas = 2);
    world.end(&writes[0], WriteEnd::Conflict);
    assert!(matches!(world.place("x"), Place::Backoff { .. }));
    world.settle();
    assert!(world.targets("y").is_empty(), "what goes before it has been decided on");
    let newer = world.objects[&key("x")].clone();
    world.engine.binding(newer, world.now);
    assert!(matches!(world.place("x"), Place::Active { .. }));
    world.settle();
    assert_eq!(world.targets("x"), ["a:2"]);
}

#[test]
fn a_write_whose_answer_is_lost_is_not_made_twice() {
    let mut world = World::new([cluster("a").cpu("2")]);
    world.spec("x", |_| {});
    let writes = world.writes();
    let landed = world.land(&writes[0]);
    world.end(&writes[0], WriteEnd::Failed("timeout".to_owned()));
    assert_eq!(world.promised("a"), 1);
    world.engine.binding(landed, world.now);
    assert_eq!((world.place("x"), world.promised("a")), (Place::Settled, 1));
    world.now += Duration::from_secs(10);
    assert!(world.writes().is_empty());
}

#[test]
fn suspension_holds_until_it_is_lifted_and_is_said() {
    let mut world = World::new([cluster("a").cpu("2")]);
    world.spec("x", |_| {});
    let hold = |on: bool| Some(serde_json::from_value(json!({"scheduling": on})).unwrap());
    world.spec("x", |spec| spec.suspension = hold(true));
    let actions: Vec<Action> = std::iter::from_fn(|| world.pull()).collect();
    assert!(matches!(&actions[..], [Action::Note(note)] if note.reason == "Suspended"), "{actions:?}");
    world.spec("x", |spec| spec.suspension = hold(false));
    world.settle();
    assert_eq!(world.targets("x"), ["a:1"]);
}

#[test]
fn a_cluster_that_goes_concerns_those_on_it_and_one_that_comes_those_that_follow() {
    let mut world = World::new([cluster("a").cpu("2"), cluster("b").cpu("1")]);
    world.spec("divided", |spec| spec.replicas = 2);
    world.spec("everywhere", |spec| *spec = config_map(json!({"clusterAffinity": {"exclude": ["d"]}})));
    world.settle();
    assert_eq!(world.targets("divided"), ["a:2"]);
    world.engine.cluster(cluster("d").cpu("8").into(), world.now);
    assert_eq!(world.engine.depths().active, 0, "nobody follows a cluster that is excluded");
    world.engine.cluster(cluster("c").cpu("8").into(), world.now);
    assert_eq!((world.place("divided"), world.engine.depths().active), (Place::Settled, 1));
    world.settle();
    assert_eq!(world.targets("everywhere"), ["a:0", "b:0", "c:0"]);
    world.engine.cluster_gone("a", world.now);
    world.settle();
    assert_eq!(world.targets("divided").len(), 1);
    assert_ne!(world.targets("divided"), ["a:2"]);
    assert_eq!(world.targets("everywhere"), ["b:0", "c:0"]);
}

#[test]
fn a_cluster_that_comes_while_a_write_is_under_way_is_not_forgotten() {
    let mut world = World::new([cluster("a")]);
    world.spec("everywhere", |spec| *spec = config_map(json!({})));
    let writes = world.writes();
    world.engine.cluster(cluster("b").into(), world.now);
    let landed = world.land(&writes[0]);
    world.end(&writes[0], WriteEnd::Written(landed));
    world.settle();
    assert_eq!(world.targets("everywhere"), ["a:0", "b:0"]);
}

#[test]
fn those_that_no_cluster_took_are_woken_by_what_could_help_alone() {
    let mut world = World::new([cluster("a").taint("x", "NoSchedule")]);
    world.spec("waits", |_| {});
    world.settle();
    let waits = |world: &World| matches!(world.place("waits"), Place::Unschedulable { .. });
    assert!(waits(&world));
    world.engine.cluster(cluster("a").taint("y", "NoSchedule").into(), world.now);
    assert!(waits(&world), "it is still tainted");
    world.engine.cluster(cluster("a").taint("y", "NoSchedule").cpu("9").into(), world.now);
    world.now += ROOM_EVENTS_EVERY;
    assert!(world.writes().is_empty() && waits(&world), "room is not what it lacks");
    world.engine.cluster(cluster("a").cpu("9").into(), world.now);
    world.settle();
    assert_eq!(world.targets("waits"), ["a:1"]);
}

#[test]
fn a_quota_that_changes_wakes_its_namespace() {
    let mut world = World::new([cluster("a").cpu("9")]);
    world.spec("x", |_| {});
    let writes = world.writes();
    world.end(&writes[0], WriteEnd::OverQuota("over by 1 cpu".to_owned()));
    let noted: Vec<Action> = std::iter::from_fn(|| world.pull()).collect();
    assert!(noted.iter().any(|it| matches!(it, Action::Note(note) if note.reason == "QuotaExceeded")));
    world.engine.quota_changed("another");
    assert!(world.writes().is_empty());
    world.engine.quota_changed("default");
    world.settle();
    assert_eq!(world.targets("x"), ["a:1"]);
}

#[test]
fn what_the_server_never_takes_keeps_no_room_and_waits_for_another_binding() {
    let mut world = World::new([cluster("a").cpu("1")]);
    world.spec("x", |_| {});
    let writes = world.writes();
    world.end(&writes[0], WriteEnd::Invalid("spec.clusters is not as the webhook wants it".to_owned()));
    assert!(matches!(world.place("x"), Place::Unschedulable { .. }), "{:?}", world.place("x"));
    world.spec("y", |_| {});
    world.settle();
    assert_eq!(world.targets("y"), ["a:1"]);
}

#[test]
fn a_placement_that_no_annotation_can_hold_is_refused_before_it_is_written() {
    let mut world = World::new([cluster("a").cpu("9")]);
    let names: Vec<String> = (0..30_000).map(|index| format!("cluster-{index}")).collect();
    let affinity = serde_json::from_value(json!({"clusterAffinity": {"clusterNames": names}})).unwrap();
    world.spec("x", |spec| spec.placement = Some(affinity));
    let said: Vec<Action> = std::iter::from_fn(|| world.pull()).collect();
    let told = |action: &Action| matches!(action, Action::Note(note) if note.reason == "SchedulerError" && note.message.contains("spec.placement"));
    assert!(said.iter().any(told) && !said.iter().any(|it| matches!(it, Action::Write(_))), "{said:?}");
    world.spec("x", |spec| spec.placement = Some(serde_json::from_value(json!({})).unwrap()));
    world.settle();
    assert_eq!(world.targets("x"), ["a:1"]);
}

#[test]
fn an_engine_that_is_told_all_again_knows_what_is_promised_and_writes_nothing() {
    let mut world = World::new([cluster("a").cpu("4")]);
    for name in ["x", "y"] {
        world.spec(name, |_| {});
    }
    world.settle();
    world.healthy("y");
    let noted = |binding: &mut Binding| {
        let generation = binding.metadata.generation.unwrap() + 1;
        binding.status.get_or_insert_default().scheduler_observed_generation = generation;
    };
    for name in ["x", "y"] {
        world.put(name, noted);
    }
    let mut again = World::new([cluster("a").cpu("3")]);
    again.objects = world.objects.clone();
    for object in world.objects.values() {
        again.engine.binding(object.clone(), again.now);
    }
    assert!(again.writes().is_empty());
    assert_eq!(again.promised("a"), 1, "what is healthy shows");
}

#[test]
fn a_refusal_whose_numbers_change_is_reworded_now_and_then() {
    let mut world = World::new([cluster("a").cpu("1")]);
    world.spec("x", |spec| spec.replicas = 100);
    let mut told = Vec::new();
    for cpu in 2..52 {
        world.now += Duration::from_millis(100);
        told.extend(std::iter::from_fn(|| world.engine.next(world.now)));
        world.engine.cluster(cluster("a").cpu(&cpu.to_string()).into(), world.now);
    }
    for _ in 0..2 {
        world.now += Duration::from_secs(10);
        told.extend(std::iter::from_fn(|| world.engine.next(world.now)));
    }
    let notes: Vec<&Note> =
        told.iter().filter_map(|it| if let Action::Note(note) = it { Some(note) } else { None }).collect();
    assert!(notes.len() <= 4, "{}", notes.len());
    assert!(notes.last().unwrap().message.contains("51"), "{}", notes.last().unwrap().message);
    assert_eq!(told.iter().filter(|it| matches!(it, Action::Tell(_))).count(), 1);
}

#[test]
fn one_that_waits_for_answers_holds_up_nobody() {
    let asked = |answers: &[(Question, Answer)]| {
        let answers = Some(Arc::new(answers.iter().cloned().collect()));
        let summary = cluster("b").summary(&[("cpu", "9"), ("memory", "9Gi"), ("pods", "9")]);
        ClusterState { answers, ..summary.label("asked", "yes").into() }
    };
    let mut world = World::new([cluster("a").cpu("9")]);
    world.engine.cluster(asked(&[]), world.now);
    let mut on = |name: &str, cluster: &str, priority: i32| {
        let mut placement = divided();
        placement["clusterAffinity"] = json!({"clusterNames": [cluster]});
        world.spec(name, |spec| *spec = deployment(2, placement));
        world.urgent(name, priority);
    };
    on("high", "b", 9);
    on("low", "a", 0);
    let actions: Vec<Action> = std::iter::from_fn(|| world.pull()).collect();
    let [Action::Ask(questions), Action::Write(write)] = &actions[..] else { panic!("{actions:?}") };
    assert_eq!((questions[0].cluster.as_str(), write.key.name.as_str()), ("b", "low"));
    assert!(matches!(world.place("high"), Place::Backoff { .. }));
    // Nobody answers: it asks again.
    world.now += Duration::from_secs(10);
    let landed = world.land(write);
    world.end(write, WriteEnd::Written(landed));
    let actions: Vec<Action> = std::iter::from_fn(|| world.pull()).collect();
    let again = actions.iter().filter(|it| matches!(it, Action::Ask(again) if again == questions));
    assert_eq!(again.count(), 1, "{actions:?}");
    world.engine.cluster(asked(&[(questions[0].question.clone(), Answer::Fits(2))]), world.now);
    world.settle();
    assert_eq!(world.targets("high"), ["b:2"]);
}
