//! What is served: the built-in kinds and those of the established CustomResourceDefinitions, by path and for
//! discovery. Replaced as a whole when a definition changes; requests under way keep the one they began with.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use serde_json::Value;
use windlass_schema::Kind;

use crate::documents::Documents;

/// The plural and group of CustomResourceDefinitions.
pub(crate) const DEFINITIONS: (&str, &str) = ("customresourcedefinitions", "apiextensions.k8s.io");

/// Their store's name.
pub(crate) const DEFINITIONS_STORE: &str = "apiextensions.k8s.io/customresourcedefinitions";

/// The store's name for a resource.
pub(crate) fn store_name(group: &str, plural: &str) -> String {
    format!("{group}/{plural}")
}

/// One resource at one version, as it is served.
pub(crate) struct Resource {
    pub(crate) kind: Arc<Kind>,
    /// The store's name: `apps/deployments`. Shared by all versions.
    pub(crate) store: Arc<str>,
    /// The `apiVersion` that new writes are stored with.
    pub(crate) stored_api_version: String,
    /// The version that is stored, where its objects look otherwise.
    stored_kind: Option<Arc<Kind>>,
    /// The other versions, where their objects look otherwise.
    pub(crate) versions: Vec<Arc<Kind>>,
    /// How an object of this version begins: `{"apiVersion":"apps/v1",`
    head: Bytes,
    /// The revision of its definition, if that has defaults: what was stored before may lack some of them.
    defaults_since: Option<u64>,
    /// Its definition is being deleted: nothing new may be created.
    pub(crate) terminating: bool,
}

impl Resource {
    fn new(kind: Arc<Kind>, stored_version: &str, terminating: bool) -> Resource {
        let group = &kind.group;
        let stored_api_version = match group.as_str() {
            "" => stored_version.to_owned(),
            group => format!("{group}/{stored_version}"),
        };
        Resource {
            store: store_name(group, &kind.names.plural).into(),
            stored_api_version,
            stored_kind: None,
            versions: Vec::new(),
            head: Bytes::from(format!("{{\"apiVersion\":\"{}\",", kind.api_version())),
            defaults_since: None,
            terminating,
            kind,
        }
    }

    /// A built-in kind, whose versions share their objects even across groups.
    fn builtin(kind: &Arc<Kind>, all: &[Arc<Kind>]) -> Resource {
        let mut resource = Resource::new(Arc::clone(kind), &kind.version, false);
        let shared = stored_at(kind);
        let others = || {
            all.iter().filter(|other| {
                other.api_version() != kind.api_version()
                    && other.names.plural == kind.names.plural
                    && stored_at(other) == shared
            })
        };
        resource.versions = others().cloned().collect();
        resource.stored_kind = others().find(|other| other.api_version() == shared).cloned();
        if let Some(stored) = &resource.stored_kind {
            resource.store = store_name(&stored.group, &stored.names.plural).into();
            resource.stored_api_version = shared;
        }
        resource
    }

    pub(crate) fn group(&self) -> &str {
        &self.kind.group
    }

    pub(crate) fn plural(&self) -> &str {
        &self.kind.names.plural
    }

    pub(crate) fn is(&self, (plural, group): (&str, &str)) -> bool {
        self.plural() == plural && self.group() == group
    }

    pub(crate) fn allows(&self, verb: &str) -> bool {
        self.kind.verbs.iter().any(|allowed| allowed == verb)
    }

    /// Whether objects look otherwise when stored.
    pub(crate) fn converts(&self) -> bool {
        self.stored_kind.is_some()
    }

    /// An object of this version from its JSON, which may be that of the stored version.
    ///
    /// # Panics
    /// Never: what is stored was JSON when it was stored.
    pub(crate) fn object(&self, json: &Bytes) -> Value {
        let mut object: Value = serde_json::from_slice(json).expect("stored objects are JSON");
        let api_version = self.kind.api_version();
        if self.converts() && object["apiVersion"] != api_version.as_str() {
            self.kind.serve(&mut object);
        } else {
            object["apiVersion"] = Value::String(api_version);
        }
        if self.lacks_defaults(json) {
            self.kind.default(&mut object);
        }
        object
    }

    /// Whether the object was stored before its definition was as it is.
    fn lacks_defaults(&self, json: &Bytes) -> bool {
        self.defaults_since.is_some_and(|since| revision(json).is_none_or(|revision| revision < since))
    }

