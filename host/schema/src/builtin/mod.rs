//! The built-in kinds. They are data: `kinds/*.json` say what there is, how it merges, what is defaulted, checked
//! and printed; k8s-openapi says how the types look. No code here knows a kind by name.

mod checks;
mod conversion;
mod defaults;
mod forms;
mod generate;
mod normalize;
mod parts;
mod policies;
mod qos;
pub(crate) mod quantity;
mod selectors;
mod tables;
mod updates;
mod walk;
mod webhooks;
mod zeros;

use std::sync::{Arc, OnceLock};

use serde_json::Value;

use crate::field::{FieldError, Reason};
use crate::kind::{Kind, Names, Scale, Source, Subresource, Subresources};
use crate::meta::NameRule;
use crate::structural::{self, Definitions, Schema};

pub(crate) use conversion::Conversion;
pub(crate) use generate::{definitions, described};

/// The name of ObjectMeta's definition.
pub(crate) const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

const VERBS: [&str; 8] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// What is known of one built-in kind beyond its names.
#[derive(Debug)]
pub(crate) struct Facts {
    /// `io.k8s.api.apps.v1.Deployment`.
    pub(crate) definition: String,
    names: tables::NameStyle,
    conversion: Option<Conversion>,
    rules: Arc<OnceLock<Rules>>,
}

/// The tables that all kinds share, read when the first object comes.
#[derive(Debug)]
struct Rules {
    defaults: defaults::Defaults,
    checks: checks::Checks,
    updates: updates::Updates,
    zeros: zeros::Zeros,
    omitted: zeros::Omitted,
    created: defaults::Defaults,
    admitted: defaults::Defaults,
}

/// All built-in kinds, in the order of the table. Schemas are made when first asked for.
pub fn kinds() -> Vec<Arc<Kind>> {
    let columns = tables::Columns::read();
    let mut conversions = conversion::read();
    let rules = Arc::default();
    tables::resources()
        .into_iter()
        .map(|resource| {
            let conversion = conversions.remove(&resource.definition);
            Arc::new(kind(resource, conversion, &columns, &rules))
        })
        .collect()
}

/// ObjectMeta and what it refers to.
pub(crate) fn object_meta() -> Definitions {
    definitions(&[OBJECT_META])
}

fn kind(
    resource: tables::Resource,
    conversion: Option<Conversion>,
    columns: &tables::Columns,
    rules: &Arc<OnceLock<Rules>>,
) -> Kind {
    let columns = columns.of(&resource.group, &resource.kind);
    let names = Names {
        list_kind: format!("{}List", resource.kind),
        kind: resource.kind,
        plural: resource.plural,
        singular: resource.singular,
        short_names: resource.short_names,
        categories: resource.categories,
    };
    let others = resource
        .subresources
        .into_iter()
        .map(|other| Subresource {
            name: other.name,
            verbs: other.verbs,
            other_kind: other.api_version.zip(other.kind),
            definition: other.definition,
            writes: other.writes,
        })
        .collect();
    let scale = resource.scale.map(|paths| Scale {
        spec_replicas_path: paths.spec_replicas_path,
        status_replicas_path: paths.status_replicas_path,
        label_selector_path: paths.label_selector_path,
    });
    Kind {
        group: resource.group,
        version: resource.version,
        names,
        namespaced: resource.namespaced,
        generation: resource.generation,
        creates_on_update: resource.creates_on_update,
        orphans: resource.orphans,
        returns_deleted: resource.returns_deleted,
        unconditional_updates: !resource.conditional_updates,
        verbs: resource.verbs.unwrap_or_else(|| VERBS.map(str::to_owned).to_vec()),
        subresources: Subresources { status: resource.status, scale, others },
        selectable_fields: resource.selectable_fields,
        columns,
        source: Source::Builtin(Facts {
            definition: resource.definition,
            names: resource.names,
            conversion,
            rules: Arc::clone(rules),
        }),
        schema: OnceLock::new(),
    }
}

impl Facts {
    pub(crate) fn schema(&self) -> Schema {
        structural::from_definitions(&definitions(&[&self.definition]), &self.definition)
    }

    /// How objects are stored, where that is not in this version.
    pub(crate) fn conversion(&self) -> Option<&Conversion> {
        self.conversion.as_ref()
    }

    pub(crate) fn name_rule(&self) -> NameRule {
        match self.names {
            tables::NameStyle::Subdomain => NameRule::Subdomain,
            tables::NameStyle::Label => NameRule::Label,
            tables::NameStyle::Label1035 => NameRule::Label1035,
            tables::NameStyle::Path => NameRule::PathSegment,
            tables::NameStyle::Address => NameRule::Address,
        }
    }

    fn rules(&self) -> &Rules {
        self.rules.get_or_init(|| Rules {
            defaults: defaults::read(),
            checks: checks::read(),
            updates: updates::read(),
            zeros: zeros::read(),
            omitted: zeros::read_omitted(),
            created: defaults::read_created(),
            admitted: defaults::read_admitted(),
        })
    }

    /// Brings a decoded object into the form that Go's types write.
    pub(crate) fn normalize(&self, schema: &Schema, object: &mut Value) {
        normalize::normalize(schema.root(), object);
        zeros::omit(&self.rules().omitted, schema.root(), object);
    }

    pub(crate) fn default(&self, schema: &Schema, object: &mut Value) {
        let Rules { defaults, zeros, .. } = self.rules();
        zeros::fill_structs(zeros, schema.root(), object);
        defaults::fill(defaults, schema.root(), object);
        zeros::fill(zeros, schema.root(), object);
    }

    /// What the server itself gives a new object.
    pub(crate) fn complete_created(&self, schema: &Schema, object: &mut Value) {
        defaults::fill(&self.rules().created, schema.root(), object);
    }

    /// What the server itself gives an object with every write.
    pub(crate) fn complete(&self, schema: &Schema, object: &mut Value) {
        defaults::fill(&self.rules().admitted, schema.root(), object);
    }

    /// Makes an object of nothing but its identity what Go's type is when nothing is set.
    pub(crate) fn fill_zeros(&self, schema: &Schema, object: &mut Value) {
        zeros::fill(&self.rules().zeros, schema.root(), object);
    }

    /// What is wrong with an object by its schema and by the tables.
    pub(crate) fn validate(&self, schema: &Schema, object: &Value) -> Vec<FieldError> {
        let given = zeros::without(&self.rules().zeros, schema.root(), object);
        let checks::Findings { errors: found, optional } =
            checks::run(&self.rules().checks, schema.root(), object);
        let mut errors = schema.validate(&given);
        errors.retain(|error| {
            // The zero values of a status' required fields are left out by some clients, which Go never notices; and
            // metadata has checks of its own, or none where it is a template's.
            let apart = ["status.", "metadata."].iter().any(|part| error.field.starts_with(part))
                || error.field.contains(".metadata.");
            let known_better = match error.reason {
                Reason::Required => {
                    optional.contains(&error.field) || found.iter().any(|other| other.field == error.field)
                }
                Reason::Duplicate => found.iter().any(|other| {
                    other.reason == Reason::Duplicate && other.field.starts_with(error.field.as_str())
                }),
                _ => false,
            };
            !apart && !known_better
        });
        for error in found {
            if !errors.contains(&error) {
                errors.push(error);
            }
        }
        errors
    }

    pub(crate) fn validate_update(&self, object: &Value, old: &Value) -> Vec<FieldError> {
        updates::run(&self.rules().updates, &self.definition, object, old)
    }
}

#[cfg(test)]
mod tests;
