//! The admission of a request. This process's own hooks and the users' webhooks may change the object, in this order,
//! and each sees what the one before it left; when that is checked against its schema, webhooks may still refuse it.

use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value, json};
use windlass_core::{AdmissionRequest, Gvk, Verb, Verdict};
use windlass_schema::Scale;

use super::{Call, field, scale};
use crate::admission::webhook::{self, Calls, Reinvocation, Webhook};
use crate::admission::{Attributes, Named, ParamRef, Review, Source, Subject};
use crate::catalogue::{Resource, store_name};
use crate::request::options::{DeleteOptions, Propagation, WriteOptions};
use crate::status::{ApiError, Cause};
use crate::store::Key;

/// What is to be admitted.
pub(crate) struct Question<'a> {
    pub(crate) verb: Verb,
    /// Empty for the object itself.
    pub(crate) subresource: &'a str,
    pub(crate) name: &'a str,
    pub(crate) options: Options<'a>,
    /// `Null` on delete.
    pub(crate) object: Value,
    /// `Null` on create.
    pub(crate) old: Value,
}

/// What the client chose for its request.
#[derive(Clone, Copy)]
pub(crate) enum Options<'a> {
    Write(&'a WriteOptions),
    Delete(&'a DeleteOptions),
}

/// The objects as they were admitted so far, and whether the new one was changed.
pub(crate) struct Admitted {
    pub(crate) object: Value,
    pub(crate) old: Value,
    pub(crate) changed: bool,
    pub(crate) warnings: Vec<String>,
}

/// Makes an object that a hook left complete again: typed, defaulted, and with what only the server writes. Gets the
/// object that is there, too.
pub(crate) type Complete<'a> = &'a (dyn Fn(Value, &Value) -> Result<Value, ApiError> + Send + Sync);

/// Everything that may change the object.
///
/// # Errors
/// 403 or 422 where a hook refuses, 500 where one fails: a request that can't be judged isn't let through. What a
/// webhook says.
pub(crate) async fn mutate(
    call: &Call,
    question: Question<'_>,
    complete: Complete<'_>,
) -> Result<Admitted, ApiError> {
    let Question { verb, subresource, name, options, object, old } = question;
    let mut subject = Objects::new(call, subresource, object, old, complete);
    let mut warnings = Vec::new();
    subject.ask_own_hooks(verb, options.dry_run(), name, &mut warnings)?;

    let configured = call.state.admission.configurations.current();
    let asked = || attributes(call, verb, subresource, name, options);
    if let Some(attributes) = concerned(call, &configured.mutating, asked) {
        let uid = || call.state.new_uid();
        let calls = Calls::new(&call.state.admission, &attributes, &uid);
        let mut reinvocation = Reinvocation::default();
        for _ in 0..2 {
            let round =
                webhook::mutate(&calls, &configured.mutating, &mut subject, &mut warnings, &mut reinvocation);
            if !call.turn.away(round).await?? {
                break;
            }
            subject.ask_own_hooks(verb, options.dry_run(), name, &mut warnings)?;
        }
    }
    let Objects { object, old, changed, .. } = subject;
    Ok(Admitted { object, old, changed, warnings })
}

/// Everything that may only refuse, on the object as it would be stored. Gives warnings.
///
/// # Errors
/// What a webhook says.
pub(crate) async fn validate(call: &Call, question: Question<'_>) -> Result<Vec<String>, ApiError> {
    let Question { verb, subresource, name, options, object, old } = question;
    let configured = call.state.admission.configurations.current();
    let asked = || attributes(call, verb, subresource, name, options);
    let mut warnings = Vec::new();
    if configured.validating.is_empty() && configured.policies.is_empty() {
        return Ok(warnings);
    }
    let attributes = asked();
    let policies = configured.policies.iter().any(|policy| policy.concerns(&attributes));
    let webhooks = configured.validating.iter().any(|webhook| webhook.concerns(&attributes));
    if attributes.is_exempt() || !(policies || webhooks) {
        return Ok(warnings);
    }
    let attributes = Attributes { namespace_labels: namespace_labels(call, &attributes), ..attributes };
    let subject = Objects::new(call, subresource, object, old, &|object, _| Ok(object));
    for policy in configured.policies.iter().filter(|_| policies) {
        warnings.extend(policy.judge(&attributes, &subject, &Stored(call))?);
    }
    if webhooks {
        let uid = || call.state.new_uid();
        let calls = Calls::new(&call.state.admission, &attributes, &uid);
        let answers = webhook::validate(&calls, &configured.validating, &subject, &mut warnings);
        call.turn.away(answers).await??;
    }
    Ok(warnings)
}

/// Whether anybody but this process is asked in the validating stage; spares the copies of the objects where not.
pub(crate) fn is_validated(call: &Call) -> bool {
    let configured = call.state.admission.configurations.current();
    !(configured.validating.is_empty() && configured.policies.is_empty())
}

/// What a webhook is to know of the request; `None` where no rule of any is about it, as is so with most requests.
fn concerned(call: &Call, webhooks: &[Webhook], asked: impl FnOnce() -> Attributes) -> Option<Attributes> {
    if webhooks.is_empty() {
        return None;
    }
    let attributes = asked();
    let is_concerned =
        !attributes.is_exempt() && webhooks.iter().any(|webhook| webhook.concerns(&attributes));
    is_concerned.then(|| Attributes { namespace_labels: namespace_labels(call, &attributes), ..attributes })
}

/// What policies look up besides the request.
struct Stored<'a>(&'a Call);

