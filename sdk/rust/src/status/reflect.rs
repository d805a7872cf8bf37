//! A member's status as its template gets to see it.

use serde::ser::{Serialize, SerializeMap, Serializer};
use windlass_json::declared::Reflection;

use super::fields::{Fields, Status, StatusMetadata};
use crate::json::{Json, Numeric};

/// Where Karmada notes the generation of the template that a member's object was made from.
const TEMPLATE_GENERATION: &str = "resourcetemplate.karmada.io/generation";

/// The fields of a status that travel, and the generations that they belong to.
#[derive(Clone, Debug)]
pub struct Reflected<'a> {
    fields: Vec<(&'static str, Json<'a>)>,
    template_generation: Numeric,
}

impl Fields {
    /// InterpretStatus, declared: for a table without [`Field::OBSERVED_GENERATION`](super::Field::OBSERVED_GENERATION).
    ///
    /// # Panics
    /// It has that field: such a status tells of more than itself.
    pub fn reflection(&self) -> Reflection {
        assert!(!self.has_generations(), "a status with generations can't be declared: it takes a function");
        Reflection::fields(self.0.iter().map(|field| field.name))
    }

    /// InterpretStatus; `None` where there is no status.
    pub fn reflect<'a>(
        &self,
        metadata: &StatusMetadata<'a>,
        status: Option<&Status<'a>>,
    ) -> Option<Reflected<'a>> {
        let status = status?;
        let named = |name| status.get(name).copied().unwrap_or_default();
        let mut reflected = Reflected {
            fields: self.0.iter().map(|field| (field.name, named(field.name))).collect(),
            template_generation: Numeric::default(),
        };
        if self.has_generations() {
            reflected.fields.push(("generation", metadata.generation));
            let annotation = metadata.annotations.get(TEMPLATE_GENERATION).copied().unwrap_or_default();
            reflected.template_generation = annotation.numeric();
        }
        reflected.fields.retain(|(_, value)| !value.is_null());
        Some(reflected)
    }
}

impl Serialize for Reflected<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in &self.fields {
            map.serialize_entry(name, value)?;
        }
        if self.template_generation.get().is_some() {
            map.serialize_entry("resourceTemplateGeneration", &self.template_generation)?;
        }
        map.end()
    }
}
