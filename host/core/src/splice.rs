//! Changes made in an object's text: only what lies on the way to them is taken apart.

use std::borrow::Cow;

use windlass_json::{Entry, entries, is_key, items, key_of, unescape};

use crate::change::ChangeError;

/// A part of the text, taken apart as far as was needed.
enum Node<'t> {
    /// As it is written.
    Text(&'t str),
    /// Keys are as they are written between their quotes.
    Object(Vec<(Cow<'t, str>, Node<'t>)>),
    List(Vec<Node<'t>>),
}

/// So many changes are made one by one: each looks through the whole object once, and copies it.
const FEW: usize = 2;

/// `text` with all of `changes` made: at each JSON pointer the value is set, or removed where there is none.
pub(crate) fn splice<'t>(
    text: &'t str,
    changes: impl IntoIterator<Item = (&'t str, Option<&'t str>), IntoIter: Clone + ExactSizeIterator>,
) -> Result<String, ChangeError> {
    let changes = changes.into_iter();
    if changes.len() <= FEW {
        let one_by_one = changes
            .clone()
            .try_fold(Cow::Borrowed(text), |text, (path, value)| set(&text, path, value?).map(Cow::Owned));
        if let Some(changed) = one_by_one {
            return Ok(changed.into_owned());
        }
    }
    let mut root = Node::Text(text);
    let mut room = text.len();
    for (path, value) in changes {
        match value {
            Some(value) => {
                room += path.len() + value.len() + 8;
                let mut tokens = path.split('/').skip(1);
                let place = tokens.try_fold(&mut root, |at, token| at.child_or_new(&unescape(token)));
                let lost = || ChangeError::NoSuchPlace { path: path.to_owned() };
                *place.ok_or_else(lost)? = Node::Text(value);
            }
            None => {
                let (parents, last) = path.rsplit_once('/').unwrap_or_default();
                let mut parents = parents.split('/').skip(1);
                if let Some(parent) = parents.try_fold(&mut root, |at, token| at.child(&unescape(token))) {
                    parent.remove(&unescape(last));
                }
            }
        }
    }
    let mut changed = String::with_capacity(room);
    root.print(&mut changed);
    Ok(changed)
}

/// `text` with one value set in it, if only objects lead to it: what is missing on the way is made where the last of them
/// ends, and nothing is taken apart. `None` where something else leads there.
fn set(text: &str, path: &str, value: &str) -> Option<String> {
    let offset = |part: &str| part.as_ptr().addr() - text.as_ptr().addr();
    let mut place = text;
    let mut tokens = path.split('/').skip(1).map(unescape);
    while let Some(token) = tokens.next() {
        // The last entry of that name is the one that counts.
        if let Some(entry) = entries(place).filter(|entry| is_key(entry.key, &token)).last() {
            place = entry.value;
            continue;
        }
        let inside = place.strip_prefix('{')?.strip_suffix('}')?;
        let (before, behind) = text.split_at(offset(inside) + inside.len());
        let mut changed = String::with_capacity(text.len() + path.len() + value.len() + 8);
        changed.push_str(before);
        changed.push_str(if inside.trim_ascii().is_empty() { "\"" } else { ",\"" });
        changed.push_str(&key_of(&token));
        changed.push_str("\":");
        let mut made = 0;
        for token in tokens {
            changed.push_str("{\"");
            changed.push_str(&key_of(&token));
            changed.push_str("\":");
            made += 1;
        }
        changed.push_str(value);
        changed.extend(std::iter::repeat_n('}', made));
        changed.push_str(behind);
        return Some(changed);
    }
    let start = offset(place);
    Some([&text[..start], value, &text[start + place.len()..]].concat())
}

impl<'t> Node<'t> {
    /// Takes it apart, if it is a list or an object.
    fn open(&mut self) {
        let Node::Text(text) = *self else { return };
        match text.trim_ascii_start().as_bytes().first() {
            Some(b'{') => {
                let entry = |Entry { key, value }: Entry<'t>| (Cow::Borrowed(key), Node::Text(value));
                *self = Node::Object(entries(text).map(entry).collect());
            }
            Some(b'[') => *self = Node::List(items(text).map(Node::Text).collect()),
            _ => {}
        }
    }

