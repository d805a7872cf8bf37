//! How the members' estimators are asked.

use std::time::Duration;

use anyhow::bail;
use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args};
use windlass_estimator::client::Options;
use windlass_estimator::tls::{ClientFiles, Identity};

use super::go::duration;

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Estimators")]
pub(crate) struct EstimatorClientArgs {
    /// How long an estimator may take
    #[arg(long, value_name = "DURATION", default_value = "3s", value_parser = duration)]
    scheduler_estimator_timeout: Duration,

    /// The namespace of the estimators' Services
    #[arg(long, value_name = "NAMESPACE", default_value = "karmada-system")]
    scheduler_estimator_service_namespace: String,

    /// An estimator's Service is named PREFIX-CLUSTER
    #[arg(long, value_name = "PREFIX", default_value = "karmada-scheduler-estimator")]
    scheduler_estimator_service_prefix: String,

    /// The port of the estimators' Services
    #[arg(long, value_name = "PORT", default_value_t = 10352)]
    scheduler_estimator_port: u16,

    /// This process's certificate for the estimators (PEM)
    #[arg(long, value_name = "FILE", default_value = "", hide_default_value = true)]
    scheduler_estimator_cert_file: String,

    /// The key of --scheduler-estimator-cert-file (PEM)
    #[arg(long, value_name = "FILE", default_value = "", hide_default_value = true)]
    scheduler_estimator_key_file: String,

    /// Who signs the estimators' certificates (PEM)
    #[arg(long, value_name = "FILE", default_value = "", hide_default_value = true)]
    scheduler_estimator_ca_file: String,

    /// Don't check the estimators' certificates
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false",
        action = ArgAction::Set, value_parser = BoolishValueParser::new(), value_name = "BOOL")]
    insecure_skip_estimator_verify: bool,
}

impl EstimatorClientArgs {
    /// `skip_pull_mode`: those of members in pull mode are left alone.
    pub(crate) fn options(self, skip_pull_mode: bool) -> anyhow::Result<Options> {
        let EstimatorClientArgs {
            scheduler_estimator_timeout,
            scheduler_estimator_service_namespace,
            scheduler_estimator_service_prefix,
            scheduler_estimator_port,
            scheduler_estimator_cert_file,
            scheduler_estimator_key_file,
            scheduler_estimator_ca_file,
            insecure_skip_estimator_verify,
        } = self;
        if scheduler_estimator_timeout.is_zero() {
            bail!("--scheduler-estimator-timeout is 0: no estimator could answer; leave it out for 3s");
        }
        let flags = ["--scheduler-estimator-cert-file", "--scheduler-estimator-key-file"];
        let identity = identity(flags, &scheduler_estimator_cert_file, &scheduler_estimator_key_file)?;
        let authority = (!scheduler_estimator_ca_file.is_empty()).then(|| scheduler_estimator_ca_file.into());
        if identity.is_some() && authority.is_none() && !insecure_skip_estimator_verify {
            bail!(
                "--scheduler-estimator-cert-file needs --scheduler-estimator-ca-file, or \
                 --insecure-skip-estimator-verify: without either estimators are asked without TLS"
            );
        }
        Ok(Options {
            service_prefix: scheduler_estimator_service_prefix,
            service_namespace: scheduler_estimator_service_namespace,
            port: scheduler_estimator_port,
            timeout: scheduler_estimator_timeout,
            skip_pull_mode,
            files: ClientFiles { identity, authority, insecure_skip_verify: insecure_skip_estimator_verify },
        })
    }
}

/// A certificate and its key, by the flags that name their files; an empty one is none.
pub(crate) fn identity(
    [certificate_flag, key_flag]: [&str; 2],
    certificate: &str,
    key: &str,
) -> anyhow::Result<Option<Identity>> {
    match (certificate, key) {
        ("", "") => Ok(None),
        ("", _) => bail!("{key_flag} is given without {certificate_flag}: give both, or none"),
        (_, "") => bail!("{certificate_flag} is given without {key_flag}: give both, or none"),
        (certificate, key) => Ok(Some(Identity { certificate: certificate.into(), key: key.into() })),
    }
}