impl Source for Stored<'_> {
    fn params(
        &self,
        (api_version, kind): &(String, String),
        wanted: &ParamRef,
        namespace: &str,
    ) -> Result<Vec<Value>, String> {
        let Stored(Call { state, .. }) = self;
        let served = state.served();
        let versions = served.groups.iter().flat_map(|group| &group.versions);
        let resource = versions
            .flat_map(|version| &version.resources)
            .find(|resource| resource.kind.names.kind == *kind && resource.kind.api_version() == *api_version)
            .ok_or_else(|| format!("paramKind kind `{api_version}, Kind={kind}` not known"))?;
        let namespace = match (resource.kind.namespaced, wanted.namespace.as_str(), namespace) {
            (false, "", _) => "",
            (false, ..) => {
                return Err(
                    "paramRef.namespace must not be provided for a cluster-scoped `paramKind`".to_owned()
                );
            }
            (true, "", "") => {
                return Err(
                    "cannot use namespaced paramRef in policy binding that matches cluster-scoped resources"
                        .to_owned(),
                );
            }
            (true, "", namespace) | (true, namespace, _) => namespace,
        };
        let Some(selector) = &wanted.selector else {
            let key = Key::new(Arc::clone(&resource.store), namespace, wanted.name.as_str());
            return Ok(state.store.get(&key).iter().map(|stored| resource.object(&stored.json)).collect());
        };
        let objects = state.store.snapshot(&resource.store);
        let objects = objects.range(Some(namespace), None).map(|stored| resource.object(&stored.json));
        Ok(objects.filter(|object| selector.matches(object)).collect())
    }

    fn namespace(&self, name: &str) -> Value {
        let key = Key::new(store_name("", "namespaces"), "", name);
        self.0.state.store.get(&key).map(|stored| field::parse(&stored)).unwrap_or_default()
    }
}

