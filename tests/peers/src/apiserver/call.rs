//! A request with places that each server fills with what it has said itself.

use serde_json::Value;

/// The round's own name, which is its namespace.
pub(crate) const ROUND: &str = "$(ns)";

/// How the places of a round name an object: without the round's own name.
pub(crate) fn key(name: &str, round: &str) -> String {
    name.replace(&format!("{round}-"), "").replace(round, "NS")
}

/// `$(version:a)`: the newest resourceVersion that the server gave to the object named a.
pub(crate) fn version(name: &str) -> String {
    format!("$(version:{name})")
}

/// `$(first:a)`: the oldest one.
pub(crate) fn first_version(name: &str) -> String {
    format!("$(first:{name})")
}

pub(crate) fn uid(name: &str) -> String {
    format!("$(uid:{name})")
}

/// The revision of the list that the round began with.
pub(crate) const START: &str = "$(start)";
/// The token of the newest list that was cut.
pub(crate) const CONTINUE: &str = "$(continue)";

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Body {
    None,
    Json(Value),
    /// Sent as it is.
    Text(String),
}

#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) content_type: Option<String>,
    pub(crate) accept: Option<String>,
    pub(crate) body: Body,
}

impl Call {
    pub(crate) fn get(path: impl Into<String>) -> Call {
        Call {
            method: "GET",
            path: path.into(),
            query: Vec::new(),
            content_type: None,
            accept: None,
            body: Body::None,
        }
    }

    pub(crate) fn new(method: &'static str, path: impl Into<String>, body: Value) -> Call {
        Call {
            method,
            body: Body::Json(body),
            content_type: Some("application/json".to_owned()),
            ..Call::get(path)
        }
    }

    pub(crate) fn patch(path: impl Into<String>, form: &str, body: Value) -> Call {
        Call { content_type: Some(form.to_owned()), ..Call::new("PATCH", path, body) }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Call {
        self.query.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn accept(mut self, accept: &str) -> Call {
        self.accept = Some(accept.to_owned());
        self
    }

    /// Path and query, with every place filled in.
    pub(crate) fn target(&self, fill: &dyn Fn(&str) -> String) -> String {
        let query: Vec<String> = self
            .query
            .iter()
            .map(|(name, value)| format!("{name}={}", encode(&filled(value, fill))))
            .collect();
        let path = filled(&self.path, fill);
        if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) }
    }

    pub(crate) fn bytes(&self, fill: &dyn Fn(&str) -> String) -> Vec<u8> {
        match &self.body {
            Body::None => Vec::new(),
            Body::Text(text) => filled(text, fill).into_bytes(),
            Body::Json(json) => {
                let mut json = json.clone();
                fill_in(&mut json, fill);
                json.to_string().into_bytes()
            }
        }
    }

    /// For people: as one would type it.
    pub(crate) fn shown(&self) -> String {
        let keep = |place: &str| format!("$({place})");
        let mut text = format!("{} {}", self.method, self.target(&keep));
        for (name, value) in [("Content-Type", &self.content_type), ("Accept", &self.accept)] {
            match value.as_deref() {
                None | Some("application/json") => {}
                Some(value) => text.push_str(&format!("  {name}: {value}")),
            }
        }
        match &self.body {
            Body::None => {}
            Body::Text(body) => text.push_str(&format!("\n    {body:?}")),
            Body::Json(json) => text.push_str(&format!("\n    {json}")),
        }
        text
    }
}

fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'$' | b'(' | b')' | b':' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// The text with each known `$(place)` replaced.
fn filled(text: &str, fill: &dyn Fn(&str) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("$(") {
        out.push_str(&rest[..at]);
        let place = rest[at + 2..].split_once(')').map(|(place, _)| place).unwrap_or_default();
        let name = place.split(':').next().unwrap_or_default();
        if matches!(name, "ns" | "version" | "first" | "uid" | "start" | "continue") {
            out.push_str(&fill(place));
            rest = &rest[at + 2 + place.len() + 1..];
        } else {
            out.push_str("$(");
            rest = &rest[at + 2..];
        }
    }
    out.push_str(rest);
    out
}

fn fill_in(value: &mut Value, fill: &dyn Fn(&str) -> String) {
    match value {
        Value::String(text) if text.contains("$(") => *text = filled(text, fill),
        Value::Array(items) => items.iter_mut().for_each(|item| fill_in(item, fill)),
        Value::Object(fields) => {
            if fields.keys().any(|name| name.contains("$(")) {
                *fields = std::mem::take(fields)
                    .into_iter()
                    .map(|(name, value)| (filled(&name, fill), value))
                    .collect();
            }
            fields.values_mut().for_each(|value| fill_in(value, fill));
        }
        _ => {}
    }
}
