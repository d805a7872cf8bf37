//! A Kubernetes object as an interpreter sees it: its identity, and its JSON without `managedFields`.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use windlass_json::declared::{Declared, Reflection, Unfit, keeping};

use crate::change::{self, Change, ChangeError, Fence};
use crate::json::Json;
use crate::splice::splice;

/// Group, version and kind. The core group is the empty string.
#[derive(Clone, Debug, Eq, PartialOrd, Ord)]
pub struct Gvk {
    pub group: String,
    pub version: String,
    pub kind: String,
}

impl PartialEq for Gvk {
    fn eq(&self, other: &Gvk) -> bool {
        // An empty string's address is none, and comparing what is there takes some processors longer than all the rest.
        let is_same = |one: &str, other: &str| one.len() == other.len() && (one.is_empty() || one == other);
        is_same(&self.kind, &other.kind)
            && is_same(&self.version, &other.version)
            && is_same(&self.group, &other.group)
    }
}

impl Hash for Gvk {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Gvk { group, version, kind } = self;
        (kind, version, group).hash(state);
    }
}

impl Gvk {
    /// From `apiVersion` (`v1`, `apps/v1`) and `kind`.
    pub fn new(api_version: &str, kind: &str) -> Gvk {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        Gvk { group: group.to_owned(), version: version.to_owned(), kind: kind.to_owned() }
    }

    /// `v1` or `apps/v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }
}

impl fmt::Display for Gvk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.group.is_empty() {
            write!(f, "{}/", self.group)?;
        }
        write!(f, "{}, Kind={}", self.version, self.kind)
    }
}

/// Which object a message is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId {
    pub gvk: Gvk,
    /// Empty for a cluster-scoped object.
    pub namespace: String,
    pub name: String,
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.gvk.kind)?;
        if !self.namespace.is_empty() {
            write!(f, "{}/", self.namespace)?;
        }
        f.write_str(&self.name)
    }
}

/// Why a JSON document is not a Kubernetes object.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    #[error("not a JSON document")]
    Json(#[from] serde_json::Error),
    #[error("{field} is missing or not a string: every Kubernetes object names its {field}")]
    NoIdentity { field: &'static str },
}

/// A Kubernetes object: identity, and compact JSON text without `metadata.managedFields`.
///
/// Cloning is cheap. The text is what crosses into a plugin; a parsed tree is made only where one is needed.
#[derive(Clone, Debug)]
pub struct Object {
    id: Arc<ObjectId>,
    json: Arc<str>,
    status: StatusPlace,
}

/// Where in an object's text its status stands. Whoever asks for that alone need not look through all the rest.
#[derive(Clone, Debug)]
enum StatusPlace {
    At(Range<usize>),
    /// There is none, or null.
    Nowhere,
    /// Nobody has looked yet.
    Unsought,
}

impl PartialEq for Object {
    fn eq(&self, other: &Object) -> bool {
        // Where the status stands follows from the text.
        self.id == other.id && self.json == other.json
    }
}

impl Eq for Object {}

/// The head of an object: all that the host itself reads of it.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, rename = "apiVersion", default)]
    api_version: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow, default)]
    kind: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow, default)]
    metadata: Option<HeadMeta<'a>>,
    #[serde(borrow, default)]
    status: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct HeadMeta<'a> {
    #[serde(borrow, default)]
    name: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow, default)]
    namespace: Option<std::borrow::Cow<'a, str>>,
    #[serde(rename = "managedFields", default)]
    managed_fields: Option<serde::de::IgnoredAny>,
}

impl Object {
    /// From a parsed tree.
    ///
    /// # Errors
    /// `apiVersion` or `kind` is missing or not a string.
    pub fn from_value(value: &Value) -> Result<Object, ObjectError> {
        let id = identity(value)?;
        let json = if value.pointer("/metadata/managedFields").is_some() {
            let mut stripped = value.clone();
            strip_managed_fields(&mut stripped);
            stripped.to_string()
        } else {
            value.to_string()
        };
        let status =
            windlass_json::entries(&json).find(|entry| entry.key == "status").map(|entry| entry.value);
        let status = StatusPlace::of(status.filter(|status| *status != "null"), &json);
        Ok(Object { id: Arc::new(id), json: json.into(), status })
    }

