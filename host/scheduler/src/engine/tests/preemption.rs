//! Room that is taken from others.

use windlass_api::work::GracefulEvictionTask;

use super::*;
use crate::testing::{node, resources};

impl World {
    /// A binding of so many replicas of one cpu each; above 0 it takes room from lower ones.
    fn job(&mut self, name: &str, replicas: i32, priority: i32) {
        self.spec(name, |spec| {
            spec.replicas = replicas;
            let preemption = if priority > 0 { "PreemptLowerPriority" } else { "Never" };
            let priority = json!({"priority": priority, "preemption": preemption});
            spec.schedule_priority = Some(serde_json::from_value(priority).unwrap());
        });
    }

    /// A cluster `a` that these bindings fill: they are up, and show.
    fn full(jobs: &[(&str, i32, i32)]) -> World {
        let mut world = World::new([with_free(CPUS)]);
        for (name, replicas, priority) in jobs {
            world.job(name, *replicas, *priority);
        }
        world.settle();
        for (name, ..) in jobs {
            assert!(!world.targets(name).is_empty(), "{name} has room");
            world.healthy(name);
        }
        world.free(0);
        world
    }

    /// So many cpus are free in `a`.
    fn free(&mut self, cpus: i64) {
        self.engine.cluster(with_free(cpus).into(), self.now);
        self.now += ROOM_EVENTS_EVERY;
    }

    /// Nothing of it is left in its members.
    fn ends(&mut self, name: &str) {
        self.put(name, |binding| binding.status.get_or_insert_default().aggregated_status.clear());
    }

    fn actions(&mut self) -> Vec<Action> {
        std::iter::from_fn(|| self.pull()).collect()
    }

    fn tasks(&self, name: &str) -> &[GracefulEvictionTask] {
        &self.objects[&key(name)].spec.graceful_eviction_tasks
    }
}

/// What there is in `a`.
const CPUS: i64 = 4;

/// A cluster `a` whose node has so many cpus left.
fn with_free(cpus: i64) -> ClusterBuilder {
    let mut node = node("node", &CPUS.to_string(), "1Ti");
    node.pods = CPUS - cpus;
    node.requested = resources(&[("cpu", &node.pods.to_string())]);
    cluster("a").nodes([node])
}

fn names(writes: &[Write]) -> Vec<&str> {
    writes.iter().map(|write| write.key.name.as_str()).collect()
}

#[test]
fn the_fewest_and_lowest_leave_and_both_say_why() {
    let mut world = World::full(&[("mid", 2, 5), ("low", 2, 0)]);
    world.job("high", 2, 9);
    let actions = world.actions();
    let told = actions.iter().find_map(|it| if let Action::Tell(told) = it { Some(told) } else { None });
    let eviction =
        actions.iter().find_map(|it| if let Action::Write(write) = it { Some(write) } else { None });
    let (told, eviction) = (told.unwrap(), eviction.unwrap());
    assert_eq!((eviction.key.name.as_str(), &eviction.targets), ("low", &vec![]));
    assert_eq!((told.told, told.key.name.as_str()), (Told::Preempting, "high"));
    let task = &eviction.eviction_tasks.as_ref().unwrap()[0];
    assert!(task.is_preemption() && task.message.contains("default/high (priority 9)"), "{task:?}");
    assert_eq!((task.from_cluster.as_str(), task.replicas), ("a", Some(2)));
    let waits = |actions: &[Action], name: &str| {
        let note = actions.iter().rev().find_map(|action| match action {
            Action::Note(note) if note.key.name == name => Some((note.reason, note.message.clone())),
            _ => None,
        });
        note.unwrap()
    };
    let (reason, message) = waits(&actions, "high");
    assert_eq!(reason, "Unschedulable");
    assert!(message.starts_with("waits for default/low (priority 0) to leave"), "{message}");
    let standing = world.engine.standing(&key("high"), world.now).unwrap();
    assert!(standing.waits_for.contains("default/low") && standing.promised[0].0 == "a", "{standing:?}");

    let landed = world.land(eviction);
    world.end(eviction, WriteEnd::Written(landed));
    let actions = world.actions();
    let (reason, message) = waits(&actions, "low");
    assert_eq!(reason, "Preempted");
    assert!(message.contains("preempted by default/high (priority 9)"), "{message}");
    let told = actions.iter().any(|it| matches!(it, Action::Tell(tell) if tell.told == Told::Preempted));
    assert!(told, "{actions:?}");
}

