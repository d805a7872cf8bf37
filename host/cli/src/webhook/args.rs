//! The flags of `windlass webhook`.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

use crate::args::{LoggingArgs, PluginSourceArgs};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  windlass webhook                                  serve on 127.0.0.1:8443, with certificates of its own
  windlass webhook --print-configuration | kubectl --context karmada-apiserver apply -f -

  windlass webhook --bind 0.0.0.0 --url https://windlass.example.com:8443 --plugin-dir ./plugins
  windlass webhook --bind 0.0.0.0 --service karmada-system/windlass \\
      --tls-cert-file tls.crt --tls-private-key-file tls.key --ca-bundle-file ca.crt
  windlass webhook --print-configuration --plugin ray --plugin flink
  windlass webhook --kubeconfig karmada-apiserver.config     enforce its FederatedResourceQuotas at /validate

Print the configuration again when plugins come that interpret other kinds: it names every kind.

It answers at /interpret what Karmada asks of an interpreter webhook, and at /mutate and /validate what an API server
asks of an admission webhook; /healthz, /readyz and /metrics are for those who watch it.")]
pub(crate) struct WebhookArgs {
    /// The address to listen on; 0.0.0.0 for every one of this machine
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub(crate) bind: IpAddr,

    /// The port to listen on; 0 takes any free one
    #[arg(long, default_value_t = 8443)]
    pub(crate) port: u16,

    /// The URL by which the control plane reaches it, if not by the address it listens on
    #[arg(long, value_name = "URL", conflicts_with = "service")]
    pub(crate) url: Option<String>,

    /// The Service by which the control plane reaches it; the port is 443 unless given
    #[arg(long, value_name = "NAMESPACE/NAME[:PORT]")]
    pub(crate) service: Option<ServiceName>,

    /// The server's certificate (PEM); read again when it changes
    #[arg(long, value_name = "FILE", requires = "tls_private_key_file")]
    pub(crate) tls_cert_file: Option<PathBuf>,

    /// The key of --tls-cert-file (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert_file")]
    pub(crate) tls_private_key_file: Option<PathBuf>,

    /// Who signed --tls-cert-file (PEM), for the printed configuration; without it the control plane trusts whom its
    /// system trusts
    #[arg(long, value_name = "FILE", requires = "tls_cert_file")]
    pub(crate) ca_bundle_file: Option<PathBuf>,

    /// Where the certificate authority of its own is kept; made at the first start
    #[arg(long, value_name = "DIR", default_value = ".windlass/webhook", conflicts_with = "tls_cert_file")]
    pub(crate) cert_dir: PathBuf,

    /// Enforce the FederatedResourceQuotas of this control plane at /validate; without it they are not enforced. One such
    /// process is exact: each of several learns of what the others let pass only when it is stored
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,

    /// Print the ResourceInterpreterWebhookConfiguration that registers it with a control plane, and do nothing else
    #[arg(long)]
    pub(crate) print_configuration: bool,

    /// The name of the printed configuration
    #[arg(long, value_name = "NAME", default_value = "windlass")]
    pub(crate) configuration_name: String,

    /// Name just this plugin's kinds in the printed configuration; may be given several times
    #[arg(long, value_name = "NAME", requires = "print_configuration")]
    pub(crate) plugin: Vec<String>,

    /// How long the control plane waits for an answer, in the printed configuration
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(i32).range(1..=30))]
    pub(crate) timeout_seconds: i32,

    /// How many questions are answered at once; more wait a moment, then are told to come back
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) max_requests_in_flight: u16,

    #[command(flatten)]
    pub(crate) plugins: PluginSourceArgs,

    #[command(flatten)]
    pub(crate) logging: LoggingArgs,
}

/// A Service of the control plane's cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServiceName {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) port: Option<u16>,
}

impl FromStr for ServiceName {
    type Err = String;

    fn from_str(text: &str) -> Result<ServiceName, String> {
        let wanted = || format!("{text:?} is not NAMESPACE/NAME[:PORT]");
        let (namespace, rest) = text.split_once('/').ok_or_else(wanted)?;
        let (name, port) = match rest.split_once(':') {
            Some((name, port)) => (name, Some(port.parse().map_err(|_| wanted())?)),
            None => (rest, None),
        };
        if namespace.is_empty() || name.is_empty() || name.contains('/') || port == Some(0) {
            return Err(wanted());
        }
        Ok(ServiceName { namespace: namespace.to_owned(), name: name.to_owned(), port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_named_with_its_namespace() {
        let read = |text: &str| text.parse::<ServiceName>();
        let service = |port| ServiceName { namespace: "a".to_owned(), name: "b".to_owned(), port };
        assert_eq!(read("a/b").unwrap(), service(None));
        assert_eq!(read("a/b:8443").unwrap(), service(Some(8443)));
        for wrong in ["", "a", "/b", "a/", "a/b/c", "a/b:x", "a/b:0", "a/b:70000"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
