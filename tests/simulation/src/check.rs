//! What must hold at every step, and when all has come to rest.

use std::fmt::Write as _;
use std::time::Duration;

use windlass_api::Key;
use windlass_api::labels::APPLIED_PLACEMENT;
use windlass_api::policy::SchedulePreemption;
use windlass_api::work::{Binding, GracefulEvictionTask, ResourceBindingStatus, TargetCluster};
use windlass_scheduler::engine::{Place, Write};
use windlass_scheduler::{Cause, Context, Decision, Occupant, Snapshot, decide, due, preempt};

use crate::process::Process;
use crate::workload::{assigned, cpus, goes_by_room};
use crate::world::World;

/// A decision is about to be written.
pub(crate) fn decision(world: &World, id: usize, write: &Write) -> Result<(), String> {
    let Some(process) = world.processes.iter().find(|process| process.id == id) else { return Ok(()) };
    let key = &write.key;
    if write.binding.metadata.resource_version.is_none() || write.binding.metadata.uid.is_none() {
        return Err(format!("{key} is written whatever it is by now"));
    }
    if process.writing.contains_key(key) {
        return Err(format!("{key} is written while it is being written"));
    }
    if is_suspended(&write.binding) {
        return Err(format!("{key} is decided on though it is suspended"));
    }
    if let Some(beneficiary) = &write.evicted_for {
        preemption(write, &beneficiary.binding)?;
    }
    let mine = rank(write);
    for (other, binding) in &process.bindings {
        let place = process.engine.place(other, world.now);
        if matches!(place, Some(Place::Active { .. })) && priority(binding) > mine {
            return Err(format!("{key} ({mine}) is decided on before {other} ({})", priority(binding)));
        }
    }
    if let Some((other, (_, theirs))) = process.writing.iter().find(|(_, (_, theirs))| *theirs > mine) {
        return Err(format!("{key} ({mine}) is written beside {other} ({theirs})"));
    }
    if world.faults.orderly && goes_by_room(&write.binding.spec) {
        for target in &write.targets {
            room(world, process, write, target)?;
        }
    }
    Ok(())
}

/// For whose sake something is written.
pub(crate) fn rank(write: &Write) -> i32 {
    write.evicted_for.as_ref().map_or_else(|| priority(&write.binding), |it| priority(&it.binding))
}

/// A binding is made to leave for another.
fn preemption(write: &Write, by: &Binding) -> Result<(), String> {
    let (mine, theirs) = (priority(&write.binding), priority(by));
    if mine >= theirs || !preempts(by) {
        return Err(format!("{} ({mine}) has to leave for one of priority {theirs}", write.key));
    }
    let left: Vec<&String> = write.binding.spec.clusters.iter().map(|target| &target.name).collect();
    let tasks = write.eviction_tasks.iter().flatten();
    let told: Vec<&String> =
        tasks.filter(|task| task.is_preemption()).map(|task| &task.from_cluster).collect();
    if !write.targets.is_empty() || left != told || left.is_empty() {
        return Err(format!("{} leaves {left:?} and says that it leaves {told:?}", write.key));
    }
    Ok(())
}

fn preempts(binding: &Binding) -> bool {
    let priority = binding.spec.schedule_priority.as_ref();
    priority.and_then(|it| it.preemption) == Some(SchedulePreemption::PreemptLowerPriority)
}

