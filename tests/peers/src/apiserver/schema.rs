//! The shapes of kinds, from the OpenAPI v3 documents that kube-apiserver serves.

use std::collections::HashMap;

use serde_json::Value;

use super::call::Call;
use super::corpus::Sample;
use super::peer::Peer;

/// Documents by group and version: `apps/v1`.
pub(crate) struct Schemas(HashMap<String, Value>);

impl Schemas {
    pub(crate) async fn read(peer: &Peer, samples: &[Sample]) -> anyhow::Result<Schemas> {
        let mut documents = HashMap::new();
        for sample in samples {
            if !documents.contains_key(&sample.version) {
                let document = peer.send(&Call::get(document_path(&sample.version))).await?.body;
                documents.insert(sample.version.clone(), document);
            }
        }
        Ok(Schemas(documents))
    }

    /// The shape of a sample's kind.
    pub(crate) fn of<'a>(&'a self, sample: &Sample) -> Option<Shape<'a>> {
        let document = self.0.get(&sample.version)?;
        let schemas = document.pointer("/components/schemas")?.as_object()?;
        let (group, version) = sample.version.split_once('/').unwrap_or(("", &sample.version));
        let schema = schemas.values().find(|schema| {
            let kinds = schema.get("x-kubernetes-group-version-kind").and_then(Value::as_array);
            kinds.into_iter().flatten().any(|kind| {
                kind["kind"] == sample.kind() && kind["group"] == group && kind["version"] == version
            })
        })?;
        Some(Shape { document, schema })
    }
}

pub(crate) fn document_path(version: &str) -> String {
    if version.contains('/') {
        format!("/openapi/v3/apis/{version}")
    } else {
        format!("/openapi/v3/api/{version}")
    }
}

/// A schema in its document.
#[derive(Clone, Copy)]
pub(crate) struct Shape<'a> {
    document: &'a Value,
    schema: &'a Value,
}

impl<'a> Shape<'a> {
    fn resolve(self, mut schema: &'a Value) -> Shape<'a> {
        for _ in 0..8 {
            let wrapped = schema.get("allOf").and_then(Value::as_array).and_then(|all| all.first());
            if let Some(inner) = wrapped {
                schema = inner;
            }
            let Some(reference) = schema.get("$ref").and_then(Value::as_str) else { break };
            let Some(found) = self.document.pointer(reference.trim_start_matches('#')) else { break };
            schema = found;
        }
        Shape { document: self.document, schema }
    }

    pub(crate) fn properties(self) -> Vec<(&'a str, Shape<'a>)> {
        let properties = self.schema.get("properties").and_then(Value::as_object);
        properties.into_iter().flatten().map(|(name, schema)| (name.as_str(), self.resolve(schema))).collect()
    }

    pub(crate) fn field(self, name: &str) -> Option<Shape<'a>> {
        match self.schema.get("properties").and_then(|properties| properties.get(name)) {
            Some(schema) => Some(self.resolve(schema)),
            None => self.entries(),
        }
    }

    /// Of a map's values.
    pub(crate) fn entries(self) -> Option<Shape<'a>> {
        self.schema
            .get("additionalProperties")
            .filter(|inner| inner.is_object())
            .map(|inner| self.resolve(inner))
    }

    pub(crate) fn items(self) -> Option<Shape<'a>> {
        self.schema.get("items").map(|inner| self.resolve(inner))
    }

    pub(crate) fn required(self) -> Vec<&'a str> {
        let required = self.schema.get("required").and_then(Value::as_array);
        required.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    pub(crate) fn choices(self) -> Vec<&'a str> {
        let choices = self.schema.get("enum").and_then(Value::as_array);
        choices.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    pub(crate) fn kind(self) -> &'a str {
        let format = self.schema.get("format").and_then(Value::as_str).unwrap_or_default();
        if format == "int-or-string" || format == "date-time" {
            return format;
        }
        if self.schema.get("oneOf").is_some() {
            // Quantities, and what else is a number or a string.
            return "quantity";
        }
        self.schema.get("type").and_then(Value::as_str).unwrap_or("any")
    }
}
