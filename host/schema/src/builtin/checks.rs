//! What Kubernetes checks of built-in kinds beyond their schema, from `kinds/checks.json`.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Map, Value};

use super::walk::{self, at, is_missing};
use super::{forms, parts, policies, selectors, webhooks};
use crate::field::{FieldError, Reason};
use crate::structural::Place;
use crate::{crd, meta};

/// Definition → rows of path, check, and the check's arguments. A last argument with a condition's syntax is one.
pub(super) type Checks = BTreeMap<String, Vec<Vec<Value>>>;

pub(super) fn read() -> Checks {
    serde_json::from_str(include_str!("../../kinds/checks.json"))
        .expect("kinds/checks.json is read by every test")
}

/// What came of the checks.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) errors: Vec<FieldError>,
    /// Fields that the schema asks for and Kubernetes does not.
    pub(super) optional: Vec<String>,
}

/// What is wrong with an object, wherever a definition of the table occurs in it. The status is taken as it is.
pub(super) fn run(checks: &Checks, root: Place<'_>, object: &Value) -> Findings {
    let Findings { mut errors, mut optional } = Findings::default();
    // Whose volumes are made for each pod is not asked where a mount's volume is.
    let has_claim_templates = !is_missing(at(object, "spec.volumeClaimTemplates"));
    walk::each(root, object, &mut String::new(), &mut |definition, value, path| {
        if path.starts_with("status.") {
            return;
        }
        for row in checks.get(definition).into_iter().flatten() {
            let text = |index: usize| row.get(index).and_then(Value::as_str).unwrap_or_default();
            let Some(rest) = row.get(2..) else { continue };
            // A last argument may say when the check is made at all.
            let last = rest.last().and_then(Value::as_str).and_then(|last| last.strip_prefix("when "));
            if last.is_some_and(|condition| !walk::holds(condition, value)) {
                continue;
            }
            let rest = if last.is_some() { &rest[..rest.len() - 1] } else { rest };
            if text(1) == "mounts" && has_claim_templates {
                continue;
            }
            if text(1) == "optional" {
                optional.push(joined(path, text(0)));
                continue;
            }
            match text(0).split_once("[].") {
                None => check(text(0), text(1), rest, value, path, &mut errors),
                Some((list, inner)) => {
                    for (index, item) in at(value, list).as_array().into_iter().flatten().enumerate() {
                        let place = joined(path, &format!("{list}[{index}]"));
                        check(inner, text(1), rest, item, &place, &mut errors);
                    }
                }
            }
        }
    });
    Findings { errors, optional }
}

