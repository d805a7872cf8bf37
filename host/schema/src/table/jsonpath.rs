//! The JSON paths that Kubernetes lets a CRD's printer columns use: fields, indices, wildcards and filters that
//! compare with a literal.

use serde_json::Value;

/// A parsed path.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonPath {
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Field(String),
    Index(i64),
    All,
    Filter { path: Vec<String>, comparison: Comparison },
}

#[derive(Clone, Debug, PartialEq)]
enum Comparison {
    Exists,
    Equal(Value),
    NotEqual(Value),
    Less(Value),
    LessOrEqual(Value),
    Greater(Value),
    GreaterOrEqual(Value),
}

/// Why a text is no path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonPathError {
    #[error("a path begins with a dot or a bracket: {0:?}")]
    Start(String),
    #[error("unterminated array: {0:?}")]
    Bracket(String),
    #[error("invalid array index {0:?}")]
    Index(String),
    #[error("unrecognized filter {0:?}")]
    Filter(String),
}

/// What one path may visit, so that `[*][*][*]` over a hostile object stays cheap.
const VISITS_MAX: usize = 10_000;

impl JsonPath {
    /// From `.status.conditions[?(@.type=="Ready")].status`, braces allowed around it.
    ///
    /// # Errors
    /// The text is no such path.
    pub fn parse(text: &str) -> Result<JsonPath, JsonPathError> {
        let inner = text.trim();
        let inner = inner.strip_prefix('{').and_then(|inner| inner.strip_suffix('}')).unwrap_or(inner);
        let mut rest = inner.strip_prefix('$').unwrap_or(inner);
        let mut steps = Vec::new();
        if !rest.is_empty() && !rest.starts_with(['.', '[']) {
            return Err(JsonPathError::Start(text.to_owned()));
        }
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('[') {
                let end = bracket_end(after).ok_or_else(|| JsonPathError::Bracket(text.to_owned()))?;
                steps.push(bracket(&after[..end])?);
                rest = &after[end + 1..];
            } else {
                let after = rest.strip_prefix('.').unwrap_or(rest);
                let (name, tail) = field(after);
                match name.as_str() {
                    "" => {}
                    "*" => steps.push(Step::All),
                    _ => steps.push(Step::Field(name)),
                }
                if tail.len() == rest.len() {
                    return Err(JsonPathError::Start(text.to_owned()));
                }
                rest = tail;
            }
        }
        Ok(JsonPath { steps })
    }

    /// The first value that the path leads to.
    pub fn first<'a>(&self, object: &'a Value) -> Option<&'a Value> {
        let mut found = vec![object];
        for step in &self.steps {
            found = found.into_iter().flat_map(|value| step.follow(value)).take(VISITS_MAX).collect();
        }
        found.first().copied()
    }
}

impl Step {
    fn follow<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match (self, value) {
            (Step::Field(name), Value::Object(fields)) => fields.get(name).into_iter().collect(),
            (Step::Index(index), Value::Array(items)) => {
                let index = if *index < 0 { items.len() as i64 + index } else { *index };
                usize::try_from(index).ok().and_then(|index| items.get(index)).into_iter().collect()
            }
            (Step::All, Value::Array(items)) => items.iter().take(VISITS_MAX).collect(),
            (Step::All, Value::Object(fields)) => fields.values().take(VISITS_MAX).collect(),
            (Step::Filter { path, comparison }, Value::Array(items)) => {
                items.iter().filter(|item| comparison.holds(at(item, path))).take(VISITS_MAX).collect()
            }
            _ => Vec::new(),
        }
    }
}

impl Comparison {
    fn holds(&self, value: Option<&Value>) -> bool {
        let Some(value) = value else { return false };
        let order = |other: &Value| match (value, other) {
            (Value::String(one), Value::String(other)) => Some(one.cmp(other)),
            _ => value.as_f64()?.partial_cmp(&other.as_f64()?),
        };
        match self {
            Comparison::Exists => true,
            Comparison::Equal(other) => value == other,
            Comparison::NotEqual(other) => value != other,
            Comparison::Less(other) => order(other).is_some_and(std::cmp::Ordering::is_lt),
            Comparison::LessOrEqual(other) => order(other).is_some_and(std::cmp::Ordering::is_le),
            Comparison::Greater(other) => order(other).is_some_and(std::cmp::Ordering::is_gt),
            Comparison::GreaterOrEqual(other) => order(other).is_some_and(std::cmp::Ordering::is_ge),
        }
    }
}