    /// The object as it is stored.
    pub(crate) fn storable(&self, mut object: Value) -> Value {
        if let Some(stored) = &self.stored_kind {
            self.kind.store(&mut object);
            stored.default(&mut object);
        }
        object["apiVersion"] = Value::String(self.stored_api_version.clone());
        object
    }

    /// An object of this version as one of another version of the same resource.
    pub(crate) fn convert(&self, object: Value, to: &Resource) -> Value {
        let api_version = to.kind.api_version();
        let mut object = if self.converts() { self.storable(object) } else { object };
        if to.converts() && object["apiVersion"] != api_version.as_str() {
            to.kind.serve(&mut object);
        }
        object["apiVersion"] = Value::String(api_version);
        object
    }

    /// Stored JSON as this version presents it, in two pieces; the first is often empty.
    ///
    /// Where the versions of a kind differ by name alone, nothing is parsed: the store writes `apiVersion` first.
    pub(crate) fn present(&self, stored: &Bytes) -> (Bytes, Bytes) {
        if self.converts() || self.lacks_defaults(stored) {
            return (Bytes::new(), Bytes::from(self.object(stored).to_string()));
        }
        if stored.starts_with(&self.head) {
            return (Bytes::new(), stored.clone());
        }
        match stored.iter().position(|byte| *byte == b',') {
            Some(comma) if stored.starts_with(b"{\"apiVersion\":") => {
                (self.head.clone(), stored.slice(comma + 1..))
            }
            _ => (Bytes::new(), stored.clone()),
        }
    }
}

/// The revision in stored JSON, where the store writes it: at the beginning of the metadata, which come third.
fn revision(json: &Bytes) -> Option<u64> {
    const BEFORE: &[u8] = br#""metadata":{"resourceVersion":""#;
    let head = json.get(..512.min(json.len()))?;
    let at = head.windows(BEFORE.len()).position(|window| window == BEFORE)? + BEFORE.len();
    let digits = head.get(at..)?.split(|byte| *byte == b'"').next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// One version of a group.
pub(crate) struct Version {
    pub(crate) name: String,
    /// In the order of the table, or by name where they are from definitions.
    pub(crate) resources: Vec<Arc<Resource>>,
}

pub(crate) struct Group {
    /// Empty for the core group.
    pub(crate) name: String,
    /// The preferred one first.
    pub(crate) versions: Vec<Version>,
}

/// All that is served at one time.
pub(crate) struct Served {
    pub(crate) groups: Vec<Group>,
    pub(crate) documents: Documents,
}

impl Served {
    fn new(kinds: Vec<Resource>) -> Served {
        let mut groups: Vec<Group> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for resource in kinds {
            let at = *places.entry(resource.group().to_owned()).or_insert_with(|| {
                groups.push(Group { name: resource.group().to_owned(), versions: Vec::new() });
                groups.len() - 1
            });
            let versions = &mut groups[at].versions;
            let name = resource.kind.version.clone();
            let resource = Arc::new(resource);
            match versions.iter_mut().find(|version| version.name == name) {
                Some(version) => version.resources.push(resource),
                None => versions.push(Version { name, resources: vec![resource] }),
            }
        }
        for group in &mut groups {
            group.versions.sort_by_key(|version| Reverse(priority(&version.name)));
        }
        Served { groups, documents: Documents::default() }
    }

    pub(crate) fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.name == name)
    }

    pub(crate) fn version(&self, group: &str, version: &str) -> Option<&Version> {
        self.group(group)?.versions.iter().find(|served| served.name == version)
    }

    pub(crate) fn resource(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Resource>> {
        self.version(group, version)?.resources.iter().find(|resource| resource.plural() == plural)
    }

    /// The resource at its preferred version.
    pub(crate) fn preferred(&self, group: &str, plural: &str) -> Option<&Arc<Resource>> {
        let versions = &self.group(group)?.versions;
        versions
            .iter()
            .find_map(|version| version.resources.iter().find(|resource| resource.plural() == plural))
    }

    pub(crate) fn kinds(&self) -> Vec<Arc<Kind>> {
        let versions = self.groups.iter().flat_map(|group| &group.versions);
        versions.flat_map(|version| &version.resources).map(|resource| Arc::clone(&resource.kind)).collect()
    }
}