#[test]
fn the_room_that_comes_is_nobody_elses_but_a_higher_ones() {
    let mut world = World::full(&[("low", 4, 0)]);
    world.job("high", 3, 9);
    world.settle();
    assert!(world.targets("low").is_empty() && world.targets("high").is_empty(), "its pods are still there");
    world.job("third", 2, 5);
    world.free(2);
    world.settle();
    assert!(
        world.targets("third").is_empty() && world.targets("low").is_empty(),
        "what is free by now is not enough, and kept"
    );
    world.job("higher", 1, 10);
    world.settle();
    assert_eq!(world.targets("higher"), ["a:1"]);
    world.free(4);
    world.settle();
    assert_eq!(world.targets("high"), ["a:3"]);
    assert!(world.targets("third").is_empty(), "it may take no room from higher ones");
}

#[test]
fn nobody_leaves_for_an_equal_for_nothing_or_without_being_asked_by_the_policy() {
    let mut world = World::full(&[("peer", 2, 5), ("low", 2, 0)]);
    for (name, replicas, priority) in [("equal", 4, 5), ("huge", 5, 9)] {
        world.job(name, replicas, priority);
        assert_eq!(names(&world.writes()), [""; 0], "{name}");
    }
    world.job("modest", 2, 9);
    world.spec("modest", |spec| spec.schedule_priority.as_mut().unwrap().preemption = None);
    assert_eq!(names(&world.writes()), [""; 0]);
    world.spec("low", |spec| spec.suspension = serde_json::from_value(json!({"scheduling": true})).ok());
    world.job("high", 2, 4);
    assert_eq!(names(&world.writes()), [""; 0], "nothing is decided about what is suspended");
}

#[test]
fn victims_wait_in_their_order_and_come_back_when_there_is_room() {
    let mut world = World::full(&[("low", 2, 0), ("mid", 2, 5)]);
    world.job("high", 4, 9);
    world.settle();
    for name in ["low", "mid"] {
        world.ends(name);
    }
    world.free(4);
    world.settle();
    assert_eq!(world.targets("high"), ["a:4"]);
    world.healthy("high");
    world.settle();
    world.free(0);
    for name in ["low", "mid"] {
        assert!(matches!(world.place(name), Place::Unschedulable { .. }), "{name}");
        assert!(world.tasks(name).iter().all(GracefulEvictionTask::is_preemption));
    }
    world.free(2);
    world.settle();
    assert_eq!((world.targets("mid"), world.targets("low")), (vec!["a:2".to_owned()], vec![]));
    assert_eq!(world.tasks("mid").len(), 1, "it carries its state until it is well");
    world.healthy("mid");
    world.settle();
    assert_eq!((world.tasks("mid").len(), world.targets("mid")), (0, vec!["a:2".to_owned()]));
}

#[test]
fn one_that_is_placed_whatever_the_room_waits_for_room_once_it_had_to_leave() {
    let mut world = World::new([with_free(CPUS)]);
    world.spec("everywhere", |spec| *spec = deployment(4, json!({})));
    world.settle();
    world.healthy("everywhere");
    world.free(0);
    world.job("high", 2, 9);
    world.settle();
    world.ends("everywhere");
    world.free(4);
    world.settle();
    assert_eq!((world.targets("high"), world.targets("everywhere")), (vec!["a:2".to_owned()], vec![]));
    world.healthy("high");
    world.free(2);
    world.settle();
    assert!(world.targets("everywhere").is_empty());
    world.free(4);
    world.settle();
    assert_eq!(world.targets("everywhere"), ["a:4"]);
}

#[test]
fn after_a_restart_the_objects_alone_tell_who_leaves_for_whom() {
    for cpus in [0, 4] {
        let mut world = World::full(&[("low", 4, 0)]);
        world.job("high", 4, 9);
        let writes = world.writes();
        // The write lands, and nobody lives to see it.
        world.land(&writes[0]);
        let mut again = World::new([with_free(cpus)]);
        again.objects = world.objects.clone();
        let mut objects: Vec<_> = world.objects.values().cloned().collect();
        objects.sort_by_key(|object| object.metadata.name.clone());
        objects.reverse();
        for object in objects {
            again.engine.binding(object, again.now);
        }
        again.settle();
        assert!(again.targets("low").is_empty(), "it does not take its room back");
        again.free(4);
        again.settle();
        assert_eq!(again.targets("high"), ["a:4"], "from {cpus} free cpus on");
    }
}

