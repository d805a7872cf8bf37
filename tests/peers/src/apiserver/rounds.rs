//! Rounds: short sequences of requests about one kind, in a namespace of their own, so that each can be repeated, and
//! made shorter, by itself.

use serde_json::{Value, json};
use windlass_sdk::testing::Random;

use super::call::{self, Body, Call};
use super::corpus::Sample;
use super::mutation::{mutate, pointers, remove, value};
use super::normal::GENERATE;
use super::schema::Schemas;

const JSON_PATCH: &str = "application/json-patch+json";
const MERGE_PATCH: &str = "application/merge-patch+json";
const STRATEGIC_PATCH: &str = "application/strategic-merge-patch+json";
const APPLY_PATCH: &str = "application/apply-patch+yaml";
const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io";
const PARTIAL: &str = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
const PARTIAL_LIST: &str = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
const REPRESENTATIONS: [&str; 4] = [TABLE, PARTIAL, "application/yaml", "text/html"];
/// The objects of a round: mostly the same one, so that its requests meet.
const LETTERS: [&str; 5] = ["a", "a", "a", "a", "b"];
/// Requests of a round, besides those that every round begins and ends with.
const LENGTH_MAX: usize = 14;
/// The letter of the object whose creation ends a round's events.
pub(crate) const LAST: &str = "z";

#[derive(Clone)]
pub(crate) struct Round {
    pub(crate) sample: Sample,
    pub(crate) calls: Vec<Call>,
}

/// Each sample created as it is and read in every representation.
pub(crate) fn plain(sample: &Sample) -> Round {
    let wide = if sample.namespaced { "" } else { "round=$(ns)" };
    let list = || Call::get(sample.collection()).with("labelSelector", wide);
    let calls = vec![
        Call::new("POST", sample.collection(), sample.object.clone()),
        Call::get(sample.path("a")),
        Call::get(sample.path("a")).accept(TABLE),
        Call::get(sample.path("a")).accept(PARTIAL),
        list(),
        list().accept(TABLE),
        list().accept(PARTIAL_LIST),
    ];
    Round { sample: sample.clone(), calls }
}

pub(crate) struct Generator<'a> {
    pub(crate) samples: &'a [Sample],
    pub(crate) schemas: &'a Schemas,
    pub(crate) random: Random,
}

