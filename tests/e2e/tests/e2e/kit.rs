//! The author's kit: from an empty folder to a plugin that serves.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use kube::api::{Api, DynamicObject};
use serde_json::{Value, json};
use windlass_test_probe::{api, apply, wait_for};

use crate::control_plane::ControlPlane;

/// A folder in which an author works, with the binary on the path.
struct Author {
    root: tempfile::TempDir,
    path: std::ffi::OsString,
}

impl Author {
    fn new() -> Author {
        let root = tempfile::tempdir().expect("a folder");
        let programs = root.path().join("bin");
        fs::create_dir(&programs).expect("a folder in it");
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_windlass-under-test"), programs.join("windlass"))
            .expect("a link to the binary under test");
        let present = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(programs).chain(std::env::split_paths(&present)))
            .expect("a path of paths");
        fs::create_dir(root.path().join("work")).expect("a folder in it");
        Author { root, path }
    }

    fn folder(&self) -> PathBuf {
        self.root.path().join("work")
    }

    /// A program as the author would run it: nothing is known of the cargo that runs these tests. All share what they
    /// have built, and nothing is fetched.
    fn program(&self, program: &str, folder: &Path) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            let outer = name.to_str().is_some_and(|name| {
                (name.starts_with("CARGO_") && name != "CARGO_HOME") || name.starts_with("RUSTFLAGS")
            });
            if outer {
                command.env_remove(name);
            }
        }
        command
            .current_dir(folder)
            .env("PATH", &self.path)
            .env("CARGO_NET_OFFLINE", "true")
            .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("plugins"));
        command
    }

    fn windlass(&self, folder: &Path, arguments: &[&str]) -> Output {
        self.program("windlass", folder).args(arguments).output().expect("the binary under test runs")
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// What the processes that were waited for here took of the processors.
fn processor_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux tells");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("after the name").split_whitespace().collect();
    // cutime and cstime, in hundredths of a second, are fields 16 and 17; the first here is the third.
    let ticks: u64 = [13, 14].iter().map(|at| fields[*at].parse::<u64>().expect("a number")).sum();
    Duration::from_millis(ticks * 10)
}

#[test]
fn a_plugin_begun_in_an_empty_folder_passes_its_test_within_three_minutes() {
    let author = Author::new();
    let before = processor_time();
    let made = author
        .windlass(&author.folder(), &["plugin", "new", "gizmo", "--kind", "gizmos.example.com/v1/Plugin"]);
    assert!(made.status.success(), "{}", text(&made));
    let folder = author.folder().join("gizmo");
    let tested = author.windlass(&folder, &["plugin", "test", "-o", "json"]);
    assert!(tested.status.success(), "{}", text(&tested));
    let report: Value = serde_json::from_slice(&tested.stdout).expect("JSON");
    assert_eq!(report["cases"][0]["verdict"], "passed", "{report}");
    // Other tests run beside this one; on one processor of its own this is how long it would take.
    let took = processor_time().saturating_sub(before);
    assert!(took < Duration::from_secs(180), "{took:?}");

    let native = author.program("cargo", &folder).args(["test", "--lib"]).output().expect("cargo runs");
    assert!(native.status.success(), "{}", text(&native));

    fs::write(folder.join("cases/replicas-of-an-example/expected.yaml"), "result: {replicas: 4}\n").unwrap();
    let failed = author.windlass(&folder, &["plugin", "test"]);
    assert_eq!(failed.status.code(), Some(1));
    let shown = text(&failed);
    assert!(
        shown.contains("result.replicas") && shown.contains("expected 4") && shown.contains("answered 3"),
        "{shown}"
    );

    let run = ["plugin", "run", "--case", "cases/replicas-of-an-example", "-o", "json"];
    let run = author.windlass(&folder, &run);
    let answer: Value = serde_json::from_slice(&run.stdout).unwrap_or_else(|_| panic!("{}", text(&run)));
    assert_eq!(answer["result"]["replicas"], 3);
    assert_eq!(
        answer["trace"]["hangsOn"],
        json!([{"field": "object.spec.replicas", "value": 3, "how": "decides"}])
    );
    assert!(answer["trace"]["memoryBytes"].as_u64().unwrap() > 0);
    assert!(answer["trace"]["warm"]["medianMicroseconds"].as_f64().unwrap() > 0.0);

    fs::write(folder.join("src/lib.rs"), "fn broken(").unwrap();
    let broken = author.windlass(&folder, &["plugin", "build"]);
    assert!(!broken.status.success());
    assert!(
        text(&broken).contains("src/lib.rs") && text(&broken).contains("does not build"),
        "{}",
        text(&broken)
    );
}

