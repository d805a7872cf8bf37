//! The small language in which `kinds/columns.json` says what a cell holds: a function's name and the paths it
//! reads, separated by blanks.

use jiff::Timestamp;
use serde_json::{Map, Value};
use windlass_jsonpath::Path;

use super::{addresses, age, containers, progress};
use crate::selector::LabelSelector;

/// What a cell holds.
#[derive(Clone, Debug)]
pub(crate) enum Cell {
    /// A printer column of a CRD.
    Custom { path: Path, type_name: String },
    /// A call of one of the functions below.
    Call { function: Function, arguments: Vec<String> },
}

/// A function from an object, its arguments and the time to a cell.
type Function = fn(&Value, &[String], Timestamp) -> Value;

/// The functions that the table may use.
const FUNCTIONS: &[(&str, Function)] = &[
    ("text", text),
    ("number", |object, arguments, _| Value::from(number(object, &arguments[0]))),
    ("flag", flag),
    ("boolean", boolean),
    ("ratio", ratio),
    ("count", count),
    ("age", |object, arguments, now| age_of(object, arguments, now).into()),
    ("join", |object, arguments, _| join(object, arguments).into()),
    ("labels", |object, arguments, _| labels(at(object, &arguments[0])).into()),
    ("selector", |object, arguments, _| selector(at(object, &arguments[0])).into()),
    ("pair", pair),
    ("reference", |object, arguments, _| reference(at(object, &arguments[0])).into()),
    ("phase", phase),
    ("quotas", |object, arguments, _| quotas(object, &arguments[0]).into()),
    ("access-modes", |object, arguments, _| access_modes(at(object, &arguments[0])).into()),
    ("ready-containers", |object, _, now| containers::summary(object, now).ready.into()),
    ("container-status", |object, _, now| containers::summary(object, now).reason.into()),
    ("container-restarts", |object, _, now| containers::summary(object, now).restarts.into()),
    ("readiness-gates", |object, _, _| containers::readiness_gates(object).into()),
    ("ready-condition", |object, _, _| progress::ready_condition(object).into()),
    ("roles", |object, _, _| progress::roles(object).into()),
    ("completion-status", |object, _, _| progress::completion_status(object).into()),
    ("completions", |object, _, _| progress::completions(object).into()),
    ("run-time", |object, _, now| progress::run_time(object, now).into()),
    ("metrics", |object, _, _| progress::metrics(object).into()),
    ("event-source", |object, _, _| progress::event_source(object).into()),
    ("event-count", |object, _, _| progress::event_count(object)),
    ("node-address", |object, arguments, _| addresses::of_type(object, &arguments[0]).into()),
    ("external-addresses", |object, _, _| addresses::external(object).into()),
    ("service-ports", |object, _, _| addresses::service_ports(object).into()),
    ("endpoints", |object, _, _| addresses::endpoints(object).into()),
    ("slice-ports", |object, _, _| addresses::slice_ports(object).into()),
    ("slice-endpoints", |object, _, _| addresses::slice_endpoints(object).into()),
    ("tls-ports", |object, _, _| addresses::tls_ports(object).into()),
    ("hosts", |object, _, _| addresses::hosts(object).into()),
    ("balancer-addresses", |object, _, _| addresses::balancer(object).into()),
    ("seconds", |object, arguments, _| seconds(object, arguments).into()),
    ("condition", |object, arguments, _| progress::condition(object, &arguments[0], &arguments[1]).into()),
    ("signing-state", |object, _, _| progress::signing_state(object).into()),
    ("api-service", |object, _, _| addresses::api_service(object).into()),
    ("parameters", |object, arguments, _| parameters(at(object, &arguments[0])).into()),
    ("parent", |object, arguments, _| parent(at(object, &arguments[0])).into()),
    ("subjects", |object, arguments, _| subjects(object, &arguments[0]).into()),
];

impl Cell {
    /// From a line of the table: `ratio .status.readyReplicas .spec.replicas`.
    pub(crate) fn parse(line: &str) -> Cell {
        let mut words = line.split_whitespace().map(str::to_owned);
        let name = words.next().unwrap_or_default();
        let function = FUNCTIONS.iter().find(|(known, _)| *known == name);
        let (_, function) = function.expect("kinds/columns.json uses known functions, which a test checks");
        Cell::Call { function: *function, arguments: words.collect() }
    }

