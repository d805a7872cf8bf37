//! InterpretStatus, as it is declared.

use std::borrow::Cow;

use super::place::Document;
use super::{DEPTH_MAX, Reflection, Unfit};
use crate::parts::{Entry, entries, is_key};
use crate::skip::is_deeper_than;

impl Reflection {
    /// The status of `object`, an object's JSON: `null` where there is none.
    ///
    /// # Errors
    /// The status is no object, or too deep.
    pub fn of<'t>(&self, object: &'t str) -> Result<Cow<'t, str>, Unfit> {
        self.of_status((Document { name: "", text: object }).at("/status")?)
    }

    /// As [`of`](Self::of), where it is known what the object's status is: its JSON, but for null.
    ///
    /// # Errors
    /// The status is no object, or too deep.
    pub fn of_status<'t>(&self, status: Option<&'t str>) -> Result<Cow<'t, str>, Unfit> {
        let Some(status) = status else { return Ok("null".into()) };
        let unfit = |message: String| Unfit { field: "status".to_owned(), message };
        if !status.starts_with('{') {
            return Err(unfit("must be an object".to_owned()));
        }
        if is_deeper_than(DEPTH_MAX, status) {
            return Err(unfit(format!("is too deep: it may have {DEPTH_MAX} levels")));
        }
        match self {
            Reflection::Whole => Ok(status.into()),
            Reflection::Fields(names) => Ok(picked(status, names).into()),
        }
    }
}

fn picked(status: &str, names: &[String]) -> String {
    let mut picked = String::from("{");
    for Entry { key, value } in entries(status) {
        if value != "null" && names.iter().any(|name| is_key(key, name)) {
            picked.push_str(if picked.len() > 1 { ",\"" } else { "\"" });
            picked.push_str(key);
            picked.push_str("\":");
            picked.push_str(value);
        }
    }
    picked.push('}');
    picked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(reflection: &Reflection, object: &str, want: Result<&str, &str>) {
        let got = reflection.of(object);
        match (&got, want) {
            (Ok(text), Ok(want)) => assert_eq!(text, want),
            (Err(unfit), Err(want)) if unfit.to_string().contains(want) => {}
            _ => panic!("{got:?}"),
        }
    }

    #[test]
    fn the_whole_status_is_as_it_is_written() {
        let whole = Reflection::whole();
        check(&whole, r#"{"spec":{"status":1},"status": { "a" : [1, {}] } }"#, Ok(r#"{ "a" : [1, {}] }"#));
        check(&whole, r#"{"\u0073tatus":{"a":1}}"#, Ok(r#"{"a":1}"#));
        check(&whole, r#"{"status":null}"#, Ok("null"));
        check(&whole, "{}", Ok("null"));
        for status in ["7", "\"a\"", "[{}]", "true"] {
            check(&whole, &format!(r#"{{"status":{status}}}"#), Err("status: must be an object"));
        }
        check(&whole, "7", Err("must be an object"));
    }

    #[test]
    fn fields_are_picked_where_they_are_given() {
        let fields = Reflection::fields(["b", "a\"", "n", "gone"]);
        let object = r#"{"status":{"a\"":"x","c":1,"n":null,"b":{"a": null}}}"#;
        check(&fields, object, Ok(r#"{"a\"":"x","b":{"a": null}}"#));
        check(&fields, r#"{"status":{}}"#, Ok("{}"));
        check(&fields, r#"{"kind":"A"}"#, Ok("null"));
    }

    #[test]
    fn a_status_that_is_too_deep_for_other_objects_is_none() {
        let nested = |levels: usize| {
            format!(r#"{{"status":{{"a":{}0{}}}}}"#, "[".repeat(levels - 1), "]".repeat(levels - 1))
        };
        assert!(Reflection::Whole.of(&nested(DEPTH_MAX)).is_ok());
        for levels in [DEPTH_MAX + 1, 100_000] {
            check(&Reflection::Whole, &nested(levels), Err("too deep: it may have 100"));
        }
    }

    #[test]
    fn any_text_has_an_answer() {
        let text = r#"{"status":{"a":[1,"\"]",{"b":"\\"}],"n":null},"x":-1.5}"#;
        for end in 0..text.len() {
            for reflection in [Reflection::Whole, Reflection::fields(["a", "n"])] {
                let _ = reflection.of(&text[..end]);
                let _ = reflection.of(&text[end..]);
            }
        }
    }
}
