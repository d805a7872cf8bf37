//! How much is logged, by our flags or by klog's.

use clap::Args;

use crate::args::LoggingArgs;

#[derive(Clone, Debug, Args)]
pub(crate) struct KlogArgs {
    #[command(flatten)]
    logging: LoggingArgs,

    /// klog's verbosity: from 4 on as --log-level debug, from 6 on as trace
    #[arg(short = 'v', long = "v", value_name = "LEVEL", default_value_t = 0)]
    pub(crate) verbosity: u8,
}

impl KlogArgs {
    /// Starts logging. What is asked for in so many words goes before a verbosity.
    pub(crate) fn start(self) -> anyhow::Result<()> {
        let KlogArgs { mut logging, verbosity } = self;
        if logging.log_level == "info" && verbosity >= 4 {
            logging.log_level = if verbosity >= 6 { "trace" } else { "debug" }.to_owned();
        }
        crate::logging::start(&logging)
    }
}