    /// From JSON text; text without `managedFields` is taken as it is.
    ///
    /// # Errors
    /// The text is not JSON, or `apiVersion` or `kind` is missing.
    pub fn from_json(json: &str) -> Result<Object, ObjectError> {
        let Ok(head) = serde_json::from_str::<Head<'_>>(json) else {
            // Slow and exact: a metadata that is not an object, say, is still an object to explain.
            return Object::from_value(&serde_json::from_str(json)?);
        };
        let metadata = head.metadata.unwrap_or_default();
        if metadata.managed_fields.is_some() {
            return Object::from_value(&serde_json::from_str(json)?);
        }
        let api_version = head.api_version.ok_or(ObjectError::NoIdentity { field: "apiVersion" })?;
        let kind = head.kind.ok_or(ObjectError::NoIdentity { field: "kind" })?;
        Ok(Object {
            id: Arc::new(ObjectId {
                gvk: Gvk::new(&api_version, &kind),
                namespace: metadata.namespace.unwrap_or_default().into_owned(),
                name: metadata.name.unwrap_or_default().into_owned(),
            }),
            status: StatusPlace::of(head.status.map(RawValue::get), json),
            json: json.into(),
        })
    }

    pub fn id(&self) -> &ObjectId {
        &self.id
    }

    pub fn gvk(&self) -> &Gvk {
        &self.id.gvk
    }

    /// The object's JSON, without `managedFields`.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// This object with all of `changes` made.
    ///
    /// # Errors
    /// A path is not a pointer, lies outside `fence`, or leads nowhere.
    pub fn changed(&self, changes: &[Change<Json>], fence: Fence) -> Result<Object, ChangeError> {
        change::expect_inside(fence, changes)?;
        if changes.is_empty() {
            return Ok(self.clone());
        }
        Ok(self.with_text(splice(&self.json, changes.iter().map(Change::as_text))?))
    }

    /// The same object as `json` has it: no fence holds what identifies one.
    fn with_text(&self, json: String) -> Object {
        Object { id: Arc::clone(&self.id), json: json.into(), status: StatusPlace::Unsought }
    }

    /// Its status, as an interpreter declares it.
    ///
    /// # Errors
    /// The status is no object, or too deep to become part of another one.
    pub fn reflected(&self, reflection: &Reflection) -> Result<Json, Unfit> {
        let status = match &self.status {
            StatusPlace::At(place) => reflection.of_status(Some(&self.json[place.clone()])),
            StatusPlace::Nowhere => reflection.of_status(None),
            StatusPlace::Unsought => reflection.of(&self.json),
        };
        status.map(|status| Json::known(&status))
    }

    /// This object with what an interpreter declares to be kept of `observed`. What is declared is in the fence of
    /// Retain: see [`Fence::expect`].
    ///
    /// # Errors
    /// One of both is not made for what is declared.
    pub fn retaining(&self, declared: &Declared, observed: &Object) -> Result<Object, Unfit> {
        let retained = declared.retained(&self.json, &observed.json)?;
        if retained.is_empty() {
            return Ok(self.clone());
        }
        let json = match keeping(&self.json, &retained) {
            Some(json) => json,
            None => {
                let changes = retained.iter().map(|retained| (retained.path, Some(&*retained.value)));
                splice(&self.json, changes)
                    .map_err(|error| Unfit { field: String::new(), message: error.to_string() })?
            }
        };
        Ok(self.with_text(json))
    }

    /// The part of that name: `status`. Null where there is none.
    pub fn part(&self, name: &str) -> Value {
        let mut entries = windlass_json::entries(&self.json);
        let part = entries.find(|entry| entry.key == name);
        part.map_or(Value::Null, |part| {
            serde_json::from_str(part.value).expect("the text was JSON when this object was made")
        })
    }

    /// The parsed tree, made anew.
    pub fn to_value(&self) -> Value {
        serde_json::from_str(&self.json).expect("the text was JSON when this object was made")
    }
}

impl StatusPlace {
    /// Of a `status` that is a part of `json`.
    fn of(status: Option<&str>, json: &str) -> StatusPlace {
        let Some(status) = status else { return StatusPlace::Nowhere };
        let start = status.as_ptr().addr() - json.as_ptr().addr();
        StatusPlace::At(start..start + status.len())
    }
}

fn identity(value: &Value) -> Result<ObjectId, ObjectError> {
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str);
    let api_version = text("/apiVersion").ok_or(ObjectError::NoIdentity { field: "apiVersion" })?;
    let kind = text("/kind").ok_or(ObjectError::NoIdentity { field: "kind" })?;
    Ok(ObjectId {
        gvk: Gvk::new(api_version, kind),
        namespace: text("/metadata/namespace").unwrap_or_default().to_owned(),
        name: text("/metadata/name").unwrap_or_default().to_owned(),
    })
}

