//! From the host's questions to a plugin's functions and back. Used by what `interpreter!` generates.

use serde::{Deserialize, Serialize};
use windlass_json::declared::Declared;

use super::bindings::exports::windlass::interpreter::interpreter::{
    Change, Inspection, Manifest, Preserved, Questions, Rejection,
};
use super::bindings::windlass::interpreter::types as wire;
use super::bindings::windlass::interpreter::types::{KindSupport, Operations};
use super::declare::on_wire;
use crate::answer::{self, Answer, Changes, Component, Dependent, Replicas};
use crate::json::{Entries, Text, kind_of, parse, write};

/// The manifest of a plugin that answers `operations` for each (apiVersion, kind), and declares other answers.
pub fn manifest(
    name: &str,
    version: &str,
    description: &str,
    kinds: &[(&str, &str, Operations)],
    declared: &[(&[(&str, &str)], Declared)],
) -> Manifest {
    let mut supported: Vec<KindSupport> = Vec::with_capacity(kinds.len());
    for &(api_version, kind, operations) in kinds {
        support(&mut supported, api_version, kind).operations |= operations;
    }
    for (kinds, declared) in declared {
        for (api_version, kind) in *kinds {
            let wire::Declared { status, retain } = on_wire(declared);
            let known = &mut support(&mut supported, api_version, kind).declared;
            known.status = status.or(known.status.take());
            known.retain.extend(retain);
        }
    }
    Manifest {
        name: name.to_owned(),
        version: version.to_owned(),
        description: description.to_owned(),
        kinds: supported,
    }
}

/// What is supported of a kind, so far nothing if it is new.
fn support<'k>(all: &'k mut Vec<KindSupport>, api_version: &str, kind: &str) -> &'k mut KindSupport {
    let (group, version) = match api_version {
        "*" => ("*", "*"),
        _ => api_version.split_once('/').unwrap_or(("", api_version)),
    };
    let known = all.iter().position(|it| it.group == group && it.version == version && it.kind == kind);
    let at = known.unwrap_or_else(|| {
        all.push(KindSupport {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
            operations: Operations::empty(),
            declared: on_wire(&Declared::default()),
        });
        all.len() - 1
    });
    &mut all[at]
}

/// Accepts only settings that say nothing: those of a plugin that has none.
///
/// # Errors
/// There is something in them.
pub fn no_settings(settings: &str) -> Result<(), Rejection> {
    match settings.trim() {
        "null" | "{}" => Ok(()),
        _ => Err(Rejection { field: "settings".to_owned(), message: "this plugin has none".to_owned() }),
    }
}

/// An object that something is asked of.
pub struct Asked<'a> {
    object: &'a str,
    api_version: Text<'a>,
    kind: Text<'a>,
}

impl<'a> Asked<'a> {
    /// Looks at the object's kind only.
    pub fn of(object: &'a str) -> Asked<'a> {
        let (api_version, kind) = kind_of(object);
        Asked { object, api_version, kind }
    }

    /// Whether the object is of this kind; `*` is any.
    pub fn is(&self, api_version: &str, kind: &str) -> bool {
        (kind == "*" || self.kind == kind) && (api_version == "*" || self.api_version == api_version)
    }

    /// What the plugin reads of the object.
    ///
    /// # Errors
    /// A field that can't be read.
    pub fn read<T: Deserialize<'a>>(&self) -> Answer<T> {
        parse(self.object)
    }
}

/// The answer where no function was declared for the question.
pub fn undeclared(object: &str) -> Rejection {
    let Asked { api_version, kind, .. } = Asked::of(object);
    Rejection {
        field: "kind".to_owned(),
        message: format!("this is not declared for {kind} of {api_version}"),
    }
}

/// Puts the changes on the wire.
///
/// # Errors
/// The plugin's own.
pub fn changes(answer: Answer<Changes>) -> Result<Vec<Change>, Rejection> {
    let Changes(changes) = answer.map_err(Rejection::from)?;
    Ok(changes.into_iter().map(|answer::Change { path, value }| Change { path, value }).collect())
}

