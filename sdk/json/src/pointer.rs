//! JSON pointers (RFC 6901).

use std::borrow::Cow;

/// A token of a pointer with its escapes undone: `a/b` of `a~1b`.
pub fn unescape(token: &str) -> Cow<'_, str> {
    if token.contains('~') { token.replace("~1", "/").replace("~0", "~").into() } else { token.into() }
}
