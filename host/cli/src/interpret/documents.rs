//! YAML and JSON from files and standard input, and answers as either.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::args::DocumentFormat;
use crate::stdout;

/// What the files of `-f` hold.
pub(super) struct Given {
    /// ResourceInterpreterCustomizations.
    pub(super) customizations: Vec<Value>,
    /// Everything else.
    pub(super) objects: Vec<Value>,
}

impl Given {
    /// Reads all documents of `files`; `-` is standard input, a folder all its .yaml, .yml and .json files.
    pub(super) fn read(files: &[std::path::PathBuf]) -> anyhow::Result<Given> {
        let (customizations, objects) = read_documents(files)?.into_iter().partition(is_customization);
        Ok(Given { customizations, objects })
    }
}

/// Reads all documents of `files`; `-` is standard input, a folder all its .yaml, .yml and .json files.
pub(crate) fn read_documents(files: &[std::path::PathBuf]) -> anyhow::Result<Vec<Value>> {
    let mut read = Vec::new();
    for file in files {
        for file in in_folder(file)? {
            read.extend(documents(&file)?);
        }
    }
    Ok(read)
}

fn is_customization(document: &Value) -> bool {
    let api_version = document["apiVersion"].as_str().unwrap_or_default();
    document["kind"] == "ResourceInterpreterCustomization" && api_version.starts_with("config.karmada.io/")
}

/// The file itself, or those in it where it is a folder, in the order of names.
fn in_folder(path: &Path) -> anyhow::Result<Vec<std::path::PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let listed = std::fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut files = listed.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, std::io::Error>>()?;
    files.retain(|file| {
        file.extension()
            .is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|known| extension == *known))
    });
    files.sort();
    if files.is_empty() {
        bail!("{} has no .yaml, .yml or .json file", path.display());
    }
    Ok(files)
}

/// The one document of a file.
pub(crate) fn document(path: &Path) -> anyhow::Result<Value> {
    serde_saphyr::from_str(&text(path)?)
        .with_context(|| format!("{} is neither YAML nor JSON", path.display()))
}

/// The documents of a file, without empty ones.
pub(super) fn documents(path: &Path) -> anyhow::Result<Vec<Value>> {
    let mut documents: Vec<Value> = serde_saphyr::from_multiple(&text(path)?)
        .with_context(|| format!("{} is neither YAML nor JSON", path.display()))?;
    documents.retain(|document| !document.is_null());
    Ok(documents)
}

fn text(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
    } else {
        text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    }
    Ok(text)
}

pub(super) fn print(document: &Value, format: DocumentFormat) -> anyhow::Result<()> {
    stdout::print(written(document, format)?)
}

/// A document as text.
pub(crate) fn written(document: &Value, format: DocumentFormat) -> anyhow::Result<String> {
    Ok(match format {
        DocumentFormat::Json => serde_json::to_string_pretty(document)? + "\n",
        DocumentFormat::Yaml => serde_saphyr::to_string(document)?,
    })
}
