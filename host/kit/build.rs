//! Puts the SDK into the binary: its sources, the contract, and the versions of what it depends on. So a plugin can be
//! begun in an empty folder, on a machine that has the binary and cargo alone.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    match embed() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn embed() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../..").canonicalize()?;
    for source in [
        "sdk",
        "tests/conformance/README.md",
        "Cargo.toml",
        "Cargo.lock",
        "rust-toolchain.toml",
        "host/kit/build.rs",
    ] {
        println!("cargo:rerun-if-changed={}", root.join(source).display());
    }

    let sdk = root.join("sdk");
    let mut files = BTreeSet::new();
    for folder in ["json", "rust", "wit"] {
        collect(&sdk, &sdk.join(folder), &mut files)?;
    }
    let mut table = String::new();
    writeln!(table, "const FILES: &[(&str, &str)] = &[")?;
    for path in files {
        writeln!(table, "    ({path:?}, include_str!({:?})),", sdk.join(&path))?;
    }
    // What an author reads without a checkout.
    for (name, page) in [("README.md", "sdk/README.md"), ("cases.md", "tests/conformance/README.md")] {
        writeln!(table, "    ({name:?}, include_str!({:?})),", root.join(page))?;
    }
    writeln!(table, "];")?;

    let manifest = fs::read_to_string(root.join("Cargo.toml"))?;
    let own = fs::read_to_string(sdk.join("rust/Cargo.toml"))?;
    let lock = fs::read_to_string(root.join("Cargo.lock"))?;
    writeln!(table, "const WORKSPACE: &str = {:?};", workspace(&manifest, &own)?)?;
    writeln!(table, "const LOCKED: &str = {:?};", locked(&lock, "windlass-sdk")?)?;
    writeln!(table, "const TOOLCHAIN: &str = include_str!({:?});", root.join("rust-toolchain.toml"))?;
    fs::write(out.join("sdk.rs"), table)?;
    Ok(())
}

/// Adds the files below `folder`, named from `base`.
fn collect(base: &Path, folder: &Path, files: &mut BTreeSet<String>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(base, &path, files)?;
        } else {
            let name = path.strip_prefix(base)?.to_str().ok_or("the SDK's files have names in UTF-8")?;
            files.insert(name.replace('\\', "/"));
        }
    }
    Ok(())
}

/// The manifest of a workspace that holds the SDK alone: what the SDK takes from this one.
fn workspace(manifest: &str, sdk: &str) -> Result<String, Box<dyn Error>> {
    let section = |name: &str| {
        let body = manifest.split_once(&format!("\n[{name}]\n")).ok_or(format!("no [{name}]"))?.1;
        Ok::<&str, String>(body.split("\n[").next().unwrap_or(body).trim_end())
    };
    let mut text = String::from("[workspace]\nresolver = \"3\"\nmembers = [\"json\", \"rust\"]\n");
    write!(text, "\n[workspace.package]\n{}\n", section("workspace.package")?)?;
    text.push_str("\n[workspace.dependencies]\n");
    for line in section("workspace.dependencies")?.lines() {
        let Some((name, _)) = line.split_once(" = ") else { continue };
        if sdk.lines().any(|line| {
            line.starts_with(&format!("{name}.workspace")) || line.starts_with(&format!("{name} = "))
        }) {
            // What is a folder of the SDK here is one beside it there.
            writeln!(text, "{}", line.replace("\"sdk/", "\""))?;
        }
    }
    for lints in ["workspace.lints.rust", "workspace.lints.clippy"] {
        write!(text, "\n[{lints}]\n{}\n", section(lints)?)?;
    }
    Ok(text)
}

/// The part of a lock file that `package` needs, itself included.
fn locked(lock: &str, package: &str) -> Result<String, Box<dyn Error>> {
    let mut packages: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for block in lock.split("[[package]]\n").skip(1) {
        let name =
            block.lines().find_map(|line| line.strip_prefix("name = ")).ok_or("a package has a name")?;
        packages.entry(name.trim_matches('"')).or_default().push(block);
    }
    let mut wanted = BTreeSet::new();
    let mut left = vec![package.to_owned()];
    while let Some(spec) = left.pop() {
        // `name`, or `name version` where there are several.
        let (name, version) = spec.split_once(' ').map_or((&*spec, None), |(name, rest)| (name, Some(rest)));
        let found =
            packages.get(name).into_iter().flatten().find(|block| {
                version.is_none_or(|version| block.contains(&format!("version = \"{version}\"")))
            });
        let block = found.ok_or_else(|| format!("Cargo.lock lacks {spec}"))?;
        if wanted.insert(*block) {
            let dependencies = block.split_once("dependencies = [").map_or("", |(_, rest)| rest);
            left.extend(
                dependencies
                    .lines()
                    .filter_map(|line| line.trim().strip_prefix('"')?.split('"').next())
                    .map(str::to_owned),
            );
        }
    }
    Ok(wanted.into_iter().map(|block| format!("[[package]]\n{}\n\n", block.trim_end())).collect())
}
