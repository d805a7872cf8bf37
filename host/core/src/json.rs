//! A JSON document as text, which has been read once and is known to be one.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

/// A JSON document: what plugins answer with, and what is passed on without being looked into.
///
/// Cloning is cheap. Two are equal when they are written alike.
#[derive(Clone, PartialEq, Eq)]
pub struct Json(Arc<str>);

/// The text is no JSON, or can't be read into a tree: a number beyond all bounds, half a character, or deeper than 127
/// levels.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct JsonError(windlass_json::Unread);

impl Json {
    /// # Errors
    /// The text is not JSON.
    pub fn new(text: impl Into<Arc<str>>) -> Result<Json, JsonError> {
        Json::with_depth(text).map(|(json, _)| json)
    }

    /// And how many levels of lists and objects it has; none for a scalar.
    ///
    /// # Errors
    /// The text is not JSON.
    pub fn with_depth(text: impl Into<Arc<str>>) -> Result<(Json, usize), JsonError> {
        let text = text.into();
        let depth = windlass_json::check(&text).map_err(JsonError)?;
        Ok((Json(text), depth))
    }

    /// Of text that is a part of a document that has been read.
    pub(crate) fn known(text: &str) -> Json {
        Json(text.into())
    }

    pub fn text(&self) -> &str {
        &self.0
    }

    pub fn is_null(&self) -> bool {
        self.0.trim_ascii() == "null"
    }

    /// The parsed tree, made anew.
    pub fn to_value(&self) -> Value {
        serde_json::from_str(&self.0).expect("the text was read when this was made")
    }
}

impl From<&Value> for Json {
    fn from(value: &Value) -> Json {
        Json(value.to_string().into())
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn text_and_tree_say_the_same() {
        let value = json!({"a": [1, {"b": null}], "c": "ü\n"});
        let json = Json::from(&value);
        assert_eq!(json.to_value(), value);
        assert_eq!(Json::with_depth(json.text()).unwrap(), (json, 3));
        assert!(Json::new(" null ").unwrap().is_null() && !Json::new("{}").unwrap().is_null());
    }

    #[test]
    fn what_can_not_be_read_is_no_document() {
        for text in ["", "{", "[1e999]", "1 2"] {
            assert!(Json::new(text).is_err(), "{text}");
        }
    }
}
