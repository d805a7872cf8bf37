//! Query options: ListOptions, the options of writes, and what the bodies of DELETE may repeat.

use serde_json::Value;

use super::target::unescape;
use crate::status::{ApiError, Cause};

/// The query of a request, decoded. Unknown parameters are ignored, as Kubernetes does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// # Errors
    /// A parameter is not percent-encoded UTF-8.
    pub(crate) fn parse(query: &str) -> Result<Query, ApiError> {
        let mut pairs = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decode = |text: &str| {
                unescape(&text.replace('+', " ")).ok_or_else(|| {
                    ApiError::bad_request(format!("invalid URL escape in query parameter {pair:?}"))
                })
            };
            pairs.push((decode(key)?, decode(value)?));
        }
        Ok(Query(pairs))
    }

    /// The first value; empty if absent.
    pub(crate) fn text(&self, key: &str) -> &str {
        self.0.iter().find(|(name, _)| name == key).map_or("", |(_, value)| value)
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.0.iter().any(|(name, _)| name == key)
    }

    /// Kubernetes takes any value but `false` and `0` for true, the empty one included.
    pub(crate) fn flag(&self, key: &str) -> Option<bool> {
        self.has(key).then(|| !matches!(self.text(key).to_ascii_lowercase().as_str(), "false" | "0"))
    }

    fn number(&self, key: &str) -> Result<Option<i64>, ApiError> {
        match self.text(key) {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| {
                ApiError::bad_request(format!("strconv.ParseInt: parsing {text:?}: invalid syntax ({key})"))
            }),
        }
    }
}

/// `resourceVersionMatch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Match {
    Exact,
    NotOlderThan,
}

/// meta/v1 ListOptions, checked.
#[derive(Clone, Debug, Default)]
pub(crate) struct ListOptions {
    pub(crate) label_selector: String,
    pub(crate) field_selector: String,
    /// `None` if unset; `Some(0)` means "any".
    pub(crate) resource_version: Option<u64>,
    pub(crate) version_match: Option<Match>,
    pub(crate) watch: bool,
    pub(crate) allow_bookmarks: bool,
    pub(crate) send_initial_events: bool,
    pub(crate) timeout_seconds: Option<u64>,
    /// 0 is unlimited.
    pub(crate) limit: usize,
    pub(crate) continue_token: String,
}

impl ListOptions {
    /// # Errors
    /// A value is malformed, or the options contradict each other.
    pub(crate) fn parse(query: &Query) -> Result<ListOptions, ApiError> {
        let resource_version = match query.text("resourceVersion") {
            "" => None,
            text => Some(text.parse().map_err(|_| {
                ApiError::bad_request(format!("invalid resource version: resourceVersion: Invalid value: {text:?}: strconv.ParseUint: parsing {text:?}: invalid syntax"))
            })?),
        };
        let watch = query.flag("watch").unwrap_or(false);
        let version_match = match query.text("resourceVersionMatch") {
            "" => None,
            "Exact" => Some(Match::Exact),
            "NotOlderThan" => Some(Match::NotOlderThan),
            other => {
                return Err(invalid_option(&format!(
                    r#"resourceVersionMatch: Unsupported value: {other:?}: supported values: "Exact", "NotOlderThan""#
                )));
            }
        };
        let options = ListOptions {
            label_selector: query.text("labelSelector").to_owned(),
            field_selector: query.text("fieldSelector").to_owned(),
            resource_version,
            version_match,
            watch,
            allow_bookmarks: query.flag("allowWatchBookmarks").unwrap_or(false),
            send_initial_events: query.flag("sendInitialEvents").unwrap_or(false),
            timeout_seconds: query
                .number("timeoutSeconds")?
                .and_then(|seconds| u64::try_from(seconds).ok())
                .filter(|seconds| *seconds > 0),
            limit: query.number("limit")?.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(0),
            continue_token: query.text("continue").to_owned(),
        };
        options.check(query.has("sendInitialEvents"))?;
        Ok(options)
    }

    fn check(&self, initial_events_given: bool) -> Result<(), ApiError> {
        if self.watch {
            if initial_events_given && self.version_match != Some(Match::NotOlderThan) {
                return Err(invalid_option(
                    "resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
                ));
            }
            if !initial_events_given && self.version_match.is_some() {
                return Err(invalid_option(
                    "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
                ));
            }
            if self.send_initial_events && !self.allow_bookmarks {
                return Err(invalid_option(
                    "sendInitialEvents: Forbidden: sendInitialEvents requires allowWatchBookmarks: this server ends the initial events by a bookmark",
                ));
            }
            return Ok(());
        }
        if initial_events_given {
            return Err(invalid_option(
                "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list",
            ));
        }
        match (self.version_match, self.resource_version) {
            (Some(_), None) => Err(invalid_option(
                "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided",
            )),
            (Some(_), _) if !self.continue_token.is_empty() => Err(invalid_option(
                "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is provided",
            )),
            (Some(Match::Exact), Some(0)) => Err(invalid_option(
                r#"resourceVersionMatch: Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0""#,
            )),
            (None, Some(version)) if version > 0 && !self.continue_token.is_empty() => {
                Err(ApiError::bad_request("specifying resource version is not allowed when using continue"))
            }
            _ => Ok(()),
        }
    }
}

