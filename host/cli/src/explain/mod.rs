//! `windlass explain`: why a binding is where it is, or why not yet.

mod args;
mod ask;
mod find;
mod served;

use std::process::ExitCode;

pub(crate) use args::{ExplainArgs, ScheduleArgs};
pub(crate) use ask::{Asking, PATH};
pub(crate) use find::bindings;
pub(crate) use served::{below_the_api, routes};

use crate::up::runtime;
use find::{Reference, find};

pub(crate) fn command(args: ExplainArgs) -> anyhow::Result<ExitCode> {
    let ExplainArgs { kind, name, asking } = args;
    let reference = Reference::parse(&kind, name.as_deref())?;
    runtime()?.block_on(async move {
        let asking = Asking::start(asking).await?;
        let binding = find(&asking.client, &asking.namespace, &reference).await?;
        let report = asking.report(binding).await?;
        asking.print(&[report])?;
        Ok(ExitCode::SUCCESS)
    })
}
