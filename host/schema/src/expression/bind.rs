//! JSON as values of expressions, and the functions whose cost the evaluator doesn't bound.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kube_cel::cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue};
use kube_cel::cel::extractors::{Arguments, This};
use kube_cel::cel::objects::{Key, Map};
use kube_cel::cel::{Context, ExecutionError, Value as CelValue};
use serde_json::Value;

use crate::structural::Place;

/// No function makes a longer text.
const TEXT_BYTES_MAX: usize = 16 << 20;
/// What can't be the name of a field in an expression.
const RESERVED: [&str; 21] = [
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// JSON of which no schema is known: every object is a map.
pub fn dynamic(value: &Value) -> CelValue {
    match value {
        Value::Null => CelValue::Null,
        Value::Bool(truth) => CelValue::Bool(*truth),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(int), _) => CelValue::Int(int),
            (None, Some(uint)) => CelValue::UInt(uint),
            (None, None) => CelValue::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => CelValue::String(Arc::new(text.clone())),
        Value::Array(items) => CelValue::List(Arc::new(items.iter().map(dynamic).collect())),
        Value::Object(fields) => {
            map(fields.iter().map(|(name, field)| (name.clone(), dynamic(field))).collect())
        }
    }
}

pub(super) fn map(fields: Vec<(String, CelValue)>) -> CelValue {
    let map: HashMap<Key, CelValue> =
        fields.into_iter().map(|(name, value)| (Key::String(Arc::new(name)), value)).collect();
    CelValue::Map(Map { map: Arc::new(map) })
}

/// JSON as its schema types it: fields are named as expressions can name them, and texts with a format are times,
/// durations or bytes.
pub fn structured(place: Place<'_>, value: &Value, context: &super::Evaluation) -> CelValue {
    match value {
        Value::String(text) => text_of(place.format(), text, &context.context),
        // A number is a number, also where it is written without a fraction.
        Value::Number(number) if place.is_number() => CelValue::Float(number.as_f64().unwrap_or(f64::NAN)),
        Value::Array(items) => {
            let item = |item| match place.items() {
                Some(inner) => structured(inner, item, context),
                None => dynamic(item),
            };
            CelValue::List(Arc::new(items.iter().map(item).collect()))
        }
        Value::Object(fields) => {
            let mut known: Vec<(String, CelValue)> = Vec::with_capacity(fields.len());
            for (name, field) in fields {
                match place.field(name) {
                    Some(inner) if place.has_property(name) => {
                        known.push((escaped(name), structured(inner, field, context)));
                    }
                    Some(inner) => known.push((name.clone(), structured(inner, field, context))),
                    // What is preserved without being known can't be seen by rules.
                    None if place.names_fields() => {}
                    None => known.push((name.clone(), dynamic(field))),
                }
            }
            map(known)
        }
        plain => dynamic(plain),
    }
}

fn text_of(format: Option<&str>, text: &str, context: &Context<'_>) -> CelValue {
    let as_text = || CelValue::String(Arc::new(text.to_owned()));
    match format {
        Some("byte") => {
            STANDARD.decode(text).map_or_else(|_| as_text(), |bytes| CelValue::Bytes(Arc::new(bytes)))
        }
        Some("date-time") => converted("timestamp", text, context).unwrap_or_else(as_text),
        Some("duration") => converted("duration", text, context).unwrap_or_else(as_text),
        _ => as_text(),
    }
}

/// The value of `function("text")`.
fn converted(function: &str, text: &str, context: &Context<'_>) -> Option<CelValue> {
    let literal = IdedExpr { id: 0, expr: Expr::Literal(LiteralValue::String(text.into())) };
    let call = CallExpr { func_name: function.to_owned(), target: None, args: vec![literal] };
    context.resolve(&IdedExpr { id: 0, expr: Expr::Call(call) }).ok()
}

/// A field's name as expressions write it.
fn escaped(name: &str) -> String {
    if RESERVED.contains(&name) {
        return format!("__{name}__");
    }
    if !name.contains(['.', '-', '/']) && !name.contains("__") {
        return name.to_owned();
    }
    name.replace("__", "__underscores__")
        .replace('.', "__dot__")
        .replace('-', "__dash__")
        .replace('/', "__slash__")
}

/// Registers the functions whose result may be many times as large as what they are given.
pub(super) fn bound_functions(context: &mut Context<'_>) {
    context.add_function("replace", replace);
    context.add_function("join", join);
}

fn too_large(function: &str) -> ExecutionError {
    ExecutionError::function_error(
        function,
        format!("the result is too large: more than {TEXT_BYTES_MAX} bytes"),
    )
}

fn replace(
    This(text): This<Arc<String>>,
    Arguments(arguments): Arguments,
) -> Result<CelValue, ExecutionError> {
    let wrong =
        || ExecutionError::function_error("replace", "call arguments are two strings and perhaps a count");
    let (from, to, limit) = match arguments.as_slice() {
        [CelValue::String(from), CelValue::String(to)] => (from, to, usize::MAX),
        [CelValue::String(from), CelValue::String(to), CelValue::Int(limit)] => {
            (from, to, usize::try_from(*limit).unwrap_or(usize::MAX))
        }
        _ => return Err(wrong()),
    };
    let count = text.matches(from.as_str()).take(limit).count();
    if text.len().saturating_add(count.saturating_mul(to.len())) > TEXT_BYTES_MAX {
        return Err(too_large("replace"));
    }
    Ok(CelValue::String(Arc::new(text.replacen(from.as_str(), to, limit))))
}

fn join(
    This(items): This<Arc<Vec<CelValue>>>,
    Arguments(arguments): Arguments,
) -> Result<CelValue, ExecutionError> {
    let wrong =
        || ExecutionError::function_error("join", "only a list of strings can be joined, by a string");
    let separator = match arguments.as_slice() {
        [] => "",
        [CelValue::String(separator)] => separator.as_str(),
        _ => return Err(wrong()),
    };
    let mut joined = String::new();
    for (index, item) in items.iter().enumerate() {
        let CelValue::String(item) = item else { return Err(wrong()) };
        if index > 0 {
            joined.push_str(separator);
        }
        joined.push_str(item);
        if joined.len() > TEXT_BYTES_MAX {
            return Err(too_large("join"));
        }
    }
    Ok(CelValue::String(Arc::new(joined)))
}
