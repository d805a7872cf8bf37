//! The flags of `windlass plugin`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use windlass_kit::scaffold::{Kind, PluginName, Watched};

use super::{DocumentFormat, PluginSourceArgs};

#[derive(Debug, Args)]
pub(crate) struct PluginArgs {
    #[command(subcommand)]
    pub(crate) command: PluginCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    /// Begin a plugin: a crate that builds, with a first operation and a first case
    #[command(after_help = "Examples:
  windlass plugin new crontab --kind example.com/v1/CronTab
  windlass plugin new pods --kind v1/Pod --path ./plugins/pods
  windlass plugin new team-label --hook apps/v1/deployments
  windlass plugin new crontab --kind example.com/v1/CronTab --sdk ~/src/windlass

Then, in its folder: `windlass plugin test`, or `cargo test`, which needs no WebAssembly.")]
    New(PluginNewArgs),
    /// Build a plugin's component, and see that the control plane would load it
    #[command(after_help = "Examples:
  windlass plugin build
  windlass plugin build ./crontab --to ./plugins     where `windlass up --plugin-dir ./plugins` finds it
  windlass plugin build ./crontab -o json")]
    Build(PluginBuildArgs),
    /// Run a plugin's cases, and say for each that fails which field is wrong
    #[command(after_help = "Examples:
  windlass plugin test
  windlass plugin test ./crontab --only health
  windlass plugin test --update                      what came out is expected from now on
  windlass plugin test ./crontab.wasm --cases ./cases -o json

A case is a folder in cases/ with an input.yaml (operation, object, ...) and an expected.yaml (result or error).")]
    Test(PluginTestArgs),
    /// Ask a plugin one question: the answer, what it hangs on, how long it took, what the plugin printed
    #[command(after_help = "Examples:
  windlass plugin run --operation InterpretReplica -f crontab.yaml
  windlass plugin run --operation ReviseReplica --replicas 3 -f crontab.yaml -o json
  windlass plugin run --operation Retain -f desired.yaml --observed observed.yaml
  windlass plugin run ./crontab.wasm --case cases/replicas-of-an-example

What an answer hangs on is found by asking again with each field gone, changed, or of another type.")]
    Run(PluginRunArgs),
    /// Measure what each operation costs, on a warm and on a fresh instance
    #[command(after_help = "Examples:
  windlass plugin bench
  windlass plugin bench ./crontab.wasm --cases ./cases --seconds 5
  windlass plugin bench -o json

For each operation the largest of its cases that has an answer is asked again and again.")]
    Bench(PluginBenchArgs),
    /// List the plugins: digest, kinds, operations; those of a running control plane with what they were asked
    #[command(after_help = "Examples:
  windlass plugin list                            what `windlass up` would load
  windlass plugin list --plugin-dir ./plugins -o json
  windlass plugin list --data-dir .windlass       what a running `windlass up` has loaded
  windlass plugin list --kubeconfig ~/.kube/config")]
    List(PluginListArgs),
    /// Show all there is to know of one plugin: manifest, digest, size, imports, operations, limits
    #[command(after_help = "Examples:
  windlass plugin inspect .                       the plugin in this folder
  windlass plugin inspect flink
  windlass plugin inspect ./my-plugin.wasm -o json
  windlass plugin inspect flink --data-dir .windlass")]
    Inspect(PluginInspectArgs),
}

#[derive(Debug, Args)]
pub(crate) struct PluginNewArgs {
    /// The plugin's name: lower-case letters, digits and dashes
    pub(crate) name: PluginName,

    /// The kind that it interprets: GROUP/VERSION/Kind, or VERSION/Kind in the core group
    #[arg(long, value_name = "GROUP/VERSION/Kind", required_unless_present = "hook")]
    pub(crate) kind: Option<Kind>,

    /// Write an admission hook instead, for requests about these: GROUP/VERSION/PLURAL
    #[arg(long, value_name = "GROUP/VERSION/PLURAL", conflicts_with = "kind")]
    pub(crate) hook: Option<Watched>,

    /// The folder to make; NAME, if not given
    #[arg(long, value_name = "DIR")]
    pub(crate) path: Option<PathBuf>,

    /// Build against the SDK of this checkout, instead of a copy of the one that this binary carries
    #[arg(long, value_name = "DIR")]
    pub(crate) sdk: Option<PathBuf>,
}

/// Which plugin is worked on.
#[derive(Clone, Debug, Args)]
pub(crate) struct WorkedOnArgs {
    /// The plugin's folder, which is built first, or a component (.wasm)
    #[arg(value_name = "PLUGIN", default_value = ".")]
    pub(crate) plugin: PathBuf,

    /// The cargo profile to build it with
    #[arg(long, default_value = "release")]
    pub(crate) profile: String,
}

/// Where the cases are.
#[derive(Clone, Debug, Args)]
pub(crate) struct CasesArgs {
    /// The folder of the cases; `cases` in the plugin's folder, if not given
    #[arg(long, value_name = "DIR")]
    pub(crate) cases: Option<PathBuf>,

