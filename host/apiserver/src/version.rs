//! Which Kubernetes this is taken for: the version whose types are built in.

use serde_json::{Value, json};

/// `/version`
pub(crate) fn info() -> Value {
    json!({
        "major": "1",
        "minor": "36",
        "gitVersion": concat!("v1.36.0+windlass-", env!("CARGO_PKG_VERSION")),
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "rustc",
        "platform": concat!("linux", "/", "amd64"),
    })
}
