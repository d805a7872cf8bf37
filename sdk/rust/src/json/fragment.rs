//! Parts of the document that are passed on as they are.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny};
use serde::ser::{Serialize, Serializer};
use serde_json::value::RawValue;
use windlass_json::{Entry, entries, is_key, read};

use super::number::Numeric;
use super::read::parse_at;
use super::shape::Entries;
use super::text::Text;
use crate::answer::Answer;

/// A part of the document, not looked into. What is absent is null.
#[derive(Clone, Copy, Debug, Default)]
pub struct Json<'a>(Option<&'a RawValue>);

impl<'a> Json<'a> {
    /// `text` is taken for a part of a document.
    pub fn from_text(text: &'a str) -> Json<'a> {
        Json(read(text).ok())
    }

    /// Null, or absent.
    pub fn is_null(&self) -> bool {
        self.0.is_none_or(|raw| raw.get() == "null")
    }

    /// Absent, null, `""`, `[]` or `{}`.
    pub fn is_empty(&self) -> bool {
        self.0.is_none_or(|raw| match raw.get() {
            "null" | "\"\"" => true,
            text => {
                let inside = |open, close| text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
                inside('[', ']').or_else(|| inside('{', '}')).is_some_and(|rest: &str| rest.trim().is_empty())
            }
        })
    }

    /// As JSON text: `null` for what is absent.
    pub fn text(&self) -> &'a str {
        self.0.map_or("null", RawValue::get)
    }

    /// The string that this is; `None` if it is none.
    pub fn string(&self) -> Option<Text<'a>> {
        self.plain().map(Text::from).or_else(|| read(self.text()).ok())
    }

    /// The string that this is, where that is written without escapes.
    fn plain(&self) -> Option<&'a str> {
        plain(self.text())
    }

    /// The number that this is; `None` if it is none.
    pub fn number(&self) -> Option<f64> {
        self.text().starts_with(|c: char| c == '-' || c.is_ascii_digit()).then(|| self.text().parse().ok())?
    }

    /// As [`count`].
    pub fn count(&self) -> Option<i32> {
        count(self.text())
    }

    /// The number that this is or that its string spells, as Karmada's scripts count.
    pub fn numeric(&self) -> Numeric {
        read(self.text()).unwrap_or_default()
    }

    /// Whether this is the string `text`.
    pub fn is(&self, text: &str) -> bool {
        is_string(self.text(), text)
    }

    /// Whether both are the same string, number or boolean, or both null. Lists and objects are the same as nothing
    /// else, as in Karmada's scripts.
    pub fn same(&self, other: &Json<'_>) -> bool {
        if let (Some(string), Some(other)) = (self.plain(), other.plain()) {
            return string == other;
        }
        match (self.number(), other.number()) {
            (Some(number), Some(other)) => number == other,
            (None, None) => match (self.string(), other.string()) {
                (Some(string), Some(other)) => string.as_str() == other.as_str(),
                (None, None) => {
                    matches!(self.text(), "null" | "true" | "false") && self.text() == other.text()
                }
                _ => false,
            },
            _ => false,
        }
    }

    /// The items of the list that this is; none if it is no list.
    pub fn items(&self) -> Vec<Json<'a>> {
        read(self.text()).unwrap_or_default()
    }

    /// The field `name` of the object that this is; null if it is none or has no such field.
    pub fn field(&self, name: &str) -> Json<'a> {
        let mut entries = entries(self.text());
        entries.find(|entry| entry.key == name).map_or(Json::default(), |entry| Json::from_text(entry.value))
    }

    /// The fields `names` of the object that this is, as JSON text: `null` for one that it doesn't have, and all of them
    /// if this is none. All are looked for at once. The last of a name counts.
    pub fn texts<const N: usize>(&self, names: [&str; N]) -> [&'a str; N] {
        let mut texts = ["null"; N];
        for Entry { key, value } in entries(self.text()) {
            if let Some(at) = names.iter().position(|name| is_key(key, name)) {
                texts[at] = value;
            }
        }
        texts
    }

    /// This part, which stands at `place`, read; the default where it is null.
    ///
    /// # Errors
    /// As for [`parse`](super::parse); the field begins with `place`.
    pub fn read<T: Deserialize<'a> + Default>(&self, place: impl fmt::Display) -> Answer<T> {
        if self.is_null() { Ok(T::default()) } else { parse_at(place, self.text()) }
    }

    /// Makes sure that fields can be set in this, which stands at `place`: that it is an object, or null and becomes one.
    ///
    /// # Errors
    /// It is something else.
    pub fn expect_object(&self, place: &str) -> Answer<()> {
        self.read::<Entries<'_, IgnoredAny>>(place).map(drop)
    }

    /// The fields of the object that this is whose names are among `names`, but for those that are null; `None` where
    /// this is null itself.
    pub fn pick(&self, names: &[&str]) -> Option<Entries<'a, Json<'a>>> {
        if self.is_null() {
            return None;
        }
        let mut picked = Entries::default();
        for Entry { key, value } in entries(self.text()) {
            if names.contains(&key) && value != "null" {
                picked.set(key, Json::from_text(value));
            }
        }
        Some(picked)
    }
}

