//! Messages to trees, along the table.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::table::{Content, Field, Many, Table};
use super::wire::{Data, Reader, WireError};
use super::{DecodeError, MAGIC, special};

/// How deep messages nest; the deepest that the built-in kinds need are the schemas of definitions.
const DEPTH_MAX: usize = 100;

/// Where the decoder is: what encloses it is counted, for whoever writes the bytes decides how deep they go.
#[derive(Clone, Copy)]
pub(super) struct Decoder<'t> {
    table: &'t Table,
    depth: usize,
}

impl<'t> Decoder<'t> {
    pub(super) const fn new(table: &'t Table) -> Decoder<'t> {
        Decoder { table, depth: 0 }
    }

    fn deeper(self) -> Result<Decoder<'t>, DecodeError> {
        let depth = self.depth + 1;
        if depth > DEPTH_MAX { Err(DecodeError::TooDeep) } else { Ok(Decoder { depth, ..self }) }
    }

    /// An object with its `apiVersion` and `kind` around it.
    pub(super) fn envelope(self, bytes: &[u8]) -> Result<Value, DecodeError> {
        let within = self.deeper()?;
        let bytes = bytes.strip_prefix(MAGIC).ok_or(DecodeError::NoPrefix)?;
        let unknown = Envelope::read(bytes).map_err(DecodeError::Envelope)?;
        if unknown.kind.is_empty() || unknown.api_version.is_empty() {
            return Err(DecodeError::NoKind);
        }
        if !unknown.content_encoding.is_empty()
            || !matches!(unknown.content_type, "" | "application/vnd.kubernetes.protobuf")
        {
            return Err(DecodeError::Encoding {
                encoding: unknown.content_encoding.to_owned(),
                media_type: unknown.content_type.to_owned(),
            });
        }
        let message =
            self.table.kind(unknown.api_version, unknown.kind).ok_or_else(|| DecodeError::UnknownKind {
                api_version: unknown.api_version.to_owned(),
                kind: unknown.kind.to_owned(),
            })?;
        let mut object = Map::new();
        object.insert("apiVersion".to_owned(), unknown.api_version.into());
        object.insert("kind".to_owned(), unknown.kind.into());
        within.message(message, unknown.raw, &mut object)?;
        Ok(Value::Object(object))
    }

    /// Adds a message's fields to `into`. Fields that the table lacks are newer than it, and are skipped.
    fn message(self, index: usize, bytes: &[u8], into: &mut Map<String, Value>) -> Result<(), DecodeError> {
        let message = self.table.message(index);
        let mut reader = Reader::new(bytes);
        loop {
            let next = reader.next().map_err(|source| malformed(&message.name, "", source))?;
            let Some((number, data)) = next else { return Ok(()) };
            let Some(field) = message.fields.iter().find(|field| field.number == number) else { continue };
            self.field(field, data, into).map_err(|error| match error {
                Failure::Here(source) => malformed(&message.name, &field.name, source),
                Failure::Within(error) => error,
            })?;
        }
    }

    fn field(self, field: &Field, data: Data<'_>, into: &mut Map<String, Value>) -> Result<(), Failure> {
        match (field.many, field.content) {
            (Many::One, Content::Message(index)) if field.name.is_empty() => {
                self.deeper()?.message(index, data.bytes()?, into)?;
            }
            // A message that comes twice is one, in two parts.
            (Many::One, Content::Message(index)) => {
                let part = into.entry(field.name.as_str()).or_insert_with(|| Map::new().into());
                if let Value::Object(fields) = part {
                    self.deeper()?.message(index, data.bytes()?, fields)?;
                    if field.omits_zero && fields.is_empty() {
                        into.remove(&field.name);
                    }
                }
            }
            (Many::One, content) => match self.value(content, data)? {
                Some(value) if !(field.omits_zero && is_zero(&value)) => {
                    into.insert(field.name.clone(), value);
                }
                _ => {
                    into.remove(&field.name);
                }
            },
            (Many::List, content) => {
                let list = into.entry(field.name.as_str()).or_insert_with(|| Value::Array(Vec::new()));
                if let Value::Array(items) = list {
                    self.items(content, data, items)?;
                }
            }
            (Many::Map, content) => {
                let (key, value) = self.entry(content, data.bytes()?)?;
                let map = into.entry(field.name.as_str()).or_insert_with(|| Map::new().into());
                if let Value::Object(entries) = map {
                    entries.insert(key, value);
                }
            }
        }
        Ok(())
    }

