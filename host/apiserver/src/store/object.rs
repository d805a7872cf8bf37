//! What the store holds: keys, objects as bytes, the operations on them and the events that come of them.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::map::ObjectMap;

/// Names one object of one resource.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Group and plural: `apps/deployments`; `/pods` in the core group. The version does not matter.
    pub resource: Arc<str>,
    /// Empty for a cluster-scoped object.
    pub namespace: Arc<str>,
    pub name: Arc<str>,
}

impl Key {
    pub fn new(
        resource: impl Into<Arc<str>>,
        namespace: impl Into<Arc<str>>,
        name: impl Into<Arc<str>>,
    ) -> Self {
        Key { resource: resource.into(), namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{} {:?}", self.resource, self.name)
        } else {
            write!(f, "{} \"{}/{}\"", self.resource, self.namespace, self.name)
        }
    }
}

/// Labels and their values, sorted by label.
pub type Labels = Box<[(Box<str>, Box<str>)]>;

/// One object as it was written at one revision. Shared by get, list and watch; never parsed again to be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub key: Key,
    pub revision: u64,
    /// `metadata.uid`; empty where the object has none.
    pub uid: Box<str>,
    /// `metadata.labels`, for selectors.
    pub labels: Labels,
    /// The complete JSON, `metadata.resourceVersion` included.
    pub json: Bytes,
    /// Where the digits of `metadata.resourceVersion` begin in `json`.
    pub(super) version_at: u32,
}

impl Stored {
    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        let at = self.labels.binary_search_by(|(key, _)| (**key).cmp(name)).ok()?;
        Some(&self.labels[at].1)
    }

    /// The same object with another revision in its JSON, as a DELETED event carries it.
    pub(crate) fn at_revision(&self, revision: u64) -> Stored {
        let at = self.version_at as usize;
        let rest = at + decimal_len(self.revision);
        Stored {
            revision,
            json: splice(&self.json[..at], revision, &self.json[rest..]),
            key: self.key.clone(),
            uid: self.uid.clone(),
            labels: self.labels.clone(),
            version_at: self.version_at,
        }
    }
}

/// What an operation demands of the object that is there now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// There is none: a create.
    Absent,
    /// There is one, of any revision: an unconditional update or delete.
    Exists,
    /// There is one, and it is of this revision.
    Revision(u64),
    /// Nothing is demanded: create or replace. A delete of what is absent still fails.
    Anything,
}

/// One compare-and-swap. Several in one [`write`](super::Store::write) happen together or not at all.
#[derive(Clone, Debug)]
pub struct Op {
    pub key: Key,
    pub expect: Expect,
    /// The complete object to store (any `metadata.resourceVersion` in it is replaced), or `None` to delete.
    pub value: Option<Value>,
}

impl Op {
    pub fn create(key: Key, value: Value) -> Op {
        Op { key, expect: Expect::Absent, value: Some(value) }
    }

    /// Replaces the object if it is still of this revision.
    pub fn update(key: Key, revision: u64, value: Value) -> Op {
        Op { key, expect: Expect::Revision(revision), value: Some(value) }
    }

    pub fn delete(key: Key, expect: Expect) -> Op {
        Op { key, expect, value: None }
    }
}

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    Added,
    Modified,
    Deleted,
}

/// One change of one object. Every event has a revision of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub change: Change,
    /// The object after the change; for a deletion its last state, carrying the deletion's revision.
    pub object: Arc<Stored>,
    /// The object before the change, for selectors that it enters or leaves. `None` when it was added.
    pub previous: Option<Arc<Stored>>,
}

impl Event {
    pub fn revision(&self) -> u64 {
        self.object.revision
    }

    /// Takes the event back from its resource's contents.
    pub(super) fn undo(&self, objects: &mut ObjectMap) {
        match &self.previous {
            Some(previous) => objects.insert(Arc::clone(previous)),
            None => objects.remove((&self.object.key.namespace, &self.object.key.name)),
        };
    }
}

/// The value is not a Kubernetes object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct MalformedObject {
    pub key: Key,
    pub problem: &'static str,
}

/// An object serialised but for its revision, which only the writer knows.
///
/// Serialising is the callers' work, so that it is spread over their threads.
#[derive(Debug)]
pub(super) struct Draft {
    before: Vec<u8>,
    after: Vec<u8>,
    uid: Box<str>,
    labels: Labels,
}

impl Draft {
    /// # Errors
    /// The value is no object, has no `metadata`, or its uid or labels are not strings.
    pub(super) fn new(key: &Key, value: &Value) -> Result<Draft, MalformedObject> {
        let malformed = |problem| MalformedObject { key: key.clone(), problem };
        let Value::Object(object) = value else {
            return Err(malformed("an object has to be a JSON object"));
        };
        let Some(Value::Object(metadata)) = object.get("metadata") else {
            return Err(malformed("metadata has to be a JSON object"));
        };
        let uid = match metadata.get("uid") {
            None | Some(Value::Null) => "",
            Some(Value::String(uid)) => uid,
            Some(_) => return Err(malformed("metadata.uid has to be a string")),
        };
        let labels =
            labels(metadata).ok_or_else(|| malformed("metadata.labels has to be a map of strings"))?;
        let (before, after) = encode(object, metadata);
        // The position of the revision is kept in 32 bits.
        if u32::try_from(before.len()).is_err() {
            return Err(malformed("the object is larger than 4 GiB"));
        }
        Ok(Draft { before, after, uid: uid.into(), labels })
    }

