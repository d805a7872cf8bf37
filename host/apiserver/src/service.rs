//! The one service that all requests go through, in process and from the network: who calls, what is asked for,
//! whether that is allowed, and who answers it.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, IF_NONE_MATCH, USER_AGENT};
use http::request::Parts;
use http::{Method, Request, Response};
use serde_json::json;

use crate::catalogue::Served;
use crate::identity::authorize::{self, Attributes};
use crate::identity::review::Review;
use crate::identity::service_accounts::ISSUER;
use crate::identity::{User, authenticate, review};
use crate::objects::pods::BINDINGS;
use crate::objects::{self, Call, create, delete, list, namespaces, patch, pods, put, scale, tokens, watch};
use crate::request::body;
use crate::request::options::{ListOptions, Query};
use crate::request::representation::{self, Accept, Encoding, OpenApiV2, Shape};
use crate::request::target::{self, ResourcePath, Target};
use crate::response::{self, Body};
use crate::state::State;
use crate::status::ApiError;
use crate::turn::Turn;
use crate::{discovery, documents, subresource, version};

/// The server as one caller, or one connection, sees it.
#[derive(Clone)]
pub(crate) struct Endpoint {
    state: Arc<State>,
    /// Who was proven to call, by being in this process or by a certificate.
    certified: Option<User>,
}

impl Endpoint {
    pub(crate) fn new(state: &Arc<State>, certified: Option<User>) -> Endpoint {
        Endpoint { state: Arc::clone(state), certified }
    }
}

/// A client in this process.
pub(crate) fn client(state: &Arc<State>, user: User) -> kube::Client {
    kube::Client::new(Endpoint::new(state, Some(user)), "default")
}

impl<B> tower::Service<Request<B>> for Endpoint
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<tower::BoxError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let Endpoint { state, certified } = self.clone();
        Box::pin(async move {
            let head_only = request.method() == Method::HEAD;
            let wanted = representation::accept(Some(&accepted(request.headers())));
            let encoding = wanted.map_or(Encoding::Json, |accept| accept.encoding);
            let mut response = match handle(state, certified, request).await {
                Ok(response) => response,
                Err(error) => response::error(&error, encoding),
            };
            if head_only {
                *response.body_mut() = Body::empty();
            }
            Ok(response)
        })
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// All the values of `Accept`, which may come in several lines.
fn accepted(headers: &HeaderMap) -> String {
    let values: Vec<&str> = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    values.join(",")
}

async fn handle<B>(
    state: Arc<State>,
    certified: Option<User>,
    request: Request<B>,
) -> Result<Response<Body>, ApiError>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<tower::BoxError>,
{
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    let target = target::parse(path);
    let query = Query::parse(head.uri.query().unwrap_or_default())?;
    let user = authenticate::user(|token| own_token(&state, token), certified.as_ref(), &head.headers)?;
    let user = impersonate(&state, user, &head.headers)?;
    let watching = query.has("watch") && ListOptions::parse(&query).is_ok_and(|options| options.watch);
    authorize::check(&state.rbac, &user, &head.method, path, &target, watching)?;

    let resource = match target {
        Target::Resource(resource) => resource,
        Target::Unknown => {
            let extra = state.extra.get().ok_or_else(ApiError::unknown_path)?;
            extra.below(path).ok_or_else(ApiError::unknown_path)?;
            let body = body::read(body).await?;
            let (code, answer) = extra.answer(&head.method, path, &body)?;
            return Ok(response::value(code, Encoding::Json, &answer));
        }
        target => return answer(&state, target, &head.method, &query, &head.headers),
    };
    let accept = representation::accept(Some(&accepted(&head.headers)))?;
    let writes = !matches!(head.method, Method::GET | Method::HEAD);
    // A body has to be read before the turn comes: a slow sender may wait, but may not keep others waiting.
    let body = if writes { body::read(body).await? } else { Bytes::new() };
    if let Some(review) = review::find(&resource.group, &resource.resource) {
        return answer_review(&state, &user, review, &resource, &head, accept, &body);
    }
    let served = state.served();
    let found = served
        .resource(&resource.group, &resource.version, &resource.resource)
        .filter(|found| is_well_formed(found.kind.namespaced, &resource))
        .ok_or_else(ApiError::unknown_path)?;
    let turn = Turn::wait(if writes { &state.writes } else { &state.reads }).await?;
    let call = Call {
        state: Arc::clone(&state),
        turn,
        user,
        resource: Arc::clone(found),
        path: resource,
        query,
        accept,
        content_type: header(&head.headers, &CONTENT_TYPE).map(ToOwned::to_owned),
        user_agent: header(&head.headers, &USER_AGENT).unwrap_or_default().to_owned(),
        body,
    };
    dispatch(&call, &head.method).await
}

