//! What people, members and fate do to a control plane.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::json;
use windlass_api::Key;
use windlass_api::work::Binding;

use crate::fleet::Member;
use crate::random::{Choices, Random};
use crate::workload::{self, NAMESPACES, REGIONS};
use crate::world::{Event, World};

/// What is there before the first scheduler starts.
pub(crate) fn begin(world: &mut World) {
    for _ in 0..world.random.below(4) {
        cluster(world);
    }
    for _ in 0..world.random.below(if world.crowded { 20 } else { 6 }) {
        create(world);
    }
    for namespace in NAMESPACES {
        if world.random.chance(25) {
            let replicas = world.random.between(2, 12);
            world.store.quota(namespace, replicas);
        }
    }
}

/// One disturbance, and word of the next.
pub(crate) fn disturb(world: &mut World) {
    if world.disturbances == 0 {
        return;
    }
    world.disturbances -= 1;
    match world.random.below(30) {
        0..=7 => create(world),
        8 => delete(world),
        9..=11 => scale(world),
        12 | 13 => change(world, "is placed otherwise", |random, binding| {
            if let Some(placement) = workload::new_placement(random, &binding.spec) {
                binding.spec.placement = Some(placement);
            }
        }),
        14 | 15 => change(world, "has another priority", |random, binding| {
            let priority = workload::priority(random);
            binding.spec.schedule_priority.get_or_insert_default().priority = priority;
        }),
        16 | 17 => change(world, "is suspended or resumed", |_, binding| {
            let held = binding.spec.suspension.as_ref().and_then(|suspension| suspension.scheduling);
            let suspension = json!({"scheduling": held != Some(true)});
            binding.spec.suspension = serde_json::from_value(suspension).ok();
        }),
        18 => reschedule(world),
        19 => evict(world),
        20 | 21 => cluster(world),
        22 => remove_cluster(world),
        23..=25 => change_cluster(world),
        26 => quota(world),
        27 => relist(world),
        28 => restart(world),
        _ => change(world, "is labelled", |random, binding| {
            let labels = binding.metadata.labels.get_or_insert_default();
            labels.insert("n".to_owned(), random.below(1000).to_string());
        }),
    }
    let after = if world.random.chance(40) { 20 } else { 4000 };
    let after = world.random.millis(0, after);
    world.at(after, Event::Disturb);
}

/// The time of day.
pub(crate) fn time(now: Duration) -> Time {
    let nanos = 1_767_225_600_000_000_000 + i128::try_from(now.as_nanos()).unwrap_or(0);
    Time(jiff::Timestamp::from_nanosecond(nanos).expect("a time in this age"))
}

fn create(world: &mut World) {
    let namespace = *world.random.pick(&NAMESPACES);
    let key = Key::new(namespace, &format!("b{}", world.random.below(12)));
    if !world.store.bindings.contains_key(&key) {
        let binding = workload::binding(&mut world.random, &key, world.crowded);
        world.say(|| format!("{key} is made: {}", serde_json::to_string(&binding.spec).unwrap_or_default()));
        world.store.put(binding);
    }
}

fn any(world: &mut World) -> Option<Key> {
    let keys: Vec<Key> = world.store.bindings.keys().cloned().collect();
    world.random.one_of(&keys).cloned()
}

fn change(world: &mut World, what: &str, change: impl FnOnce(&mut Random, &mut Binding)) {
    let Some(key) = any(world) else { return };
    let mut random = world.random.clone();
    world.store.binding(&key, |binding| change(&mut random, binding));
    world.random = random;
    world.say(|| format!("{key} {what}"));
}

fn delete(world: &mut World) {
    if let Some(key) = any(world) {
        world.say(|| format!("{key} is deleted"));
        world.store.delete(&key);
    }
}

fn scale(world: &mut World) {
    let orderly = world.faults.orderly;
    change(world, "is scaled", |random, binding| {
        if binding.spec.components.is_empty() {
            if binding.spec.replica_requirements.is_some() {
                binding.spec.replicas = i32::try_from(random.between(0, 7)).unwrap_or(1);
            }
        } else if !orderly {
            // What a set takes where it is grows at once, whether there is room or not.
            binding.spec.components[1].replicas = i32::try_from(random.between(1, 5)).unwrap_or(1);
        }
    });
}