    pub(crate) fn print(&self, object: &Value, now: Timestamp) -> Value {
        match self {
            Cell::Call { function, arguments } => function(object, arguments, now),
            Cell::Custom { path, type_name } => match path.first(object) {
                Some(value) => custom(value, type_name, now),
                None => Value::Null,
            },
        }
    }
}

/// A printer column's value by its declared type; what doesn't fit is left empty.
fn custom(value: &Value, type_name: &str, now: Timestamp) -> Value {
    match (type_name, value) {
        (_, Value::Null) => Value::Null,
        ("string", Value::String(_)) => value.clone(),
        ("string", other) => Value::String(windlass_jsonpath::print(other)),
        ("integer", Value::Number(number)) => match number.as_i64() {
            Some(_) => value.clone(),
            None => number.as_f64().map_or(Value::Null, |real| Value::from(real.trunc() as i64)),
        },
        ("number", Value::Number(_)) | ("boolean", Value::Bool(_)) => value.clone(),
        ("date", Value::String(_)) => age::since(Some(value), now).into(),
        _ => Value::Null,
    }
}

/// The value at a path of plain names: `.spec.replicas`.
pub(super) fn at<'a>(object: &'a Value, path: &str) -> &'a Value {
    let mut value = object;
    for step in path.split('.').filter(|step| !step.is_empty()) {
        value = &value[step];
    }
    value
}

/// A string, or a number or boolean as text; empty otherwise.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        _ => String::new(),
    }
}

pub(super) fn number(object: &Value, path: &str) -> i64 {
    at(object, path).as_i64().unwrap_or(0)
}

pub(super) fn or_none(text: String) -> String {
    if text.is_empty() { "<none>".to_owned() } else { text }
}

/// `text PATH [DEFAULT]`: the first of the paths with a value.
fn text(object: &Value, arguments: &[String], _: Timestamp) -> Value {
    let (paths, defaults): (Vec<&String>, Vec<&String>) =
        arguments.iter().partition(|argument| argument.starts_with('.'));
    let found = paths.iter().map(|path| plain(at(object, path))).find(|text| !text.is_empty());
    found.or_else(|| defaults.first().map(|text| text.to_string())).unwrap_or_default().into()
}

/// `flag PATH DEFAULT`: `True` or `False`.
fn flag(object: &Value, arguments: &[String], _: Timestamp) -> Value {
    let [path, default] = arguments else { return Value::Null };
    match at(object, path).as_bool() {
        Some(true) => "True".into(),
        Some(false) => "False".into(),
        None => default.as_str().into(),
    }
}

/// `boolean PATH [true]`: a boolean, with what it is where nothing is said.
fn boolean(object: &Value, arguments: &[String], _: Timestamp) -> Value {
    let default = arguments.get(1).is_some_and(|default| default == "true");
    at(object, &arguments[0]).as_bool().unwrap_or(default).into()
}

fn ratio(object: &Value, arguments: &[String], _: Timestamp) -> Value {
    let [part, whole] = arguments else { return Value::Null };
    format!("{}/{}", number(object, part), number(object, whole)).into()
}

/// How many entries the lists and maps at the paths have together.
fn count(object: &Value, arguments: &[String], _: Timestamp) -> Value {
    let size = |value: &Value| match value {
        Value::Array(items) => items.len(),
        Value::Object(fields) => fields.len(),
        _ => 0,
    };
    arguments.iter().map(|path| size(at(object, path))).sum::<usize>().into()
}

/// `age PATH... [DEFAULT]`: since the first of the timestamps that is there.
fn age_of(object: &Value, arguments: &[String], now: Timestamp) -> String {
    let paths = arguments.iter().filter(|argument| argument.starts_with('.'));
    let found = paths.map(|path| at(object, path)).find(|value| value.is_string());
    match (found, arguments.iter().find(|argument| !argument.starts_with('.'))) {
        (None, Some(default)) => default.clone(),
        (found, _) => age::since(found, now),
    }
}

/// `join PATH [FIELD] [DEFAULT]`: the items of a list (or a field of theirs), by commas.
fn join(object: &Value, arguments: &[String]) -> String {
    let field = arguments.get(1).map_or("", String::as_str);
    if let (Value::Null, Some(default)) = (at(object, &arguments[0]), arguments.get(2)) {
        return default.clone();
    }
    let items = at(object, &arguments[0]).as_array().into_iter().flatten();
    let texts: Vec<String> =
        items.map(|item| plain(at(item, field))).filter(|text| !text.is_empty()).collect();
    or_none(texts.join(","))
}