/// Whose token it is, if it is one for this server.
fn own_token(state: &State, token: &str) -> Option<User> {
    state.token_owner(token, &[ISSUER.to_owned()]).map(|(user, _)| user)
}

/// Whether the path has a namespace where the resource does, and nowhere else.
fn is_well_formed(namespaced: bool, path: &ResourcePath) -> bool {
    let namespace_itself = path.resource == "namespaces" && path.group.is_empty();
    match (namespaced, path.namespace.is_empty()) {
        (true, true) => path.name.is_empty(),
        (false, false) => namespace_itself,
        _ => true,
    }
}

/// The user that the request is made for, if the one who makes it may do that.
fn impersonate(state: &State, user: User, headers: &HeaderMap) -> Result<User, ApiError> {
    let Some(wanted) = authenticate::impersonated(headers)? else { return Ok(user) };
    let named = |resource: &str, name: &str| Attributes {
        verb: "impersonate".into(),
        resource: resource.into(),
        name: name.into(),
        ..Attributes::default()
    };
    let mut asked = vec![named("users", &wanted.name)];
    asked.extend(
        wanted
            .groups
            .iter()
            .filter(|group| *group != "system:authenticated")
            .map(|group| named("groups", group)),
    );
    for asked in asked {
        if !state.rbac.allows(&user, &asked) {
            return Err(authorize::refusal(&user, &asked));
        }
    }
    Ok(wanted)
}

/// Answers what is no resource.
fn answer(
    state: &State,
    target: Target,
    method: &Method,
    query: &Query,
    headers: &HeaderMap,
) -> Result<Response<Body>, ApiError> {
    if target == Target::Unknown {
        return Err(ApiError::unknown_path());
    }
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Err(ApiError::method_not_allowed());
    }
    let served = state.served();
    let accept = || representation::accept(Some(&accepted(headers)));
    let unchanged = header(headers, &IF_NONE_MATCH);
    match target {
        Target::Version => Ok(response::value(200, Encoding::Json, &version::info())),
        Target::Health(check) => Ok(health(state, &check, query.has("verbose"))),
        Target::Metrics => match state.metrics.get() {
            Some(metrics) => Ok(response::text(200, metrics())),
            None => Err(ApiError::unknown_path()),
        },
        Target::Paths => {
            let paths = paths(&served, state);
            Ok(response::value(200, Encoding::Json, &json!({"paths": paths})))
        }
        Target::CoreVersions => Ok(discovery::groups(&served, true, accept()?, unchanged)),
        Target::Groups => Ok(discovery::groups(&served, false, accept()?, unchanged)),
        Target::Group(name) => discovery::group(&served, &name, accept()?),
        Target::Resources { group, version } => discovery::resources(&served, &group, &version, accept()?),
        Target::OpenApiV2 => {
            let form = OpenApiV2::accept(Some(&accepted(headers)))?;
            Ok(documents::v2(&served, form, unchanged))
        }
        Target::OpenApiV3Index => Ok(documents::v3_index(&served, accept()?.encoding)),
        Target::OpenApiV3(path) => accept().and_then(|_| documents::v3(&served, &path, unchanged)),
        Target::Resource(_) | Target::Unknown => Err(ApiError::unknown_path()),
    }
}

