//! What is asked.

use std::sync::Arc;

use anyhow::Context;
use serde_json::{Value, json};
use windlass_scheduler::{Counted, Need, Question, Resources};

use super::member::NAMESPACES;
use crate::apiserver::Random;

/// A question that any pod template could raise.
pub(super) fn random(random: &mut Random) -> anyhow::Result<Question> {
    let namespace = *random.pick(&NAMESPACES);
    if random.chance(50) {
        return Ok(Question::new(Counted::Replicas, namespace, &[need(random, 1)?]));
    }
    let mut needs = Vec::new();
    for _ in 0..=random.below(4) {
        let replicas = i64::try_from(random.below(5)).context("a small number")?;
        needs.push(need(random, replicas)?);
    }
    // Karmada counts sets of nothing for ever.
    needs[0].replicas = needs[0].replicas.max(1);
    Ok(Question::new(Counted::Sets, namespace, &needs))
}

/// So many cores each, and nothing else.
pub(super) fn cores(counted: Counted, namespace: &str, cpu: &str) -> anyhow::Result<Question> {
    let need = Need { replicas: 1, request: resources(&json!({"cpu": cpu}))?, ..Need::default() };
    Ok(Question::new(counted, namespace, &[need]))
}

pub(super) fn resources(amounts: &Value) -> anyhow::Result<Resources> {
    Ok(Resources::read(&serde_json::from_value(amounts.clone())?)?)
}

fn need(random: &mut Random, replicas: i64) -> anyhow::Result<Need> {
    let mut amounts = json!({});
    for (resource, percent, choices) in [
        ("cpu", 80, ["100m", "750m", "1", "3"]),
        ("memory", 60, ["256Mi", "500M", "1Gi", "5Gi"]),
        ("nvidia.com/gpu", 10, ["1", "1", "2", "5"]),
        ("ephemeral-storage", 10, ["1Gi", "1Gi", "9Gi", "30Gi"]),
    ] {
        if random.chance(percent) {
            amounts[resource] = json!(*random.pick(&choices));
        }
    }
    let claim = random.chance(60).then(|| claim(random));
    Ok(Need {
        name: format!("c{replicas}"),
        replicas,
        request: resources(&amounts)?,
        claim: claim.map(serde_json::from_value).transpose()?.map(Arc::new),
        priority_class: (*random.pick(&["", "", "high", "low"])).to_owned(),
    })
}

fn claim(random: &mut Random) -> Value {
    let mut claim = json!({});
    if random.chance(30) {
        claim["nodeSelector"] = json!({"disk": *random.pick(&["ssd", "hdd", "none"])});
    }
    if random.chance(40) {
        let requirement = |key: &str, operator: &str, values: Value| json!({"key": key, "operator": operator, "values": values});
        let expressions = [
            requirement("rack", "In", json!(["r1", "r2"])),
            requirement("rack", "NotIn", json!(["r1"])),
            requirement("disk", "Exists", json!([])),
            requirement("nothing", "DoesNotExist", json!([])),
            requirement("size", "Gt", json!(["4"])),
            requirement("size", "Lt", json!(["4"])),
        ];
        let mut terms = Vec::new();
        for _ in 0..=random.below(2) {
            let mut term =
                json!({"matchExpressions": [random.pick(&expressions), random.pick(&expressions)]});
            if random.chance(20) {
                term["matchFields"] = json!([requirement("metadata.name", "NotIn", json!(["n03"]))]);
            }
            if random.chance(5) {
                term = json!({});
            }
            terms.push(term);
        }
        claim["hardNodeAffinity"] = json!({"nodeSelectorTerms": terms});
    }
    let tolerations = [
        json!({"key": "gpu", "operator": "Exists"}),
        json!({"key": "gpu", "operator": "Equal", "value": "yes", "effect": "NoSchedule"}),
        json!({"key": "gpu", "value": "no"}),
        json!({"operator": "Exists"}),
        json!({"operator": "Exists", "effect": "NoExecute"}),
        json!({"key": "node.kubernetes.io/unschedulable", "operator": "Exists"}),
        json!({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}),
        json!({"key": "node.kubernetes.io/unschedulable", "operator": "Exists", "effect": "NoExecute"}),
    ];
    if random.chance(60) {
        claim["tolerations"] = json!([random.pick(&tolerations), random.pick(&tolerations)]);
    }
    claim
}
