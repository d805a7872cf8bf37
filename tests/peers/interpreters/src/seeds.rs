//! Objects and statuses to begin with: the conformance cases' and those in `seeds/`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::Value;

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../conformance");
const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/seeds");

/// What is known of a kind.
#[derive(Debug, Default)]
pub(crate) struct OfKind {
    pub(crate) objects: Vec<Value>,
    /// As members have reported them.
    pub(crate) statuses: Vec<Value>,
}

/// Of each kind, and of all together.
#[derive(Debug, Default)]
pub(crate) struct Seeds {
    kinds: BTreeMap<(String, String), OfKind>,
    /// The strings and numbers that stand under a name anywhere: phases under `phase`.
    words: BTreeMap<String, Vec<Value>>,
}

impl Seeds {
    /// # Errors
    /// A file can't be read.
    pub(crate) fn read() -> anyhow::Result<Seeds> {
        let mut seeds = Seeds::default();
        for plugin in entries(Path::new(CASES))?.into_iter().filter(|path| path.is_dir()) {
            for case in entries(&plugin)? {
                let input: Value = yaml(&case.join("input.yaml"))?;
                seeds.add(&input["object"], &input["items"]);
                // Where a case leaves out of which kind the member's object is, it is the same.
                let mut observed = input["observed"].clone();
                if let Some(observed) = observed.as_object_mut() {
                    for name in ["apiVersion", "kind"] {
                        observed.entry(name).or_insert_with(|| input["object"][name].clone());
                    }
                }
                seeds.add(&observed, &Value::Null);
            }
        }
        for file in entries(Path::new(SAMPLES))? {
            for object in yaml::<Vec<Value>>(&file)? {
                seeds.add(&object, &Value::Null);
            }
        }
        seeds.collect_words();
        Ok(seeds)
    }

    pub(crate) fn of(&self, api_version: &str, kind: &str) -> Option<&OfKind> {
        self.kinds.get(&(api_version.to_owned(), kind.to_owned()))
    }

    /// What stands under `name` in other objects.
    pub(crate) fn words(&self, name: &str) -> &[Value] {
        self.words.get(name).map_or(&[], Vec::as_slice)
    }

    fn add(&mut self, object: &Value, items: &Value) {
        let (Some(api_version), Some(kind)) = (object["apiVersion"].as_str(), object["kind"].as_str()) else {
            return;
        };
        let of = self.kinds.entry((api_version.to_owned(), kind.to_owned())).or_default();
        let reported = items.as_array().into_iter().flatten().map(|item| &item["status"]);
        for status in reported.chain([&object["status"]]).filter(|status| !status.is_null()) {
            if !of.statuses.contains(status) {
                of.statuses.push(status.clone());
            }
        }
        if !of.objects.contains(object) {
            of.objects.push(object.clone());
        }
    }

    fn collect_words(&mut self) {
        let mut words: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let all = self.kinds.values().flat_map(|of| of.objects.iter().chain(&of.statuses));
        all.for_each(|value| collect(value, "", &mut words));
        let parsed = |text: String| serde_json::from_str(&text).expect("it was printed as JSON");
        self.words = words
            .into_iter()
            .map(|(name, values)| (name, values.into_iter().map(parsed).collect()))
            .collect();
    }
}

fn collect(value: &Value, name: &str, words: &mut BTreeMap<String, BTreeSet<String>>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(name, value)| collect(value, name, words)),
        Value::Array(items) => items.iter().for_each(|item| collect(item, name, words)),
        Value::Null => {}
        scalar => {
            words.entry(name.to_owned()).or_default().insert(scalar.to_string());
        }
    }
}

fn entries(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let listed = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut paths = listed.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    // The order in which folders list differs from machine to machine.
    paths.sort();
    Ok(paths)
}

fn yaml<T: serde::de::DeserializeOwned>(file: &Path) -> anyhow::Result<T> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    serde_saphyr::from_str(&text).with_context(|| file.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_have_objects_statuses_and_words() {
        let seeds = Seeds::read().unwrap();
        let deployments = seeds.of("apps/v1", "Deployment").unwrap();
        assert!(deployments.objects.len() > 3 && deployments.statuses.len() > 3);
        assert!(seeds.words("phase").contains(&"Running".into()));
        assert!(seeds.of("apps/v2", "Deployment").is_none());
    }
}