    fn child(&mut self, token: &str) -> Option<&mut Node<'t>> {
        self.open();
        match self {
            Node::Text(_) => None,
            Node::Object(entries) => position(entries, token).map(|at| &mut entries[at].1),
            Node::List(items) => items.get_mut(token.parse::<usize>().ok()?),
        }
    }

    /// As [`child`](Self::child); made if it is missing.
    fn child_or_new(&mut self, token: &str) -> Option<&mut Node<'t>> {
        self.open();
        if matches!(self, Node::Text(text) if text.trim_ascii() == "null") {
            *self = Node::Object(Vec::new());
        }
        match self {
            Node::Text(_) => None,
            Node::Object(entries) => {
                let at = position(entries, token).unwrap_or_else(|| {
                    entries.push((key_of(token).into_owned().into(), Node::Text("null")));
                    entries.len() - 1
                });
                Some(&mut entries[at].1)
            }
            Node::List(items) => {
                let at = token.parse::<usize>().ok()?;
                if at == items.len() {
                    items.push(Node::Text("null"));
                }
                items.get_mut(at)
            }
        }
    }

    fn remove(&mut self, token: &str) {
        self.open();
        match self {
            Node::Text(_) => {}
            Node::Object(entries) => entries.retain(|(key, _)| !is_key(key, token)),
            Node::List(items) => {
                if let Some(at) = token.parse::<usize>().ok().filter(|at| *at < items.len()) {
                    items.remove(at);
                }
            }
        }
    }

    fn print(&self, to: &mut String) {
        match self {
            Node::Text(text) => to.push_str(text),
            Node::Object(entries) => {
                to.push('{');
                for (at, (key, value)) in entries.iter().enumerate() {
                    to.push_str(if at == 0 { "\"" } else { ",\"" });
                    to.push_str(key);
                    to.push_str("\":");
                    value.print(to);
                }
                to.push('}');
            }
            Node::List(items) => {
                to.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        to.push(',');
                    }
                    item.print(to);
                }
                to.push(']');
            }
        }
    }
}

/// The last entry of that name is the one that counts.
fn position(entries: &[(Cow<'_, str>, Node<'_>)], token: &str) -> Option<usize> {
    entries.iter().rposition(|(key, _)| is_key(key, token))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::change::{Change, Fence, apply, expect_inside};
    use crate::json::Json;

    /// Does to the text what [`apply`] does to the tree.
    #[track_caller]
    fn check(before: &Value, changes: &[(&str, Option<Value>)]) {
        let in_tree =
            |(path, value): &(&str, Option<Value>)| Change { path: (*path).into(), value: value.clone() };
        let in_text = |(path, value): &(&str, Option<Value>)| Change {
            path: (*path).into(),
            value: value.as_ref().map(Json::from),
        };
        let mut tree = before.clone();
        let want =
            apply(&mut tree, changes.iter().map(in_tree).collect(), Fence::AllButIdentity).map(|()| tree);
        let changes: Vec<_> = changes.iter().map(in_text).collect();
        let got = expect_inside(Fence::AllButIdentity, &changes)
            .and_then(|()| splice(&before.to_string(), changes.iter().map(Change::as_text)))
            .map(|text| serde_json::from_str(&text).unwrap());
        assert_eq!(got, want, "{changes:?}");
    }

    #[test]
    fn text_changes_as_trees_do() {
        let object = json!({
            "kind": "A", "metadata": {"labels": {"a/b": "1", "~": "2", "\"ü\"": "3"}}, "list": [1, [2, {"a": 3}], "x"],
            "spec": null, "status": {}, "text": "}{\\\"", "number": 1.5e3, "yes": true,
        });
        let paths = [
            "/",
            "/spec",
            "/spec/a",
            "/spec/a/b/c",
            "/status",
            "/status/x",
            "/metadata/labels/a~1b",
            "/metadata/labels/~0",
            "/metadata/labels/\"ü\"",
            "/metadata/labels/new",
            "/list",
            "/list/0",
            "/list/3",
            "/list/4",
            "/list/-1",
            "/list/x",
            "/list/1/1/a",
            "/list/1/1/b",
            "/text",
            "/text/a",
            "/number/a",
            "/yes",
            "/no/such",
            "//",
            "/list/",
        ];
        for one in paths {
            for value in [None, Some(json!({"n\"": [1, null]})), Some(Value::Null)] {
                check(&object, &[(one, value.clone())]);
                for other in paths {
                    check(
                        &object,
                        &[(one, value.clone()), (other, Some(json!("x"))), (one, Some(json!([])))],
                    );
                    check(&object, &[(one, value.clone()), (other, Some(json!({})))]);
                    check(&object, &[(one, value.clone()), (other, None)]);
                }
            }
        }
    }

    #[test]
    fn keys_are_the_same_however_they_are_key_of() {
        let text = r#" { "\u0073pec" : { "\u0061" : 1, "\u0061" : [ ] } , "x":{ } } "#;
        let one = ("/spec/a", Some("2"));
        let changed = r#" { "\u0073pec" : { "\u0061" : 1, "\u0061" : 2 } , "x":{ } } "#;
        assert_eq!(splice(text, [one]).as_deref(), Ok(changed));
        let changed = r#" { "\u0073pec" : { "\u0061" : 1, "\u0061" : 2 } , "x":{ "y\"\n":{"":3}} } "#;
        assert_eq!(splice(text, [one, ("/x/y\"\n/", Some("3"))]).as_deref(), Ok(changed));
        let changed = r#"{"\u0073pec":{"\u0061":1,"\u0061":2},"x":{"y":4}}"#;
        let many = [one, ("/x/y", Some("3")), ("/x/y", Some("4"))];
        assert_eq!(splice(text, many).as_deref(), Ok(changed));
    }
}
