//! `windlass plugin`: a plugin's way from an empty folder into a control plane, and what is loaded there.

mod bench;
mod build;
mod component;
mod new;
mod run;
mod running;
mod show;
mod test;

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use serde::Serialize;
use windlass_plugins::{Origin, PluginStatus};

use crate::args::{
    PluginArgs, PluginCommand, PluginInspectArgs, PluginListArgs, RunningArgs, TableFormat, WorkedOnArgs,
};
use crate::runtime::Plugins;
use crate::stdout;
use component::{Component, is_component};

pub(crate) fn command(args: PluginArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        PluginCommand::New(args) => new::command(args),
        PluginCommand::Build(args) => build::command(args),
        PluginCommand::Test(args) => test::command(args),
        PluginCommand::Run(args) => run::command(args),
        PluginCommand::Bench(args) => bench::command(args),
        PluginCommand::List(args) => list(args),
        PluginCommand::Inspect(args) => inspect(args),
    }
}

fn list(args: PluginListArgs) -> anyhow::Result<ExitCode> {
    let PluginListArgs { output, running, plugins } = args;
    let status = match kubeconfig(running) {
        Some(kubeconfig) => running::status(&kubeconfig)?,
        None => Plugins::load(&plugins)?.catalogue.snapshot().status(),
    };
    print(output, &status, |status| show::table(status))
}

fn inspect(args: PluginInspectArgs) -> anyhow::Result<ExitCode> {
    let PluginInspectArgs { plugin, output, running, plugins } = args;
    let path = Path::new(&plugin);
    let running = kubeconfig(running);
    if running.is_none() && (is_component(path) || plugin.contains('/') || plugin.starts_with('.')) {
        return inspect_component(path.to_owned(), output);
    }
    if let Some(kubeconfig) = running {
        let status = running::status(&kubeconfig)?;
        let found = find(&plugin, &status)?;
        return print(output, &status[found], show::description);
    }
    let catalogue = Plugins::load(&plugins)?.catalogue;
    let snapshot = catalogue.snapshot();
    let mut status = snapshot.status();
    let found = find(&plugin, &status)?;
    let wasm = component_of(&snapshot.entries()[found].origin);
    let inspected = Inspected {
        status: status.swap_remove(found),
        bytes: wasm.as_ref().map(|wasm| wasm.len()),
        imports: wasm.map(|wasm| catalogue.imports(&wasm)).unwrap_or_default(),
    };
    print(output, &inspected, Inspected::shown)
}

/// Which of them is meant.
fn find(plugin: &str, status: &[PluginStatus]) -> anyhow::Result<usize> {
    let is_meant = |status: &PluginStatus| {
        status.origin == plugin || status.plugin.as_ref().is_some_and(|serving| serving.name == plugin)
    };
    status.iter().position(is_meant).ok_or_else(|| {
        let names: Vec<&str> = status
            .iter()
            .map(|status| status.plugin.as_ref().map_or(status.origin.as_str(), |serving| &serving.name))
            .collect();
        anyhow!(
            "no plugin {plugin:?} is loaded; there are {}; or give a .wasm file or a plugin's folder",
            names.join(", ")
        )
    })
}

/// The bytes that were loaded from there, if they can still be had.
fn component_of(origin: &Origin) -> Option<Cow<'static, [u8]>> {
    match origin {
        Origin::BuiltIn(name) => {
            let bundled = windlass_bundle::PLUGINS.iter().find(|plugin| plugin.name == &**name)?;
            Some(Cow::Borrowed(bundled.wasm))
        }
        Origin::File(path) => std::fs::read(path).ok().map(Cow::Owned),
        Origin::Installed(_) | Origin::Customization(_) => None,
    }
}

/// A plugin with what only its component tells.
#[derive(Serialize)]
struct Inspected {
    #[serde(flatten)]
    status: PluginStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<usize>,
    imports: Vec<String>,
}

impl Inspected {
    fn shown(&self) -> String {
        let Inspected { status, bytes, imports } = self;
        let mut text = show::description(status);
        if let Some(bytes) = bytes {
            text.push_str(&format!("Size:         {}\n", show::size(*bytes)));
        }
        if !imports.is_empty() {
            text.push_str(&format!("Imports:      {}\n", imports.join("\n              ")));
        }
        text
    }
}

fn inspect_component(plugin: PathBuf, output: TableFormat) -> anyhow::Result<ExitCode> {
    let component = Component::find(&WorkedOnArgs { plugin, profile: "release".to_owned() })?;
    let loaded = component.load()?;
    let subject = &loaded.subject;
    let status = subject.status().context("nothing was loaded")?;
    let inspected = Inspected { status, bytes: Some(subject.bytes()), imports: subject.imports() };
    print(output, &inspected, Inspected::shown)
}

/// How the running control plane is reached, if one is asked.
fn kubeconfig(running: RunningArgs) -> Option<PathBuf> {
    let RunningArgs { kubeconfig, data_dir } = running;
    kubeconfig.or_else(|| data_dir.map(|directory| directory.join("kubeconfig")))
}

fn print<T: Serialize + ?Sized>(
    format: TableFormat,
    answer: &T,
    table: impl FnOnce(&T) -> String,
) -> anyhow::Result<ExitCode> {
    match format {
        TableFormat::Json => stdout::print_json(answer)?,
        TableFormat::Table => stdout::print(table(answer))?,
    }
    Ok(ExitCode::SUCCESS)
}