fn at<'a>(value: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, step| value.get(step))
}

/// A field's name up to the next dot or bracket; a backslash keeps what follows it.
fn field(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut escaped = false;
    for (index, c) in text.char_indices() {
        match c {
            _ if escaped => {
                name.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '.' | '[' => return (name, &text[index..]),
            c => name.push(c),
        }
    }
    (name, "")
}

/// Where a bracket closes, quotes and inner brackets considered.
fn bracket_end(text: &str) -> Option<usize> {
    let (mut depth, mut quote) = (0_u32, None);
    for (index, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '[') => depth += 1,
            (None, ']') if depth == 0 => return Some(index),
            (None, ']') => depth -= 1,
            _ => {}
        }
    }
    None
}

fn bracket(text: &str) -> Result<Step, JsonPathError> {
    let text = text.trim();
    if text == "*" {
        return Ok(Step::All);
    }
    if let Some(name) = quoted(text) {
        return Ok(Step::Field(name));
    }
    if let Some(filter) = text.strip_prefix("?(").and_then(|rest| rest.strip_suffix(')')) {
        return parse_filter(filter);
    }
    text.parse().map(Step::Index).map_err(|_| JsonPathError::Index(text.to_owned()))
}

/// Makes a comparison with a literal.
type Compare = fn(Value) -> Comparison;

fn parse_filter(text: &str) -> Result<Step, JsonPathError> {
    let wrong = || JsonPathError::Filter(text.to_owned());
    let operators: [(&str, Compare); 6] = [
        ("==", Comparison::Equal),
        ("!=", Comparison::NotEqual),
        ("<=", Comparison::LessOrEqual),
        (">=", Comparison::GreaterOrEqual),
        ("<", Comparison::Less),
        (">", Comparison::Greater),
    ];
    let found = operators.iter().filter_map(|(operator, make)| Some((text.find(operator)?, operator, make)));
    // The leftmost operator; of two at one place the longer, which stands first in the list.
    let first = found.min_by_key(|(at, _, _)| *at);
    let (left, comparison) = match first {
        None => (text, Comparison::Exists),
        Some((at, operator, make)) => {
            let right = text[at + operator.len()..].trim();
            let literal = match quoted(right) {
                Some(text) => Value::String(text),
                None => serde_json::from_str(right).map_err(|_| wrong())?,
            };
            (&text[..at], make(literal))
        }
    };
    let mut rest = left.trim().strip_prefix('@').ok_or_else(wrong)?;
    let mut path = Vec::new();
    while let Some(after) = rest.strip_prefix('.') {
        let (name, tail) = field(after);
        path.push(name);
        rest = tail;
    }
    if rest.is_empty() { Ok(Step::Filter { path, comparison }) } else { Err(wrong()) }
}

fn quoted(text: &str) -> Option<String> {
    ['\'', '"'].iter().find_map(|quote| {
        let inner = text.strip_prefix(*quote)?.strip_suffix(*quote)?;
        Some(inner.replace('\\', ""))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_lead_to_their_first_value() {
        let object = json!({
            "spec": {"n": 3, "list": [{"a": 1}, {"a": 2}]},
            "metadata": {"labels": {"example.com/x": "y"}},
            "status": {"conditions": [{"type": "A", "status": "False"}, {"type": "Ready", "status": "True"}]}
        });
        let check = |path: &str, expected: Value| {
            let found = JsonPath::parse(path).unwrap().first(&object).cloned().unwrap_or(Value::Null);
            assert_eq!(found, expected, "{path}");
        };
        check(".spec.n", json!(3));
        check("{.spec.n}", json!(3));
        check(".spec.list[1].a", json!(2));
        check(".spec.list[-1].a", json!(2));
        check(".spec.list[*].a", json!(1));
        check(".status.conditions[?(@.type==\"Ready\")].status", json!("True"));
        check(".status.conditions[?(@.type=='Ready')].status", json!("True"));
        check(".spec.list[?(@.a>1)].a", json!(2));
        check(".metadata.labels['example.com/x']", json!("y"));
        check(r".metadata.labels.example\.com/x", json!("y"));
        check(".nothing.here", Value::Null);
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["spec", ".a[", ".a[x]", ".a[?(b)]", ".a[?(@.b==c)]"] {
            assert!(JsonPath::parse(text).is_err(), "{text}");
        }
    }
}
