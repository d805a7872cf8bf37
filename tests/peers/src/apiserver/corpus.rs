//! Valid objects of every kind, from `corpus/`, with the paths at which kube-apiserver serves them.

use anyhow::Context;
use serde_json::{Value, json};

use super::call::{self, Call};
use super::peer::Peer;

const SAMPLES: [&str; 3] = [
    include_str!("../../corpus/core.yaml"),
    include_str!("../../corpus/workloads.yaml"),
    include_str!("../../corpus/others.yaml"),
];
const GADGETS: &str = include_str!("../../corpus/gadgets.yaml");
const FLINK: &str = include_str!("../../../../host/cli/demo/flinkdeployment-crd.yaml");

/// The definitions whose objects the samples are, besides the built-in kinds.
pub(crate) fn definitions() -> anyhow::Result<Vec<Value>> {
    let mut definitions = Vec::new();
    for text in [GADGETS, FLINK] {
        definitions.push(serde_saphyr::from_str(text).context("a definition of the corpus")?);
    }
    for definition in windlass_api::crds() {
        definitions.push(serde_json::to_value(definition).context("one of Karmada's definitions")?);
    }
    Ok(definitions)
}

/// A valid object and where it is served.
#[derive(Clone)]
pub(crate) struct Sample {
    pub(crate) object: Value,
    pub(crate) plural: String,
    /// `apps/v1`, `v1`
    pub(crate) version: String,
    pub(crate) namespaced: bool,
    pub(crate) scale: bool,
}

impl Sample {
    pub(crate) fn kind(&self) -> &str {
        self.object["kind"].as_str().unwrap_or_default()
    }

    /// The name of the sample; with another letter, of its siblings.
    pub(crate) fn name(&self, letter: &str) -> String {
        let name = self.object["metadata"]["name"].as_str().unwrap_or_default();
        match name.strip_suffix('a') {
            Some(stem) if !self.is_definition() => format!("{stem}{letter}"),
            _ => name.to_owned(),
        }
    }

    /// How places name that object.
    pub(crate) fn key(&self, letter: &str) -> String {
        call::key(&self.name(letter), call::ROUND)
    }

    pub(crate) fn is_definition(&self) -> bool {
        self.kind() == "CustomResourceDefinition"
    }

    pub(crate) fn collection(&self) -> String {
        let root = if self.version == "v1" { "/api" } else { "/apis" };
        let namespace = if self.namespaced { format!("namespaces/{}/", call::ROUND) } else { String::new() };
        format!("{root}/{}/{namespace}{}", self.version, self.plural)
    }

    pub(crate) fn path(&self, letter: &str) -> String {
        format!("{}/{}", self.collection(), self.name(letter))
    }

    /// The object under another name.
    pub(crate) fn named(&self, letter: &str) -> Value {
        let mut object = self.object.clone();
        object["metadata"]["name"] = json!(self.name(letter));
        object
    }
}

/// The samples, each with what `peer` says of its kind.
pub(crate) async fn samples(peer: &Peer) -> anyhow::Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for text in SAMPLES {
        let objects: Vec<Value> = serde_saphyr::from_multiple(text).context("the corpus")?;
        for object in objects {
            samples.push(sample(peer, object).await?);
        }
    }
    Ok(samples)
}

async fn sample(peer: &Peer, mut object: Value) -> anyhow::Result<Sample> {
    let version = object["apiVersion"].as_str().unwrap_or_default().to_owned();
    let kind = object["kind"].as_str().unwrap_or_default().to_owned();
    let path = if version == "v1" { "/api/v1".to_owned() } else { format!("/apis/{version}") };
    let listed = peer.send(&Call::get(path)).await?.body;
    let resources = listed["resources"].as_array().cloned().unwrap_or_default();
    let found = resources
        .iter()
        .find(|one| one["kind"] == kind.as_str() && !one["name"].as_str().unwrap_or_default().contains('/'))
        .with_context(|| format!("{} does not serve {kind} of {version}", peer.name))?;
    let plural = found["name"].as_str().unwrap_or_default().to_owned();
    let has = |name: &str| resources.iter().any(|one| one["name"] == format!("{plural}/{name}"));
    let namespaced = found["namespaced"] == true;
    if !namespaced {
        // What has no namespace is told from other rounds' objects by a label.
        object["metadata"]["labels"]["round"] = json!(call::ROUND);
    }
    Ok(Sample { scale: has("scale"), object, plural, version, namespaced })
}