    /// One item of a list, or several where numbers are packed.
    fn items(self, content: Content, data: Data<'_>, items: &mut Vec<Value>) -> Result<(), Failure> {
        let Data::Bytes(bytes) = data else {
            items.push(self.value(content, data)?.unwrap_or_default());
            return Ok(());
        };
        let mut packed = Reader::new(bytes);
        match content {
            Content::Bool | Content::Int => {
                while let Some(number) = packed.next_varint()? {
                    items.push(self.value(content, Data::Varint(number))?.unwrap_or_default());
                }
            }
            Content::Double => {
                while let Some(bits) = packed.next_fixed64()? {
                    items.push(special::double(bits)?);
                }
            }
            _ => items.push(self.value(content, data)?.unwrap_or_default()),
        }
        Ok(())
    }

    /// A map's entry is a message of a key and a value, either of which may be missing.
    fn entry(self, content: Content, bytes: &[u8]) -> Result<(String, Value), Failure> {
        let (mut key, mut value) = ("", None);
        special::each(bytes, |number, data| {
            match number {
                1 => key = data.text()?,
                2 => value = Some(data),
                _ => {}
            }
            Ok(())
        })?;
        let value = match (value, content) {
            (Some(data), _) => self.value(content, data)?,
            (None, Content::Bool | Content::Int) => self.value(content, Data::Varint(0))?,
            (None, Content::Double) => self.value(content, Data::Fixed64(0))?,
            (None, _) => self.value(content, Data::Bytes(&[]))?,
        };
        Ok((key.to_owned(), value.unwrap_or_default()))
    }

    /// One value; `None` where JSON has nothing for it.
    fn value(self, content: Content, data: Data<'_>) -> Result<Option<Value>, Failure> {
        Ok(Some(match content {
            Content::Bool => (data.varint()? != 0).into(),
            Content::Int => data.int()?.into(),
            Content::Double => special::double(data.fixed64()?)?,
            Content::String => data.text()?.into(),
            Content::Bytes => STANDARD.encode(data.bytes()?).into(),
            Content::Strings => special::strings(data.bytes()?)?,
            Content::Time => return Ok(special::time(data.bytes()?)?),
            Content::MicroTime => return Ok(special::micro_time(data.bytes()?)?),
            Content::Quantity => special::quantity(data.bytes()?)?,
            Content::IntOrString => special::int_or_string(data.bytes()?)?,
            Content::Json => return self.json(special::raw(data.bytes()?)?),
            Content::Message(index) => {
                let mut fields = Map::new();
                self.deeper()?.message(index, data.bytes()?, &mut fields)?;
                Value::Object(fields)
            }
            Content::Union(index) => return self.union(index, data.bytes()?),
        }))
    }

    /// JSON as it is, or an object in an envelope of its own.
    fn json(self, raw: &[u8]) -> Result<Option<Value>, Failure> {
        if raw.is_empty() {
            return Ok(None);
        }
        if raw.starts_with(MAGIC) {
            return Ok(Some(self.envelope(raw)?));
        }
        let value = serde_json::from_slice(raw).map_err(|error| WireError::NotJson(error.to_string()))?;
        Ok(Some(value))
    }

    fn union(self, index: usize, bytes: &[u8]) -> Result<Option<Value>, Failure> {
        let mut given = Map::new();
        self.deeper()?.message(index, bytes, &mut given)?;
        let alternatives = &self.table.message(index).fields;
        if let Some(chosen) = alternatives.iter().find_map(|field| given.remove(&field.name)) {
            return Ok(Some(chosen));
        }
        // Writers other than Go's leave out what is false.
        let says_no = alternatives.last().is_some_and(|field| field.content == Content::Bool);
        Ok(says_no.then_some(Value::Bool(false)))
    }
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Bool(given) => !given,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

/// An error of the field at hand, which is yet to be named, or of a message within it.
enum Failure {
    Here(WireError),
    Within(DecodeError),
}

impl From<WireError> for Failure {
    fn from(error: WireError) -> Failure {
        Failure::Here(error)
    }
}

impl From<DecodeError> for Failure {
    fn from(error: DecodeError) -> Failure {
        Failure::Within(error)
    }
}

fn malformed(message: &str, field: &str, source: WireError) -> DecodeError {
    DecodeError::Malformed { message: message.to_owned(), field: field.to_owned(), source }
}

/// runtime.Unknown
#[derive(Default)]
struct Envelope<'a> {
    api_version: &'a str,
    kind: &'a str,
    raw: &'a [u8],
    content_encoding: &'a str,
    content_type: &'a str,
}

impl<'a> Envelope<'a> {
    fn read(bytes: &'a [u8]) -> Result<Envelope<'a>, WireError> {
        let mut envelope = Envelope::default();
        special::each(bytes, |number, data| {
            match number {
                1 => special::each(data.bytes()?, |number, data| {
                    match number {
                        1 => envelope.api_version = data.text()?,
                        2 => envelope.kind = data.text()?,
                        _ => {}
                    }
                    Ok(())
                })?,
                2 => envelope.raw = data.bytes()?,
                3 => envelope.content_encoding = data.text()?,
                4 => envelope.content_type = data.text()?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(envelope)
    }
}