/// What is put into a cluster fits there, next to all that is known to be there or on its way.
fn room(world: &World, process: &Process, write: &Write, target: &TargetCluster) -> Result<(), String> {
    let spec = &write.binding.spec;
    let before = spec.clusters.iter().find(|before| before.name == target.name);
    if before.is_some_and(|before| target.replicas <= before.replicas) {
        return Ok(());
    }
    let Some(report) = process.reports.get(&target.name) else {
        return Err(format!("{} goes to {}, of which nothing is known", write.key, target.name));
    };
    let mut taken = 0;
    let mut takers = String::new();
    for (key, binding) in &process.bindings {
        if *key == write.key {
            continue;
        }
        let writing = process
            .writing
            .get(key)
            .into_iter()
            .flat_map(|(targets, _)| targets)
            .filter(|it| it.name == target.name);
        let writing = writing.map(|it| cpus(&binding.spec, it.replicas)).max().unwrap_or(0);
        let running = report.running.get(key).copied().unwrap_or(0);
        // What has left by now is seen to have left before its binding says so.
        let truth = world.store.bindings.get(key).map_or(0, |truth| assigned(truth, &target.name));
        let takes = assigned(binding, &target.name).min(truth).max(writing).max(running);
        if takes > 0 {
            let promised = process.engine.standing(key, Duration::ZERO).map(|it| it.promised);
            let _ =
                writeln!(takers, "  {key} takes {takes}, {running} are seen to run, promised: {promised:?}");
        }
        taken += takes;
    }
    let gone = report.running.iter().filter(|(key, _)| !process.bindings.contains_key(key));
    taken += gone.map(|(_, running)| running).sum::<i64>();
    let there = report.running.get(&write.key).copied().unwrap_or(0);
    let mine = cpus(spec, target.replicas).max(there);
    // What fits on no node takes no room there: more than there is because it does not go by room, because the cluster
    // has shrunk, or because it is counted as promised and as running while it starts.
    let promises = process.engine.clusters().get(&target.name).map(|it| it.promises.as_slice());
    let needs = promises.into_iter().flatten().flat_map(|promise| &promise.needs);
    let promised: i64 = needs.map(|need| need.replicas * need.request.get("cpu").units()).sum();
    let counted = report.running.values().sum::<i64>() + promised;
    let reserved: i64 = reserved(world, process, write, &target.name);
    let had = before.map_or(0, |before| cpus(spec, before.replicas) - there).max(0);
    let exceeded = (taken + there).max(counted - cpus(spec, target.replicas) + had) > report.capacity;
    if !exceeded && taken + reserved + mine > report.capacity {
        return Err(format!(
            "{} gets {mine} cpus in {}, where {taken} of {} are taken or promised, and {reserved} kept free:\n{takers}",
            write.key, target.name, report.capacity
        ));
    }
    Ok(())
}

/// What is kept free in a cluster for others that wait until there is room, and go before this one.
fn reserved(world: &World, process: &Process, write: &Write, cluster: &str) -> i64 {
    let waiting = process.bindings.iter().filter(|(key, binding)| {
        **key != write.key
            && preempts(binding)
            && priority(binding) >= priority(&write.binding)
            && binding.spec.clusters.is_empty()
            && !process.writing.contains_key(key)
            && matches!(process.engine.place(key, world.now), Some(Place::Unschedulable { .. }))
    });
    let promised = waiting.filter_map(|(key, _)| process.engine.standing(key, world.now));
    let promised = promised.flat_map(|standing| standing.promised).filter(|(name, _)| name == cluster);
    let needs = promised.flat_map(|(_, promise)| promise.needs);
    needs.map(|need| need.replicas * need.request.get("cpu").units()).sum()
}

/// Nothing has been disturbed for long.
pub(crate) fn at_rest(world: &World) -> Result<(), String> {
    let snapshot = Snapshot::new(world.store.clusters.values().map(|report| report.state.clone().into()));
    let [process] = &world.processes[..] else {
        return Err(format!("{} schedulers are left", world.processes.len()));
    };
    for (key, binding) in &world.store.bindings {
        let place = process.engine.place(key, world.now);
        stands(world, &snapshot, binding, place)
            .map_err(|what| format!("at rest, {key} ({place:?}) {what}"))?;
    }
    Ok(())
}