pub(super) fn labels(value: &Value) -> String {
    let none = Map::new();
    let fields = value.as_object().unwrap_or(&none);
    let texts: Vec<String> = fields.iter().map(|(key, value)| format!("{key}={}", plain(value))).collect();
    or_none(texts.join(","))
}

fn selector(value: &Value) -> String {
    match LabelSelector::from_object(value) {
        Ok(selector) => or_none(selector.to_string()),
        Err(_) => "<error>".to_owned(),
    }
}

/// `pair SEPARATOR PATH PATH`: `claim/name`; empty where both are.
fn pair(object: &Value, arguments: &[String], _: Timestamp) -> Value {
    let [separator, first, second] = arguments else { return Value::Null };
    let (first, second) = (plain(at(object, first)), plain(at(object, second)));
    match (first.as_str(), second.as_str()) {
        ("", "") => "".into(),
        ("", one) | (one, "") => one.into(),
        _ => format!("{first}{separator}{second}").into(),
    }
}

/// `kind/name`, the kind in lower case.
fn reference(value: &Value) -> String {
    let kind = plain(&value["kind"]).to_lowercase();
    match plain(&value["name"]) {
        name if name.is_empty() => kind,
        name => format!("{kind}/{name}"),
    }
}

/// `Kind.group/name`
fn parameters(value: &Value) -> String {
    let text = |name: &str| plain(&value[name]);
    match (value, text("apiGroup").as_str()) {
        (Value::Null, _) => or_none(String::new()),
        (_, "") => format!("{}/{}", text("kind"), text("name")),
        (_, group) => format!("{}.{group}/{}", text("kind"), text("name")),
    }
}

/// A number of seconds as a duration.
fn seconds(object: &Value, arguments: &[String]) -> String {
    let [path, default] = arguments else { return String::new() };
    at(object, path).as_i64().map_or_else(|| default.clone(), age::human)
}

/// `services/default/web`: a reference to any resource.
fn parent(value: &Value) -> String {
    let text = |name: &str| plain(&value[name]);
    let resource = match text("group") {
        group if group.is_empty() => text("resource"),
        group => format!("{}.{group}", text("resource")),
    };
    let steps = [resource.to_lowercase(), text("namespace"), text("name")];
    or_none(steps.into_iter().filter(|step| !step.is_empty()).collect::<Vec<_>>().join("/"))
}

/// The phase at a path, but `Terminating` once deletion has begun.
fn phase(object: &Value, arguments: &[String], _: Timestamp) -> Value {
    if object["metadata"]["deletionTimestamp"].is_string() {
        return "Terminating".into();
    }
    plain(at(object, &arguments[0])).into()
}

/// `cpu: 1/4, ...`: of the resources that are `limits`, or of the others.
fn quotas(object: &Value, which: &str) -> String {
    let status = &object["status"];
    let hard = status["hard"].as_object().into_iter().flatten();
    let wanted = hard.filter(|(name, _)| name.starts_with("limits.") == (which == "limits"));
    let texts: Vec<String> = wanted
        .map(|(name, hard)| {
            let used = plain(&status["used"][name]);
            let used = if used.is_empty() { "0".to_owned() } else { used };
            format!("{name}: {used}/{}", plain(hard))
        })
        .collect();
    texts.join(", ")
}

fn access_modes(modes: &Value) -> String {
    let short = [
        ("ReadWriteOnce", "RWO"),
        ("ReadOnlyMany", "ROX"),
        ("ReadWriteMany", "RWX"),
        ("ReadWriteOncePod", "RWOP"),
    ];
    let has = |name: &str| modes.as_array().into_iter().flatten().any(|mode| mode == name);
    let texts: Vec<&str> = short.iter().filter(|(name, _)| has(name)).map(|(_, short)| *short).collect();
    texts.join(",")
}

/// The names of the subjects of one kind.
fn subjects(object: &Value, kind: &str) -> String {
    let subjects =
        object["subjects"].as_array().into_iter().flatten().filter(|subject| subject["kind"] == kind);
    let texts: Vec<String> = subjects
        .map(|subject| match subject["namespace"].as_str() {
            Some(namespace) if kind == "ServiceAccount" => {
                format!("{namespace}/{}", plain(&subject["name"]))
            }
            _ => plain(&subject["name"]),
        })
        .collect();
    texts.join(", ")
}