fn paths(served: &Served, state: &State) -> Vec<String> {
    let mut paths: Vec<String> =
        ["/api", "/apis", "/healthz", "/livez", "/openapi/v2", "/openapi/v3", "/readyz", "/version"]
            .map(str::to_owned)
            .to_vec();
    paths.extend(state.metrics.get().map(|_| "/metrics".to_owned()));
    paths.extend(state.extra.get().map(|extra| extra.prefix().to_owned()));
    for group in &served.groups {
        if !group.name.is_empty() {
            paths.push(format!("/apis/{}", group.name));
        }
        paths.extend(group.versions.iter().map(|version| match group.name.as_str() {
            "" => format!("/api/{}", version.name),
            name => format!("/apis/{name}/{}", version.name),
        }));
    }
    paths.sort();
    paths
}

/// `ok`, or what is not; each check by itself with `?verbose`.
fn health(state: &State, check: &str, verbose: bool) -> Response<Body> {
    let failure = state.store.failure();
    let mut lines = vec!["[+]ping ok".to_owned()];
    // A server that can't write is alive: it still reads, and a restart would not make room on its disk.
    if check != "livez" {
        lines.push(match &failure {
            Some(reason) => format!("[-]store failed: {reason}"),
            None => "[+]store ok".to_owned(),
        });
    }
    let healthy = check == "livez" || failure.is_none();
    let verdict = if healthy { "passed" } else { "failed" };
    match (healthy, verbose) {
        (true, false) => response::text(200, "ok".to_owned()),
        _ => response::text(
            if healthy { 200 } else { 500 },
            format!("{}\n{check} check {verdict}\n", lines.join("\n")),
        ),
    }
}

fn answer_review(
    state: &State,
    user: &User,
    review: &Review,
    path: &ResourcePath,
    head: &Parts,
    accept: Accept,
    body: &Bytes,
) -> Result<Response<Body>, ApiError> {
    if path.version != review::VERSION {
        return Err(ApiError::unknown_path());
    }
    if head.method != Method::POST || !path.name.is_empty() {
        return Err(ApiError::method_not_allowed());
    }
    let asked = body::object(body, header(&head.headers, &CONTENT_TYPE), &state.messages, review.kind)?;
    let answer = review::answer(state, user, review.plural, asked)?;
    Ok(response::value(201, accept.encoding, &answer))
}

/// Gives the call to the verb's module.
async fn dispatch(call: &Call, method: &Method) -> Result<Response<Body>, ApiError> {
    let collection = call.path.name.is_empty();
    let subresource = call.path.subresource.as_str();
    let verb = authorize::verb(method, &call.path, false);
    let allowed = match subresource {
        "" => call.resource.allows(verb),
        name => {
            let found = subresource::find(&call.resource, name).ok_or_else(ApiError::unknown_path)?;
            found.verbs.contains(&verb)
        }
    };
    if !allowed || (verb == "create" && subresource.is_empty() && !collection) {
        return Err(ApiError::method_not_allowed());
    }
    if call.resource.kind.namespaced && call.path.namespace.is_empty() && !matches!(verb, "list") {
        return Err(ApiError::method_not_allowed());
    }
    if let Shape::Discovery(_) = call.accept.shape {
        return Err(ApiError::not_acceptable("application/json, application/yaml"));
    }
    match (verb, subresource) {
        ("get", "scale") => scale::get(call),
        ("get", _) => objects::get(call),
        ("list", _) => {
            let options = ListOptions::parse(&call.query)?;
            if options.watch { watch::watch(call, &options) } else { list::list(call, &options) }
        }
        ("create", "") if call.resource.is(BINDINGS) => pods::bind_named(call).await,
        ("create", "") => create::create(call).await,
        ("create", "binding") => pods::bind(call).await,
        ("create", "eviction") => pods::evict(call).await,
        ("create", "token") => tokens::issue(call),
        ("update", "scale") => scale::put(call).await,
        ("update", "finalize") => namespaces::finalize(call).await,
        ("update", _) => put::put(call).await,
        ("patch", "scale") => scale::patch(call).await,
        ("patch", _) => patch::patch(call).await,
        ("delete", _) => delete::delete(call).await,
        ("deletecollection", _) => delete::delete_collection(call).await,
        _ => Err(ApiError::method_not_allowed()),
    }
}