/// Puts preserved state on the wire.
///
/// # Errors
/// The plugin's own.
pub fn preserved(answer: Answer<Vec<(String, String)>>) -> Result<Vec<Preserved>, Rejection> {
    let state = answer.map_err(Rejection::from)?;
    Ok(state.into_iter().map(|(label, value)| Preserved { label, value }).collect())
}

/// Puts a simulated status on the wire.
///
/// # Errors
/// The plugin's own.
pub fn simulated(answer: Answer<impl Serialize>) -> Result<String, Rejection> {
    answer.map_err(Rejection::from).map(|status| write(&status))
}

/// Answers that go into an inspection.
impl Inspection {
    /// With no answer to anything.
    pub fn empty() -> Inspection {
        Inspection { replicas: None, components: None, dependencies: None, status: None, health: None }
    }

    /// Answers InterpretReplica.
    pub fn replicas(&mut self, answer: Answer<Replicas<'_>>) {
        self.replicas = Some(answer.map_err(Rejection::from).map(|Replicas { replicas, requirements }| {
            wire::ReplicaAnswer { replicas, requirements: requirements.as_ref().map(write) }
        }));
    }

    /// Answers InterpretComponent.
    pub fn components(&mut self, answer: Answer<Vec<Component<'_>>>) {
        let on_wire = |Component { name, replicas, requirements }: Component<'_>| wire::Component {
            name: name.as_str().to_owned(),
            replicas,
            requirements: requirements.as_ref().map(write),
        };
        self.components =
            Some(answer.map_err(Rejection::from).map(|all| all.into_iter().map(on_wire).collect()));
    }

    /// Answers InterpretDependency.
    pub fn dependencies(&mut self, answer: Answer<Vec<Dependent>>) {
        self.dependencies =
            Some(answer.map_err(Rejection::from).map(|all| all.into_iter().map(dependent).collect()));
    }

    /// Answers InterpretStatus.
    pub fn status(&mut self, answer: Answer<impl Serialize>) {
        self.status = Some(answer.map_err(Rejection::from).map(|status| write(&status)));
    }

    /// Answers InterpretHealth.
    pub fn health(&mut self, answer: Answer<bool>) {
        self.health = Some(answer.map_err(Rejection::from));
    }

    /// Rejects the questions that have no answer yet.
    pub fn reject(&mut self, questions: Questions, rejection: impl FnOnce() -> Rejection) {
        let questions = questions - self.answered();
        if questions.is_empty() {
            return;
        }
        let rejection = &rejection();
        fn fill<T>(place: &mut Option<Result<T, Rejection>>, asked: bool, rejection: &Rejection) {
            if asked && place.is_none() {
                *place = Some(Err(rejection.clone()));
            }
        }
        fill(&mut self.replicas, questions.contains(Questions::REPLICAS), rejection);
        fill(&mut self.components, questions.contains(Questions::COMPONENTS), rejection);
        fill(&mut self.dependencies, questions.contains(Questions::DEPENDENCIES), rejection);
        fill(&mut self.status, questions.contains(Questions::STATUS), rejection);
        fill(&mut self.health, questions.contains(Questions::HEALTH), rejection);
    }

    /// The questions that have an answer.
    pub fn answered(&self) -> Questions {
        [
            (self.replicas.is_some(), Questions::REPLICAS),
            (self.components.is_some(), Questions::COMPONENTS),
            (self.dependencies.is_some(), Questions::DEPENDENCIES),
            (self.status.is_some(), Questions::STATUS),
            (self.health.is_some(), Questions::HEALTH),
        ]
        .into_iter()
        .filter(|(answered, _)| *answered)
        .fold(Questions::empty(), |all, (_, question)| all | question)
    }
}

/// meta/v1 LabelSelector, as far as dependents have one.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LabelSelector {
    match_labels: Entries<'static, String>,
}

fn dependent(dependent: Dependent) -> wire::Dependent {
    let Dependent { api_version, kind, namespace, name, match_labels } = dependent;
    wire::Dependent {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        namespace,
        name,
        label_selector: (!match_labels.is_empty()).then(|| write(&LabelSelector { match_labels })),
    }
}

impl From<answer::Rejection> for Rejection {
    fn from(answer::Rejection { field, message }: answer::Rejection) -> Rejection {
        Rejection { field, message }
    }
}
