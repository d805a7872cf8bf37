//! Flags of the programs in Go that have nothing to set here.

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args};

#[derive(Debug, Args)]
#[command(next_help_heading = "Taken, and of no effect")]
pub(crate) struct IdleArgs {
    /// There is no limit to the rate of requests
    #[arg(long, value_name = "QPS")]
    pub(crate) kube_api_qps: Option<f32>,
    /// There is no limit to the rate of requests
    #[arg(long, value_name = "N")]
    pub(crate) kube_api_burst: Option<i32>,
    /// Go's profiles: there are none
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true",
        action = ArgAction::Set, value_parser = BoolishValueParser::new(), value_name = "BOOL")]
    pub(crate) enable_pprof: Option<bool>,
    /// Where Go's profiles would be served
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) profiling_bind_address: Option<String>,
}

impl IdleArgs {
    /// Those that were given.
    pub(crate) fn given(&self) -> Vec<&'static str> {
        let IdleArgs { kube_api_qps, kube_api_burst, enable_pprof, profiling_bind_address } = self;
        let given = [
            ("--kube-api-qps", kube_api_qps.is_some()),
            ("--kube-api-burst", kube_api_burst.is_some()),
            ("--enable-pprof", enable_pprof.is_some()),
            ("--profiling-bind-address", profiling_bind_address.is_some()),
        ];
        given.into_iter().filter(|(_, given)| *given).map(|(flag, _)| flag).collect()
    }

    /// Says that they do nothing, if any was given; `more` are of one part alone.
    pub(crate) fn remark(&self, more: &[&'static str]) {
        let given = [self.given().as_slice(), more].concat();
        if !given.is_empty() {
            tracing::info!(flags = given.join(" "), "these flags have no effect here");
        }
    }
}