impl Generator<'_> {
    pub(crate) fn round(&mut self) -> Round {
        let sample = self.random.pick(self.samples).clone();
        let length = 4 + self.random.below(LENGTH_MAX - 3);
        let mut calls = Vec::with_capacity(length);
        calls.push(self.create(&sample));
        while calls.len() < length {
            let call = match self.random.below(20) {
                0..4 => self.create(&sample),
                4..6 => self.read(&sample),
                6 => self.list(&sample),
                7..10 => self.put(&sample),
                10 => self.json_patch(&sample),
                11..13 => self.merge_patch(&sample),
                13..15 => self.strategic_patch(&sample),
                15..17 => self.apply(&sample),
                17 => self.subresource(&sample),
                18 => self.delete(&sample),
                _ => self.odd(&sample),
            };
            calls.push(self.spiced(call));
        }
        Round { sample, calls }
    }

    fn letter(&mut self) -> &'static str {
        LETTERS[self.random.below(LETTERS.len())]
    }

    /// The sample under another name, as it is or changed.
    fn object(&mut self, sample: &Sample, letter: &str) -> Value {
        let mut object = sample.named(letter);
        let changes = *self.random.pick(&[0, 1, 1, 1, 2, 3]);
        for _ in 0..changes {
            let shape = self.schemas.of(sample);
            mutate(&mut self.random, &mut object, shape);
        }
        object
    }

    /// With options that any write takes.
    fn spiced(&mut self, mut call: Call) -> Call {
        if call.method == "GET" {
            return call;
        }
        if self.random.chance(8) {
            call = call.with("dryRun", *self.random.pick(&["All", "All", "Some"]));
        }
        if call.method != "DELETE" && self.random.chance(20) {
            call = call.with("fieldValidation", *self.random.pick(&["Strict", "Warn", "Ignore", "Odd"]));
        }
        if call.method != "DELETE"
            && !call.query.iter().any(|(name, _)| name == "fieldManager")
            && self.random.chance(20)
        {
            call = call.with("fieldManager", *self.random.pick(&["one", "two"]));
        }
        if self.random.chance(4) {
            call = call.accept(REPRESENTATIONS[self.random.below(REPRESENTATIONS.len())]);
        }
        call
    }

    fn create(&mut self, sample: &Sample) -> Call {
        let letter = self.letter();
        let mut object = self.object(sample, letter);
        let metadata = &mut object["metadata"];
        if metadata.is_object() {
            match self.random.below(16) {
                0 if !sample.is_definition() => {
                    remove(metadata, "/name");
                    metadata["generateName"] = json!(GENERATE);
                }
                1 => metadata["resourceVersion"] = json!("1"),
                2 => metadata["finalizers"] = json!(["example.com/hold"]),
                3 => {
                    let owner =
                        json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "o", "uid": call::uid("o")});
                    metadata["ownerReferences"] = json!([owner]);
                }
                _ => {}
            }
        }
        Call::new("POST", sample.collection(), object)
    }

    fn read(&mut self, sample: &Sample) -> Call {
        let letter = self.letter();
        let call = Call::get(sample.path(letter));
        match self.random.below(6) {
            0 => call.accept(TABLE),
            1 => call.accept(PARTIAL),
            2 => call.accept(PARTIAL_LIST),
            3 => call.accept("text/html"),
            _ => call,
        }
    }

    fn list(&mut self, sample: &Sample) -> Call {
        let mut call = Call::get(sample.collection());
        let labels = *self.random.pick(&[
            "app=x",
            "app in (x,y)",
            "app",
            "!app",
            "app=",
            "a b",
            "app in (x",
            "x/y/z=1",
        ]);
        if sample.namespaced {
            if self.random.chance(40) {
                call = call.with("labelSelector", labels);
            }
        } else {
            call = call.with("labelSelector", "round=$(ns)");
        }
        if self.random.chance(30) {
            let fields = [
                "metadata.name=a",
                "metadata.name!=a",
                "metadata.namespace=$(ns)",
                "spec.odd=1",
                "metadata.name",
                "status.phase=x",
            ];
            call = call.with("fieldSelector", *self.random.pick(&fields));
        }
        if sample.namespaced
            && !matches!(sample.kind(), "ConfigMap" | "ServiceAccount")
            && self.random.chance(30)
        {
            call = call.with("limit", *self.random.pick(&["1", "2", "x"]));
        }
        match self.random.below(10) {
            0 => call = call.with("resourceVersion", "999999999"),
            1 => call = call.with("resourceVersion", "abc"),
            2 => call = call.with("resourceVersionMatch", "Exact"),
            3 => call = call.with("continue", "nonsense"),
            6 | 7 if sample.namespaced => {
                call = call.with("continue", call::CONTINUE).with("limit", "1");
            }
            4 => call = call.accept(TABLE),
            5 => call = call.accept(PARTIAL_LIST),
            _ => {}
        }
        call
    }

    fn put(&mut self, sample: &Sample) -> Call {
        let letter = self.letter();
        let mut object = self.object(sample, letter);
        let key = sample.key(letter);
        if object["metadata"].is_object() {
            let metadata = &mut object["metadata"];
            match self.random.below(10) {
                0..6 => metadata["resourceVersion"] = json!(call::version(&key)),
                6 => metadata["resourceVersion"] = json!(call::first_version(&key)),
                7 => metadata["uid"] = json!(call::uid(&key)),
                _ => {}
            }
        }
        Call::new("PUT", sample.path(letter), object)
    }

    fn json_patch(&mut self, sample: &Sample) -> Call {
        let letter = self.letter();
        let known = pointers(&sample.object);
        let mut operations = Vec::new();
        for _ in 0..=self.random.below(2) {
            let path = self.random.pick(&known).clone();
            let other = self.random.pick(&known).clone();
            let value =
                self.random.pick(&[json!("x"), json!(3), json!({}), json!(["x"]), json!(null)]).clone();
            let same = sample.object.pointer(&path).cloned().unwrap_or_default();
            operations.push(match self.random.below(8) {
                0 => json!({"op": "remove", "path": path}),
                1 => json!({"op": "replace", "path": path, "value": value}),
                2 => json!({"op": "add", "path": format!("{path}/-"), "value": value}),
                3 => json!({"op": "test", "path": path, "value": same}),
                4 => json!({"op": "copy", "from": other, "path": path}),
                5 => json!({"op": "move", "from": other, "path": path}),
                6 => json!({"op": "add", "path": "/metadata/annotations", "value": {"patched": "1"}}),
                _ => json!({"op": "odd", "path": "/nowhere/at/all", "value": 1}),
            });
        }
        Call::patch(sample.path(letter), JSON_PATCH, Value::Array(operations))
    }

    /// Some of the object's fields, changed.
    fn part(&mut self, sample: &Sample, letter: &str) -> Value {
        let mut part = self.object(sample, letter);
        remove(&mut part, "/metadata/name");
        for _ in 0..self.random.below(6) {
            let known: Vec<String> = pointers(&part)
                .into_iter()
                // Without its name an item of a list can't be found.
                .filter(|pointer| {
                    !pointer.ends_with("/name") && !matches!(pointer.as_str(), "/apiVersion" | "/kind")
                })
                .collect();
            if known.is_empty() {
                break;
            }
            let pointer = self.random.pick(&known).clone();
            remove(&mut part, &pointer);
        }
        part
    }

    fn merge_patch(&mut self, sample: &Sample) -> Call {
        let letter = self.letter();
        let mut part = self.part(sample, letter);
        if self.random.chance(10) && part["metadata"].is_object() {
            part["metadata"]["resourceVersion"] = json!(call::first_version(&sample.key(letter)));
        }
        Call::patch(sample.path(letter), MERGE_PATCH, part)
    }

    fn strategic_patch(&mut self, sample: &Sample) -> Call {
        let letter = self.letter();
        let mut part = self.part(sample, letter);
        let places: Vec<String> =
            pointers(&part).into_iter().filter(|at| part.pointer(at).is_some_and(Value::is_object)).collect();
        if !places.is_empty() && self.random.chance(40) {
            let pointer = self.random.pick(&places).clone();
            let directive = self.random.pick(&["delete", "replace", "merge", "odd"]);
            if let Some(place) = part.pointer_mut(&pointer) {
                place["$patch"] = json!(directive);
            }
        }
        Call::patch(sample.path(letter), STRATEGIC_PATCH, part)
    }

    fn apply(&mut self, sample: &Sample) -> Call {
        let letter = self.letter();
        let mut object = self.part(sample, letter);
        if let Some(metadata) = object["metadata"].as_object_mut() {
            metadata.remove("resourceVersion");
            if self.random.chance(80) {
                metadata.insert("name".to_owned(), json!(sample.name(letter)));
            }
        }
        let mut call = Call::patch(sample.path(letter), APPLY_PATCH, object);
        if self.random.chance(92) {
            call = call.with("fieldManager", *self.random.pick(&["one", "two"]));
        }
        if self.random.chance(40) {
            call = call.with("force", *self.random.pick(&["true", "true", "false"]));
        }
        call
    }

    fn subresource(&mut self, sample: &Sample) -> Call {
        let letter = self.letter();
        if sample.scale && self.random.chance(60) {
            let path = format!("{}/scale", sample.path(letter));
            let replicas = self.random.pick(&[json!(3), json!(0), json!(-1), json!("x")]).clone();
            return match self.random.below(3) {
                0 => Call::get(path),
                1 => Call::patch(path, MERGE_PATCH, json!({"spec": {"replicas": replicas}})),
                _ => {
                    let metadata = json!({"name": sample.name(letter), "namespace": call::ROUND});
                    let scale = json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": metadata, "spec": {"replicas": replicas}});
                    Call::new("PUT", path, scale)
                }
            };
        }
        let path = format!("{}/status", sample.path(letter));
        let mut object = sample.named(letter);
        if let Some(shape) = self.schemas.of(sample).and_then(|shape| shape.field("status")) {
            object["status"] = value(&mut self.random, "status", shape, 1);
        }
        match self.random.below(4) {
            0 => Call::get(path),
            1 => Call::new("PUT", path, object),
            2 => Call::patch(path, MERGE_PATCH, json!({"status": object["status"], "spec": {"ignored": 1}})),
            _ => Call::patch(path, APPLY_PATCH, object)
                .with("fieldManager", "status-writer")
                .with("force", "true"),
        }
    }

    fn delete(&mut self, sample: &Sample) -> Call {
        if sample.kind() == "Namespace" {
            // Who finishes a namespace's deletion does not run beside kube-apiserver.
            return self.read(sample);
        }
        let letter = self.letter();
        if self.random.chance(15) {
            let call = Call { method: "DELETE", ..Call::get(sample.collection()) };
            return call.with("labelSelector", if sample.namespaced { "app=x" } else { "round=$(ns)" });
        }
        let call = Call { method: "DELETE", ..Call::get(sample.path(letter)) };
        let key = sample.key(letter);
        let options = match self.random.below(7) {
            0 => json!({"propagationPolicy": "Background"}),
            1 => json!({"preconditions": {"uid": call::uid("other")}}),
            2 => json!({"preconditions": {"resourceVersion": call::first_version(&key)}}),
            3 => json!({"gracePeriodSeconds": 0}),
            4 => json!({"propagationPolicy": "Odd"}),
            5 => json!({"apiVersion": "v1", "kind": "DeleteOptions", "dryRun": ["All"]}),
            _ => return call,
        };
        Call { body: Body::Json(options), content_type: Some("application/json".to_owned()), ..call }
    }

    /// What a confused client sends.
    fn odd(&mut self, sample: &Sample) -> Call {
        let letter = self.letter();
        let mut object = sample.named(letter);
        match self.random.below(14) {
            0 => Call {
                content_type: Some("text/plain".to_owned()),
                ..Call::new("POST", sample.collection(), object)
            },
            1 => Call {
                body: Body::Text("{\"kind\": ".to_owned()),
                ..Call::new("POST", sample.collection(), object)
            },
            2 => Call { body: Body::Text(String::new()), ..Call::new("POST", sample.collection(), object) },
            3 => {
                object["kind"] = json!("Other");
                Call::new("POST", sample.collection(), object)
            }
            4 => {
                object["apiVersion"] = json!("other/v1");
                Call::new("PUT", sample.path(letter), object)
            }
            5 => {
                object["metadata"]["namespace"] = json!("elsewhere");
                Call::new("POST", sample.collection(), object)
            }
            6 => {
                object["metadata"]["name"] = json!("another");
                Call::new("PUT", sample.path(letter), object)
            }
            7 => Call::patch(sample.path(letter), "application/json", object),
            8 => Call {
                body: Body::Text("[1".to_owned()),
                ..Call::patch(sample.path(letter), JSON_PATCH, object)
            },
            9 => Call::patch(sample.path(letter), MERGE_PATCH, json!([])),
            10 => Call::new("POST", sample.path(letter), object),
            11 => Call::get(format!("{}/odd", sample.path(letter))),
            12 => {
                remove(&mut object, "/apiVersion");
                remove(&mut object, "/kind");
                Call::new("POST", sample.collection(), object)
            }
            _ => Call { body: Body::Text("[]".to_owned()), ..Call::new("POST", sample.collection(), object) },
        }
    }
}
