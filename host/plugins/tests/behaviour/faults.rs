//! Calls that go wrong: each is one typed error, and nobody else notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use windlass_core::{Ask, Blame, CallError};
use windlass_plugins::{Catalogue, CodeCache, EngineConfig, InterpreterPlugin, Isolation, Limits, Plugin};

use crate::setting::{built_in, catalogue, engine, interpreter, limited, revised, thing, tight, until};
use windlass_test_guests::{GOOD, Interpreter, revise};

fn failing(how: i32) -> CallError {
    let plugin = interpreter(&catalogue(), &GOOD.component(), tight());
    let error = plugin.revise_replica(&thing(), how).expect_err("a failure");
    revised(plugin.revise_replica(&thing(), revise::WELL));
    assert_eq!(error.plugin.as_ref(), "good");
    assert_eq!(error.call, "ReviseReplica");
    assert_eq!(error.object.to_string(), "Thing default/one");
    error
}

#[test]
fn a_panic_is_a_trap() {
    assert_eq!(failing(revise::TRAP).blame, Blame::Trap);
}

#[test]
fn an_exhausted_stack_is_a_trap() {
    let error = failing(revise::EXHAUST_STACK);
    assert_eq!(error.blame, Blame::Trap);
    assert!(error.message.contains("stack"), "{error}");
}