/// Kubernetes' order of versions: stable before beta before alpha, higher before lower, others by name after.
fn priority(version: &str) -> (u8, u32, u32, Reverse<String>) {
    let name = || Reverse(version.to_owned());
    let parse = || {
        let rest = version.strip_prefix('v')?;
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let major = rest[..digits].parse().ok()?;
        let (level, minor) = match &rest[digits..] {
            "" => (3, 0),
            other => match (other.strip_prefix("beta"), other.strip_prefix("alpha")) {
                (Some(minor), _) => (2, minor.parse().ok()?),
                (_, Some(minor)) => (1, minor.parse().ok()?),
                _ => return None,
            },
        };
        Some((level, major, minor, name()))
    };
    parse().unwrap_or_else(|| (0, 0, 0, name()))
}

/// The current [`Served`].
pub(crate) struct Catalogue {
    builtin: Vec<Arc<Kind>>,
    served: ArcSwap<Served>,
}

impl Catalogue {
    /// The built-in kinds alone.
    pub(crate) fn new(builtin: Vec<Arc<Kind>>) -> Catalogue {
        let served = Served::new(builtin_resources(&builtin));
        Catalogue { builtin, served: ArcSwap::from_pointee(served) }
    }

    pub(crate) fn served(&self) -> Arc<Served> {
        self.served.load_full()
    }

    /// Serves the built-in kinds and those of `definitions`, which are the stored CustomResourceDefinitions.
    pub(crate) fn replace<'a>(&self, definitions: impl IntoIterator<Item = &'a Value>) {
        let mut resources = builtin_resources(&self.builtin);
        for definition in definitions {
            if !condition(definition, "Established") {
                continue;
            }
            let stored = stored_version(definition);
            let terminating = definition.pointer("/metadata/deletionTimestamp").is_some();
            match windlass_schema::kind::from_crd(definition) {
                Ok(kinds) => {
                    let written = crate::objects::field::meta(definition, "resourceVersion").parse().ok();
                    resources.extend(kinds.into_iter().map(|kind| Resource {
                        defaults_since: written.filter(|_| kind.schema().has_defaults()),
                        ..Resource::new(kind, &stored, terminating)
                    }));
                }
                Err(errors) => tracing::error!(
                    definition = crate::objects::field::meta(definition, "name"),
                    reason = %windlass_schema::field::aggregate(&errors),
                    "a stored definition is not served"
                ),
            }
        }
        self.served.store(Arc::new(Served::new(resources)));
    }
}

fn builtin_resources(kinds: &[Arc<Kind>]) -> Vec<Resource> {
    kinds.iter().map(|kind| Resource::builtin(kind, kinds)).collect()
}

/// The `apiVersion` that a built-in kind is stored in.
fn stored_at(kind: &Kind) -> String {
    kind.stored_api_version().map_or_else(|| kind.api_version(), str::to_owned)
}

/// Whether a definition's condition is True.
pub(crate) fn condition(definition: &Value, name: &str) -> bool {
    definition.pointer("/status/conditions").and_then(Value::as_array).is_some_and(|conditions| {
        conditions.iter().any(|condition| condition["type"] == name && condition["status"] == "True")
    })
}

/// The version that a definition stores its objects in.
fn stored_version(definition: &Value) -> String {
    let versions = definition.pointer("/spec/versions").and_then(Value::as_array);
    let stored = versions.and_then(|versions| versions.iter().find(|version| version["storage"] == true));
    stored.and_then(|version| version["name"].as_str()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_by_stability_and_number() {
        let mut versions = ["v1alpha1", "v2", "foo", "v1beta2", "v1", "v10", "v1beta1"];
        versions.sort_by_key(|version| Reverse(priority(version)));
        assert_eq!(versions, ["v10", "v2", "v1", "v1beta2", "v1beta1", "v1alpha1", "foo"]);
    }

    #[test]
    fn another_version_is_presented_without_parsing() {
        let kinds = windlass_schema::builtin::kinds();
        let kind =
            kinds.iter().find(|kind| kind.names.plural == "configmaps").expect("configmaps are built in");
        let resource = Resource::new(Arc::clone(kind), "v1", false);
        let (head, rest) =
            resource.present(&Bytes::from_static(br#"{"apiVersion":"v0","kind":"ConfigMap"}"#));
        assert_eq!([head, rest].concat(), br#"{"apiVersion":"v1","kind":"ConfigMap"}"#);
        let same = Bytes::from_static(br#"{"apiVersion":"v1","kind":"ConfigMap"}"#);
        assert_eq!(resource.present(&same), (Bytes::new(), same.clone()));
    }
}
