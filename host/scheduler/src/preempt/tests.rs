use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::testing::{cluster, deployment, flink, node, snapshot, unseen};

fn asking(mut spec: ResourceBindingSpec, priority: i32) -> ResourceBindingSpec {
    spec.schedule_priority =
        serde_json::from_value(json!({"priority": priority, "preemption": "PreemptLowerPriority"})).unwrap();
    spec
}

fn aggregated() -> Value {
    json!({"replicaScheduling": {"replicaSchedulingType": "Divided", "replicaDivisionPreference": "Aggregated"}})
}

/// A Deployment of so many replicas of one cpu each in each of these clusters.
fn placed(clusters: &[(&str, i32)]) -> ResourceBindingSpec {
    let mut spec = deployment(clusters.iter().map(|(_, replicas)| replicas).sum(), aggregated());
    let target = |(name, replicas): &(&str, i32)| json!({"name": name, "replicas": replicas});
    spec.clusters = serde_json::from_value(clusters.iter().map(target).collect()).unwrap();
    spec
}

fn ask(
    snapshot: &Snapshot,
    spec: &ResourceBindingSpec,
    others: &[(ResourceBindingSpec, i32)],
) -> Option<Vec<usize>> {
    let occupants: Vec<Occupant<'_>> = others
        .iter()
        .enumerate()
        .map(|(since, (spec, priority))| Occupant { spec, priority: *priority, since: since as i64 })
        .collect();
    preempt(snapshot, spec, &unseen(), &Context::default(), &occupants, &[])
        .map(|preemption| preemption.victims)
}

#[test]
fn the_fewest_leave_then_the_lowest_then_the_newest() {
    let clusters =
        snapshot([cluster("a").cpu("0").nodes([full("a", "9")]), cluster("b").nodes([full("b", "9")])]);
    let spec = asking(flink(), 10);
    let one = |cluster: &str, cpu: i32, priority: i32| (placed(&[(cluster, cpu)]), priority);
    // A set takes 5.
    assert_eq!(ask(&clusters, &spec, &[one("a", 3, 0), one("a", 3, 0), one("b", 5, 9)]), Some(vec![2]));
    assert_eq!(ask(&clusters, &spec, &[one("a", 6, 5), one("b", 5, 1), one("b", 9, 2)]), Some(vec![1]));
    assert_eq!(ask(&clusters, &spec, &[one("a", 5, 1), one("a", 5, 1), one("b", 4, 0)]), Some(vec![1]));
    assert_eq!(ask(&clusters, &spec, &[one("a", 2, 1), one("a", 3, 2), one("a", 3, 1)]), Some(vec![0, 2]));
    assert_eq!(ask(&clusters, &spec, &[one("a", 9, 10), one("b", 9, 11)]), None, "nobody is lower");
    assert_eq!(ask(&clusters, &spec, &[one("a", 4, 1), one("b", 4, 1)]), None, "no cluster gets enough");
}

/// A node that is full of pods of one cpu each.
fn full(name: &str, cpu: &str) -> crate::Node {
    let mut node = node(name, cpu, "64Gi");
    node.requested = crate::testing::resources(&[("cpu", cpu)]);
    node.pods = node.allocatable.get("cpu").units();
    node
}

#[test]
fn room_comes_from_several_clusters_where_replicas_are_divided() {
    let summary =
        |free: &str| [("cpu", free), ("pods", "100")].map(|(name, amount)| (name, amount.to_owned()));
    let built = |name: &str, free: &str| {
        let amounts = summary(free);
        let amounts: Vec<(&str, &str)> =
            amounts.iter().map(|(name, amount)| (*name, amount.as_str())).collect();
        cluster(name).summary(&amounts)
    };
    let clusters = snapshot([built("a", "1"), built("b", "0"), built("c", "0")]);
    let mut spec = asking(deployment(8, aggregated()), 10);
    let others = [
        (placed(&[("a", 3), ("b", 3)]), 2),
        (placed(&[("b", 4)]), 1),
        (placed(&[("c", 2)]), 1),
        (placed(&[("c", 1)]), 0),
    ];
    assert_eq!(ask(&clusters, &spec, &others), Some(vec![0, 3]));
    spec.schedule_priority.as_mut().unwrap().preemption = None;
    assert_eq!(ask(&clusters, &spec, &others), None, "off unless the policy says so");
    let spec = asking(deployment(1, aggregated()), 10);
    assert_eq!(ask(&clusters, &spec, &others), None, "nobody needs to leave");
    let spec = asking(deployment(15, aggregated()), 10);
    assert_eq!(ask(&clusters, &spec, &others), None, "it would not help");
}

