//! The flags of every command, with their help.

mod plugin;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use windlass_core::Operation;

use crate::descheduler::{BuiltInDeschedulerArgs, DeschedulerArgs};
use crate::estimator::EstimatorArgs;
use crate::explain::{ExplainArgs, ScheduleArgs};
use crate::scheduler::SchedulerArgs;
use crate::webhook::WebhookArgs;
pub(crate) use plugin::*;

/// A multi-cluster Kubernetes control plane that speaks Karmada's API, with WebAssembly plugins.
#[derive(Debug, Parser)]
#[command(name = "windlass", version, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the whole control plane in this process, with simulated member clusters
    Up(UpArgs),
    /// Run the main job step by step, and verify each step through the API
    Demo(DemoArgs),
    /// Ask the interpreters about an object, offline
    Interpret(InterpretArgs),
    /// Tell why a binding is where it is, or why not yet
    Explain(ExplainArgs),
    /// Tell what scheduling would come to, without writing anything
    Schedule(ScheduleArgs),
    /// Schedule a control plane that runs elsewhere, in the place of karmada-scheduler
    Scheduler(Box<SchedulerArgs>),
    /// Have what members can't place dealt out anew elsewhere, in the place of karmada-descheduler
    Descheduler(Box<DeschedulerArgs>),
    /// Answer a control plane that runs elsewhere, as its interpreter and admission webhook
    Webhook(Box<WebhookArgs>),
    /// Tell schedulers how much room a member has, in the place of karmada-scheduler-estimator
    Estimator(Box<EstimatorArgs>),
    /// Write plugins and look at them: new, build, test, run, bench, inspect, list
    Plugin(PluginArgs),
    /// Print a shell's completion script
    Completion(CompletionArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  windlass up
  windlass up --members 3 --data-dir /var/lib/windlass
  windlass up --member-spec members.yaml --plugin-dir ./plugins --plugin-settings settings.yaml

  export KUBECONFIG=.windlass/kubeconfig
  kubectl get clusters")]
pub(crate) struct UpArgs {
    /// Port of the control plane's API server on 127.0.0.1; 0 takes any free one
    #[arg(long, default_value_t = 7443)]
    pub(crate) port: u16,

    /// Where everything is kept: objects, keys, kubeconfigs, compiled plugins
    #[arg(long, value_name = "DIR", default_value = ".windlass")]
    pub(crate) data_dir: PathBuf,

    /// How many simulated member clusters to run (member1, member2, ...); as before if neither this nor
    /// --member-spec is given, at the first start 2
    #[arg(long, value_name = "N", conflicts_with = "member_spec", value_parser = clap::value_parser!(u16).range(0..=500))]
    pub(crate) members: Option<u16>,

    /// The simulated member clusters: nodes, capacities, labels, taints, ResourceQuotas (YAML or JSON)
    #[arg(long, value_name = "FILE")]
    pub(crate) member_spec: Option<PathBuf>,

    /// Serve the plugins as webhooks of other control planes too, on this port of 127.0.0.1; 0 takes any free one
    #[arg(long, value_name = "PORT")]
    pub(crate) webhook_port: Option<u16>,

    #[command(flatten)]
    pub(crate) descheduler: BuiltInDeschedulerArgs,

    #[command(flatten)]
    pub(crate) plugins: PluginSourceArgs,

    #[command(flatten)]
    pub(crate) logging: LoggingArgs,
}

/// Which plugins beside the built-in ones.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct PluginSourceArgs {
    /// Load every .wasm file of this folder too, ahead of the built-in plugins
    #[arg(long, value_name = "DIR")]
    pub(crate) plugin_dir: Option<PathBuf>,

    /// Settings of built-in plugins: a YAML or JSON map from the plugin's name to its settings
    #[arg(long, value_name = "FILE")]
    pub(crate) plugin_settings: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct LoggingArgs {
    /// How log lines are written to standard error
    #[arg(long, value_enum, default_value_t = LoggingFormat::Text)]
    pub(crate) logging_format: LoggingFormat,

    /// What is logged: a level, or directives such as `info,windlass_controllers=debug`
    #[arg(long, value_name = "FILTER", env = "WINDLASS_LOG", default_value = "info")]
    pub(crate) log_level: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LoggingFormat {
    Text,
    Json,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  windlass demo
  windlass demo --keep     leave the control plane running afterwards, to look around with kubectl")]
pub(crate) struct DemoArgs {
    /// Keep the control plane running when the demo has passed, until Ctrl-C
    #[arg(long)]
    pub(crate) keep: bool,

    /// Where to keep everything; a temporary folder, removed at the end, if not given
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  windlass interpret --operation InterpretComponent -f flinkdeployment.yaml
  windlass interpret --operation ReviseReplica --replicas 3 -f deployment.yaml -o json
  windlass interpret --operation Retain -f desired.yaml --observed observed.yaml
  windlass interpret --operation AggregateStatus -f deployment.yaml --status items.yaml
  windlass interpret --operation PreserveState -f flinkdeployment.yaml --rules rules.yaml
  windlass interpret --requests requests.jsonl

ResourceInterpreterCustomizations among the files of -f answer ahead of the built-in plugins:
  windlass interpret -f customization.yaml --check
  windlass interpret -f customization.yaml --operation InterpretReplica --observed-file observed.yaml
  windlass interpret -f customization.yaml -f object.yaml --operation InterpretHealth

A request is one JSON object a line:
  {\"id\", \"op\", \"object\", \"observed\"?, \"replicas\"?, \"items\"?, \"rules\"?, \"state\"?};
an answer is one line: {\"id\", \"enabled\", \"by\", \"error\"?, \"result\"?}.")]
pub(crate) struct InterpretArgs {
    /// What to ask
    #[arg(
        long,
        value_name = "OPERATION",
        required_unless_present_any = ["requests", "check"],
        ignore_case = true,
        value_parser = operation_parser()
    )]
    pub(crate) operation: Option<Operation>,

    /// The object to ask about, and customizations to ask: YAML or JSON files or folders; - for standard input
    #[arg(short = 'f', long = "filename", value_name = "FILE")]
    pub(crate) filename: Vec<PathBuf>,

    /// Compile the scripts of the customizations, and say which can't be used
    #[arg(long, conflicts_with_all = ["operation", "requests"])]
    pub(crate) check: bool,

    /// The object to ask about, as -f; karmadactl's name for it
    #[arg(long = "desired-file", value_name = "FILE")]
    pub(crate) desired: Option<PathBuf>,

    /// Retain: the object as the member cluster has it; else the object to ask about, if -f names none
    #[arg(long, alias = "observed-file", value_name = "FILE")]
    pub(crate) observed: Option<PathBuf>,

    /// ReviseReplica: how many replicas
    #[arg(long, alias = "desired-replica", value_name = "N", allow_negative_numbers = true)]
    pub(crate) replicas: Option<i32>,

    /// AggregateStatus: the members' statuses, a list (or one a document) of {clusterName, status, applied, appliedMessage, health}
    #[arg(long, alias = "status-file", value_name = "FILE")]
    pub(crate) status: Option<PathBuf>,

    /// PreserveState: a policy's rules, a list of {aliasLabelName, jsonPath}
    #[arg(long, value_name = "FILE")]
    pub(crate) rules: Option<PathBuf>,

    /// RestoreState: what was preserved, a map from labels to values
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,

    /// Answer one JSON request a line from this file instead; - for standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["operation", "desired", "observed", "replicas", "status"])]
    pub(crate) requests: Option<PathBuf>,

    /// How the answer is printed; YAML if not given, and a table for --check
    #[arg(short = 'o', long, value_enum)]
    pub(crate) output: Option<DocumentFormat>,

    #[command(flatten)]
    pub(crate) plugins: PluginSourceArgs,
}

fn operation_parser() -> impl clap::builder::TypedValueParser<Value = Operation> {
    use clap::builder::{PossibleValuesParser, TypedValueParser as _};
    use windlass_core::operation::UnknownOperation;

    PossibleValuesParser::new(Operation::ALL.map(Operation::name)).try_map(|given| {
        let known =
            Operation::ALL.into_iter().find(|operation| operation.name().eq_ignore_ascii_case(&given));
        known.ok_or(UnknownOperation(given))
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DocumentFormat {
    Yaml,
    Json,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  source <(windlass completion bash)
  windlass completion zsh > ~/.zfunc/_windlass")]
pub(crate) struct CompletionArgs {
    pub(crate) shell: clap_complete::Shell,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn an_operation_is_named_as_karmada_names_it() {
        let cli = Cli::try_parse_from(["windlass", "interpret", "--operation", "InterpretHealth", "-f", "-"])
            .unwrap();
        let Command::Interpret(args) = cli.command else { panic!("not interpret") };
        assert_eq!(args.operation, Some(Operation::InterpretHealth));
        assert!(Cli::try_parse_from(["windlass", "interpret", "--operation", "Health", "-f", "-"]).is_err());
    }

    #[test]
    fn requests_exclude_a_single_question() {
        assert!(Cli::try_parse_from(["windlass", "interpret", "--requests", "-"]).is_ok());
        assert!(
            Cli::try_parse_from(["windlass", "interpret", "--requests", "-", "--replicas", "1"]).is_err()
        );
        assert!(Cli::try_parse_from(["windlass", "interpret"]).is_err());
    }
}
