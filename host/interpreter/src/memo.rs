//! Answers that were given before.
//!
//! A plugin is a pure function, so its answer to the same question about the same text is the same. What is
//! remembered is compared with the whole text, not just its hash: no two objects can be taken for each other. What
//! a plugin failed at by its own or the host's fault is not remembered.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, Hash, Hasher as _};
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use rustc_hash::{FxBuildHasher, FxHasher};
use windlass_core::{Answer, Blame, CallError, Inspection, Object};
use windlass_plugins::Digest;

use crate::remote::Told;

/// Answers `A` to questions `Q` about objects, bounded in bytes.
#[derive(Debug)]
pub(crate) struct Memo<Q, A> {
    shards: Vec<Mutex<Shard<Q, A>>>,
    shard_bytes: usize,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// How often an answer was remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoCounts {
    pub hits: u64,
    pub misses: u64,
}

/// An answer that can be remembered.
pub(crate) trait Remembered: Clone {
    /// Whether asking again would surely give the same.
    fn lasts(&self) -> bool;

    /// About how much memory it takes.
    fn bytes(&self) -> usize;
}

#[derive(Debug)]
struct Shard<Q, A> {
    entries: HashMap<u64, Entry<Q, A>, FxBuildHasher>,
    /// Oldest first. An entry that was used since it was last looked at gets another round.
    queue: VecDeque<u64>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry<Q, A> {
    plugin: Digest,
    question: Q,
    object: Object,
    answer: A,
    bytes: usize,
    used: bool,
}

const SHARDS: usize = 16;

/// What an entry takes beside the object's text and the answer.
const ENTRY_BYTES: usize = 512;

/// What a component, a dependent or the requirements of a replica take: a handful of texts and small maps.
const REQUIREMENTS_BYTES: usize = 1 << 10;

impl<Q: Copy + Eq + Hash, A: Remembered> Memo<Q, A> {
    /// A memory of at most about `bytes`. With none, nothing is remembered.
    pub(crate) fn new(bytes: usize) -> Memo<Q, A> {
        let shard = || Mutex::new(Shard { entries: HashMap::default(), queue: VecDeque::new(), bytes: 0 });
        Memo {
            shards: (0..SHARDS).map(|_| shard()).collect(),
            shard_bytes: bytes / SHARDS,
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    pub(crate) fn counts(&self) -> MemoCounts {
        MemoCounts { hits: self.hits.load(Ordering::Relaxed), misses: self.misses.load(Ordering::Relaxed) }
    }

    /// The answer remembered, or the one that `ask` gives, which is then remembered.
    pub(crate) fn answer(&self, plugin: Digest, question: Q, object: &Object, ask: impl FnOnce() -> A) -> A {
        if self.shard_bytes == 0 {
            return ask();
        }
        let key = key(plugin, question, object);
        if let Some(answer) = self.known_at(key, plugin, question, object) {
            return answer;
        }
        let answer = ask();
        self.remember_at(key, plugin, question, object, &answer);
        answer
    }

    /// The answer remembered, for those who ask by themselves.
    pub(crate) fn known(&self, plugin: Digest, question: Q, object: &Object) -> Option<A> {
        if self.shard_bytes == 0 {
            return None;
        }
        self.known_at(key(plugin, question, object), plugin, question, object)
    }

    /// Remembers an answer, if it lasts.
    pub(crate) fn remember(&self, plugin: Digest, question: Q, object: &Object, answer: &A) {
        if self.shard_bytes > 0 {
            self.remember_at(key(plugin, question, object), plugin, question, object, answer);
        }
    }

    fn known_at(&self, key: u64, plugin: Digest, question: Q, object: &Object) -> Option<A> {
        if let Some(entry) = self.shard(key).lock().entries.get_mut(&key)
            && entry.plugin == plugin
            && entry.question == question
            && entry.object.json() == object.json()
        {
            entry.used = true;
            self.hits.fetch_add(1, Ordering::Relaxed);
            return Some(entry.answer.clone());
        }
        self.misses.fetch_add(1, Ordering::Relaxed);
        None
    }

    fn remember_at(&self, key: u64, plugin: Digest, question: Q, object: &Object, answer: &A) {
        let bytes = answer.bytes() + object.json().len() + ENTRY_BYTES;
        if answer.lasts() && bytes <= self.shard_bytes {
            let (object, answer) = (object.clone(), answer.clone());
            let entry = Entry { plugin, question, object, answer, bytes, used: false };
            self.shard(key).lock().put(key, entry, self.shard_bytes);
        }
    }

    fn shard(&self, key: u64) -> &Mutex<Shard<Q, A>> {
        &self.shards[key as usize % SHARDS]
    }
}

impl<Q, A> Shard<Q, A> {
    fn put(&mut self, key: u64, entry: Entry<Q, A>, bytes_max: usize) {
        self.bytes += entry.bytes;
        match self.entries.insert(key, entry) {
            Some(replaced) => self.bytes -= replaced.bytes,
            None => self.queue.push_back(key),
        }
        while self.bytes > bytes_max
            && let Some(oldest) = self.queue.pop_front()
        {
            if let Some(entry) = self.entries.get_mut(&oldest)
                && std::mem::take(&mut entry.used)
            {
                self.queue.push_back(oldest);
            } else if let Some(dropped) = self.entries.remove(&oldest) {
                self.bytes -= dropped.bytes;
            }
        }
    }
}

impl Remembered for Inspection {
    fn lasts(&self) -> bool {
        fn lasts<T>(answer: &Answer<T>) -> bool {
            answer.as_ref().is_none_or(|answer| answer.result.as_ref().err().is_none_or(considered))
        }
        let Inspection { replicas, components, dependencies, status, health } = self;
        lasts(replicas) && lasts(components) && lasts(dependencies) && lasts(status) && lasts(health)
    }

    fn bytes(&self) -> usize {
        let Inspection { replicas, components, dependencies, status, health: _ } = self;
        let components = good(components).map_or(0, |components| components.len() + 1);
        let dependencies = good(dependencies).map_or(0, Vec::len);
        let requirements = components + dependencies + usize::from(replicas.is_some());
        good(status).map_or(0, |status| status.text().len()) + requirements * REQUIREMENTS_BYTES
    }
}

impl Remembered for Result<Object, CallError> {
    fn lasts(&self) -> bool {
        self.as_ref().err().is_none_or(considered)
    }

    fn bytes(&self) -> usize {
        self.as_ref().map_or(0, |object| object.json().len())
    }
}

impl Remembered for Result<Told, CallError> {
    fn lasts(&self) -> bool {
        self.as_ref().err().is_none_or(considered)
    }

    fn bytes(&self) -> usize {
        match self {
            Ok(Told::Components(components)) => (components.len() + 1) * REQUIREMENTS_BYTES,
            Ok(Told::Dependencies(dependencies)) => (dependencies.len() + 1) * REQUIREMENTS_BYTES,
            Ok(Told::Status(status)) => status.text().len(),
            Ok(Told::Object(object)) => object.json().len(),
            Ok(Told::Replicas(_)) => REQUIREMENTS_BYTES,
            Ok(Told::Health(_)) | Err(_) => 0,
        }
    }
}

fn good<T>(answer: &Answer<T>) -> Option<&T> {
    answer.as_ref().and_then(|answer| answer.result.as_ref().ok())
}

/// Whether the error is the plugin's considered answer, rather than an accident.
fn considered(error: &CallError) -> bool {
    matches!(error.blame, Blame::Rejected { .. })
}

fn key(plugin: Digest, question: impl Hash, object: &Object) -> u64 {
    let mut hasher: FxHasher = FxBuildHasher.build_hasher();
    (plugin, question).hash(&mut hasher);
    hasher.write(object.json().as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use serde_json::Value;
    use windlass_core::{Answered, Ask, Json};

    fn object(name: &str) -> Object {
        Object::from_json(&format!(r#"{{"apiVersion":"v1","kind":"Thing","metadata":{{"name":"{name}"}}}}"#))
            .unwrap()
    }

    fn healthy(result: Result<bool, CallError>) -> Inspection {
        Inspection { health: Some(Answered { by: Arc::from("test"), result }), ..Inspection::default() }
    }

    fn failed(object: &Object, blame: Blame) -> CallError {
        CallError {
            plugin: "test".into(),
            call: "InterpretHealth",
            object: object.id().clone().into(),
            blame,
            message: String::new(),
        }
    }

    const HEALTH: Ask =
        Ask { replicas: false, components: false, dependencies: false, status: false, health: true };

    #[test]
    fn an_answer_is_remembered_for_the_same_plugin_question_and_text_only() {
        let memo = Memo::new(1 << 20);
        let (one, other) = (Digest::of(b"1"), Digest::of(b"2"));
        let ask = |plugin, asked, name: &str| {
            memo.answer(plugin, asked, &object(name), || healthy(Ok(true)));
        };
        ask(one, HEALTH, "a");
        ask(one, HEALTH, "a");
        assert_eq!(memo.counts(), MemoCounts { hits: 1, misses: 1 });
        ask(other, HEALTH, "a");
        ask(one, HEALTH, "b");
        ask(one, Ask::ALL, "a");
        assert_eq!(memo.counts(), MemoCounts { hits: 1, misses: 4 });
    }

    #[test]
    fn only_what_would_be_said_again_is_remembered() {
        let memo = Memo::new(1 << 20);
        let (plugin, object) = (Digest::of(b"1"), object("a"));
        for (blame, hits) in [(Blame::Trap, 0), (Blame::HostFault, 0), (Blame::Rejected { field: None }, 1)] {
            for _ in 0..2 {
                memo.answer(plugin, HEALTH, &object, || healthy(Err(failed(&object, blame.clone()))));
            }
            assert_eq!(memo.counts().hits, hits, "{blame:?}");
        }
    }

    #[test]
    fn the_memory_is_bounded_and_keeps_what_is_used() {
        let bytes = 64 << 10;
        let memo = Memo::new(bytes);
        let plugin = Digest::of(b"1");
        let often = object("often");
        for at in 0..10_000 {
            memo.answer(plugin, HEALTH, &object(&at.to_string()), || healthy(Ok(true)));
            memo.answer(plugin, HEALTH, &often, || healthy(Ok(true)));
        }
        assert!(memo.shards.iter().map(|shard| shard.lock().bytes).sum::<usize>() <= bytes);
        assert!(memo.shards.iter().all(|shard| shard.lock().queue.len() <= bytes / SHARDS / ENTRY_BYTES + 1));
        assert!(memo.counts().hits > 9_900, "{:?}", memo.counts());
    }

    #[test]
    fn a_large_answer_about_a_small_object_counts_as_large() {
        let bytes = 1 << 20;
        let memo = Memo::new(bytes);
        let status = Json::from(&Value::String("x".repeat(bytes / SHARDS)));
        for _ in 0..2 {
            memo.answer(Digest::of(b"1"), Ask::ALL, &object("a"), || Inspection {
                status: Some(Answered { by: Arc::from("test"), result: Ok(status.clone()) }),
                ..Inspection::default()
            });
        }
        assert_eq!(memo.counts().hits, 0, "one that takes the whole memory is not kept");
    }

    #[test]
    fn without_bytes_nothing_is_remembered() {
        let memo = Memo::<Ask, Inspection>::new(0);
        for _ in 0..2 {
            memo.answer(Digest::of(b"1"), HEALTH, &object("a"), || healthy(Ok(true)));
        }
        assert_eq!(memo.counts(), MemoCounts::default());
    }
}