impl Options<'_> {
    fn dry_run(self) -> bool {
        match self {
            Options::Write(options) => options.dry_run,
            Options::Delete(options) => options.dry_run,
        }
    }

    /// meta.k8s.io/v1 CreateOptions, UpdateOptions, PatchOptions or DeleteOptions
    fn json(self, call: &Call, verb: Verb) -> Value {
        let mut json = Map::new();
        let mut set = |name: &str, value: Value| json.insert(name.to_owned(), value);
        let patches = call.content_type.as_deref().is_some_and(|media| media.contains("patch"));
        let kind = match (self, verb) {
            (Options::Delete(_), _) => "DeleteOptions",
            (_, Verb::Create) => "CreateOptions",
            _ if patches => "PatchOptions",
            _ => "UpdateOptions",
        };
        set("kind", json!(kind));
        set("apiVersion", json!("meta.k8s.io/v1"));
        if self.dry_run() {
            set("dryRun", json!(["All"]));
        }
        match self {
            Options::Write(options) => {
                for name in ["fieldManager", "fieldValidation"] {
                    match call.query.text(name) {
                        "" => {}
                        given => drop(set(name, json!(given))),
                    }
                }
                if let Some(force) = options.force.filter(|_| kind == "PatchOptions") {
                    set("force", json!(force));
                }
            }
            Options::Delete(options) => {
                if let Some(seconds) = options.grace_period_seconds {
                    set("gracePeriodSeconds", json!(seconds));
                }
                let policy = options.propagation.map(|policy| match policy {
                    Propagation::Background => "Background",
                    Propagation::Foreground => "Foreground",
                    Propagation::Orphan => "Orphan",
                });
                if let Some(policy) = policy {
                    set("propagationPolicy", json!(policy));
                }
                let mut preconditions = Map::new();
                for (name, wanted) in [("uid", &options.uid), ("resourceVersion", &options.resource_version)]
                {
                    if let Some(wanted) = wanted {
                        preconditions.insert(name.to_owned(), json!(wanted));
                    }
                }
                if !preconditions.is_empty() {
                    set("preconditions", Value::Object(preconditions));
                }
            }
        }
        Value::Object(json)
    }
}

/// What the request is about; its namespace's labels are looked up when somebody wants them.
fn attributes(call: &Call, verb: Verb, subresource: &str, name: &str, options: Options<'_>) -> Attributes {
    let named = |resource: &Resource| {
        let kind = &resource.kind;
        let (group, version) = (kind.group.clone(), kind.version.clone());
        let kind_name = match subresource {
            "scale" => ("autoscaling".to_owned(), "v1".to_owned(), "Scale".to_owned()),
            _ => (group.clone(), version.clone(), kind.names.kind.clone()),
        };
        Named { group, version, resource: kind.names.plural.clone(), kind: kind_name }
    };
    let served = call.state.served();
    let versions = served.groups.iter().flat_map(|group| &group.versions);
    let others = versions
        .flat_map(|version| &version.resources)
        .filter(|other| other.store == call.resource.store)
        .map(|other| named(other));
    let requested = named(&call.resource);
    let equivalents = others.filter(|other| *other != requested).collect();
    Attributes {
        operation: verb.name(),
        requested,
        equivalents,
        subresource: subresource.to_owned(),
        namespace: call.path.namespace.clone(),
        name: name.to_owned(),
        user: call.user.clone(),
        dry_run: options.dry_run(),
        options: options.json(call, verb),
        namespace_labels: None,
    }
}

fn namespace_labels(call: &Call, attributes: &Attributes) -> Option<Value> {
    let key = Key::new(store_name("", "namespaces"), "", attributes.namespace.as_str());
    let stored = call.state.store.get(&key)?;
    Some(stored.labels.iter().map(|(label, value)| (label.to_string(), json!(value))).collect())
}

/// The objects of a request, as those who judge it see them.
struct Objects<'a> {
    call: &'a Call,
    subresource: &'a str,
    complete: Complete<'a>,
    object: Value,
    old: Value,
    changed: bool,
    /// As webhooks see them in the version that was asked for: the objects themselves, or their scales. Copied when
    /// somebody looks, which with most requests nobody does.
    shown: OnceLock<Review>,
}

