//! The flags of `windlass descheduler`: karmada-descheduler's, so that one can stand where the other stood.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args};
use windlass_controllers::Descheduling;

use crate::part::{Bind, ElectionArgs, EstimatorClientArgs, IdleArgs, KlogArgs, duration};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  windlass descheduler --kubeconfig karmada-apiserver.config
  windlass descheduler --kubeconfig karmada-apiserver.config --descheduling-interval 30s --unschedulable-threshold 1m
  windlass descheduler --kubeconfig karmada-apiserver.config --scheduler-estimator-ca-file ca.crt \\
      --scheduler-estimator-cert-file tls.crt --scheduler-estimator-key-file tls.key

It looks at the workloads that are divided by what clusters have room for, takes those replicas from a member which it
has found no node for, and leaves it to the scheduler to deal them out anew. How many they are it asks the members'
estimators, karmada-scheduler-estimator or `windlass estimator`: where there is none, replicas stay. `windlass up` does
the same by itself.

It takes the flags of karmada-descheduler v1.16 and its Lease, so it can take the other's place.

/healthz, /readyz and /metrics are served without TLS.")]
pub(crate) struct DeschedulerArgs {
    /// How the control plane is reached; without it $KUBECONFIG, ~/.kube/config, or the pod's service account
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,

    /// The address of the control plane's API server, instead of the kubeconfig's
    #[arg(long, value_name = "URL")]
    pub(crate) master: Option<String>,

    #[command(flatten)]
    pub(crate) patience: PatienceArgs,

    /// Where /metrics is served; 0 for nowhere
    #[arg(long, value_name = "ADDRESS", default_value = ":8080")]
    pub(crate) metrics_bind_address: Bind,

    /// Where /healthz and /readyz are served; 0 for nowhere
    #[arg(long, value_name = "ADDRESS", default_value = ":10358")]
    pub(crate) health_probe_bind_address: Bind,

    #[command(flatten)]
    pub(crate) election: ElectionArgs,

    #[command(flatten)]
    pub(crate) estimators: EstimatorClientArgs,

    #[command(flatten)]
    pub(crate) idle: IdleArgs,

    #[command(flatten)]
    pub(crate) logging: KlogArgs,
}

/// The descheduler within `windlass up`.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Descheduler")]
pub(crate) struct BuiltInDeschedulerArgs {
    /// Whether replicas that a member can't place are taken from it and dealt out anew; only those of workloads that
    /// are divided by what clusters have room for
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set)]
    descheduler: bool,

    #[command(flatten)]
    patience: PatienceArgs,
}

impl BuiltInDeschedulerArgs {
    /// `None`: there is to be no descheduler.
    pub(crate) fn options(self) -> Option<Descheduling> {
        let BuiltInDeschedulerArgs { descheduler, patience } = self;
        descheduler.then(|| patience.options())
    }
}

/// How often is looked, and for how long is waited.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct PatienceArgs {
    /// How often the descheduler looks at all bindings
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = interval)]
    descheduling_interval: Duration,

    /// How long a member may look for a place for a pod until the descheduler takes its replica
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration)]
    unschedulable_threshold: Duration,
}

impl PatienceArgs {
    pub(crate) fn options(self) -> Descheduling {
        let PatienceArgs { descheduling_interval, unschedulable_threshold } = self;
        Descheduling { interval: descheduling_interval, threshold: unschedulable_threshold }
    }
}

fn interval(text: &str) -> Result<Duration, String> {
    let read = duration(text)?;
    if read < Duration::from_millis(100) {
        return Err("all bindings can't be looked at without a pause: give 100ms or more".to_owned());
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Command};
    use clap::Parser;

    fn parse(flags: &[&str]) -> Result<DeschedulerArgs, clap::Error> {
        let all = ["windlass", "descheduler"].into_iter().chain(flags.iter().copied());
        Cli::try_parse_from(all).map(|cli| match cli.command {
            Command::Descheduler(args) => *args,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn the_manifests_of_karmada_are_understood() {
        let args = parse(&[
            "--kubeconfig=/etc/karmada/config/karmada.config",
            "--metrics-bind-address=10.0.0.7:8080",
            "--health-probe-bind-address=0.0.0.0:10358",
            "--leader-elect-resource-namespace=karmada-system",
            "--scheduler-estimator-ca-file=/etc/karmada/pki/ca.crt",
            "--scheduler-estimator-cert-file=/etc/karmada/pki/karmada.crt",
            "--scheduler-estimator-key-file=/etc/karmada/pki/karmada.key",
            "--descheduling-interval=30s",
            "--unschedulable-threshold=1m",
            "--kube-api-qps=40",
            "--v=4",
        ])
        .unwrap();
        let want = Descheduling { interval: Duration::from_secs(30), threshold: Duration::from_secs(60) };
        assert_eq!(args.patience.options(), want);
        assert!(
            args.election.leader_elect && args.estimators.options(false).unwrap().files.identity.is_some()
        );
        assert_eq!((args.idle.given(), args.logging.verbosity), (vec!["--kube-api-qps"], 4));
        assert_eq!(parse(&[]).unwrap().patience.options(), Descheduling::default(), "as Karmada's");
    }

    #[test]
    fn nobody_looks_at_everything_all_the_time() {
        for wrong in
            ["--descheduling-interval=0", "--descheduling-interval=99ms", "--unschedulable-threshold=-1s"]
        {
            assert!(parse(&[wrong]).is_err(), "{wrong}");
        }
        assert!(parse(&["--unschedulable-threshold=0s"]).is_ok());
    }
}
