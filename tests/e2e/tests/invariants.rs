//! The invariants of the architecture (host/README.md) that a reader can't see in one file.

use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the workspace is above this crate")
}

/// All normal dependencies of a package, by name.
fn dependencies(package: &str) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--locked",
            "-e",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p}",
            "-p",
            package,
        ])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo tree -p {package}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

fn sources(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a source folder can be read") {
            let path = entry.expect("a folder entry can be read").path();
            if path.is_dir() {
                if path.file_name().is_some_and(|name| name != "target") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found
}

/// A file's code without its unit tests and comments.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).expect("a source file can be read");
    let code = text.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn is_test(path: &Path) -> bool {
    path.components().any(|part| {
        let name = part.as_os_str().to_str().unwrap_or_default();
        matches!(name, "tests" | "benches" | "tests.rs" | "testing.rs") || name.ends_with("_tests.rs")
    })
}

#[test]
fn the_pure_crates_have_no_client_and_no_runtime() {
    for package in
        ["windlass-api", "windlass-core", "windlass-quota", "windlass-scheduler", "windlass-schema"]
    {
        for banned in ["tokio", "kube-client", "hyper", "futures-util"] {
            assert!(
                !dependencies(package).iter().any(|name| name == banned),
                "{package} depends on {banned}"
            );
        }
    }
    for folder in ["host/api", "host/core", "host/quota", "host/scheduler", "host/schema"] {
        for path in sources(folder) {
            assert!(!code(&path).contains("async fn"), "{} has an async function", path.display());
        }
    }
}

#[test]
fn only_the_plugin_host_knows_wasmtime() {
    for package in
        ["windlass-controllers", "windlass-scheduler", "windlass-apiserver", "windlass-interpreter"]
    {
        assert!(
            !dependencies(package).iter().any(|name| name == "wasmtime") || package == "windlass-interpreter",
            "{package} depends on wasmtime"
        );
    }
    for path in sources("host").into_iter().filter(|path| !path.starts_with(root().join("host/plugins"))) {
        assert!(!code(&path).contains("wasmtime::"), "{} uses wasmtime", path.display());
    }
}

#[test]
fn unsafe_code_is_in_one_module() {
    let with_unsafe: Vec<_> = sources("host")
        .into_iter()
        .filter(|path| code(path).lines().any(|line| line.contains("unsafe {") || line.contains("unsafe fn")))
        .collect();
    assert!(with_unsafe.len() <= 1, "{with_unsafe:?}");
    assert!(with_unsafe.iter().all(|path| path.starts_with(root().join("host/plugins"))), "{with_unsafe:?}");
}

/// The kinds that only their plugin may name. The API server's table of built-in kinds is data, not code, and the
/// demo is what a user would do.
#[test]
fn no_crate_but_the_plugins_names_a_workload_kind() {
    let kinds = [
        "\"Deployment\"",
        "\"StatefulSet\"",
        "\"ReplicaSet\"",
        "\"DaemonSet\"",
        "\"CronJob\"",
        "\"Job\"",
        "FlinkDeployment",
        "SparkApplication",
        "RayCluster",
        "RayJob",
        "PyTorchJob",
        "TFJob",
        "MPIJob",
    ];
    for path in sources("host") {
        let shown = path.display().to_string();
        if is_test(&path)
            || shown.contains("host/schema/kinds")
            || shown.contains("host/schema/src/builtin")
            || shown.contains("host/cli/src/demo")
        {
            continue;
        }
        let code = code(&path);
        for kind in kinds {
            assert!(!code.contains(kind), "{shown} names {kind}");
        }
    }
}

#[test]
fn a_module_is_read_in_one_sitting() {
    for folder in ["host", "sdk", "interpreters", "webhooks", "tests"] {
        for path in sources(folder) {
            let lines = std::fs::read_to_string(&path).expect("a source file can be read").lines().count();
            assert!(lines <= 600, "{} has {lines} lines: divide it by what it does", path.display());
        }
    }
}
