//! A plugin's debug log.

use std::fmt::Arguments;

/// Prints a line for whoever writes or runs the plugin, formatted as by `format!`.
///
/// `windlass plugin test` and `run` show it beside the answer; a control plane keeps the last lines in an Event of the
/// plugin's Plugin object. It is no part of the answer, and an answer that the host remembers isn't asked for again:
/// what is printed says what was computed, not what was answered.
///
/// ```
/// windlass_sdk::log!("{} of {} are ready", 2, 3);
/// ```
#[macro_export]
macro_rules! log {
    ($($message:tt)+) => {
        $crate::log::line(::std::format_args!($($message)+))
    };
}

/// Prints a line, as a whole.
pub fn line(message: Arguments<'_>) {
    let mut line = message.to_string();
    line.push('\n');
    eprint!("{line}");
}
