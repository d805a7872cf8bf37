//! The flags of `windlass estimator`: karmada-scheduler-estimator's, so that one can stand where the other stood.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use anyhow::bail;
use clap::builder::{BoolishValueParser, NonEmptyStringValueParser};
use clap::{ArgAction, Args};
use windlass_estimator::tls::ServerFiles;

use crate::part::{Bind, FeatureGate, IdleArgs, KlogArgs, identity};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  windlass estimator --kubeconfig member1.config --cluster-name member1
  windlass estimator --kubeconfig member1.config --cluster-name member1 --server-port 10352 \\
      --grpc-auth-cert-file tls.crt --grpc-auth-key-file tls.key --grpc-client-ca-file ca.crt
  windlass estimator --cluster-name member1 --feature-gates ResourceQuotaEstimate=false

A scheduler finds it by a Service of the control plane, of type ExternalName where it runs elsewhere:
  kubectl -n karmada-system create service externalname karmada-scheduler-estimator-member1 \\
      --external-name estimator.member1.example.com --tcp 10352:10352
and asks it with --enable-scheduler-estimator, be it Karmada's or `windlass scheduler`.

It takes the flags of karmada-scheduler-estimator v1.16. It watches the member's nodes, pods and ResourceQuotas, and asks
for next to nothing else, so --kube-api-qps and --kube-api-burst change nothing. Quotas count unless the feature gate
ResourceQuotaEstimate is switched off.

/healthz, /readyz (once the member has been read) and /metrics are served without TLS.")]
pub(crate) struct EstimatorArgs {
    /// How the member is reached; without it $KUBECONFIG, ~/.kube/config, or the pod's service account
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,

    /// The address of the member's API server, instead of the kubeconfig's
    #[arg(long, value_name = "URL")]
    pub(crate) master: Option<String>,

    /// The name of the member's Cluster object: questions about others are refused
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) cluster_name: String,

    /// The address to listen on for gRPC
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::UNSPECIFIED))]
    pub(crate) bind_address: IpAddr,

    /// The port to listen on for gRPC; 0 takes any free one
    #[arg(long, value_name = "PORT", default_value_t = 10352)]
    pub(crate) server_port: u16,

    /// The server's certificate (PEM); without one it speaks without TLS
    #[arg(long, value_name = "FILE", default_value = "", hide_default_value = true)]
    pub(crate) grpc_auth_cert_file: String,

    /// The key of --grpc-auth-cert-file (PEM)
    #[arg(long, value_name = "FILE", default_value = "", hide_default_value = true)]
    pub(crate) grpc_auth_key_file: String,

    /// Let in only clients with a certificate that was signed by one of these (PEM)
    #[arg(long, value_name = "FILE", default_value = "", hide_default_value = true)]
    pub(crate) grpc_client_ca_file: String,

    /// Let in every client, whatever --grpc-client-ca-file says
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false",
        action = ArgAction::Set, value_parser = BoolishValueParser::new(), value_name = "BOOL")]
    pub(crate) insecure_skip_grpc_client_verify: bool,

    /// How many answers are computed at once; 0 for 16
    #[arg(long, value_name = "N", default_value_t = 16)]
    pub(crate) parallelism: u16,

    /// Where /metrics is served; 0 for nowhere
    #[arg(long, value_name = "ADDRESS", default_value = ":8080")]
    pub(crate) metrics_bind_address: Bind,

    /// Where /healthz and /readyz are served; 0 for nowhere
    #[arg(long, value_name = "ADDRESS", default_value = ":10351")]
    pub(crate) health_probe_bind_address: Bind,

    /// Features of Karmada to have or not, as NAME=true,NAME=false; ResourceQuotaEstimate has a meaning here
    #[arg(long, value_name = "GATES", value_delimiter = ',')]
    pub(crate) feature_gates: Vec<FeatureGate>,

    #[command(flatten)]
    pub(crate) idle: IdleArgs,

    #[command(flatten)]
    pub(crate) logging: KlogArgs,
}

/// The server's certificates, by their flags; an empty one is none.
pub(super) fn files(
    certificate: &str,
    key: &str,
    client_authority: &str,
    skip_client_verify: bool,
) -> anyhow::Result<ServerFiles> {
    let identity = identity(["--grpc-auth-cert-file", "--grpc-auth-key-file"], certificate, key)?;
    if identity.is_none() && !client_authority.is_empty() {
        bail!(
            "--grpc-client-ca-file needs --grpc-auth-cert-file and --grpc-auth-key-file: without them there is no TLS, \
             and everybody is let in"
        );
    }
    let verified = !client_authority.is_empty() && !skip_client_verify;
    Ok(ServerFiles { identity, client_authority: verified.then(|| client_authority.into()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Command};
    use clap::Parser;

    fn parse(flags: &[&str]) -> Result<EstimatorArgs, clap::Error> {
        let all = ["windlass", "estimator"].into_iter().chain(flags.iter().copied());
        Cli::try_parse_from(all).map(|cli| match cli.command {
            Command::Estimator(args) => *args,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn the_manifests_of_karmada_are_understood() {
        let args = parse(&[
            "--kubeconfig=/etc/member1-kubeconfig",
            "--cluster-name=member1",
            "--grpc-auth-cert-file=/etc/karmada/pki/karmada.crt",
            "--grpc-auth-key-file=/etc/karmada/pki/karmada.key",
            "--grpc-client-ca-file=/etc/karmada/pki/ca.crt",
            "--metrics-bind-address=10.0.0.7:8080",
            "--health-probe-bind-address=0.0.0.0:10351",
            "--insecure-skip-grpc-client-verify=true",
            "--feature-gates=ResourceQuotaEstimate=true,Failover=false",
            "--kube-api-qps=20",
            "--kube-api-burst=30",
            "--parallelism=0",
            "--v=4",
        ])
        .unwrap();
        assert!(args.insecure_skip_grpc_client_verify);
        assert_eq!((args.server_port, args.feature_gates.len(), args.logging.verbosity), (10352, 2, 4));
        assert!(parse(&[]).unwrap_err().to_string().contains("--cluster-name"));
        assert!(parse(&["--cluster-name="]).is_err());
        assert!(parse(&["--cluster-name=a", "--server-port=70000"]).is_err());
        assert!(parse(&["--cluster-name=a", "--feature-gates=Nope=true"]).is_err());
    }

    #[test]
    fn certificates_that_make_no_sense_together_are_refused() {
        let of = |certificate: &str, key: &str, authority: &str, skip| {
            files(certificate, key, authority, skip).map_err(|error| error.to_string())
        };
        assert_eq!(of("", "", "", false).unwrap(), ServerFiles::default());
        assert!(of("c", "", "", false).unwrap_err().contains("without --grpc-auth-key-file"));
        assert!(of("", "k", "", false).unwrap_err().contains("without --grpc-auth-cert-file"));
        assert!(of("", "", "a", false).unwrap_err().contains("everybody is let in"));
        assert_eq!(of("c", "k", "a", false).unwrap().client_authority, Some("a".into()));
        assert_eq!(of("c", "k", "a", true).unwrap().client_authority, None);
    }
}
