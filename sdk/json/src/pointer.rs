//! JSON pointers (RFC 6901).

use std::borrow::Cow;

/// A token of a pointer with its escapes undone: `a/b` of `a~1b`.
pub fn unescape(token: &str) -> Cow<'_, str> {
    if token.contains('~') { token.replace("~1", "/").replace("~0", "~").into() } else { token.into() }
}

/// A key as it is written between its quotes.
pub fn key_of(name: &str) -> Cow<'_, str> {
    if name.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        return name.into();
    }
    let quoted = serde_json::Value::from(name).to_string();
    quoted[1..quoted.len() - 1].to_owned().into()
}
