//! What a hook is, and its way to the wire.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::bindings::exports::windlass::admission::hook as wire;
use super::bindings::windlass::admission::types as wire_types;
use super::{Request, Rule, Verb};
use crate::answer::{self, Answer, Changes, Rejection};
use crate::json::{parse, parse_at};

/// An admission hook: settings that its user gives it, and a decision on each request.
///
/// Made a plugin by [`hook!`](crate::hook).
pub trait Hook {
    /// What the user may set; what the hook does where nothing is set is the default. Derive `Deserialize` with
    /// `deny_unknown_fields`, so that a misspelt setting is an error and not silence.
    type Settings: DeserializeOwned + Default;

    /// Says what is wrong with settings that could be read.
    ///
    /// # Errors
    /// The settings can't be used; the field is one of the settings'.
    fn check(_settings: &Self::Settings) -> Answer<()> {
        Ok(())
    }

    /// Decides on a request.
    ///
    /// # Errors
    /// The request is denied; the field is one of the object's.
    fn admit(request: &Request, settings: &Self::Settings) -> Answer<Admitted>;
}

/// The request may pass.
#[derive(Clone, Debug, Default)]
pub struct Admitted {
    /// What is different in the stored object.
    pub changes: Changes,
    /// What the user is told.
    pub warnings: Vec<String>,
}

impl Admitted {
    /// Let the object pass as it is.
    pub fn unchanged() -> Admitted {
        Admitted::default()
    }

    /// Let the object pass with changes.
    pub fn with(changes: Changes) -> Admitted {
        Admitted { changes, warnings: Vec::new() }
    }
}

/// Requests that a hook wants to see. `*` stands for any.
#[derive(Clone, Copy, Debug)]
pub struct Watched {
    /// `work.karmada.io`; empty for the core group.
    pub group: &'static str,
    /// `v1alpha2`.
    pub version: &'static str,
    /// Plural, lower case; a subresource as `deployments/scale`.
    pub resource: &'static str,
    /// What is done to the object.
    pub verbs: &'static [Verb],
}

impl Request {
    /// What the hook reads of the object; the default on delete, when there is none.
    ///
    /// # Errors
    /// A field that can't be read.
    pub fn read<'a, T: Deserialize<'a> + Default>(&'a self) -> Answer<T> {
        self.object.as_deref().map_or_else(|| Ok(T::default()), parse)
    }

    /// What the hook reads of the object as it was; the default on create.
    ///
    /// # Errors
    /// A field that can't be read.
    pub fn read_old<'a, T: Deserialize<'a> + Default>(&'a self) -> Answer<T> {
        self.old_object.as_deref().map_or_else(|| Ok(T::default()), |object| parse_at("oldObject", object))
    }
}

/// The manifest of a hook.
pub fn manifest(name: &str, version: &str, description: &str, watched: &[Watched]) -> wire::Manifest {
    let rule = |watched: &Watched| Rule {
        group: watched.group.to_owned(),
        version: watched.version.to_owned(),
        resource: watched.resource.to_owned(),
        verbs: watched.verbs.to_vec(),
    };
    wire::Manifest {
        name: name.to_owned(),
        version: version.to_owned(),
        description: description.to_owned(),
        rules: watched.iter().map(rule).collect(),
    }
}

/// A hook's functions with settings and answers as text.
pub mod on_wire {
    use super::*;

    /// Whether `settings` can be used.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn check_settings<H: Hook>(settings: &str) -> Result<(), wire::Denial> {
        Ok(read_settings::<H>(settings).and_then(|settings| H::check(&settings))?)
    }

    /// Decides on a request.
    ///
    /// # Errors
    /// The request is denied.
    pub fn admit<H: Hook>(request: &Request, settings: &str) -> Result<wire::Admitted, wire::Denial> {
        let settings = read_settings::<H>(settings)?;
        let Admitted { changes: Changes(changes), warnings } = H::admit(request, &settings)?;
        let changes = changes
            .into_iter()
            .map(|answer::Change { path, value }| wire_types::Change { path, value })
            .collect();
        Ok(wire::Admitted { changes, warnings })
    }

    fn read_settings<H: Hook>(settings: &str) -> Answer<H::Settings> {
        parse::<Option<H::Settings>>(settings).map(Option::unwrap_or_default)
    }
}

impl From<Rejection> for wire::Denial {
    fn from(Rejection { field, message }: Rejection) -> wire::Denial {
        wire::Denial { field, message }
    }
}