fn check(
    path: &str,
    name: &str,
    arguments: &[Value],
    value: &Value,
    root: &str,
    errors: &mut Vec<FieldError>,
) {
    let found = at(value, path);
    let field = joined(root, path);
    let number = |index: usize| arguments.get(index).and_then(Value::as_i64).unwrap_or_default();
    let word = |index: usize| arguments.get(index).and_then(Value::as_str).unwrap_or_default();
    let complaints = |complaints: Vec<String>| -> Vec<FieldError> {
        complaints.iter().map(|detail| FieldError::invalid(field.clone(), found, detail)).collect()
    };
    match name {
        // A missing required field that the schema asks for is told of by it.
        "given" => {
            let wanted = arguments
                .first()
                .and_then(Value::as_str)
                .is_none_or(|condition| walk::holds(condition, value));
            let empty = found.as_object().is_some_and(Map::is_empty);
            if wanted && (is_missing(found) || empty) {
                errors.push(FieldError::required(field, ""));
            }
        }
        "definition" => errors.extend(crd::validate(value)),
        "webhook" => errors.extend(webhooks::webhook(value, root)),
        "policy" => errors.extend(policies::policy(value, root)),
        "policy binding" => errors.extend(policies::binding(value, root)),
        "rule" => errors.extend(webhooks::rule(value, root)),
        // But where a selector is somebody else's to understand.
        "selector" if !arguments.iter().filter_map(Value::as_str).any(|end| field.ends_with(end)) => {
            errors.extend(selectors::parts(found, &field));
        }
        "selects" => {
            let labels = word(0);
            let labels_field = joined(root, labels);
            errors.extend(selectors::selects(found, at(value, labels), &field, &labels_field, word(1)));
        }
        "selects by labels" => {
            let labels = word(0);
            errors.extend(selectors::selects_by_labels(found, at(value, labels), &joined(root, labels)));
        }
        // Whatever is there: the condition says all.
        "required" => errors.push(FieldError::required(field, word(0))),
        "wrong" => {
            let shown = if path.is_empty() || found.is_null() { &Value::from("") } else { found };
            errors.push(FieldError::invalid(field, shown, word(0)));
        }
        // As `enum`, but that it has to be given, too.
        "one-of" => {
            let mut supported = arguments.iter().filter_map(Value::as_str);
            let given = found.as_str().unwrap_or_default();
            if !supported.clone().any(|one| one == given) {
                errors.push(FieldError::not_supported(field, &given.into(), supported.by_ref()));
            }
        }
        "one-source" | "one-source of the list" => {
            let field = match name {
                "one-source" => field,
                _ => field.rsplit_once('[').map_or("", |(list, _)| list).to_owned(),
            };
            errors.extend(parts::one_source(value, field, arguments));
        }
        "label-key" => {
            let key = found.as_str().unwrap_or_default();
            let complaints = meta::qualified(key);
            errors.extend(complaints.iter().map(|detail| FieldError::invalid(&*field, &key.into(), detail)));
        }
        "annotations" => {
            if let Some(annotations) = at(value, word(0)).as_object() {
                errors.extend(meta::validate_annotations(annotations, &field));
            }
        }
        _ if found.is_null() => {}
        // Each item is one of these; what is not is told of as the list's fault.
        "listed" => {
            let supported = arguments.iter().filter_map(Value::as_str);
            for item in found.as_array().into_iter().flatten() {
                if !supported.clone().any(|one| item == one) {
                    errors.push(FieldError::not_supported(&*field, item, supported.clone()));
                }
            }
        }
        "each" => {
            let wrong = |item: &&Value| !arguments.iter().skip(1).any(|one| one == *item);
            let items = found.as_array().into_iter().flatten().filter(wrong);
            errors.extend(items.map(|_| FieldError::invalid(&*field, found, word(0))));
        }
        "forbidden" | "refused" if !is_missing(found) => {
            let detail = arguments.first().and_then(Value::as_str).unwrap_or_default();
            errors.push(match name {
                "forbidden" => FieldError::forbidden(field, detail),
                _ => FieldError::invalid(field, found, detail),
            });
        }
        // The items of a list of several have names.
        "named" => {
            let items = found.as_array().map(Vec::as_slice).unwrap_or_default();
            for (index, _) in items.iter().enumerate().filter(|(_, item)| is_missing(&item["name"])) {
                if items.len() > 1 {
                    errors.push(FieldError::required(format!("{field}[{index}].name"), ""));
                }
            }
        }
        "not-below" | "above" => {
            let other = arguments.first().and_then(Value::as_str).unwrap_or_default();
            let least = at(value, other).as_i64().unwrap_or(0);
            let (wrong, detail) = match name {
                "above" => (found.as_i64() <= Some(least), format!("must be greater than {other}")),
                _ => (found.as_i64() < Some(least), format!("must be greater than or equal to `{other}`")),
            };
            if wrong && found.is_i64() {
                errors.push(FieldError::invalid(field, found, &detail));
            }
        }
        "enum" => {
            let supported = arguments.iter().filter_map(Value::as_str);
            if !is_missing(found) && !supported.clone().any(|one| found == one) {
                errors.push(FieldError::not_supported(field, found, supported));
            }
        }
        "at-least" if found.as_i64().is_some_and(|value| value < number(0)) => {
            let detail = format!("must be greater than or equal to {}", number(0));
            errors.push(FieldError::invalid(field, found, &detail));
        }
        "between" | "port" => {
            let (min, max) = if name == "port" { (1, 65535) } else { (number(0), number(1)) };
            if found.as_i64().is_some_and(|value| value < min || value > max) {
                let detail = format!("must be between {min} and {max}, inclusive");
                errors.push(FieldError::invalid(field, found, &detail));
            }
        }
        "label" | "subdomain" | "qualified" => match (name, found.as_str().unwrap_or_default()) {
            (_, "") => errors.push(FieldError::required(field, "")),
            ("label", text) => errors.extend(complaints(meta::label(text))),
            ("subdomain", text) => errors.extend(complaints(meta::subdomain(text))),
            (_, text) => errors.extend(complaints(meta::qualified(text))),
        },
        "labels" => {
            if let Some(labels) = found.as_object() {
                errors.extend(meta::validate_labels(labels, &field));
            }
        }
        "keys" => errors.extend(keys(found, &field)),
        "unique" => {
            let name = arguments.first().and_then(Value::as_str).unwrap_or_default();
            let mut seen = HashSet::new();
            for (index, item) in found.as_array().into_iter().flatten().enumerate() {
                let key = &item[name];
                if !is_missing(key) && !seen.insert(key.to_string()) {
                    errors.push(FieldError::duplicate(format!("{field}[{index}].{name}"), key));
                }
            }
        }
        "at-most" => {
            let limits = arguments.first().and_then(Value::as_str).map(|path| at(value, path));
            errors.extend(limits.and_then(|limits| exceeds(found, limits, &field)));
        }
        "mounts" => errors.extend(parts::mounts(value, root)),
        "one-handler" => errors.extend(parts::one_handler(value, root, arguments)),
        "one-volume" => errors.extend(parts::one_volume(value, root)),
        name => {
            let details = forms::complaints(name, found, arguments);
            errors.extend(details.into_iter().map(|(index, detail)| match index {
                None => FieldError::invalid(field.clone(), found, &detail),
                Some(index) => FieldError::invalid(format!("{field}[{index}]"), &found[index], &detail),
            }));
        }
    }
}

fn joined(root: &str, path: &str) -> String {
    [root, path].iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(".")
}

/// Keys of a ConfigMap's or Secret's data.
fn keys(data: &Value, field: &str) -> Vec<FieldError> {
    let complaint = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or \
        'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
    let valid = |key: &str| {
        !key.is_empty()
            && key.len() <= 253
            && key != "."
            && !key.starts_with("..")
            && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    let keys = data.as_object().into_iter().flat_map(Map::keys).filter(|key| !valid(key));
    keys.map(|key| FieldError::invalid(format!("{field}[{key}]"), &key.as_str().into(), complaint)).collect()
}

/// The first request that is greater than its limit.
fn exceeds(requests: &Value, limits: &Value, field: &str) -> Option<FieldError> {
    requests.as_object()?.iter().find_map(|(name, request)| {
        let limit = limits.get(name)?;
        let (request_milli, limit_milli) =
            (super::quantity::milli_of(request.as_str()?)?, super::quantity::milli_of(limit.as_str()?)?);
        let limit = limit.as_str()?;
        (request_milli > limit_milli).then(|| FieldError {
            reason: Reason::Invalid,
            field: field.to_owned(),
            message: format!(
                "Invalid value: {request}: must be less than or equal to {name} limit of {limit}"
            ),
        })
    })
}