/// The count that the JSON `text` is: a whole number from 0 on and below a thousand million. What is more, or is written
/// in another way, is `None`.
pub fn count(text: &str) -> Option<i32> {
    let digits = text.as_bytes();
    let is_one = digits.len() < 10
        && digits.iter().all(u8::is_ascii_digit)
        && (digits.len() == 1 || !text.starts_with('0'));
    (is_one && !digits.is_empty())
        .then(|| digits.iter().fold(0, |sum, digit| sum * 10 + i32::from(digit - b'0')))
}

/// Whether the JSON `value` is the string `text`.
pub(crate) fn is_string(value: &str, text: &str) -> bool {
    match plain(value) {
        Some(string) => string == text,
        None => read::<Text<'_>>(value).is_ok_and(|string| string.as_str() == text),
    }
}

/// The string that the JSON `value` is, where that is written without escapes.
fn plain(value: &str) -> Option<&str> {
    let inside = value.strip_prefix('"')?.strip_suffix('"')?;
    let is_plain = |byte: u8| byte != b'\\' && byte >= b' ';
    inside.bytes().all(is_plain).then_some(inside)
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Json<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Json<'a>, D::Error> {
        <&'a RawValue>::deserialize(deserializer).map(|raw| Json(Some(raw)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fragment_is_passed_on_as_it_was_written() {
        let json = Json::from_text(r#"{ "state" : "RUN\u004eING", "n": 1.50 }"#);
        assert_eq!(serde_json::to_string(&json).unwrap(), json.text());
        assert_eq!(json.field("state").string().unwrap().as_str(), "RUNNING");
        assert_eq!(json.field("n").text(), "1.50");
        assert!(json.field("m").is_null());
        assert!(Json::from_text("7").field("m").is_null());
        assert_eq!(Json::from_text("[1, {}]").items().len(), 2);
        assert!(Json::from_text("{}").items().is_empty());
    }

    #[test]
    fn scalars_are_the_same_however_they_are_written() {
        let same = |a, b| Json::from_text(a).same(&Json::from_text(b));
        assert!(
            same("3", "3.0") && same("\"a\"", "\"\\u0061\"") && same("null", "null") && same("true", "true")
        );
        assert!(!same("3", "\"3\"") && !same("null", "0") && !same("true", "false") && !same("{}", "{}"));
        assert!(Json::default().same(&Json::from_text("null")));
        assert_eq!(Json::from_text("-1.5e1").number(), Some(-15.0));
        assert_eq!(Json::from_text("\"3\"").number(), None);
    }

    #[test]
    fn counts_are_plain_numbers() {
        for (text, want) in
            [("0", Some(0)), ("7", Some(7)), ("999999999", Some(999_999_999)), ("20", Some(20))]
        {
            assert_eq!(Json::from_text(text).count(), want);
        }
        for text in ["1000000000", "-1", "1.0", "1e3", "01", "00", "\"1\"", "null", "[]"] {
            assert_eq!(count(text), None, "{text}");
        }
        assert_eq!(count(""), None);
    }

    #[test]
    fn fields_are_looked_up_all_at_once() {
        let json = Json::from_text(r#"{"a": [1], "b": 2, "\u0062": 3, "c": 4}"#);
        assert_eq!(json.texts(["b", "d", "a"]), ["3", "null", "[1]"]);
        assert_eq!(Json::from_text("[1]").texts(["a"]), ["null"]);
        assert_eq!(Json::default().texts(["a"]), ["null"]);
    }

    #[test]
    fn picked_fields_are_those_that_are_given() {
        let picked = |text: &str| {
            Json::from_text(text).pick(&["a", "b"]).map(|picked| serde_json::to_string(&picked).unwrap())
        };
        assert_eq!(
            picked(r#"{"c": 1, "b": {"a": null}, "a": null}"#).as_deref(),
            Some(r#"{"b":{"a": null}}"#)
        );
        assert_eq!(picked("7").as_deref(), Some("{}"));
        assert_eq!(picked("null"), None);
    }

    #[test]
    fn emptiness_has_many_spellings() {
        for text in ["null", "\"\"", "[]", "{ }"] {
            assert!(Json::from_text(text).is_empty(), "{text}");
        }
        for text in ["0", "false", "[0]", "{\"a\":null}"] {
            assert!(!Json::from_text(text).is_empty(), "{text}");
        }
    }
}
