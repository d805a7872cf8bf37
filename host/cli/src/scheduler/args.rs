//! The flags of `windlass scheduler`: karmada-scheduler's, so that one can stand where the other stood.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args};
use windlass_estimator::client::Options;

use crate::part::{Bind, ElectionArgs, EstimatorClientArgs, FeatureGate, IdleArgs, KlogArgs, duration};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  windlass scheduler --kubeconfig karmada-apiserver.config
  windlass scheduler --kubeconfig karmada-apiserver.config --leader-elect=false \\
      --metrics-bind-address 127.0.0.1:8080 --health-probe-bind-address 127.0.0.1:10351
  windlass scheduler --kubeconfig karmada-apiserver.config --enable-scheduler-estimator=true \\
      --feature-gates PriorityBasedScheduling=true,MultiplePodTemplatesScheduling=true

It takes the flags of karmada-scheduler v1.16 and its Lease: start it beside karmada-scheduler and stop the other, and
no binding is left alone or moved. Writes are not limited by a rate but in number (--writes-in-flight), so these change
nothing and are taken for the sake of manifests that have them: --kube-api-qps, --kube-api-burst, --rate-limiter-*,
--enable-pprof, --profiling-bind-address.

/healthz, /readyz and /metrics are served without TLS.")]
pub(crate) struct SchedulerArgs {
    /// How the control plane is reached; without it $KUBECONFIG, ~/.kube/config, or the pod's service account
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,

    /// The address of the control plane's API server, instead of the kubeconfig's
    #[arg(long, value_name = "URL")]
    pub(crate) master: Option<String>,

    /// Schedule the bindings that ask for this scheduler
    #[arg(long, value_name = "NAME", default_value = "default-scheduler", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) scheduler_name: String,

    /// Where /metrics is served; 0 for nowhere
    #[arg(long, value_name = "ADDRESS", default_value = ":8080")]
    pub(crate) metrics_bind_address: Bind,

    /// Where /healthz and /readyz are served; 0 for nowhere
    #[arg(long, value_name = "ADDRESS", default_value = ":10351")]
    pub(crate) health_probe_bind_address: Bind,

    /// Features of Karmada to have or not, as NAME=true,NAME=false; an unknown one is refused with the list
    #[arg(long, value_name = "GATES", value_delimiter = ',')]
    pub(crate) feature_gates: Vec<FeatureGate>,

    /// Which of Karmada's scheduling plugins to use: '*', or all by their names; none of them can be left out
    #[arg(
        long,
        value_name = "PLUGINS",
        value_delimiter = ',',
        default_value = "*",
        allow_hyphen_values = true
    )]
    pub(crate) plugins: Vec<String>,

    /// Send a workload of 0 replicas to its clusters, too; it is sent in any case
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false",
        action = ArgAction::Set, value_parser = BoolishValueParser::new(), value_name = "BOOL")]
    pub(crate) enable_empty_workload_propagation: bool,

    /// How many decisions are written at once, at most: there are fewer where more would only wait at the API server
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) writes_in_flight: u16,

    #[command(flatten)]
    pub(crate) election: ElectionArgs,

    /// The Lease's name
    #[arg(long, value_name = "NAME", default_value = "karmada-scheduler", help_heading = "Leader election")]
    pub(crate) leader_elect_resource_name: String,

    #[command(flatten)]
    pub(crate) estimators: EstimatorArgs,

    #[command(flatten)]
    pub(crate) idle: IdleArgs,

    #[command(flatten)]
    pub(crate) rates: RateArgs,

    #[command(flatten)]
    pub(crate) logging: KlogArgs,
}

/// Who is asked how much room a member has.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Estimators")]
pub(crate) struct EstimatorArgs {
    /// Ask the members' estimators (karmada-scheduler-estimator, or `windlass estimator`) how much room there is
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false",
        action = ArgAction::Set, value_parser = BoolishValueParser::new(), value_name = "BOOL")]
    enable_scheduler_estimator: bool,

    /// Don't ask the estimators of members in pull mode
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false",
        action = ArgAction::Set, value_parser = BoolishValueParser::new(), value_name = "BOOL")]
    disable_scheduler_estimator_in_pull_mode: bool,

    #[command(flatten)]
    how: EstimatorClientArgs,
}

impl EstimatorArgs {
    /// How estimators are asked; `None`: they aren't.
    pub(crate) fn options(self) -> anyhow::Result<Option<Options>> {
        let EstimatorArgs { enable_scheduler_estimator, disable_scheduler_estimator_in_pull_mode, how } =
            self;
        enable_scheduler_estimator.then(|| how.options(disable_scheduler_estimator_in_pull_mode)).transpose()
    }
}

/// Rates that karmada-scheduler limits, and `windlass scheduler` does not.
#[derive(Debug, Args)]
#[command(next_help_heading = "Taken, and of no effect")]
pub(crate) struct RateArgs {
    /// What fails is tried again after 1 s
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    rate_limiter_base_delay: Option<Duration>,
    /// What keeps failing is tried again after 10 s at the latest
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    rate_limiter_max_delay: Option<Duration>,
    /// There is no limit to the rate of decisions
    #[arg(long, value_name = "QPS")]
    rate_limiter_qps: Option<i32>,
    /// There is no limit to the rate of decisions
    #[arg(long, value_name = "N")]
    rate_limiter_bucket_size: Option<i32>,
}