impl<'a> Objects<'a> {
    fn new(
        call: &'a Call,
        subresource: &'a str,
        object: Value,
        old: Value,
        complete: Complete<'a>,
    ) -> Objects<'a> {
        Objects { call, subresource, complete, object, old, changed: false, shown: OnceLock::new() }
    }

    fn scale(&self) -> Option<&'a Scale> {
        self.call.resource.kind.subresources.scale.as_ref().filter(|_| self.subresource == "scale")
    }

    /// The resource in the version that is named, if that is another one. A scale is the same in all.
    fn other_version(&self, named: &Named) -> Option<Arc<Resource>> {
        let kind = &self.call.resource.kind;
        let same = kind.version == named.version && kind.group == named.group;
        if same || self.scale().is_some() {
            return None;
        }
        let served = self.call.state.served();
        served.resource(&named.group, &named.version, &named.resource).cloned()
    }

    fn shown(&self) -> &Review {
        self.shown.get_or_init(|| match self.scale() {
            Some(paths) => {
                Review { object: scale::read(paths, &self.object), old: scale::read(paths, &self.old) }
            }
            None => Review { object: self.object.clone(), old: self.old.clone() },
        })
    }

    fn replace(&mut self, object: Value) -> Result<bool, ApiError> {
        let object = (self.complete)(object, &self.old)?;
        let differs = object != self.object;
        self.changed |= differs;
        self.object = object;
        self.shown = OnceLock::new();
        Ok(differs)
    }

    fn ask_own_hooks(
        &mut self,
        verb: Verb,
        dry_run: bool,
        name: &str,
        warnings: &mut Vec<String>,
    ) -> Result<(), ApiError> {
        if self.call.state.hooks.is_empty() {
            return Ok(());
        }
        let kind = &self.call.resource.kind;
        let mut request = AdmissionRequest {
            gvk: Gvk {
                group: kind.group.clone(),
                version: kind.version.clone(),
                kind: kind.names.kind.clone(),
            },
            resource: kind.names.plural.clone(),
            subresource: self.subresource.to_owned(),
            namespace: self.call.namespace().to_owned(),
            name: name.to_owned(),
            verb,
            user: self.call.user.name.clone(),
            groups: self.call.user.groups.clone(),
            dry_run,
            object: std::mem::take(&mut self.object),
            old_object: std::mem::take(&mut self.old),
        };
        let mut changed = false;
        for hook in &self.call.state.hooks {
            match hook.admit(&request) {
                Ok(Verdict::Allowed { object, warnings: more }) => {
                    warnings.extend(more);
                    if let Some(object) = object {
                        request.object = object;
                        changed = true;
                    }
                }
                Ok(Verdict::Denied { message, causes }) => {
                    return Err(denied(self.call, name, &message, causes));
                }
                Err(error) => return Err(ApiError::internal(error)),
            }
        }
        let AdmissionRequest { object, old_object, .. } = request;
        self.old = old_object;
        self.object = object;
        if changed {
            let object = std::mem::take(&mut self.object);
            self.replace(object)?;
            self.changed = true;
        }
        Ok(())
    }
}

impl Subject for Objects<'_> {
    fn as_requested(&self) -> &Review {
        self.shown()
    }

    fn in_version(&self, named: &Named) -> Result<Review, ApiError> {
        let Review { object, old } = self.shown().clone();
        let Some(resource) = self.other_version(named) else { return Ok(Review { object, old }) };
        let convert = |object: Value| {
            if object.is_null() { object } else { self.call.resource.convert(object, &resource) }
        };
        Ok(Review { object: convert(object), old: convert(old) })
    }

    fn take(&mut self, named: &Named, object: Value) -> Result<bool, ApiError> {
        if let Some(paths) = self.scale() {
            let mut whole = self.object.clone();
            scale::write_to(self.call, paths, &mut whole, &object)?;
            return self.replace(whole);
        }
        match self.other_version(named) {
            Some(resource) => self.replace(resource.convert(object, &self.call.resource)),
            None => self.replace(object),
        }
    }
}

fn denied(call: &Call, name: &str, message: &str, causes: Vec<windlass_core::admission::Cause>) -> ApiError {
    if causes.is_empty() {
        return ApiError::forbidden(call.resource.group(), call.resource.plural(), name, message);
    }
    let causes = causes
        .into_iter()
        .map(|cause| Cause { reason: cause.reason.to_owned(), field: cause.field, message: cause.message })
        .collect();
    ApiError::invalid(call.resource.group(), &call.resource.kind.names.kind, name, causes)
}
