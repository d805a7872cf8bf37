//! The flags of `windlass explain` and `windlass schedule`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::args::PluginSourceArgs;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  windlass explain binding web-deployment
  windlass explain deployment/web -n shop          the binding that it has
  windlass explain clusterbinding admin-clusterrole -o json
  windlass explain binding web-deployment --scheduler http://10.0.0.7:10351

It says where the binding is, what was decided last, its place in the queue and what it waits for, and for each cluster
the filter that refuses it, or its score, the room in it and the binding's share of it.

A `windlass up` is asked by its API; a `windlass scheduler` by --scheduler, where its metrics are. If neither answers,
the report is drawn from the API's objects alone, and says so.")]
pub(crate) struct ExplainArgs {
    /// What to explain: binding or clusterbinding, or the kind of what is propagated, with /NAME or before NAME
    #[arg(value_name = "KIND[/NAME]")]
    pub(crate) kind: String,

    /// Its name
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,

    #[command(flatten)]
    pub(crate) asking: AskingArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  windlass schedule --dry-run -f deployment.yaml               under the policy that claims it
  windlass schedule --dry-run -f deployment.yaml -f policy.yaml
  windlass schedule --dry-run -f resourcebinding.yaml -o json
  kubectl get resourcebinding web-deployment -o yaml | windlass schedule --dry-run -f -

Nothing is written. Policies among the files count before those of the same name in the control plane.")]
pub(crate) struct ScheduleArgs {
    /// Only say what would happen; there is no other way
    #[arg(long, required = true)]
    pub(crate) dry_run: bool,

    /// ResourceBindings, or templates and the policies that claim them: YAML or JSON files or folders; - for standard
    /// input
    #[arg(short = 'f', long = "filename", value_name = "FILE", required = true)]
    pub(crate) filename: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) asking: AskingArgs,

    #[command(flatten)]
    pub(crate) plugins: PluginSourceArgs,
}

/// Which control plane, which scheduler, and how the answer looks.
#[derive(Debug, Args)]
pub(crate) struct AskingArgs {
    /// The namespace; that of the kubeconfig's context if not given
    #[arg(short = 'n', long, value_name = "NAMESPACE")]
    pub(crate) namespace: Option<String>,

    /// How the control plane is reached; without it $KUBECONFIG, ~/.kube/config, or the pod's service account
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,

    /// Where a `windlass scheduler` serves its metrics, to ask that one
    #[arg(long, value_name = "URL")]
    pub(crate) scheduler: Option<String>,

    /// How the answer is printed
    #[arg(short = 'o', long, value_enum, default_value_t = ReportFormat::Table)]
    pub(crate) output: ReportFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    Table,
    Json,
}
