//! `windlass plugin`: what is loaded, or would be.

mod running;
mod show;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use serde::Serialize;
use windlass_plugins::{Origin, PluginConfig, PluginStatus};

use crate::args::{
    PluginArgs, PluginCommand, PluginInspectArgs, PluginListArgs, PluginSourceArgs, RunningArgs, TableFormat,
};
use crate::runtime::Plugins;

pub(crate) fn command(args: PluginArgs) -> anyhow::Result<ExitCode> {
    match args.command {
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
    let status = match kubeconfig(running) {
        Some(kubeconfig) => running::status(&kubeconfig)?,
        None => offline(&plugin, &plugins)?,
    };
    let found = status.iter().find(|status| {
        status.origin == plugin || status.plugin.as_ref().is_some_and(|serving| serving.name == plugin)
    });
    let Some(found) = found else {
        let names: Vec<&str> = status
            .iter()
            .map(|status| status.plugin.as_ref().map_or(status.origin.as_str(), |serving| &serving.name))
            .collect();
        bail!("no plugin {plugin:?} is loaded; there are {}; or give a .wasm file", names.join(", "));
    };
    print(output, found, show::description)
}

/// The plugins of the flags, and where `plugin` is a file, that.
fn offline(plugin: &str, flags: &PluginSourceArgs) -> anyhow::Result<Vec<PluginStatus>> {
    let loaded = Plugins::load(flags)?;
    let file = Path::new(plugin);
    if file.extension().is_some_and(|extension| extension == "wasm") || plugin.contains('/') {
        loaded.catalogue.load_file(file, PluginConfig::default()).map_err(anyhow::Error::new)?;
        // Whatever else has its name: this one was asked for.
        let wanted = Origin::File(file.to_owned()).to_string();
        return Ok(loaded
            .catalogue
            .snapshot()
            .status()
            .into_iter()
            .filter(|status| status.origin == wanted)
            .collect());
    }
    Ok(loaded.catalogue.snapshot().status())
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
