//! `windlass plugin new`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use windlass_kit::scaffold::{self, Plan, Subject};

use crate::args::PluginNewArgs;
use crate::stdout::say;

pub(super) fn command(args: PluginNewArgs) -> anyhow::Result<ExitCode> {
    let PluginNewArgs { name, kind, hook, path, sdk } = args;
    let subject = match (kind, hook) {
        (Some(kind), _) => Subject::Interpreter(kind),
        (None, Some(watched)) => Subject::Hook(watched),
        (None, None) => bail!("--kind GROUP/VERSION/Kind or --hook GROUP/VERSION/PLURAL is needed"),
    };
    let folder = path.unwrap_or_else(|| PathBuf::from(name.as_str()));
    let plan = Plan { name, subject, folder, sdk };
    let files = scaffold::create(&plan)?;
    say(format_args!("{}:", plan.folder.display()));
    for file in files {
        say(format_args!("  {file}"));
    }
    say(format_args!(
        "\nNext:\n  cd {}\n  windlass plugin test      builds it, and runs its cases through WebAssembly\n  \
         cargo test                runs them natively",
        plan.folder.display()
    ));
    Ok(ExitCode::SUCCESS)
}