fn reschedule(world: &mut World) {
    let now = time(world.now);
    change(world, "is to be rescheduled", |_, binding| binding.spec.reschedule_triggered_at = Some(now));
}

/// As a failover controller does: the cluster is left, and the eviction ends some time.
fn evict(world: &mut World) {
    change(world, "is evicted from a cluster, or comes back", |random, binding| {
        if !binding.spec.graceful_eviction_tasks.is_empty() {
            binding.spec.graceful_eviction_tasks.clear();
            return;
        }
        let Some(target) = random.one_of(&binding.spec.clusters).cloned() else { return };
        binding.spec.clusters.retain(|other| *other != target);
        let task = json!({"fromCluster": target.name, "reason": "Test", "producer": "test"});
        binding.spec.graceful_eviction_tasks.extend(serde_json::from_value(task));
    });
}

fn cluster(world: &mut World) {
    let name = format!("m{}", world.random.below(5));
    if world.store.clusters.contains_key(&name) {
        return;
    }
    if !world.members.contains_key(&name) {
        let member = Member::new(&mut world.random, &name);
        world.members.insert(name.clone(), member);
    }
    if let Some(member) = world.members.get_mut(&name) {
        member.deleting = false;
        let report = member.report();
        world.say(|| format!("cluster {name} joins"));
        world.store.report(report);
    }
    // What is to run there, or no longer.
    let keys: Vec<Key> =
        world.store.bindings.keys().chain(world.members[&name].running.keys()).cloned().collect();
    for key in keys {
        let after = world.random.millis(100, 1500);
        world.at(after, Event::Settle { cluster: name.clone(), key });
    }
}

fn present(world: &mut World) -> Option<String> {
    let names: Vec<String> = world.store.clusters.keys().cloned().collect();
    world.random.one_of(&names).cloned()
}

fn remove_cluster(world: &mut World) {
    let Some(name) = present(world) else { return };
    let at_once = world.random.chance(50);
    if let Some(member) = world.members.get_mut(&name).filter(|member| !member.deleting && !at_once) {
        member.deleting = true;
        let report = member.report();
        world.say(|| format!("cluster {name} is being deleted"));
        world.store.report(report);
    } else {
        world.say(|| format!("cluster {name} is gone"));
        world.store.delete_cluster(&name);
    }
}

fn change_cluster(world: &mut World) {
    let Some(name) = present(world) else { return };
    let what = world.random.below(5);
    let (capacity, region) = (world.random.between(0, 14), world.random.below(REGIONS.len()));
    let Some(member) = world.members.get_mut(&name) else { return };
    match what {
        0 | 1 => member.capacity = capacity,
        2 => member.tainted = !member.tainted,
        3 => REGIONS[region].clone_into(&mut member.region),
        _ => member.serves = !member.serves,
    }
    let report = member.report();
    world.say(|| format!("cluster {name} changes: {:?} cpus {}", report.state, report.capacity));
    world.store.report(report);
}

fn quota(world: &mut World) {
    let namespace = *world.random.pick(&NAMESPACES);
    let replicas = world.random.between(0, 20);
    world.say(|| format!("the quota of {namespace:?} is {replicas}"));
    world.store.quota(namespace, replicas);
}

/// A watch breaks, and what was on its way is lost: all of it is read anew.
fn relist(world: &mut World) {
    let (index, kind) = (world.random.below(world.processes.len()), world.random.below(3));
    let Some(process) = world.processes.get_mut(index) else { return };
    process.lists[kind] += 1;
    process.delivered_until[kind] = world.now;
    let process = process.id;
    world.say(|| format!("watch {kind} of scheduler {process} breaks"));
    // What changes until then is in the list.
    world.at(Duration::ZERO, Event::Relist { process, kind });
}

/// The scheduler is another from now on; the old one may not know yet.
fn restart(world: &mut World) {
    let old: Vec<usize> = world.processes.iter().map(|process| process.id).collect();
    let overlap = if world.random.chance(50) { 0 } else { 2500 };
    if overlap > 0 && old.len() == 1 {
        world.start();
    }
    for process in old {
        let after = world.random.millis(0, overlap);
        world.at(after, Event::Stop { process });
    }
}
