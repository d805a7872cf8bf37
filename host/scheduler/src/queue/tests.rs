use super::*;
use proptest::prelude::*;

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn queue() -> Queue<&'static str> {
    Queue::new(Limits::default())
}

fn drain(queue: &mut Queue<&'static str>, now: Duration) -> Vec<&'static str> {
    std::iter::from_fn(|| queue.pop(now)).map(|popped| popped.key).collect()
}

#[test]
fn the_more_urgent_goes_first_and_among_equals_the_earlier() {
    let mut queue = queue();
    for (key, priority) in [("b", 1), ("c", 1), ("a", 1_000_000), ("d", -5)] {
        queue.push(key, priority);
    }
    assert_eq!(drain(&mut queue, at(0)), ["a", "b", "c", "d"]);
}

#[test]
fn what_comes_to_wait_is_counted_by_what_brought_it() {
    let mut queue = queue();
    queue.push("a", 1);
    queue.push("b", 1);
    let (a, b) = (queue.pop(at(0)).unwrap(), queue.pop(at(0)).unwrap());
    queue.back_off(a, at(0));
    queue.unschedulable(b, at(0));
    assert_eq!(queue.event(|_| true), 1);
    assert_eq!(queue.incoming(), Incoming { pushed: 2, failed: 2, woken: 1 });
}

#[test]
fn a_changed_priority_takes_effect_while_waiting() {
    let mut queue = queue();
    queue.push("a", 1);
    queue.push("b", 1);
    queue.push("b", 2);
    assert_eq!(drain(&mut queue, at(0)), ["b", "a"]);
    queue.push("a", 1);
    queue.push("b", 0);
    queue.push("a", 1);
    queue.set_priority(&"b", 9);
    queue.set_priority(&"absent", 9);
    assert_eq!(drain(&mut queue, at(0)), ["b", "a"]);
}

#[test]
fn a_change_does_not_cost_a_binding_its_place() {
    let mut queue = queue();
    queue.push("a", 1);
    queue.push("b", 1);
    queue.push("a", 1);
    assert_eq!(drain(&mut queue, at(0)), ["a", "b"]);
}

#[test]
fn what_is_suspended_or_gone_is_not_popped() {
    let mut queue = queue();
    queue.push("a", 1);
    queue.remove(&"a");
    queue.remove(&"a");
    assert_eq!(queue.pop(at(0)), None);
    assert!(queue.is_empty());
}

#[test]
fn backoff_doubles_from_one_second_to_ten() {
    let mut queue = queue();
    queue.push("a", 0);
    let mut now = Duration::ZERO;
    for wait in [1, 2, 4, 8, 10, 10, 10] {
        let popped = queue.pop(now).unwrap();
        queue.back_off(popped, now);
        assert_eq!(queue.next_at(now), Some(now + at(wait)));
        assert_eq!(queue.pop(now + at(wait) - Duration::from_nanos(1)), None);
        now += at(wait);
    }
    queue.push("a", 0);
    let popped = queue.pop(now).unwrap();
    queue.back_off(popped, now);
    assert_eq!(queue.next_at(now), Some(now + at(1)), "a change forgets past failures");
}

#[test]
fn many_failures_do_not_overflow() {
    let mut queue = queue();
    queue.push("a", 0);
    let mut now = Duration::ZERO;
    for _ in 0..100 {
        let popped = queue.pop(now).unwrap();
        queue.back_off(popped, now);
        now += at(10);
    }
    let popped = queue.pop(Duration::MAX).unwrap();
    queue.back_off(popped, Duration::MAX);
    assert!(queue.pop(Duration::MAX).is_some());
}

#[test]
fn backoff_is_released_by_priority() {
    let mut queue = queue();
    queue.push("low", 1);
    queue.push("high", 2);
    let high = queue.pop(at(0)).unwrap();
    let low = queue.pop(at(0)).unwrap();
    queue.back_off(low, at(0));
    queue.back_off(high, at(1));
    assert_eq!(drain(&mut queue, at(5)), ["high", "low"]);
}

#[test]
fn the_unschedulable_wait_for_an_event_or_five_minutes() {
    let mut queue = queue();
    for key in ["a", "b"] {
        queue.push(key, 0);
        let popped = queue.pop(at(0)).unwrap();
        queue.unschedulable(popped, at(0));
    }
    assert_eq!((queue.pop(at(299)), queue.depths()), (None, [0, 0, 2]));
    assert_eq!(queue.event(|key| *key == "b"), 1);
    assert_eq!(drain(&mut queue, at(299)), ["b"]);
    assert_eq!(queue.next_at(at(299)), Some(at(300)));
    assert_eq!(drain(&mut queue, at(300)), ["a"]);
}

#[test]
fn an_event_during_a_decision_is_not_lost() {
    let mut queue = queue();
    queue.push("a", 0);
    let popped = queue.pop(at(0)).unwrap();
    queue.event(|_| true);
    queue.unschedulable(popped, at(0));
    assert_eq!(drain(&mut queue, at(0)), ["a"]);
}

#[test]
fn a_change_during_a_decision_is_not_lost() {
    let mut queue = queue();
    queue.push("a", 0);
    let popped = queue.pop(at(0)).unwrap();
    queue.push("a", 7);
    queue.back_off(popped.clone(), at(0));
    queue.unschedulable(popped, at(0));
    assert_eq!(queue.pop(at(0)).map(|popped| popped.priority), Some(7));
    assert!(queue.is_empty());
}

#[derive(Clone, Debug)]
enum Step {
    Push(u8, i32),
    Priority(u8, i32),
    Remove(u8),
    Pop,
    BackOff,
    Unschedulable,
    Event,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0u8..6, -2i32..3).prop_map(|(key, priority)| Step::Push(key, priority)),
        (0u8..6, -2i32..3).prop_map(|(key, priority)| Step::Priority(key, priority)),
        (0u8..6).prop_map(Step::Remove),
        Just(Step::Pop),
        Just(Step::BackOff),
        Just(Step::Unschedulable),
        Just(Step::Event),
        (0u64..400).prop_map(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn nothing_is_lost_or_doubled_and_no_pop_passes_over_a_more_urgent_one(
        steps in prop::collection::vec(step(), 0..80),
    ) {
        let mut queue: Queue<u8> = Queue::new(Limits::default());
        let mut waiting = BTreeMap::<u8, i32>::new();
        let mut held: Option<Popped<u8>> = None;
        let mut now = Duration::ZERO;
        for step in steps {
            match step {
                Step::Push(key, priority) => {
                    queue.push(key, priority);
                    waiting.insert(key, priority);
                }
                Step::Priority(key, priority) => {
                    queue.set_priority(&key, priority);
                    waiting.entry(key).and_modify(|present| *present = priority);
                }
                Step::Remove(key) => {
                    queue.remove(&key);
                    waiting.remove(&key);
                }
                Step::Pop => {
                    if let Some(popped) = queue.pop(now) {
                        prop_assert_eq!(waiting.remove(&popped.key), Some(popped.priority));
                        let more_urgent = queue.active.values().any(|key| waiting[key] > popped.priority);
                        prop_assert!(!more_urgent);
                        held = Some(popped);
                    }
                }
                Step::BackOff | Step::Unschedulable => {
                    if let Some(popped) = held.take() {
                        waiting.entry(popped.key).or_insert(popped.priority);
                        match step {
                            Step::BackOff => queue.back_off(popped, now),
                            _ => queue.unschedulable(popped, now),
                        }
                    }
                }
                Step::Event => {
                    queue.event(|_| true);
                }
                Step::Wait(seconds) => now += at(seconds),
            }
            prop_assert_eq!(queue.len(), waiting.len());
            prop_assert_eq!(queue.depths().iter().sum::<usize>(), waiting.len());
        }
        now += at(300);
        let mut left: Vec<u8> = std::iter::from_fn(|| queue.pop(now)).map(|popped| popped.key).collect();
        left.sort_unstable();
        prop_assert_eq!(left, waiting.into_keys().collect::<Vec<_>>());
    }
}