#[test]
fn what_an_author_lacks_is_said_with_its_remedy() {
    let author = Author::new();
    let folder = author.folder();
    let said = |arguments: &[&str]| {
        let output = author.windlass(&folder, arguments);
        assert!(!output.status.success(), "{arguments:?}");
        text(&output)
    };
    assert!(said(&["plugin", "test"]).contains("windlass plugin new"));
    assert!(said(&["plugin", "new", "Bad_Name", "--kind", "v1/Pod"]).contains("lower-case letters"));
    assert!(said(&["plugin", "new", "good", "--kind", "Pod"]).contains("GROUP/VERSION/Kind"));
    assert!(said(&["plugin", "new", "good"]).contains("--kind"));
    assert!(said(&["plugin", "inspect", "./nothing.wasm"]).contains("nothing.wasm"));

    let made = author.windlass(&folder, &["plugin", "new", "good", "--kind", "v1/Pod"]);
    assert!(made.status.success(), "{}", text(&made));
    assert!(said(&["plugin", "new", "good", "--kind", "v1/Pod"]).contains("--path"));
    assert!(said(&["plugin", "test", "good", "--cases", "nowhere"]).contains("nowhere"), "no cases");

    // A rustup without the target: what cargo says then.
    let cargo = author.root.path().join("bin/cargo");
    let script =
        "#!/bin/sh\necho \"note: the \\`wasm32-wasip2\\` target may not be installed\" >&2\nexit 101\n";
    fs::write(&cargo, script).unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&cargo, executable).unwrap();
    assert!(said(&["plugin", "build", "good"]).contains("rustup target add wasm32-wasip2"));
}

/// A block of the tutorial.
struct Block<'a> {
    /// What is behind the fence: `sh`, `sh fails`, `text`, `rust`, `yaml`.
    info: &'a str,
    body: &'a str,
}

fn blocks(page: &str) -> Vec<Block<'_>> {
    let parts: Vec<&str> = page.split("\n```").collect();
    // Every second part is inside a fence; the others begin with what ended the one before.
    let inside = parts.iter().skip(1).step_by(2);
    inside
        .map(|part| part.split_once('\n').map_or((*part, ""), |(info, body)| (info, body)))
        .map(|(info, body)| Block { info, body })
        .collect()
}

/// Whether `line` of the tutorial is in what was printed, whatever the spaces between its words.
fn is_printed(line: &str, printed: &str) -> bool {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let wanted = words(line);
    printed.lines().any(|printed| words(printed).contains(&wanted))
}

/// Does what the tutorial says, in its order; the folder in which its plugins are.
fn follow(author: &Author, page: &str) {
    let mut folder = author.folder();
    let mut printed = String::new();
    for Block { info, body } in blocks(page) {
        match info {
            "sh" | "sh fails" => {
                let script = format!("set -eu\n{body}\npwd > {:?}", author.root.path().join("pwd"));
                let output =
                    author.program("sh", &folder).args(["-c", &script]).output().expect("a shell runs");
                printed = text(&output);
                assert_eq!(output.status.success(), info == "sh", "{body}\n{printed}");
                if let Ok(ended_in) = fs::read_to_string(author.root.path().join("pwd")) {
                    folder = PathBuf::from(ended_in.trim());
                }
            }
            "text" => {
                for line in body.lines() {
                    assert!(
                        is_printed(line, &printed),
                        "the tutorial says {line:?}; printed was:\n{printed}"
                    );
                }
            }
            "rust" | "yaml" => {
                let (first, _) = body.split_once('\n').expect("a file has lines");
                let path = folder.join(first.trim_start_matches(['/', '#', ' ']));
                fs::create_dir_all(path.parent().expect("a file is in a folder")).unwrap();
                fs::write(&path, body).unwrap();
            }
            other => panic!("a block of {other:?} in the tutorial is neither run nor compared"),
        }
    }
}

const CRON_TABS: &str = "{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: crontabs.example.com},
 spec: {group: example.com, scope: Namespaced, names: {kind: CronTab, listKind: CronTabList, plural: crontabs, singular: crontab},
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object,
   x-kubernetes-preserve-unknown-fields: true}}}]}}";

const POLICY: &str = "{apiVersion: policy.karmada.io/v1alpha1, kind: PropagationPolicy, metadata: {name: tabs, namespace: default},
 spec: {resourceSelectors: [{apiVersion: example.com/v1, kind: CronTab}], placement: {}}}";

const NIGHTLY: &str =
    "{apiVersion: example.com/v1, kind: CronTab, metadata: {name: nightly, namespace: default},
 spec: {replicas: 3}, status: {phase: Running, readyReplicas: 2}}";

/// The tutorial as it is read; then what it promises of a control plane.
#[tokio::test]
async fn the_tutorial_can_be_followed() {
    let author = Author::new();
    let page = include_str!("../../../../sdk/README.md");
    follow(&author, page);

    let plugins = author.folder().join("plugins");
    let arguments = ["--plugin-dir", plugins.to_str().expect("a path in UTF-8")];
    let control_plane = ControlPlane::start("members: [{name: member1}]", &arguments).await;
    let client = control_plane.client().await;
    apply(&control_plane.member("member1").await, CRON_TABS).await;
    for manifest in [CRON_TABS, POLICY, NIGHTLY] {
        apply(&client, manifest).await;
    }
    let bindings: Api<DynamicObject> = api(&client, "work.karmada.io/v1alpha2", "ResourceBinding", "default");
    wait_for(&bindings, "nightly-crontab", "interpreted", |binding| binding["spec"]["replicas"] == 3).await;
    let events: Api<DynamicObject> = api(&client, "v1", "Event", "default");
    let event = wait_for(&events, "crontab.wasm.printed", "told", |event| {
        event["message"].as_str().is_some_and(|message| message.contains("are ready"))
    })
    .await;
    assert_eq!(event["involvedObject"]["kind"], "Plugin", "{event}");
}
