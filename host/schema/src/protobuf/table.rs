//! `kinds/messages.json`: which fields the messages of the built-in kinds have. Read once into indices.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The file: see `kinds/README.md`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    packages: BTreeMap<String, String>,
    messages: BTreeMap<String, Vec<(u32, String, String)>>,
}

/// All messages, and which of them are objects.
#[derive(Debug)]
pub(super) struct Table {
    /// apiVersion → the package of its kinds.
    packages: BTreeMap<String, String>,
    /// Name → place in `messages`.
    names: BTreeMap<String, usize>,
    messages: Vec<Message>,
}

#[derive(Debug)]
pub(super) struct Message {
    pub(super) name: String,
    pub(super) fields: Vec<Field>,
}

#[derive(Debug)]
pub(super) struct Field {
    pub(super) number: u32,
    /// In JSON; empty for a message whose fields are its parent's.
    pub(super) name: String,
    pub(super) many: Many,
    pub(super) content: Content,
    /// Whether JSON leaves the zero value out.
    pub(super) omits_zero: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Many {
    One,
    List,
    /// By string.
    Map,
}

/// What a field, a list's item or a map's value holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Bool,
    Int,
    Double,
    String,
    Bytes,
    /// A message with one list of strings, in JSON that list.
    Strings,
    Time,
    MicroTime,
    Quantity,
    IntOrString,
    /// A message with the bytes of JSON.
    Json,
    Message(usize),
    /// A message that is in JSON the first of its fields that is set.
    Union(usize),
}

impl Table {
    pub(super) fn read() -> Table {
        let file: File = serde_json::from_str(include_str!("../../kinds/messages.json"))
            .expect("kinds/messages.json is read by every test");
        let names: BTreeMap<String, usize> = file.messages.keys().cloned().zip(0..).collect();
        let messages = file
            .messages
            .into_iter()
            .map(|(name, rows)| {
                let fields = rows.into_iter().map(|row| field(&name, row, &names)).collect();
                Message { name, fields }
            })
            .collect();
        Table { packages: file.packages, names, messages }
    }

    /// The message of a kind. Options go by any group's version, and are one message.
    pub(super) fn kind(&self, api_version: &str, kind: &str) -> Option<usize> {
        let name = match kind {
            "DeleteOptions" => "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions".to_owned(),
            kind => format!("{}.{kind}", self.packages.get(api_version)?),
        };
        self.names.get(&name).copied()
    }

    pub(super) fn message(&self, index: usize) -> &Message {
        &self.messages[index]
    }
}

fn field(
    message: &str,
    (number, name, text): (u32, String, String),
    names: &BTreeMap<String, usize>,
) -> Field {
    let (omits_zero, text) = match text.strip_prefix('?') {
        Some(text) => (true, text),
        None => (false, text.as_str()),
    };
    let (many, text) = match (text.strip_prefix("[]"), text.strip_prefix("{}")) {
        (Some(item), _) => (Many::List, item),
        (_, Some(value)) => (Many::Map, value),
        _ => (Many::One, text),
    };
    Field { number, name, many, content: content(message, text, names), omits_zero }
}

/// A type as it is written in the table; a message without a package is of the same package as `message`.
fn content(message: &str, text: &str, names: &BTreeMap<String, usize>) -> Content {
    let find = |text: &str| {
        let name = match (text.contains('.'), message.rsplit_once('.')) {
            (false, Some((package, _))) => format!("{package}.{text}"),
            _ => text.to_owned(),
        };
        *names.get(&name).expect("kinds/messages.json has every message that it names")
    };
    match text {
        "bool" => Content::Bool,
        "int" => Content::Int,
        "double" => Content::Double,
        "string" => Content::String,
        "bytes" => Content::Bytes,
        "strings" => Content::Strings,
        "time" => Content::Time,
        "microtime" => Content::MicroTime,
        "quantity" => Content::Quantity,
        "int-or-string" => Content::IntOrString,
        "json" => Content::Json,
        text => match text.strip_prefix('|') {
            Some(union) => Content::Union(find(union)),
            None => Content::Message(find(text)),
        },
    }
}
