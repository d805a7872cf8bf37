//! POST, and the creation by an apply.

use http::{Method, Response};
use serde_json::{Value, json};
use windlass_core::Verb;
use windlass_schema::Part;
use windlass_schema::apply::{self, Writer};

use super::admit::{self, Admitted, Options, Question};
use super::commit::{Failure, check, commit, storable};
use super::{Call, certificates, field, input, namespaces, shape};
use crate::catalogue::DEFINITIONS;
use crate::identity::authorize;
use crate::request::options::WriteOptions;
use crate::request::target::Target;
use crate::response::{self, Body};
use crate::state::now;
use crate::status::ApiError;
use crate::store::Op;
use crate::{definitions, services};

/// Names are tried this often when generateName hits one that exists.
const GENERATE_ATTEMPTS: usize = 8;
/// What a generated name's prefix is cut to.
const GENERATE_BASE_BYTES: usize = 58;

/// POST to a collection.
pub(crate) async fn create(call: &Call) -> Result<Response<Body>, ApiError> {
    let options = WriteOptions::parse("CreateOptions", &call.query, &call.user_agent)?;
    let (mut object, mut warnings) = input::object(call, &options)?;
    input::settle_namespace(call, &mut object)?;
    let mut response = store(call, &options, object, Origin::Request, &mut warnings).await?;
    response::warn(&mut response, &warnings);
    Ok(response)
}

/// Where the object to be created comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The body of a request: its managedFields are still to be tracked.
    Request,
    /// A PUT of what does not exist. The resourceVersion that it may have says nothing.
    Update,
    /// An apply, which has tracked them.
    Apply,
}

/// Whether a PUT or an apply may create the object.
///
/// # Errors
/// 403.
pub(crate) fn permitted(call: &Call) -> Result<(), ApiError> {
    let target = Target::Resource(call.path.clone());
    authorize::check(&call.state.rbac, &call.user, &Method::POST, "", &target, false)
}

/// Creates the decoded object; its namespace is settled.
pub(crate) async fn store(
    call: &Call,
    options: &WriteOptions,
    object: Value,
    origin: Origin,
    warnings: &mut Vec<String>,
) -> Result<Response<Body>, ApiError> {
    let resource = &call.resource;
    if resource.terminating {
        return Err(ApiError::new(
            405,
            "MethodNotAllowed",
            "create not allowed while custom resource definition is terminating",
        ));
    }
    namespaces::check_open(call, field::meta(&object, "name"))?;
    let generated =
        field::meta(&object, "name").is_empty() && !field::meta(&object, "generateName").is_empty();
    let mut attempts = if generated { GENERATE_ATTEMPTS } else { 1 };
    loop {
        let Prepared { object, dependent } = prepare(call, options, object.clone(), origin, warnings).await?;
        let name = field::meta(&object, "name").to_owned();
        let taken = || ApiError::already_exists(resource.group(), resource.plural(), &name);
        if options.dry_run {
            if call.state.store.get(&call.key(&name)).is_some() {
                return Err(taken());
            }
            return shape::unstored(call, 201, &object);
        }
        match commit(call, Op::create(call.key(&name), storable(call, object)), dependent).await {
            Ok(event) => return shape::one(call, 201, &event.object.json),
            Err(Failure::Api(error)) => return Err(error),
            // What was chosen at random is chosen again; what was asked for is found to be taken.
            Err(Failure::Taken) => {}
            Err(Failure::Raced) if attempts > 1 => attempts -= 1,
            Err(Failure::Raced) => return Err(taken()),
        }
    }
}

/// An object as it is to be stored, and what has to be written together with it.
struct Prepared {
    object: Value,
    dependent: Vec<Op>,
}

/// Everything from the decoded object to the one that is stored.
async fn prepare(
    call: &Call,
    options: &WriteOptions,
    mut object: Value,
    origin: Origin,
    warnings: &mut Vec<String>,
) -> Result<Prepared, ApiError> {
    let kind = &call.resource.kind;
    let name = field::meta(&object, "name").to_owned();
    let prefix = field::meta(&object, "generateName").to_owned();
    if name.is_empty() && prefix.is_empty() {
        let errors =
            vec![windlass_schema::FieldError::required("metadata.name", "name or generateName is required")];
        check(call, "", errors)?;
    }
    let versioned = !field::meta(&object, "resourceVersion").is_empty();
    begin(call, &mut object);
    if name.is_empty() {
        let base: String = prefix.chars().take(GENERATE_BASE_BYTES).collect();
        let name = format!("{base}{}", call.state.name_suffix());
        field::metadata(&mut object).insert("name".to_owned(), json!(name));
    }
    shape_new(call, &mut object);
    let name = field::meta(&object, "name").to_owned();
    let question = Question {
        verb: Verb::Create,
        subresource: "",
        name: &name,
        options: Options::Write(options),
        object,
        old: Value::Null,
    };
    let complete = |mut object: Value, _: &Value| {
        input::decode(call, &mut object, Vec::new())?;
        shape_new(call, &mut object);
        if field::meta(&object, "name") != name {
            return Err(ApiError::internal("an admission hook changed the object's name"));
        }
        Ok(object)
    };
    let Admitted { mut object, warnings: said, .. } = admit::mutate(call, question, &complete).await?;
    warnings.extend(said);
    if origin != Origin::Apply {
        let writer = Writer {
            manager: &options.field_manager,
            subresource: "",
            now: jiff::Timestamp::now(),
            versions: &call.resource.versions,
        };
        apply::track(kind, None, &mut object, &writer);
    }
    kind.complete_created(&mut object);
    namespaces::shape_new(call, &mut object);
    let dependent = services::settle(call, None, &mut object)?;
    check(call, &name, kind.validate_create(&object))?;
    if versioned && origin == Origin::Request {
        // Only now: the store is the one that asks, and it sees valid objects alone.
        return Err(ApiError::new(500, "", "resourceVersion should not be set on objects to be created"));
    }
    if call.resource.is(DEFINITIONS) {
        definitions::accept(&call.state, &mut object, None);
    }
    if admit::is_validated(call) {
        let question = Question {
            verb: Verb::Create,
            subresource: "",
            name: &name,
            options: Options::Write(options),
            object: object.clone(),
            old: Value::Null,
        };
        warnings.extend(admit::validate(call, question).await?);
    }
    Ok(Prepared { object, dependent })
}

/// Metadata that only the server writes.
fn begin(call: &Call, object: &mut Value) {
    let has_generation = call.resource.kind.generation;
    let metadata = field::metadata(object);
    for name in ["resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"] {
        metadata.remove(name);
    }
    metadata.insert("uid".to_owned(), json!(call.state.new_uid()));
    metadata.insert("creationTimestamp".to_owned(), json!(now()));
    if has_generation {
        metadata.insert("generation".to_owned(), json!(1));
    } else {
        metadata.remove("generation");
    }
}

/// Defaults, and no status where that is a subresource.
fn shape_new(call: &Call, object: &mut Value) {
    let kind = &call.resource.kind;
    kind.confine(object, None, Part::Main);
    kind.default(object);
    certificates::shape_new(call, object);
}
