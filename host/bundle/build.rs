//! Builds the plugins in `interpreters/` and `webhooks/` for `wasm32-wasip2`.
//!
//! They go into a target directory of their own beside the host's: a nested cargo can't have the lock that the outer
//! one holds, and plugins are the same for all of the host's profiles, so they are built once.

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const TARGET: &str = "wasm32-wasip2";
const PROFILE: &str = "guest";

/// The folders of plugins and the world that those in them export.
const FOLDERS: [(&str, &str); 2] = [("interpreters", "Interpreter"), ("webhooks", "Admission")];

/// The line of `[package.metadata.windlass]` that says so.
const TEMPLATE: &str = "\ntemplate = true";

struct Plugin {
    name: String,
    package: String,
    world: &'static str,
    /// Whether it is a plugin only once it has settings.
    is_template: bool,
}

fn main() -> ExitCode {
    match bundle() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn bundle() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../..").canonicalize()?;
    for source in [
        "sdk/rust",
        "sdk/json",
        "sdk/jsonpath",
        "sdk/wit",
        "interpreters",
        "webhooks",
        "Cargo.toml",
        "host/bundle/build.rs",
    ] {
        println!("cargo:rerun-if-changed={}", root.join(source).display());
    }

    let plugins = discover(&root)?;
    let artifacts = build(&root, &out, &plugins)?;
    fs::write(out.join("plugins.rs"), table(&plugins, &artifacts))?;
    Ok(())
}

/// Every crate in the folders of plugins, in the order of names.
fn discover(root: &Path) -> Result<Vec<Plugin>, Box<dyn Error>> {
    let mut plugins = Vec::new();
    for (folder, world) in FOLDERS {
        for entry in fs::read_dir(root.join(folder))? {
            let path = entry?.path();
            let Ok(manifest) = fs::read_to_string(path.join("Cargo.toml")) else { continue };
            let package = package_name(&manifest)
                .ok_or_else(|| format!("{}/Cargo.toml: [package] has no name", path.display()))?;
            let name = path.file_name().ok_or("a folder has a name")?.to_string_lossy().into_owned();
            let is_template = manifest.contains(TEMPLATE);
            plugins.push(Plugin { name, package: package.to_owned(), world, is_template });
        }
    }
    plugins.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(plugins)
}

/// The package's name: the first `name = "..."` in a manifest that begins with `[package]`.
fn package_name(manifest: &str) -> Option<&str> {
    let package = manifest.split_once("[package]")?.1;
    let line = package.lines().find(|line| line.trim_start().starts_with("name"))?;
    line.split('"').nth(1)
}

/// Where cargo has put the components.
fn build(root: &Path, out: &Path, plugins: &[Plugin]) -> Result<PathBuf, Box<dyn Error>> {
    let target_dir = target_directory(out)?.join("guests");
    let mut cargo = Command::new(env::var("CARGO")?);
    cargo
        .current_dir(root)
        .args(["build", "--target", TARGET, "--profile", PROFILE, "--target-dir"])
        .arg(&target_dir);
    // The lock file is the workspace's, and nothing but the host's own build may change it.
    cargo.arg("--locked");
    for plugin in plugins {
        cargo.args(["--package", &plugin.package]);
    }
    // What the outer build says about its own target, compiler wrapper or package is wrong for these. Being offline
    // (CARGO_NET_OFFLINE) and the home and toolchain in use stay.
    for (name, _) in env::vars_os() {
        let Some(name) = name.to_str() else { continue };
        let outer = name.starts_with("CARGO_PROFILE_")
            || name.starts_with("CARGO_FEATURE_")
            || name.starts_with("CARGO_CFG_")
            || name.starts_with("CARGO_PKG_")
            || name.starts_with("CARGO_BUILD_")
            || name.starts_with("CARGO_TARGET_")
            || name.starts_with("CARGO_MANIFEST_")
            || name.starts_with("CLIPPY_")
            || matches!(
                name,
                "RUSTFLAGS"
                    | "CARGO_ENCODED_RUSTFLAGS"
                    | "RUSTC"
                    | "RUSTC_WRAPPER"
                    | "RUSTC_WORKSPACE_WRAPPER"
                    | "RUSTC_LINKER"
                    | "RUSTDOC"
                    | "RUSTDOCFLAGS"
                    | "CARGO_MAKEFLAGS"
                    | "MAKEFLAGS"
                    | "TARGET"
                    | "HOST"
                    | "OUT_DIR"
                    | "PROFILE"
                    | "DEBUG"
                    | "OPT_LEVEL"
                    | "NUM_JOBS"
            );
        if outer {
            cargo.env_remove(name);
        }
    }
    // Plugins look at sixteen bytes at a time where they pass over JSON.
    cargo.env("RUSTFLAGS", "-Ctarget-feature=+simd128");
    let built = cargo.output()?;
    if !built.status.success() {
        let log = String::from_utf8_lossy(&built.stderr);
        let remedy = if log.contains("target may not be installed") {
            format!("\n\nThe plugins are built for {TARGET}: run `rustup target add {TARGET}`.")
        } else {
            String::new()
        };
        return Err(format!("the built-in plugins don't build:\n{log}{remedy}").into());
    }
    Ok(target_dir.join(TARGET).join(PROFILE))
}

/// The host's target directory: what holds `PROFILE/build/PACKAGE/out`, with the target's name between where the host
/// is cross-compiled.
fn target_directory(out: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let profile = out.ancestors().nth(3).ok_or("OUT_DIR is not inside a target directory")?;
    let above = profile.parent().ok_or("OUT_DIR is not inside a target directory")?;
    let crossed =
        above.file_name().is_some_and(|name| env::var_os("TARGET").is_some_and(|target| target == name));
    let target = if crossed { above.parent().unwrap_or(above) } else { above };
    Ok(target.to_owned())
}

/// Rust source of the tables of plugins and of templates.
fn table(plugins: &[Plugin], artifacts: &Path) -> String {
    let rows = |templates: bool| -> String {
        plugins
            .iter()
            .filter(|plugin| plugin.is_template == templates)
            .map(|Plugin { name, package, world, .. }| {
                let wasm = artifacts.join(format!("{}.wasm", package.replace('-', "_")));
                format!(
                    "    Bundled {{ name: {name:?}, world: World::{world}, wasm: include_bytes!({wasm:?}) }},\n"
                )
            })
            .collect()
    };
    format!(
        "/// The built-in plugins, in the order of names.\npub static PLUGINS: &[Bundled] = &[\n{}];\n\n\
         /// What becomes a plugin by its settings, in the order of names.\npub static TEMPLATES: &[Bundled] = &[\n{}];\n",
        rows(false),
        rows(true)
    )
}
