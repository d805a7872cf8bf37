//! Questions: seeds with something changed, all determined by a number.

mod mutation;
mod places;

use serde_json::{Value, json};
use windlass_sdk::testing::Random;

use crate::asked::Question;
use crate::seeds::{OfKind, Seeds};
use mutation::Mutations;

pub(crate) use places::{places, remove};

/// Makes questions of one operation to objects of one kind.
pub(crate) struct Generator<'a> {
    operation: &'a str,
    of: &'a OfKind,
    mutations: Mutations<'a>,
    random: Random,
}

impl<'a> Generator<'a> {
    /// Whatever else is asked, the questions follow from `seed`, kind and operation alone.
    pub(crate) fn new(seed: u64, operation: &'a str, kind: &str, of: &'a OfKind, seeds: &'a Seeds) -> Self {
        // FNV-1a.
        let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let random =
            Random::new(kind.bytes().chain(operation.bytes()).fold(seed ^ 0xcbf2_9ce4_8422_2325, mix));
        Generator { operation, of, mutations: Mutations { seeds }, random }
    }

    /// The next question.
    pub(crate) fn question(&mut self) -> Question {
        let object = self.object();
        let mut question = json!({"op": self.operation, "object": object});
        match self.operation {
            "ReviseReplica" => {
                question["replicas"] = (*self.random.pick(&[0, 1, 2, 7, 100, i32::MAX, -1])).into();
            }
            "Retain" => {
                // Mostly the same object, as it has fared in the member.
                question["observed"] = if self.random.chance(60) {
                    let mut observed = question["object"].clone();
                    self.mutate(&mut observed);
                    observed
                } else {
                    self.object()
                };
            }
            "AggregateStatus" => {
                question["items"] = self.items();
                if self.random.chance(50) {
                    self.generations(&mut question);
                }
            }
            _ => {}
        }
        Question(question)
    }

    fn object(&mut self) -> Value {
        let seed = self.random.pick(&self.of.objects);
        let mut object = seed.clone();
        // Seeds of the same kind know different fields: a part of another makes this one richer.
        if self.random.chance(40) {
            let other = self.random.pick(&self.of.objects);
            let part = *self.random.pick(&["metadata", "spec", "status"]);
            if let Some(part_of_other) = other.get(part) {
                object[part] = part_of_other.clone();
            }
        }
        self.mutate(&mut object);
        // These decide who is asked.
        for field in ["apiVersion", "kind"] {
            object[field] = seed[field].clone();
        }
        object
    }

    fn items(&mut self) -> Value {
        let members = *self.random.pick(&[0, 1, 1, 2, 2, 3, 5]);
        (0..members).map(|member| self.item(member)).collect()
    }

    fn item(&mut self, member: usize) -> Value {
        let name = if self.random.chance(5) { "zürich".to_owned() } else { format!("member{}", member + 1) };
        let mut item = json!({
            "clusterName": name,
            "applied": self.random.chance(90),
            "health": *self.random.pick(&["Healthy", "Unhealthy", "Unknown"]),
        });
        if self.random.chance(85) && !self.of.statuses.is_empty() {
            let mut status = self.random.pick(&self.of.statuses).clone();
            self.mutate(&mut status);
            item["status"] = status;
        }
        item
    }

    /// Which generation of the template members have got to, and their operators: the one, the one before, or they don't
    /// say.
    fn generations(&mut self, question: &mut Value) {
        fn set(object: &mut Value, field: &str, generation: usize) {
            if let Some(object) = object.as_object_mut().filter(|_| generation > 0) {
                object.insert(field.to_owned(), generation.into());
            }
        }
        let generation = self.random.below(4);
        for (part, field, generation) in
            [("metadata", "generation", generation), ("status", "observedGeneration", self.random.below(4))]
        {
            question["object"].get_mut(part).into_iter().for_each(|part| set(part, field, generation));
        }
        for item in question["items"].as_array_mut().into_iter().flatten() {
            let Some(status) = item.get_mut("status") else { continue };
            let reached = if self.random.chance(60) { generation } else { self.random.below(4) };
            set(status, "resourceTemplateGeneration", reached);
            let own = 1 + self.random.below(3);
            let observed = if self.random.chance(70) { own } else { self.random.below(4) };
            set(status, "generation", own);
            set(status, "observedGeneration", observed);
        }
    }

    fn mutate(&mut self, value: &mut Value) {
        let hostile = self.random.chance(25);
        let times = *self.random.pick(&[0, 1, 1, 2, 2, 3, 4, 6]);
        for _ in 0..times {
            self.mutations.apply(value, hostile, &mut self.random);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_asks_the_same() {
        let seeds = Seeds::read().unwrap();
        let questions = |seed| -> Vec<Question> {
            let of = seeds.of("apps/v1", "Deployment").unwrap();
            let mut generator = Generator::new(seed, "AggregateStatus", "Deployment", of, &seeds);
            (0..50).map(|_| generator.question()).collect()
        };
        assert_eq!(questions(7), questions(7));
        assert_ne!(questions(7), questions(8));
        assert!(questions(7).iter().all(|question| question.kind() == ("apps/v1", "Deployment")));
        assert!(questions(7).iter().any(|question| question.0["items"].as_array().unwrap().len() > 1));
    }
}
