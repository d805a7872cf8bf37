//! The built-in kinds. They are data: `kinds/*.json` say what there is, how it merges, what is defaulted, checked
//! and printed; k8s-openapi says how the types look. No code here knows a kind by name.

mod generate;
mod tables;

use std::sync::{Arc, OnceLock};

use serde_json::Value;

use crate::field::FieldError;
use crate::kind::{Kind, Names, Scale, Source, Subresources};
use crate::meta::NameRule;
use crate::structural::{self, Definitions, Schema};

pub(crate) use generate::definitions;

/// The name of ObjectMeta's definition.
pub(crate) const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

const VERBS: [&str; 8] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// What is known of one built-in kind beyond its names.
#[derive(Debug)]
pub(crate) struct Facts {
    /// `io.k8s.api.apps.v1.Deployment`.
    pub(crate) definition: String,
    names: tables::NameStyle,
}

/// All built-in kinds, in the order of the table. Schemas are made when first asked for.
pub fn kinds() -> Vec<Arc<Kind>> {
    let columns = tables::Columns::read();
    tables::resources().into_iter().map(|resource| Arc::new(kind(resource, &columns))).collect()
}

/// ObjectMeta and what it refers to.
pub(crate) fn object_meta() -> Definitions {
    definitions(&[OBJECT_META])
}

fn kind(resource: tables::Resource, columns: &tables::Columns) -> Kind {
    let columns = columns.of(&resource.group, &resource.kind);
    let names = Names {
        list_kind: format!("{}List", resource.kind),
        kind: resource.kind,
        plural: resource.plural,
        singular: resource.singular,
        short_names: resource.short_names,
        categories: resource.categories,
    };
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
        verbs: resource.verbs.unwrap_or_else(|| VERBS.map(str::to_owned).to_vec()),
        subresources: Subresources { status: resource.status, scale },
        selectable_fields: resource.selectable_fields,
        columns,
        source: Source::Builtin(Facts { definition: resource.definition, names: resource.names }),
        schema: OnceLock::new(),
    }
}

impl Facts {
    pub(crate) fn schema(&self) -> Schema {
        structural::from_definitions(&definitions(&[&self.definition]), &self.definition)
    }

    pub(crate) fn name_rule(&self) -> NameRule {
        match self.names {
            tables::NameStyle::Subdomain => NameRule::Subdomain,
            tables::NameStyle::Label => NameRule::Label,
            tables::NameStyle::Label1035 => NameRule::Label1035,
            tables::NameStyle::Path => NameRule::PathSegment,
        }
    }

    pub(crate) fn normalize(&self, _schema: &Schema, _object: &mut Value) {}

    pub(crate) fn default(&self, _object: &mut Value) {}

    pub(crate) fn validate(&self, _object: &Value) -> Vec<FieldError> {
        Vec::new()
    }

    pub(crate) fn validate_update(&self, _object: &Value, _old: &Value) -> Vec<FieldError> {
        Vec::new()
    }
}