#[test]
fn what_is_only_promised_is_given_back_as_a_promise() {
    let other = placed(&[("a", 4)]);
    let promise = crate::Promise::of(&other, &other.clusters[0]).unwrap();
    let clusters = snapshot([cluster("a").cpu("5").promise("default", promise.needs)]);
    assert_eq!(ask(&clusters, &asking(flink(), 1), &[(other, 0)]), Some(vec![0]));
}

#[test]
fn ten_thousand_occupants_are_chosen_from_in_bounded_time() {
    let start = std::time::Instant::now();
    let names: Vec<String> = (0..100).map(|index| format!("m{index:03}")).collect();
    let clusters = snapshot(
        names
            .iter()
            .map(|name| cluster(name).summary(&[("cpu", "0"), ("memory", "1Ti"), ("pods", "100000")])),
    );
    let others: Vec<_> = (0..10_000usize)
        .map(|index| {
            let home = names[index % 100].as_str();
            let other = names[(index * 7 + 1) % 100].as_str();
            (placed(&[(home, (index % 3) as i32 + 1), (other, 1)]), (index % 10) as i32)
        })
        .collect();
    assert_eq!(ask(&clusters, &asking(flink(), 100), &others).unwrap().len(), 2);
    let victims = ask(&clusters, &asking(deployment(400, aggregated()), 100), &others).unwrap();
    assert_eq!(victims.len(), 100);
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
}

proptest! {
    /// Against every choice there is.
    #[test]
    fn whoever_leaves_makes_room_and_nobody_leaves_in_vain(
        free in prop::collection::vec(0i64..4, 1..4),
        held in prop::collection::vec((0usize..3, 1i32..6, 0i32..3), 0..7),
        wanted in 1i32..12, whole in any::<bool>(),
    ) {
        let names = ["a", "b", "c"];
        let built = |extra: &dyn Fn(usize) -> i64| snapshot(free.iter().enumerate().map(|(index, cpu)| {
            cluster(names[index]).summary(&[("cpu", &(cpu + extra(index)).to_string()), ("memory", "1Ti"), ("pods", "100")])
        }));
        let held: Vec<_> = held.into_iter().filter(|(cluster, ..)| *cluster < free.len()).collect();
        let others: Vec<_> =
            held.iter().map(|(cluster, cpu, priority)| (placed(&[(names[*cluster], *cpu)]), *priority)).collect();
        let spec = asking(if whole { flink() } else { deployment(wanted, aggregated()) }, 2);
        let does = |leaving: &[usize]| {
            let extra = |cluster: usize| leaving.iter()
                .filter(|index| held[**index].0 == cluster).map(|index| i64::from(held[*index].1)).sum::<i64>();
            let decision = crate::decide(&built(&extra), &spec, &unseen(), &Context::default());
            matches!(decision, Decision::Scheduled { .. })
        };
        let lower: Vec<usize> = (0..held.len()).filter(|index| held[*index].2 < 2).collect();
        let fewest = (0u32..1 << lower.len())
            .map(|chosen| lower.iter().enumerate()
                .filter(|(place, _)| chosen >> place & 1 == 1).map(|(_, index)| *index).collect::<Vec<_>>())
            .filter(|leaving| does(leaving))
            .map(|leaving| leaving.len())
            .min();
        match ask(&built(&|_| 0), &spec, &others) {
            Some(victims) => {
                prop_assert!(does(&victims));
                prop_assert!(victims.iter().all(|victim| held[*victim].2 < 2));
                prop_assert_eq!(Some(victims.len()), fewest);
            }
            None => prop_assert!(matches!(fewest, None | Some(0))),
        }
    }
}
