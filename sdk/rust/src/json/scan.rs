//! Finding one's way in JSON text without reading it into anything.

use windlass_json::{Entry, entries, read};

use super::text::Text;

/// The `apiVersion` and `kind` of an object; what is absent is empty. They come first in nearly all documents, and
/// the rest is not looked at then.
pub(crate) fn kind_of(object: &str) -> (Text<'_>, Text<'_>) {
    let (mut api_version, mut kind) = (None, None);
    for Entry { key, value } in entries(object) {
        match key {
            "apiVersion" => api_version = read(value).ok(),
            "kind" => kind = read(value).ok(),
            _ => {}
        }
        if api_version.is_some() && kind.is_some() {
            break;
        }
    }
    (api_version.unwrap_or_default(), kind.unwrap_or_default())
}

/// The field at byte `offset` of `text`, as a JSON path: `spec.containers[0].name`. A scalar's path is its field's as
/// far as the scalar's last byte; a list's or an object's is its own at the opening bracket only.
pub(super) fn field_at(text: &str, offset: usize) -> String {
    let mut cursor = Cursor { text, at: 0 };
    let mut path: Vec<Place<'_>> = Vec::new();
    while let Some(byte) = cursor.token() {
        match byte {
            b'{' | b'[' => {
                if offset <= cursor.at + 1 {
                    break;
                }
                path.push(if byte == b'{' { Place::Field("") } else { Place::Item(0) });
                cursor.at += 1;
            }
            b'}' | b']' => {
                path.pop();
                cursor.at += 1;
                if offset <= cursor.at {
                    break;
                }
            }
            b',' => {
                cursor.at += 1;
                if let Some(Place::Item(index)) = path.last_mut() {
                    *index += 1;
                }
            }
            b'"' if matches!(path.last(), Some(Place::Field(_))) && !cursor.after_colon() => {
                let key = cursor.string();
                path.pop();
                path.push(Place::Field(key));
            }
            b':' => cursor.at += 1,
            _ => {
                cursor.skip_value();
                if offset <= cursor.at {
                    break;
                }
            }
        }
    }
    let mut printed = String::new();
    for place in path {
        match place {
            Place::Field("") => {}
            Place::Field(name) if name.contains(['.', '[', '/']) => printed.push_str(&format!("['{name}']")),
            Place::Field(name) => {
                if !printed.is_empty() {
                    printed.push('.');
                }
                printed.push_str(name);
            }
            Place::Item(index) => printed.push_str(&format!("[{index}]")),
        }
    }
    printed
}

enum Place<'a> {
    Field(&'a str),
    Item(usize),
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// The next byte that is not white space.
    fn token(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while matches!(bytes.get(self.at), Some(b' ' | b'\n' | b'\t' | b'\r')) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    /// Whether a value is due rather than a key.
    fn after_colon(&self) -> bool {
        self.text[..self.at].trim_end().ends_with(':')
    }

    /// Passes the string that begins here; what is between its quotes.
    fn string(&mut self) -> &'a str {
        let bytes = self.text.as_bytes();
        let start = self.at + 1;
        let mut at = start;
        while let Some(&byte) = bytes.get(at) {
            match byte {
                b'"' => {
                    self.at = at + 1;
                    return &self.text[start..at];
                }
                b'\\' => at += 2,
                _ => at += 1,
            }
        }
        self.at = bytes.len();
        self.text.get(start..).unwrap_or_default()
    }

    /// Passes the value that begins here, whatever is in it.
    fn skip_value(&mut self) {
        let bytes = self.text.as_bytes();
        let mut depth = 0usize;
        loop {
            match bytes.get(self.at) {
                None => return,
                Some(b'"') => {
                    self.string();
                }
                Some(b'{' | b'[') => {
                    depth += 1;
                    self.at += 1;
                    continue;
                }
                Some(b'}' | b']') => {
                    if depth == 0 {
                        return;
                    }
                    depth -= 1;
                    self.at += 1;
                }
                Some(b',') if depth == 0 => return,
                Some(b',' | b':' | b' ' | b'\n' | b'\t' | b'\r') => {
                    self.at += 1;
                    continue;
                }
                Some(_) => {
                    while !matches!(
                        bytes.get(self.at),
                        None | Some(
                            b',' | b':' | b'}' | b']' | b'"' | b'{' | b'[' | b' ' | b'\n' | b'\t' | b'\r'
                        )
                    ) {
                        self.at += 1;
                    }
                }
            }
            if depth == 0 {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_is_found_wherever_it_stands() {
        let check = |text, want: (&str, &str)| {
            let (api_version, kind) = kind_of(text);
            assert_eq!((api_version.as_str(), kind.as_str()), want, "{text}");
        };
        check(r#"{"apiVersion":"apps/v1","kind":"A"}"#, ("apps/v1", "A"));
        check(
            r#" { "x" : {"kind":"B", "y":["]}",1]} , "kind" : "A" , "apiVersion":"v\u0031" } "#,
            ("v1", "A"),
        );
        check(r#"{"kind":7}"#, ("", ""));
        for nonsense in [
            "", "7", "[", "{", "{\"", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":{", "{a}", "{\"a\\", "\"", "{,}",
            "}{",
        ] {
            check(nonsense, ("", ""));
            for offset in 0..4 {
                field_at(nonsense, offset);
            }
        }
    }

    #[test]
    fn a_place_in_the_text_has_a_path() {
        let text = r#"{"a": {"b": [10, {"c.d": "x"}], "e": null}, "f": 7}"#;
        let check = |needle: &str, want: &str| {
            let offset = text.find(needle).unwrap() + needle.len();
            assert_eq!(field_at(text, offset), want, "{needle}");
        };
        check("10", "a.b[0]");
        check("\"x\"", "a.b[1]['c.d']");
        check("null", "a.e");
        check("7", "f");
        check("[", "a.b");
        check("10, {", "a.b[1]");
        check("{", "");
    }
}