fn invalid_option(why: &str) -> ApiError {
    refused("ListOptions", why)
}

/// 422 for an option; `why` begins with its name, and goes on with what Kubernetes calls that kind of fault.
pub(crate) fn refused(kind: &str, why: &str) -> ApiError {
    const FAULTS: [(&str, &str); 5] = [
        ("Required value", "FieldValueRequired"),
        ("Unsupported value", "FieldValueNotSupported"),
        ("Forbidden", "FieldValueForbidden"),
        ("Too long", "FieldValueTooLong"),
        ("Invalid value", "FieldValueInvalid"),
    ];
    let (field, message) = why.split_once(": ").unwrap_or(("", why));
    let fault = FAULTS.iter().find(|(fault, _)| message.starts_with(fault));
    let cause = Cause {
        reason: fault.map_or("FieldValueInvalid", |(_, reason)| reason).to_owned(),
        field: field.to_owned(),
        message: message.to_owned(),
    };
    ApiError::invalid("meta.k8s.io", kind, "", vec![cause])
}

/// The options' faults together, as one refusal; `Ok` with the value where there is none.
fn either<A, B>(a: Result<A, ApiError>, b: Result<B, ApiError>, kind: &str) -> Result<(A, B), ApiError> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
        (Err(a), Err(b)) => {
            let causes = a.into_causes().into_iter().chain(b.into_causes()).collect();
            Err(ApiError::invalid("meta.k8s.io", kind, "", causes))
        }
    }
}

/// What is done about unknown and repeated fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum FieldValidation {
    Ignore,
    #[default]
    Warn,
    Strict,
}

/// The options that create, update and patch share.
#[derive(Clone, Debug, Default)]
pub(crate) struct WriteOptions {
    pub(crate) dry_run: bool,
    pub(crate) field_manager: String,
    pub(crate) field_validation: FieldValidation,
    /// Patch only: take over fields that others own.
    pub(crate) force: Option<bool>,
}

impl WriteOptions {
    /// `kind` is what Kubernetes calls these options: CreateOptions, UpdateOptions or PatchOptions.
    ///
    /// # Errors
    /// `dryRun`, `fieldManager` or `fieldValidation` has a value that Kubernetes refuses.
    pub(crate) fn parse(kind: &str, query: &Query, user_agent: &str) -> Result<WriteOptions, ApiError> {
        let field_validation = match query.text("fieldValidation") {
            "" | "Warn" => Ok(FieldValidation::Warn),
            "Ignore" => Ok(FieldValidation::Ignore),
            "Strict" => Ok(FieldValidation::Strict),
            other => Err(refused(
                kind,
                &format!(
                    r#"fieldValidation: Unsupported value: {other:?}: supported values: "", "Ignore", "Strict", "Warn""#
                ),
            )),
        };
        let (dry_run, field_validation) = either(dry_run(kind, query), field_validation, kind)?;
        let given = query.text("fieldManager");
        if given.len() > 128 {
            return Err(refused(kind, "fieldManager: Too long: may not be more than 128 bytes"));
        }
        if given.chars().any(char::is_control) {
            return Err(refused(
                kind,
                &format!("fieldManager: Invalid value: {given:?}: should only contain printable characters"),
            ));
        }
        let field_manager = match given {
            "" => manager_of(user_agent),
            given => given.to_owned(),
        };
        Ok(WriteOptions { dry_run, field_manager, field_validation, force: query.flag("force") })
    }
}

/// The manager of a client that names none: its user agent up to the first slash.
fn manager_of(user_agent: &str) -> String {
    let name = user_agent.split('/').next().unwrap_or_default();
    let name: String = name.chars().filter(|c| !c.is_control()).take(128).collect();
    if name.is_empty() { "unknown".to_owned() } else { name }
}

