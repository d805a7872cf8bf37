//! `windlass plugin`: a plugin's way from an empty folder into a control plane, and what is loaded there.

mod bench;
mod build;
mod component;
mod new;
mod run;
mod running;
mod show;
mod test;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use serde::Serialize;
use windlass_plugins::PluginStatus;

use crate::args::{
    PluginArgs, PluginCommand, PluginInspectArgs, PluginListArgs, RunningArgs, TableFormat, WorkedOnArgs,
};
use crate::runtime::Plugins;
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
    let status = match running {
        Some(kubeconfig) => running::status(&kubeconfig)?,
        None => Plugins::load(&plugins)?.catalogue.snapshot().status(),
    };
    let found = status.iter().find(|status| {
        status.origin == plugin || status.plugin.as_ref().is_some_and(|serving| serving.name == plugin)
    });
    let Some(found) = found else {
        let names: Vec<&str> = status
            .iter()
            .map(|status| status.plugin.as_ref().map_or(status.origin.as_str(), |serving| &serving.name))
            .collect();
        bail!(
            "no plugin {plugin:?} is loaded; there are {}; or give a .wasm file or a plugin's folder",
            names.join(", ")
        );
    };
    print(output, found, show::description)
}

/// A component as it is on disk.
#[derive(Serialize)]
struct Inspected {
    #[serde(flatten)]
    status: PluginStatus,
    bytes: usize,
    imports: Vec<String>,
}

fn inspect_component(plugin: PathBuf, output: TableFormat) -> anyhow::Result<ExitCode> {
    let component = Component::find(&WorkedOnArgs { plugin, profile: "release".to_owned() })?;
    let subject = component.load()?.subject;
    let status = subject.status().context("nothing was loaded")?;
    let inspected = Inspected { status, bytes: subject.bytes(), imports: subject.imports() };
    print(output, &inspected, |Inspected { status, bytes, imports }| {
        let mut text = show::description(status);
        text.push_str(&format!(
            "Size:         {}\nImports:      {}\n",
            show::size(*bytes),
            imports.join("\n              ")
        ));
        text
    })
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
        TableFormat::Json => println!("{}", serde_json::to_string_pretty(answer)?),
        TableFormat::Table => print!("{}", table(answer)),
    }
    Ok(ExitCode::SUCCESS)
}