impl RateArgs {
    /// Those that were given.
    pub(crate) fn given(&self) -> Vec<&'static str> {
        let RateArgs {
            rate_limiter_base_delay,
            rate_limiter_max_delay,
            rate_limiter_qps,
            rate_limiter_bucket_size,
        } = self;
        let given = [
            ("--rate-limiter-base-delay", rate_limiter_base_delay.is_some()),
            ("--rate-limiter-max-delay", rate_limiter_max_delay.is_some()),
            ("--rate-limiter-qps", rate_limiter_qps.is_some()),
            ("--rate-limiter-bucket-size", rate_limiter_bucket_size.is_some()),
        ];
        given.into_iter().filter(|(_, given)| *given).map(|(flag, _)| flag).collect()
    }
}

/// The plugins that karmada-scheduler has built in.
const PLUGINS: [&str; 6] = [
    "APIEnablement",
    "TaintToleration",
    "ClusterAffinity",
    "SpreadConstraint",
    "ClusterLocality",
    "ClusterEviction",
];

/// Refuses a list that leaves out, or adds, what can't be.
pub(crate) fn check_plugins(plugins: &[String]) -> anyhow::Result<()> {
    let known = PLUGINS.join(", ");
    for plugin in plugins {
        let name = plugin.trim_start_matches('-');
        if name != "*" && !PLUGINS.contains(&name) {
            bail!("--plugins names {name:?}, which there is not; there are {known}");
        }
    }
    let off = |name: &&&str| plugins.iter().any(|plugin| plugin.strip_prefix('-') == Some(name));
    let on = |name: &&&str| plugins.iter().any(|plugin| plugin == "*" || plugin == *name);
    match PLUGINS.iter().find(|name| off(name) || !on(name)) {
        Some(left_out) => bail!(
            "--plugins leaves out {left_out}: what it does is part of every decision here; name '*', or all of {known}"
        ),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Command};
    use clap::Parser;

    fn parse(flags: &[&str]) -> Result<SchedulerArgs, clap::Error> {
        let all = ["windlass", "scheduler"].into_iter().chain(flags.iter().copied());
        Cli::try_parse_from(all).map(|cli| match cli.command {
            Command::Scheduler(args) => *args,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn the_manifests_of_karmada_are_understood() {
        let args = parse(&[
            "--kubeconfig=/etc/karmada/config/karmada.config",
            "--metrics-bind-address=$(POD_IP):8080".replace("$(POD_IP)", "10.0.0.7").as_str(),
            "--health-probe-bind-address=0.0.0.0:10351",
            "--enable-scheduler-estimator=true",
            "--leader-elect-resource-namespace=karmada-system",
            "--scheduler-estimator-ca-file=/etc/karmada/pki/ca.crt",
            "--scheduler-estimator-cert-file=/etc/karmada/pki/karmada.crt",
            "--scheduler-estimator-key-file=/etc/karmada/pki/karmada.key",
            "--feature-gates=PriorityBasedScheduling=true,Failover=false",
            "--kube-api-qps=100",
            "--leader-elect-lease-duration=1m30s",
            "--v=4",
        ])
        .unwrap();
        assert!(args.estimators.enable_scheduler_estimator && args.election.leader_elect);
        assert_eq!(args.election.leader_elect_lease_duration, Duration::from_secs(90));
        assert_eq!((args.idle.given(), args.rates.given()), (vec!["--kube-api-qps"], Vec::new()));
        assert_eq!((args.logging.verbosity, args.feature_gates.len()), (4, 2));
    }

    #[test]
    fn flags_are_switched_as_go_switches_them() {
        assert!(parse(&["--leader-elect"]).unwrap().election.leader_elect);
        assert!(!parse(&["--leader-elect=false"]).unwrap().election.leader_elect);
        assert!(parse(&["--leader-elect=maybe"]).is_err());
        assert_eq!(parse(&["-v", "2"]).unwrap().logging.verbosity, 2);
    }

    #[test]
    fn estimators_are_asked_as_the_flags_say() {
        let of =
            |flags: &[&str]| parse(flags).unwrap().estimators.options().map_err(|error| error.to_string());
        assert_eq!(of(&[]).unwrap(), None);
        let on = "--enable-scheduler-estimator";
        assert_eq!(of(&[on]).unwrap(), Some(Options::default()), "as Karmada's");
        let (certificate, key) = ("--scheduler-estimator-cert-file=c", "--scheduler-estimator-key-file=k");
        assert!(of(&[on, certificate]).unwrap_err().contains("give both, or none"));
        assert!(of(&[on, certificate, key]).unwrap_err().contains("without TLS"));
        let options = of(&[on, certificate, key, "--scheduler-estimator-ca-file=a"]).unwrap().unwrap();
        assert!(options.files.identity.is_some() && options.files.authority.is_some());
        assert!(
            of(&[on, "--scheduler-estimator-timeout=0"]).unwrap_err().contains("no estimator could answer")
        );
    }

    #[test]
    fn no_plugin_can_be_left_out() {
        let check = |list: &[&str]| {
            let list: Vec<String> = list.iter().map(|name| (*name).to_owned()).collect();
            check_plugins(&list).map_or_else(|error| error.to_string(), |()| String::new())
        };
        assert_eq!(check(&["*"]), "");
        assert_eq!(check(&PLUGINS), "");
        assert!(check(&["*", "-ClusterLocality"]).contains("leaves out ClusterLocality"));
        assert!(check(&["ClusterAffinity"]).contains("leaves out APIEnablement"));
        assert!(check(&["*", "Mine"]).contains("\"Mine\", which there is not"));
    }
}
