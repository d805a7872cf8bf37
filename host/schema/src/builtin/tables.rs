//! The data tables under `kinds/`: everything that is said of built-in kinds, one row a kind or a type.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::table::{self, Cell, Column};

/// A row of `kinds/resources.json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Resource {
    pub(super) group: String,
    pub(super) version: String,
    pub(super) kind: String,
    pub(super) plural: String,
    pub(super) singular: String,
    #[serde(default)]
    pub(super) short_names: Vec<String>,
    #[serde(default)]
    pub(super) categories: Vec<String>,
    pub(super) namespaced: bool,
    /// Whether its objects count their generations.
    #[serde(default)]
    pub(super) generation: bool,
    /// Whether a PUT creates what does not exist.
    #[serde(default)]
    pub(super) creates_on_update: bool,
    /// Whether deletion leaves dependents behind by default.
    #[serde(default)]
    pub(super) orphans: bool,
    /// Whether deletion answers with the object.
    #[serde(default)]
    pub(super) returns_deleted: bool,
    /// Whether an update has to name the resourceVersion that it changes.
    #[serde(default)]
    pub(super) conditional_updates: bool,
    #[serde(default)]
    pub(super) status: bool,
    pub(super) scale: Option<ScalePaths>,
    pub(super) verbs: Option<Vec<String>>,
    #[serde(default)]
    pub(super) subresources: Vec<OtherSubresource>,
    #[serde(default)]
    pub(super) selectable_fields: Vec<String>,
    /// How objects are named; `subdomain` where nothing is said.
    #[serde(default)]
    pub(super) names: NameStyle,
    /// The definition: `io.k8s.api.apps.v1.Deployment`.
    #[serde(rename = "type")]
    pub(super) definition: String,
}

/// A subresource besides `status` and `scale`. What is not said of its bodies is as the kind's own.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct OtherSubresource {
    pub(super) name: String,
    pub(super) verbs: Vec<String>,
    pub(super) api_version: Option<String>,
    pub(super) kind: Option<String>,
    #[serde(rename = "type")]
    pub(super) definition: Option<String>,
    #[serde(default)]
    pub(super) writes: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ScalePaths {
    pub(super) spec_replicas_path: String,
    pub(super) status_replicas_path: String,
    pub(super) label_selector_path: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum NameStyle {
    #[default]
    Subdomain,
    Label,
    Label1035,
    Path,
    Address,
}

/// `kinds/merging.json`: definition → property → facts; see `kinds/README.md`.
pub(super) fn merging() -> BTreeMap<String, Map<String, Value>> {
    serde_json::from_str(include_str!("../../kinds/merging.json"))
        .expect("kinds/merging.json is read by every test")
}

/// What OpenAPI documents say of a definition besides its fields.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Described {
    #[serde(default)]
    pub(super) required: Vec<String>,
    /// The values that a property may have.
    #[serde(default, rename = "enum")]
    pub(super) choices: BTreeMap<String, Value>,
    /// `x-kubernetes-unions`
    pub(super) unions: Option<Value>,
    /// `x-kubernetes-group-version-kind` of what is no resource.
    pub(super) kinds: Option<Value>,
}

/// `kinds/described.json`: definition → what is said of it; see `kinds/README.md`.
pub(super) fn described() -> BTreeMap<String, Described> {
    serde_json::from_str(include_str!("../../kinds/described.json"))
        .expect("kinds/described.json is read by every test")
}

/// A column of `kinds/columns.json`: name, type, priority, and what its cells hold.
type ColumnRow = (String, String, i64, String);

/// `kinds/columns.json`: a kind's columns, by `Kind` or `Kind.group`.
pub(super) struct Columns(BTreeMap<String, Vec<ColumnRow>>);

impl Columns {
    pub(super) fn read() -> Columns {
        let rows = serde_json::from_str(include_str!("../../kinds/columns.json"));
        Columns(rows.expect("kinds/columns.json is read by every test"))
    }

    /// The columns of a kind. The name comes first where the table doesn't put it elsewhere.
    pub(super) fn of(&self, group: &str, kind: &str) -> Vec<Column> {
        let rows = self.0.get(&format!("{kind}.{group}")).or_else(|| self.0.get(kind));
        let mut columns: Vec<Column> = rows.into_iter().flatten().map(column).collect();
        if !columns.iter().any(|column| column.name == "Name") {
            columns.insert(0, table::name_column());
        }
        columns
    }
}

fn column((name, type_name, priority, cell): &ColumnRow) -> Column {
    Column {
        name: name.clone(),
        type_name: type_name.clone(),
        format: if name == "Name" { "name" } else { "" }.to_owned(),
        description: String::new(),
        priority: *priority,
        cell: Cell::parse(cell),
    }
}

pub(super) fn resources() -> Vec<Resource> {
    serde_json::from_str(include_str!("../../kinds/resources.json"))
        .expect("kinds/resources.json is read by every test")
}