#[test]
fn nobody_else_has_to_leave_while_those_asked_are_on_their_way() {
    let mut world = World::full(&[("low", 2, 0), ("mid", 2, 1)]);
    world.job("high", 2, 9);
    let writes = world.writes();
    assert_eq!(names(&writes), ["low"]);
    // It is woken for whatever reason, and looks again.
    world.spec("high", |spec| spec.conflict_resolution = serde_json::from_value(json!("Abort")).ok());
    world.free(0);
    assert_eq!(names(&world.writes()), [""; 0]);
    let landed = world.land(&writes[0]);
    world.end(&writes[0], WriteEnd::Written(landed));
    assert_eq!(names(&world.writes()), [""; 0]);
    world.ends("low");
    assert_eq!(names(&world.writes()), [""; 0], "its pods may still be ending");
    world.now += Duration::from_secs(60);
    assert_eq!(names(&world.writes()), ["mid"], "the room has not come");
}

#[test]
fn a_victim_that_changed_is_looked_at_again_before_it_has_to_leave() {
    let mut world = World::full(&[("low", 4, 0)]);
    world.job("high", 4, 9);
    let writes = world.writes();
    world.store("low", |binding| {
        binding.spec.schedule_priority = serde_json::from_value(json!({"priority": 20})).ok();
    });
    world.end(&writes[0], WriteEnd::Conflict);
    assert_eq!(names(&world.writes()), [""; 0], "nothing is known of what it is now");
    let newer = world.objects[&key("low")].clone();
    world.engine.binding(newer, world.now);
    assert_eq!(names(&world.writes()), [""; 0], "it is higher now");
    world.urgent("low", 3);
    assert_eq!(names(&world.writes()), ["low"]);
}

#[test]
fn nobody_has_to_leave_for_one_that_a_quota_keeps_out() {
    let mut world = World::full(&[("low", 4, 0)]);
    world.job("high", 4, 9);
    let writes = world.writes();
    assert_eq!(writes[0].evicted_for.as_ref().unwrap().targets[0].replicas, 4);
    world.end(&writes[0], WriteEnd::OverQuota("over by 1 cpu".to_owned()));
    let standing = world.engine.standing(&key("high"), world.now).unwrap();
    assert_eq!((standing.waits_for.as_str(), world.place("low")), ("a quota that allows it", Place::Settled));
    assert_eq!(world.targets("low"), ["a:4"]);
    world.engine.quota_changed("default");
    assert_eq!(names(&world.writes()), ["low"]);
}

#[test]
fn it_is_told_who_would_have_to_leave_and_nobody_does() {
    let mut world = World::full(&[("low", 4, 0)]);
    let mut asker = deployment(3, divided());
    let priority = json!({"priority": 9, "preemption": "PreemptLowerPriority"});
    asker.schedule_priority = serde_json::from_value(priority).ok();
    let status = windlass_api::work::ResourceBindingStatus::default();
    let told = world.engine.dry_run(&key("high"), &asker, &status, world.now);
    let text = told.to_string();
    assert!(text.contains("Preempts default/low (priority 0); then a (3)"), "{text}");
    assert_eq!(serde_json::to_value(&told).unwrap()["preemption"]["bindings"][0]["name"], "low");
    assert_eq!(names(&world.writes()), [""; 0]);
}

#[test]
fn room_is_gathered_for_a_pod_that_is_larger_than_what_is_left_by_now() {
    let mut world = World::full(&[("low", 4, 0)]);
    world.job("high", 1, 9);
    world.spec("high", |spec| {
        spec.replica_requirements = serde_json::from_value(json!({"resourceRequest": {"cpu": "3"}})).ok();
    });
    world.settle();
    world.job("third", 1, 5);
    for free in [1, 2] {
        world.free(free);
        world.settle();
        assert!(world.targets("third").is_empty(), "{free} of 3 cpus are there");
    }
    world.free(4);
    world.settle();
    assert_eq!(
        (world.targets("high"), world.targets("third")),
        (vec!["a:1".to_owned()], vec!["a:1".to_owned()])
    );
}