fn stands(world: &World, snapshot: &Snapshot, binding: &Binding, place: Option<Place>) -> Result<(), String> {
    let status = binding.status.clone().unwrap_or_default();
    let condition = status.conditions.iter().find(|condition| condition.type_ == "Scheduled");
    let Some(condition) = condition else { return Err("says nothing of its schedule".to_owned()) };
    if is_suspended(binding) {
        return match place {
            Some(Place::Suspended) if condition.reason == "Suspended" => Ok(()),
            _ => Err(format!("is suspended and says {}", condition.reason)),
        };
    }
    let told = status.scheduler_observed_generation == binding.metadata.generation.unwrap_or_default();
    let applied = binding.metadata.annotations.as_ref().and_then(|them| them.get(APPLIED_PLACEMENT));
    let cause = due(snapshot, &binding.spec, &status, applied.map(String::as_str));
    let decision = decide(snapshot, &binding.spec, &status, &Context::default());
    match place {
        Some(Place::Settled) => {
            if condition.status != "True" || !told {
                return Err(format!("is settled and says {}: {}", condition.reason, condition.message));
            }
            match cause {
                None => Ok(()),
                Some(Cause::Unplaced)
                    if binding.spec.replicas == 0 && binding.spec.replica_requirements.is_some() =>
                {
                    Ok(())
                }
                // It follows the clusters, or wants no replicas.
                Some(Cause::Duplicated | Cause::Unplaced | Cause::Replicas) => match decision {
                    Decision::Scheduled { targets, .. } if targets == binding.spec.clusters => Ok(()),
                    other => Err(format!("should be {other:?}, and is {:?}", binding.spec.clusters)),
                },
                Some(cause) => Err(format!("is settled though a decision is due: {cause:?}")),
            }
        }
        Some(Place::Unschedulable { .. }) => {
            if condition.status != "False" || !told {
                return Err(format!("is refused and says {}: {}", condition.reason, condition.message));
            }
            let mut tasks = binding.spec.graceful_eviction_tasks.iter();
            let preempted =
                binding.spec.clusters.is_empty() && tasks.any(GracefulEvictionTask::is_preemption);
            if preempted && condition.reason == "Unschedulable" {
                return Err(format!("had to leave, and says no word of it: {}", condition.message));
            }
            let Decision::Scheduled { targets, .. } = decision else {
                return helped_by_none(world, snapshot, binding, &status);
            };
            let mut placed = binding.clone();
            placed.spec.clusters.clone_from(&targets);
            let grown = !binding.spec.components.is_empty() && !binding.spec.clusters.is_empty();
            if grown || world.store.over_quota(&placed).is_some() {
                return Ok(());
            }
            Err(format!("could go to {targets:?} and waits: {}", condition.message))
        }
        _ => Err("has not come to rest".to_owned()),
    }
}

/// A binding that finds no room takes none from others, because it does not want to or it would not help.
fn helped_by_none(
    world: &World,
    snapshot: &Snapshot,
    binding: &Binding,
    status: &ResourceBindingStatus,
) -> Result<(), String> {
    let others: Vec<(&Key, Occupant<'_>)> = world
        .store
        .bindings
        .iter()
        .filter(|(key, other)| **key != Key::of(&binding.metadata) && !is_suspended(other))
        .map(|(key, other)| (key, Occupant { spec: &other.spec, priority: priority(other), since: 0 }))
        .collect();
    let occupants: Vec<Occupant<'_>> = others.iter().map(|(_, occupant)| *occupant).collect();
    let found = preempt(snapshot, &binding.spec, status, &Context::default(), &occupants, &[]);
    let Some(found) = found else { return Ok(()) };
    let mut placed = binding.clone();
    placed.spec.clusters.clone_from(&found.targets);
    if world.store.over_quota(&placed).is_some() {
        return Ok(());
    }
    let victims: Vec<&Key> = found.victims.iter().map(|victim| others[*victim].0).collect();
    Err(format!("waits, and could go to {:?} if {victims:?} left", found.targets))
}

/// A binding's priority.
pub(crate) fn priority(binding: &Binding) -> i32 {
    binding.spec.schedule_priority.as_ref().map_or(0, |it| it.priority)
}

fn is_suspended(binding: &Binding) -> bool {
    binding.spec.suspension.as_ref().and_then(|suspension| suspension.scheduling).unwrap_or(false)
}
