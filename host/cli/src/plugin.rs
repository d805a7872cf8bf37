//! `windlass plugin`: what is loaded.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use windlass_plugins::{Origin, PluginConfig, PluginStatus, ServingStatus};

use crate::args::{PluginArgs, PluginCommand, PluginInspectArgs, PluginListArgs, TableFormat};
use crate::runtime::Plugins;

pub(crate) fn command(args: PluginArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        PluginCommand::List(args) => list(args),
        PluginCommand::Inspect(args) => inspect(args),
    }
}

fn list(args: PluginListArgs) -> anyhow::Result<ExitCode> {
    let PluginListArgs { output, plugins } = args;
    let status = Plugins::load(&plugins)?.catalogue.snapshot().status();
    match output {
        TableFormat::Json => println!("{}", serde_json::to_string_pretty(&status)?),
        TableFormat::Table => print!("{}", table(&status)),
    }
    Ok(ExitCode::SUCCESS)
}

fn inspect(args: PluginInspectArgs) -> anyhow::Result<ExitCode> {
    let PluginInspectArgs { plugin, output, plugins } = args;
    let loaded = Plugins::load(&plugins)?;
    let file = Path::new(&plugin);
    let is_file = file.extension().is_some_and(|extension| extension == "wasm") || plugin.contains('/');
    if is_file {
        loaded.catalogue.load_file(file, PluginConfig::default()).map_err(anyhow::Error::new)?;
    }
    let status = loaded.catalogue.snapshot().status();
    let wanted = Origin::File(file.to_owned()).to_string();
    let found = status.iter().find(|status| {
        if is_file {
            status.origin == wanted
        } else {
            status.plugin.as_ref().is_some_and(|serving| serving.name == plugin)
        }
    });
    let Some(found) = found else {
        let names: Vec<&str> = status
            .iter()
            .filter_map(|status| status.plugin.as_ref())
            .map(|serving| serving.name.as_str())
            .collect();
        bail!("no plugin {plugin:?} is loaded; there are {}; or give a .wasm file", names.join(", "));
    };
    match output {
        TableFormat::Json => println!("{}", serde_json::to_string_pretty(found)?),
        TableFormat::Table => print!("{}", description(found).context("cannot describe the plugin")?),
    }
    Ok(ExitCode::SUCCESS)
}

fn table(status: &[PluginStatus]) -> String {
    let mut rows = vec![
        ["NAME", "VERSION", "STATE", "DIGEST", "ORIGIN", "ANSWERS FOR", "OPERATIONS"].map(str::to_owned),
    ];
    for status in status {
        let serving = status.plugin.as_ref();
        let text = |of: fn(&ServingStatus) -> String| serving.map_or_else(|| "-".to_owned(), of);
        rows.push([
            text(|serving| serving.name.clone()),
            text(|serving| serving.version.clone()),
            status.state.to_owned(),
            text(|serving| serving.digest.chars().take("sha256:".len() + 12).collect()),
            status.origin.clone(),
            text(answers_for),
            text(operations),
        ]);
    }
    let mut shown = columns(&rows);
    for status in status.iter().filter(|status| !status.message.is_empty()) {
        shown.push_str(&format!("\n{} ({}): {}\n", status.origin, status.state, status.message));
    }
    shown
}

/// A few kinds by name, more by number.
fn answers_for(serving: &ServingStatus) -> String {
    let mut names: Vec<&str> = serving.kinds.iter().map(|kind| kind.kind.as_str()).collect();
    names.extend(serving.rules.iter().map(|rule| rule.resource.as_str()));
    match names.as_slice() {
        [first, second, third, rest @ ..] if !rest.is_empty() => {
            format!("{first}, {second}, {third} and {} more", rest.len())
        }
        few => few.join(", "),
    }
}

fn operations(serving: &ServingStatus) -> String {
    let mut names = BTreeSet::new();
    names.extend(serving.kinds.iter().flat_map(|kind| &kind.operations).copied());
    names.extend(serving.rules.iter().flat_map(|rule| &rule.verbs).copied());
    if names.len() > 3 {
        format!("{} operations", names.len())
    } else {
        names.into_iter().collect::<Vec<_>>().join(", ")
    }
}

/// Left-aligned columns, three spaces apart, as kubectl prints them.
fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let widths: [usize; N] = std::array::from_fn(|column| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
    });
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            line.push_str(&format!("{cell:width$}   "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn description(status: &PluginStatus) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    writeln!(text, "Origin:       {}", status.origin)?;
    writeln!(text, "State:        {}", status.state)?;
    if !status.message.is_empty() {
        writeln!(text, "Message:      {}", status.message)?;
    }
    let Some(serving) = &status.plugin else { return Ok(text) };
    let ServingStatus { name, version, description, world, digest, priority, kinds, rules, limits, .. } =
        serving;
    writeln!(text, "Name:         {name}")?;
    writeln!(text, "Version:      {version}")?;
    writeln!(text, "Description:  {description}")?;
    writeln!(text, "Contract:     {world}")?;
    writeln!(text, "Digest:       {digest}")?;
    writeln!(text, "Priority:     {priority}")?;
    writeln!(text, "Limits:")?;
    writeln!(text, "  Deadline:            {}", limits.deadline)?;
    writeln!(text, "  Memory:              {}", limits.memory)?;
    writeln!(text, "  Answer:              {}", limits.answer)?;
    writeln!(text, "  Concurrent calls:    {}", limits.concurrency)?;
    writeln!(text, "  Calls per instance:  {}", limits.calls_per_instance)?;
    writeln!(text, "  Isolation:           {}", limits.isolation)?;
    if !kinds.is_empty() {
        writeln!(text, "Kinds:")?;
        for kind in kinds {
            let group = if kind.group.is_empty() { String::new() } else { format!("{}/", kind.group) };
            writeln!(text, "  {group}{} {}: {}", kind.version, kind.kind, kind.operations.join(", "))?;
        }
    }
    if !rules.is_empty() {
        writeln!(text, "Admits:")?;
        for rule in rules {
            writeln!(text, "  {}/{} {}: {}", rule.group, rule.version, rule.resource, rule.verbs.join(", "))?;
        }
    }
    Ok(text)
}