    /// Only the cases whose names contain this
    #[arg(long, value_name = "TEXT")]
    pub(crate) only: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct PluginBuildArgs {
    /// The plugin's folder
    #[arg(value_name = "PLUGIN", default_value = ".")]
    pub(crate) plugin: PathBuf,

    /// The cargo profile to build it with
    #[arg(long, default_value = "release")]
    pub(crate) profile: String,

    /// Put a copy of the component into this folder, as NAME.wasm
    #[arg(long, value_name = "DIR")]
    pub(crate) to: Option<PathBuf>,

    /// How the answer is printed
    #[arg(short = 'o', long, value_enum, default_value_t = TableFormat::Table)]
    pub(crate) output: TableFormat,
}

#[derive(Debug, Args)]
pub(crate) struct PluginTestArgs {
    #[command(flatten)]
    pub(crate) worked_on: WorkedOnArgs,

    #[command(flatten)]
    pub(crate) cases: CasesArgs,

    /// Write what came out as what is expected, where it isn't
    #[arg(long)]
    pub(crate) update: bool,

    /// How the answer is printed
    #[arg(short = 'o', long, value_enum, default_value_t = TableFormat::Table)]
    pub(crate) output: TableFormat,
}

#[derive(Debug, Args)]
pub(crate) struct PluginRunArgs {
    #[command(flatten)]
    pub(crate) worked_on: WorkedOnArgs,

    /// Ask what this case asks: its folder
    #[arg(long, value_name = "DIR", conflicts_with_all = ["operation", "filename", "arguments"])]
    pub(crate) case: Option<PathBuf>,

    /// What to ask
    #[arg(long, value_name = "OPERATION", required_unless_present = "case", value_parser = question_parser())]
    pub(crate) operation: Option<String>,

    /// The object to ask about, YAML or JSON; - for standard input
    #[arg(short = 'f', long = "filename", value_name = "FILE", required_unless_present = "case")]
    pub(crate) filename: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) arguments: QuestionArgs,

    /// How the answer is printed
    #[arg(short = 'o', long, value_enum, default_value_t = DocumentFormat::Yaml)]
    pub(crate) output: DocumentFormat,
}

/// What operations are asked with, beside the object.
#[derive(Debug, Args)]
#[group(id = "arguments", multiple = true)]
pub(crate) struct QuestionArgs {
    /// ReviseReplica: how many replicas
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) replicas: Option<i32>,

    /// Retain: the object as the member cluster has it
    #[arg(long, value_name = "FILE")]
    pub(crate) observed: Option<PathBuf>,

    /// AggregateStatus: the members' statuses, a list of {clusterName, status, applied, appliedMessage, health}
    #[arg(long, value_name = "FILE")]
    pub(crate) status: Option<PathBuf>,

    /// PreserveState: the policy's rules, a list of {aliasLabelName, jsonPath}
    #[arg(long, value_name = "FILE")]
    pub(crate) rules: Option<PathBuf>,

    /// RestoreState: what was preserved, values by label name
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,

    /// SimulateStatus: how the pods do, a list of {component, desired, created, ready, succeeded, failed}
    #[arg(long, value_name = "FILE")]
    pub(crate) pods: Option<PathBuf>,

    /// SimulateStatus: how many nodes the cluster has
    #[arg(long, value_name = "N")]
    pub(crate) nodes: Option<u32>,
}

fn question_parser() -> clap::builder::PossibleValuesParser {
    clap::builder::PossibleValuesParser::new(windlass_kit::question::operations())
}

#[derive(Debug, Args)]
pub(crate) struct PluginBenchArgs {
    #[command(flatten)]
    pub(crate) worked_on: WorkedOnArgs,

    #[command(flatten)]
    pub(crate) cases: CasesArgs,

    /// How long each operation is asked, each way
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = seconds)]
    pub(crate) seconds: f64,

    /// How the answer is printed
    #[arg(short = 'o', long, value_enum, default_value_t = TableFormat::Table)]
    pub(crate) output: TableFormat,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.001..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("a number of seconds from 0.001 to 3600".to_owned()),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TableFormat {
    Table,
    Json,
}

/// Which running control plane to ask, if one at all.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct RunningArgs {
    /// Ask the running control plane that this file leads to
    #[arg(long, value_name = "FILE", conflicts_with_all = ["data_dir", "plugin_dir", "plugin_settings"])]
    pub(crate) kubeconfig: Option<PathBuf>,

    /// Ask the `windlass up` that runs with this data directory
    #[arg(long, value_name = "DIR", conflicts_with_all = ["plugin_dir", "plugin_settings"])]
    pub(crate) data_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct PluginListArgs {
    /// How the list is printed
    #[arg(short = 'o', long, value_enum, default_value_t = TableFormat::Table)]
    pub(crate) output: TableFormat,

    #[command(flatten)]
    pub(crate) running: RunningArgs,

    #[command(flatten)]
    pub(crate) plugins: PluginSourceArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PluginInspectArgs {
    /// The plugin's name, a .wasm file, or the folder of a plugin, which is built first
    pub(crate) plugin: String,

    /// How the answer is printed
    #[arg(short = 'o', long, value_enum, default_value_t = TableFormat::Table)]
    pub(crate) output: TableFormat,

    #[command(flatten)]
    pub(crate) running: RunningArgs,

    #[command(flatten)]
    pub(crate) plugins: PluginSourceArgs,
}