fn strip_managed_fields(value: &mut Value) {
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use windlass_json::declared::Kept;

    #[test]
    fn managed_fields_never_reach_a_plugin() {
        let value = json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "a", "namespace": "b", "managedFields": [{"manager": "kubectl"}]}});
        for object in [Object::from_value(&value).unwrap(), Object::from_json(&value.to_string()).unwrap()] {
            assert!(!object.json().contains("managedFields"));
            assert_eq!(object.id().to_string(), "Deployment b/a");
            assert_eq!(object.gvk().api_version(), "apps/v1");
        }
    }

    #[test]
    fn text_without_identity_is_refused_by_field() {
        let error = Object::from_json(r#"{"kind":"Pod"}"#).unwrap_err();
        assert!(error.to_string().contains("apiVersion"));
        assert!(Object::from_json("[1]").is_err());
        assert!(Object::from_json("nonsense").is_err());
    }

    #[test]
    fn a_status_is_the_same_wherever_an_object_comes_from() {
        let value =
            |status: Value| json!({"apiVersion": "v1", "kind": "A", "status": status, "z": {"status": 7}});
        let deep = format!("{}0{}", "[".repeat(200), "]".repeat(200));
        for (text, want) in [
            (value(json!({"a": [1, "ü}"]})).to_string(), Some(r#"{"a":[1,"ü}"]}"#)),
            (value(json!({})).to_string(), Some("{}")),
            (value(Value::Null).to_string(), Some("null")),
            (value(json!(7)).to_string(), None),
            (r#"{"apiVersion":"v1","kind":"A"}"#.to_owned(), Some("null")),
            (
                r#"{ "\u0073tatus" : { "a" : 1 } ,"kind":"A", "apiVersion":"v1"}"#.to_owned(),
                Some(r#"{ "a" : 1 }"#),
            ),
            (
                r#"{"status":{"a":1},"kind":"A","apiVersion":"v1","status":{"a":2}}"#.to_owned(),
                Some(r#"{"a":2}"#),
            ),
            (format!(r#"{{"apiVersion":"v1","kind":"A","status":{{"a":{deep}}}}}"#), None),
        ] {
            let Ok(object) = Object::from_json(&text) else { continue };
            let unsought = object.with_text(object.json().to_owned());
            for object in [object, unsought] {
                let status = object.reflected(&Reflection::Whole);
                assert_eq!(status.ok().as_ref().map(Json::text), want, "{text}");
            }
            if let Ok(value) = serde_json::from_str(&text) {
                let status = Object::from_value(&value).unwrap().reflected(&Reflection::Whole);
                assert_eq!(
                    status.ok().map(|status| status.to_value()),
                    want.map(|want| serde_json::from_str(want).unwrap())
                );
            }
        }
    }

    #[test]
    fn what_is_kept_of_the_member_is_all_that_changes() {
        let object = |spec: &str| {
            Object::from_json(&format!(
                r#"{{"apiVersion":"v1","kind":"Thing","metadata":{{"name":"a"}},"spec":{spec}}}"#
            ))
            .unwrap()
        };
        let retain = vec![Kept::given("/spec/a/b"), Kept::filled("/spec/c")];
        let declared = Declared { retain, ..Declared::default() };
        let retaining =
            |desired: &str, observed: &str| object(desired).retaining(&declared, &object(observed)).unwrap();
        assert_eq!(
            retaining(r#"{"x":1}"#, r#"{"a":{"b":2},"c":"","x":3}"#),
            object(r#"{"x":1,"a":{"b":2}}"#)
        );
        assert_eq!(retaining("null", r#"{"c":"d"}"#), object(r#"{"c":"d"}"#));
        assert_eq!(
            retaining("null", r#"{"a":{"b":2},"c":"d"}"#),
            object(r#"{"a":{"b":2},"c":"d"}"#),
            "two parts of what is missing"
        );
        assert_eq!(retaining(r#"{ "c":"d" }"#, r#"{"c":"d","a":{}}"#), object(r#"{ "c":"d" }"#));
    }

    #[test]
    fn odd_metadata_is_still_an_object() {
        let object = Object::from_json(r#"{"apiVersion":"v1","kind":"Pod","metadata":7}"#).unwrap();
        assert_eq!(object.id().name, "");
    }
}