/// # Errors
/// A value but `All`.
pub(crate) fn dry_run(kind: &str, query: &Query) -> Result<bool, ApiError> {
    match query.text("dryRun") {
        "" => Ok(false),
        "All" => Ok(true),
        other => {
            Err(refused(kind, &format!(r#"dryRun: Unsupported value: [{other:?}]: supported values: "All""#)))
        }
    }
}

/// `propagationPolicy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Propagation {
    Background,
    Foreground,
    Orphan,
}

/// meta/v1 DeleteOptions, from the body or the query.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeleteOptions {
    pub(crate) dry_run: bool,
    pub(crate) grace_period_seconds: Option<i64>,
    pub(crate) propagation: Option<Propagation>,
    pub(crate) uid: Option<String>,
    pub(crate) resource_version: Option<String>,
}

impl DeleteOptions {
    /// `body` is `Null` where none was sent.
    ///
    /// # Errors
    /// A value that Kubernetes refuses.
    pub(crate) fn parse(query: &Query, body: &Value) -> Result<DeleteOptions, ApiError> {
        if !body.is_null()
            && body.get("kind").and_then(Value::as_str).is_some_and(|kind| kind != "DeleteOptions")
        {
            return Err(ApiError::bad_request(format!(
                "{} in the body of a DELETE: expected DeleteOptions",
                body["kind"].as_str().unwrap_or_default()
            )));
        }
        let policy = match body.get("propagationPolicy").and_then(Value::as_str) {
            Some(policy) => policy,
            None => query.text("propagationPolicy"),
        };
        let orphan = match body.get("orphanDependents").and_then(Value::as_bool) {
            Some(orphan) => Some(orphan),
            None => query.flag("orphanDependents"),
        };
        let propagation = match (policy, orphan) {
            ("", None) => None,
            ("", Some(true)) => Some(Propagation::Orphan),
            ("", Some(false)) | ("Background", None) => Some(Propagation::Background),
            ("Foreground", None) => Some(Propagation::Foreground),
            ("Orphan", None) => Some(Propagation::Orphan),
            (_, Some(_)) => {
                return Err(delete_invalid(
                    "propagationPolicy: Invalid value: orphanDependents and deletionPropagation cannot be both set",
                ));
            }
            (other, None) => {
                return Err(delete_invalid(&format!(
                    r#"propagationPolicy: Unsupported value: {other:?}: supported values: "Foreground", "Background", "Orphan", "nil""#
                )));
            }
        };
        let grace_period_seconds = match body.get("gracePeriodSeconds").and_then(Value::as_i64) {
            Some(seconds) => Some(seconds),
            None => query.number("gracePeriodSeconds")?,
        };
        if grace_period_seconds.is_some_and(|seconds| seconds < 0) {
            return Err(delete_invalid(
                "gracePeriodSeconds: Invalid value: must be greater than or equal to 0",
            ));
        }
        let body_dry_run = match body.get("dryRun").and_then(Value::as_array).map(Vec::as_slice) {
            None | Some([]) => false,
            Some([Value::String(all)]) if all == "All" => true,
            Some(other) => {
                return Err(delete_invalid(&format!(
                    r#"dryRun: Unsupported value: {}: supported values: "All""#,
                    Value::Array(other.to_vec())
                )));
            }
        };
        let precondition =
            |key: &str| body.pointer("/preconditions")?.get(key)?.as_str().map(ToOwned::to_owned);
        Ok(DeleteOptions {
            dry_run: body_dry_run || dry_run("DeleteOptions", query)?,
            grace_period_seconds,
            propagation,
            uid: precondition("uid"),
            resource_version: precondition("resourceVersion"),
        })
    }
}

fn delete_invalid(why: &str) -> ApiError {
    refused("DeleteOptions", why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(query: &str) -> Result<ListOptions, ApiError> {
        ListOptions::parse(&Query::parse(query).unwrap())
    }

    #[test]
    fn a_version_match_needs_a_version() {
        assert!(list("resourceVersionMatch=Exact").is_err());
        assert!(list("resourceVersionMatch=Exact&resourceVersion=0").is_err());
        assert_eq!(
            list("resourceVersionMatch=Exact&resourceVersion=7").unwrap().version_match,
            Some(Match::Exact)
        );
    }

    #[test]
    fn initial_events_need_not_older_than_and_bookmarks() {
        assert!(list("watch=1&sendInitialEvents=true").is_err());
        assert!(list("watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan").is_err());
        let options =
            list("watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true")
                .unwrap();
        assert!(options.send_initial_events && options.allow_bookmarks);
    }

    #[test]
    fn values_are_percent_decoded() {
        assert_eq!(list("labelSelector=a%3Db%2Cc+in+%28d%29").unwrap().label_selector, "a=b,c in (d)");
        assert!(Query::parse("a=%zz").is_err());
        assert!(list("limit=x").is_err());
    }

    #[test]
    fn the_body_of_a_delete_goes_before_the_query() {
        let query = Query::parse("propagationPolicy=Orphan&gracePeriodSeconds=3").unwrap();
        let body = serde_json::json!({"kind": "DeleteOptions", "propagationPolicy": "Foreground", "preconditions": {"uid": "u"}});
        let options = DeleteOptions::parse(&query, &body).unwrap();
        assert_eq!(options.propagation, Some(Propagation::Foreground));
        assert_eq!((options.grace_period_seconds, options.uid.as_deref()), (Some(3), Some("u")));
        assert!(DeleteOptions::parse(&query, &serde_json::json!({"kind": "Pod"})).is_err());
    }

    #[test]
    fn a_client_without_a_manager_is_named_by_its_user_agent() {
        let options =
            WriteOptions::parse("CreateOptions", &Query::default(), "kubectl/v1.32 (linux)").unwrap();
        assert_eq!(options.field_manager, "kubectl");
        assert_eq!(
            WriteOptions::parse("CreateOptions", &Query::default(), "").unwrap().field_manager,
            "unknown"
        );
    }
}