    /// The size of the JSON, but for the revision.
    pub(super) fn len(&self) -> usize {
        self.before.len() + self.after.len()
    }

    pub(super) fn finish(self, key: Key, revision: u64) -> Stored {
        Stored {
            key,
            revision,
            version_at: self.before.len() as u32,
            json: splice(&self.before, revision, &self.after),
            uid: self.uid,
            labels: self.labels,
        }
    }
}

fn labels(metadata: &Map<String, Value>) -> Option<Labels> {
    let mut labels = match metadata.get("labels") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Object(labels)) => labels
            .iter()
            .map(|(key, value)| Some((key.as_str().into(), value.as_str()?.into())))
            .collect::<Option<Vec<(Box<str>, Box<str>)>>>()?,
        Some(_) => return None,
    };
    labels.sort();
    Some(labels.into())
}

/// The object's JSON up to the digits of its revision, and from there on. What names the type comes first, as people
/// expect to read it.
fn encode(object: &Map<String, Value>, metadata: &Map<String, Value>) -> (Vec<u8>, Vec<u8>) {
    const FIRST: [&str; 2] = ["apiVersion", "kind"];
    let mut before = Vec::with_capacity(128);
    before.push(b'{');
    for name in FIRST {
        if let Some(value) = object.get(name) {
            field(&mut before, name, value);
            before.push(b',');
        }
    }
    before.extend_from_slice(br#""metadata":{"resourceVersion":""#);
    let mut after = Vec::with_capacity(2048);
    after.push(b'"');
    for (name, value) in metadata.iter().filter(|(name, _)| *name != "resourceVersion") {
        after.push(b',');
        field(&mut after, name, value);
    }
    after.push(b'}');
    for (name, value) in
        object.iter().filter(|(name, _)| *name != "metadata" && !FIRST.contains(&name.as_str()))
    {
        after.push(b',');
        field(&mut after, name, value);
    }
    after.push(b'}');
    (before, after)
}

fn field(out: &mut Vec<u8>, name: &str, value: &Value) {
    serde_json::to_writer(&mut *out, name).expect("a string is written to memory");
    out.push(b':');
    serde_json::to_writer(&mut *out, value).expect("a JSON value is written to memory");
}

fn splice(before: &[u8], revision: u64, after: &[u8]) -> Bytes {
    let digits = revision.to_string();
    let mut json = Vec::with_capacity(before.len() + digits.len() + after.len());
    json.extend_from_slice(before);
    json.extend_from_slice(digits.as_bytes());
    json.extend_from_slice(after);
    json.into()
}

fn decimal_len(number: u64) -> usize {
    number.checked_ilog10().unwrap_or(0) as usize + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn stored(value: &Value, revision: u64) -> Stored {
        let key = Key::new("/pods", "ns", "a");
        Draft::new(&key, value).unwrap().finish(key, revision)
    }

    #[test]
    fn the_revision_replaces_any_that_the_object_brought() {
        let value = json!({"kind": "Pod", "apiVersion": "v1", "spec": {"a": [1, "ü\""]},
            "metadata": {"name": "a", "uid": "u", "resourceVersion": "7", "labels": {"b": "2", "a": "1"}}});
        let object = stored(&value, 99);
        let mut expected = value;
        expected["metadata"]["resourceVersion"] = "99".into();
        assert_eq!(serde_json::from_slice::<Value>(&object.json).unwrap(), expected);
        assert!(object.json.starts_with(br#"{"apiVersion":"v1","kind":"Pod","metadata""#));
        assert_eq!((&*object.uid, object.label("b"), object.label("c")), ("u", Some("2"), None));

        let later = object.at_revision(1000);
        expected["metadata"]["resourceVersion"] = "1000".into();
        assert_eq!(serde_json::from_slice::<Value>(&later.json).unwrap(), expected);
        assert_eq!(later.at_revision(99), object);
    }

    #[test]
    fn metadata_may_be_all_there_is() {
        assert_eq!(&*stored(&json!({"metadata": {}}), 1).json, br#"{"metadata":{"resourceVersion":"1"}}"#);
    }

    #[test]
    fn what_is_no_object_is_refused_by_field() {
        let key = Key::new("/pods", "ns", "a");
        for (value, field) in [
            (json!([]), "JSON object"),
            (json!({"metadata": 1}), "metadata"),
            (json!({"metadata": {"uid": 1}}), "metadata.uid"),
            (json!({"metadata": {"labels": {"a": 1}}}), "metadata.labels"),
        ] {
            let error = Draft::new(&key, &value).unwrap_err().to_string();
            assert!(error.contains(field) && error.contains("ns/a"), "{error}");
        }
    }
}
