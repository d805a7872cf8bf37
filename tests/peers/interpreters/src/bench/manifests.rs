//! The objects that are asked about.

use serde_json::{Map, Value, json};

use crate::asked::Question;
use crate::seeds::OfKind;

/// How many members a status is drawn together from.
const MEMBERS: usize = 3;

/// Questions of one operation about objects of one kind, the richest object first.
pub(super) fn questions(operation: &str, of: &OfKind) -> Vec<Question> {
    let mut objects = richest_first(&of.objects);
    if matches!(operation, "InterpretStatus" | "InterpretHealth") {
        // They are asked about what members have, and that has a status; the richest object may be a template.
        objects.sort_by_key(|object| object["status"].as_object().is_none_or(Map::is_empty));
    }
    let statuses = richest_first(&of.statuses);
    objects
        .into_iter()
        .map(|object| {
            let mut question = json!({"op": operation, "object": object});
            match operation {
                "ReviseReplica" => question["replicas"] = 7.into(),
                "Retain" => question["observed"] = object.clone(),
                "AggregateStatus" => {
                    question["items"] = (0..MEMBERS).map(|at| item(at, &statuses)).collect();
                }
                _ => {}
            }
            Question(question)
        })
        .collect()
}

/// Questions about what is to be kept of a member's object that is another than the desired one, the richest first.
pub(super) fn retentions(of: &OfKind) -> Vec<Question> {
    let objects = richest_first(&of.objects);
    let pairs = objects.iter().flat_map(|desired| objects.iter().map(move |observed| (*desired, *observed)));
    pairs
        .filter(|(desired, observed)| desired != observed)
        .map(|(desired, observed)| Question(json!({"op": "Retain", "object": desired, "observed": observed})))
        .collect()
}

/// `question` about an object of about `bytes` bytes: as it is, with so much more in its spec and in its status as no
/// plugin looks into.
pub(super) fn enlarged(question: &Question, bytes: usize) -> Question {
    let Question(mut question) = question.clone();
    let padding: Vec<Value> = (0..bytes / PADDING_BYTES)
        .map(|at| json!({"name": format!("SETTING_{at:06}"), "value": "a".repeat(24), "weights": [1, 0.5, true]}))
        .collect();
    for object in ["object", "observed"] {
        if let Some(spec) = question.get_mut(object).and_then(|object| object.get_mut("spec"))
            && spec.is_object()
        {
            spec["padding"] = padding.clone().into();
        } else if question.get(object).is_some() {
            question[object]["padding"] = padding.clone().into();
        }
    }
    Question(question)
}

/// What one item of the padding takes.
const PADDING_BYTES: usize = 82;

fn item(at: usize, statuses: &[&Value]) -> Value {
    let status = statuses.get(at % statuses.len().max(1)).map_or(Value::Null, |status| (*status).clone());
    json!({"clusterName": format!("member{}", at + 1), "applied": true, "health": "Healthy", "status": status})
}

fn richest_first(values: &[Value]) -> Vec<&Value> {
    let mut values: Vec<&Value> = values.iter().collect();
    values.sort_by_cached_key(|value| std::cmp::Reverse(value.to_string().len()));
    values
}
