//! The smallest question that still differs.

use serde_json::{Value, json};

use crate::asked::Question;
use crate::generate::{places, remove};

/// How many questions one example may take.
const ATTEMPTS: usize = 600;

/// Takes away whatever can be while `differs` holds, then makes simple what is left.
///
/// # Errors
/// Those of `differs`.
pub(crate) fn shrink(
    question: &Question,
    mut differs: impl FnMut(&Question) -> anyhow::Result<bool>,
) -> anyhow::Result<Question> {
    let mut smallest = question.clone();
    let mut attempts = 0;
    let mut try_one = |smallest: &mut Question, smaller: Question| {
        if smaller == *smallest || attempts == ATTEMPTS {
            return anyhow::Ok(false);
        }
        attempts += 1;
        let still = differs(&smaller)?;
        if still {
            *smallest = smaller;
        }
        Ok(still)
    };
    let mut again = true;
    while again {
        again = false;
        // Outer parts come first; the list is read anew after each success, as places move.
        let mut index = 0;
        loop {
            let removable = parts(&smallest);
            let Some(pointer) = removable.get(index) else { break };
            let mut smaller = smallest.clone();
            remove(&mut smaller.0, pointer);
            if try_one(&mut smallest, smaller)? {
                again = true;
            } else {
                index += 1;
            }
        }
    }
    for pointer in parts(&smallest) {
        let simple = match smallest.0.pointer(&pointer) {
            Some(Value::String(text)) if text.len() > 1 => json!("a"),
            Some(Value::Number(number)) if number.as_f64() != Some(1.0) => json!(1),
            _ => continue,
        };
        let mut smaller = smallest.clone();
        *smaller.0.pointer_mut(&pointer).expect("it was found there") = simple;
        try_one(&mut smallest, smaller)?;
    }
    Ok(smallest)
}

/// What of a question may go: not what makes it one.
fn parts(question: &Question) -> Vec<String> {
    let needed = |pointer: &str| {
        let inner = |prefix: &str| pointer.strip_prefix(prefix);
        let object = inner("/object").or_else(|| inner("/observed"));
        let item = inner("/items/").and_then(|rest| rest.split_once('/')).map(|(_, field)| field);
        matches!(pointer, "/op" | "/replicas" | "/items")
            || matches!(object, Some("" | "/apiVersion" | "/kind"))
            || item.is_some_and(|field| field == "clusterName")
    };
    places(&question.0).into_iter().map(|place| place.pointer).filter(|pointer| !needed(pointer)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_matter_goes() {
        let question = Question(json!({
            "op": "AggregateStatus",
            "object": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "long"}, "spec": {"a": [1, {"b": 7}]}},
            "items": [{"clusterName": "m1", "status": {"x": 1}}, {"clusterName": "m2"}],
        }));
        let small = shrink(&question, |question| {
            Ok(question.0.pointer("/object/spec/a").is_some_and(|a| a.to_string().contains("\"b\"")))
        })
        .unwrap();
        let object = json!({"apiVersion": "v1", "kind": "Pod", "spec": {"a": [{"b": 1}]}});
        assert_eq!(small.0, json!({"op": "AggregateStatus", "object": object, "items": []}));
    }
}