#[test]
fn an_endless_loop_ends_at_the_deadline() {
    let begun = Instant::now();
    let error = failing(revise::LOOP_FOR_EVER);
    assert_eq!(error.blame, Blame::Deadline);
    assert!(error.message.contains("50ms"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn memory_beyond_the_limit_is_out_of_memory() {
    let error = failing(revise::EAT_MEMORY);
    assert_eq!(error.blame, Blame::OutOfMemory);
    assert!(error.message.contains("64 MiB"), "{error}");
}

#[test]
fn nonsense_is_a_bad_answer_that_names_the_place() {
    let error = failing(revise::NO_JSON);
    assert_eq!(error.blame, Blame::BadAnswer);
    assert!(error.message.contains("/spec/replicas"), "{error}");
}

#[test]
fn a_change_outside_the_fence_is_a_bad_answer_that_names_the_path() {
    let error = failing(revise::OUTSIDE_FENCE);
    assert_eq!(error.blame, Blame::BadAnswer);
    assert!(error.message.contains("/status/replicas"), "{error}");
}

#[test]
fn an_answer_that_cannot_be_read_is_a_bad_answer() {
    for how in [revise::INVALID_UTF8, revise::POINTER_OUT_OF_BOUNDS] {
        assert_eq!(failing(how).blame, Blame::BadAnswer, "{how}");
    }
}

#[test]
fn an_answer_larger_than_its_limit_is_a_bad_answer() {
    assert_eq!(failing(revise::HUGE_ANSWER).blame, Blame::BadAnswer);
}

#[test]
fn a_rejection_is_the_plugins_answer_and_names_the_field() {
    let error = failing(revise::REJECT);
    assert_eq!(error.blame, Blame::Rejected { field: Some("spec.replicas".into()) });
    assert_eq!(error.message, "must not be nine");
}

#[test]
fn what_was_asked_and_not_answered_is_a_bad_answer() {
    let plugin = interpreter(&catalogue(), &GOOD.component(), tight());
    let inspection = plugin.inspect(&thing(), Ask { health: true, status: true, ..Ask::default() });
    assert_eq!(inspection.health.map(|answer| answer.result), Some(Ok(true)));
    let status = inspection.status.expect("an answer").result.expect_err("none was given");
    assert_eq!((status.blame, status.call), (Blame::BadAnswer, "InterpretStatus"));
    assert!(inspection.replicas.is_none());
}

/// How the plugin counts, asked as often as there are `steps`; a step is what it is asked for before that.
fn counts(limits: Limits, steps: &[i32]) -> Vec<u64> {
    let plugin = interpreter(&catalogue(), &GOOD.component(), limits);
    let count = |before: &i32| {
        // Whether that fails is the matter of other tests.
        plugin.revise_replica(&thing(), *before).ok();
        let counted = plugin.revise_replica(&thing(), revise::COUNT).expect("a count");
        counted.part("spec")["replicas"].as_u64().expect("a number")
    };
    steps.iter().map(count).collect()
}

#[test]
fn an_instance_is_kept_warm_unless_isolation_is_asked_for() {
    assert_eq!(counts(Limits::default(), &[revise::WELL; 4]), [1, 2, 3, 4]);
    let isolated = Limits { isolation: Isolation::PerCall, ..Limits::default() };
    assert_eq!(counts(isolated, &[revise::WELL; 4]), [1, 1, 1, 1]);
}

#[test]
fn an_instance_is_not_kept_after_a_failure_nor_when_it_is_old_or_has_grown() {
    let steps = [revise::WELL, revise::WELL, revise::TRAP, revise::WELL];
    assert_eq!(counts(Limits::default(), &steps), [1, 2, 1, 2]);
    let grown = [revise::WELL, revise::WELL, revise::GROW, revise::WELL];
    assert_eq!(counts(Limits { resident_bytes: 4 << 20, ..Limits::default() }, &grown), [1, 2, 1, 2]);
    let old = Limits { calls_per_instance: 4, ..Limits::default() };
    assert_eq!(counts(old, &[revise::WELL; 4]), [1, 2, 1, 2]);
}

#[test]
fn more_callers_than_instances_all_get_their_answer() {
    let catalogue = Arc::new(Catalogue::new(engine(2), CodeCache::disabled()));
    let plugins: Vec<_> = ["a", "b", "c"]
        .into_iter()
        .map(|name| {
            let wasm = Interpreter { name, ..GOOD }.component();
            match catalogue.load(&built_in(name), &wasm, limited(Limits::default())).expect("a plugin") {
                Plugin::Interpreter(plugin) => plugin,
                Plugin::Admission(_) => panic!("not an interpreter"),
            }
        })
        .collect();
    std::thread::scope(|scope| {
        for caller in 0..8 {
            let plugins = &plugins;
            scope.spawn(move || {
                for call in 0..200 {
                    revised(plugins[(caller + call) % 3].revise_replica(&thing(), revise::WELL));
                }
            });
        }
    });
}

#[test]
fn a_plugin_that_only_wastes_time_is_held_back_and_let_in_again() {
    let catalogue = catalogue();
    let plugin = interpreter(&catalogue, &GOOD.component(), tight());
    until("held back", || {
        plugin.revise_replica(&thing(), revise::LOOP_FOR_EVER).expect_err("a failure").blame
            == Blame::HostFault
    });
    let refused = plugin.revise_replica(&thing(), revise::WELL).err();
    if let Some(refused) = refused {
        assert!(refused.message.contains("held back"), "{refused}");
    }
    until("let in again", || plugin.revise_replica(&thing(), revise::WELL).is_ok());
    assert!(plugin.about().counts().failures["Deadline"] >= 3);
}

/// Says that it is over when it is dropped.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn ten_thousand_bad_calls_leave_no_trace_and_good_ones_are_served_throughout() {
    let catalogue = catalogue();
    // Of the good calls in between, none may miss it on a busy machine.
    let limits = Limits { deadline: Duration::from_millis(200), ..tight() };
    let bad = interpreter(&catalogue, &Interpreter { name: "bad", ..GOOD }.component(), limits);
    let good = match catalogue.load(&built_in("good"), &GOOD.component(), limited(Limits::default())) {
        Ok(Plugin::Interpreter(plugin)) => plugin,
        _ => panic!("an interpreter loads"),
    };
    let quick = [
        revise::TRAP,
        revise::NO_JSON,
        revise::OUTSIDE_FENCE,
        revise::INVALID_UTF8,
        revise::POINTER_OUT_OF_BOUNDS,
        revise::EXHAUST_STACK,
        revise::EAT_MEMORY,
        revise::HUGE_ANSWER,
    ];
    let fail = |plugin: &InterpreterPlugin, call: usize| {
        // Loops take their whole deadline, so they are fewer.
        let how = if call % 200 == 199 { revise::LOOP_FOR_EVER } else { quick[call % quick.len()] };
        plugin.revise_replica(&thing(), how).expect_err("a failure");
        // The bad plugin's good calls are served too, so that it is not held back.
        revised(plugin.revise_replica(&thing(), revise::WELL));
    };
    (0..500).for_each(|call| fail(&bad, call));
    let before = resident_bytes();

    let (done, served) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                revised(good.revise_replica(&thing(), revise::WELL));
                served.fetch_add(1, Ordering::Relaxed);
            }
        });
        // Also where a call below does not end as it should: the scope waits for the thread.
        let _end = End(&done);
        (0..10_000).for_each(|call| fail(&bad, call));
    });
    assert!(served.load(Ordering::Relaxed) > 1_000);
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 64 << 20, "{} KiB more than before", grown >> 10);
    let counts = bad.about().counts();
    assert_eq!(counts.failures.values().sum::<u64>(), 10_500);
    assert_eq!(counts.failures.get("HostFault"), None);
}

#[test]
fn the_engine_stops_when_nobody_needs_it() {
    let engine = windlass_plugins::Engine::new(EngineConfig { instances: 2, ..EngineConfig::default() })
        .expect("an engine");
    let weak = Arc::downgrade(&engine);
    let catalogue = Catalogue::new(engine, CodeCache::disabled());
    let plugin = interpreter(&catalogue, &GOOD.component(), tight());
    drop(catalogue);
    revised(plugin.revise_replica(&thing(), revise::WELL));
    drop(plugin);
    assert!(weak.upgrade().is_none());
}

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: usize =
        statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number of pages");
    pages * 4_096
}
