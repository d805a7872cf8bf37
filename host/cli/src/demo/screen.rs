//! What the demo shows: a line a step, with how long it took.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use crate::stdout;
use crate::up::ControlPlane;

/// Standard output, in colour where it is a terminal.
pub(super) struct Screen {
    colour: bool,
    began: Instant,
}

impl Screen {
    pub(super) fn new() -> Screen {
        Screen { colour: std::io::stdout().is_terminal(), began: Instant::now() }
    }

    pub(super) fn say(&self, text: &str) {
        stdout::say(text);
    }

    pub(super) fn heading(&self, text: &str) {
        self.say(&if self.colour { format!("\n\x1b[1m{text}\x1b[0m") } else { format!("\n{text}") });
    }

    pub(super) fn passed(&self, text: &str, took: Duration) {
        let mark = if self.colour { "\x1b[32m✓\x1b[0m" } else { "✓" };
        self.say(&format!("  {mark} {text} ({})", milliseconds(took)));
    }

    pub(super) fn detail(&self, text: &str) {
        for line in text.lines() {
            self.say(&if self.colour {
                format!("      \x1b[2m{line}\x1b[0m")
            } else {
                format!("      {line}")
            });
        }
    }

    /// How to go on from here.
    pub(super) fn next(&self, control_plane: &ControlPlane, keep: bool) {
        self.heading(&format!(
            "Everything was verified through the API, in {}.",
            milliseconds(self.began.elapsed())
        ));
        if keep {
            self.say("The control plane keeps running until Ctrl-C. In a second terminal:");
            self.say(&format!("  export KUBECONFIG={}", control_plane.kubeconfig().display()));
            self.say("  kubectl get flinkdeployments,deployments,resourcebindings");
            self.say("  kubectl get resourcebinding flink-example-flinkdeployment -o yaml");
            for member in control_plane.members() {
                self.say(&format!("  KUBECONFIG={} kubectl get pods", member.kubeconfig.display()));
            }
        } else {
            self.say("To go on:");
            self.say("  cargo run --release -- demo --keep              # the same, left running for you to look around");
            self.say("  cargo run --release -- up --members 3           # a control plane that keeps its data in .windlass");
            self.say("  cargo run --release -- interpret --operation InterpretComponent -f host/cli/demo/flink-example.yaml");
            self.say("  cargo run --release -- plugin list");
        }
    }
}

fn milliseconds(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        format!("{} ms", duration.as_millis())
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}
