//! `windlass interpret` and `windlass plugin`, offline.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

const FLINK: &str = include_str!("../../../../host/cli/demo/flink-example.yaml");

fn windlass(arguments: &[&str], input: &str) -> Output {
    let mut process = Command::new(env!("CARGO_BIN_EXE_windlass-under-test"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary under test starts");
    let mut stdin = process.stdin.take().expect("standard input is piped");
    let input = input.to_owned();
    // The process may end before it has read everything.
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()).is_ok());
    let output = process.wait_with_output().expect("the process ends");
    writer.join().expect("the writer ends");
    output
}

fn object(yaml: &str) -> Value {
    serde_saphyr::from_str(yaml).expect("the test's YAML is well formed")
}

#[test]
fn components_are_printed_as_asked() {
    let output =
        windlass(&["interpret", "--operation", "InterpretComponent", "-f", "-", "-o", "json"], FLINK);
    assert!(output.status.success(), "{output:?}");
    let components: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        components[1]["replicaRequirements"]["resourceRequest"],
        json!({"cpu": "2", "memory": "2.048"})
    );
}

#[test]
fn requests_are_answered_in_order_and_a_bad_one_harms_no_other() {
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "namespace": "b"},
        "spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": "1"}}}]}}}});
    let requests = [
        json!({"id": 1, "op": "InterpretComponent", "object": object(FLINK)}),
        json!({"id": "two", "op": "InterpretReplica", "object": deployment}),
        json!({"id": 3, "op": "Nonsense", "object": deployment}),
        json!({"id": 4, "op": "ReviseReplica", "object": deployment, "replicas": 7}),
        json!({"id": 5, "op": "ReviseReplica", "object": deployment}),
        json!({"id": 6, "op": "InterpretHealth", "object": {"apiVersion": "example.com/v1", "kind": "Unheard"}}),
    ];
    let mut input: String = requests.iter().map(|request| format!("{request}\n")).collect();
    input.push_str("not json\n\n");
    let output = windlass(&["interpret", "--requests", "-"], &input);
    assert!(output.status.success(), "{output:?}");
    let answers: Vec<Value> = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect();
    assert_eq!(answers.len(), 7);
    assert_eq!(answers[0]["by"], "flink");
    assert_eq!(answers[0]["result"][0]["name"], "jobmanager");
    assert_eq!(answers[1]["id"], "two");
    assert_eq!(answers[1]["result"]["replicas"], 2);
    assert_eq!(answers[1]["result"]["requirements"]["resourceRequest"], json!({"cpu": "1"}));
    assert!(answers[2]["error"].as_str().unwrap().contains("Nonsense"));
    assert_eq!(answers[3]["result"]["spec"]["replicas"], 7);
    assert!(answers[4]["error"].as_str().unwrap().contains("replicas"));
    assert_eq!(answers[5], json!({"id": 6, "enabled": false, "by": ""}));
    assert!(answers[6]["error"].is_string());
}

#[test]
fn plugins_are_listed_with_digest_kinds_and_operations() {
    let output = windlass(&["plugin", "list", "-o", "json"], "");
    assert!(output.status.success(), "{output:?}");
    let plugins: Value = serde_json::from_slice(&output.stdout).unwrap();
    let flink = plugins.as_array().unwrap().iter().find(|plugin| plugin["name"] == "flink").unwrap();
    assert!(flink["digest"].as_str().unwrap().starts_with("sha256:"));
    assert_eq!(flink["state"], "Serving");
    assert_eq!(flink["kinds"][0]["kind"], "FlinkDeployment");
    let output = windlass(&["plugin", "inspect", "suspension"], "");
    assert!(String::from_utf8_lossy(&output.stdout).contains("resourcebindings"), "{output:?}");
}

#[test]
fn who_has_read_enough_ends_a_command_quietly() {
    for arguments in
        [&["plugin", "list"][..], &["plugin", "inspect", "flink", "-o", "json"], &["completion", "bash"]]
    {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut process = Command::new(env!("CARGO_BIN_EXE_windlass-under-test"));
        let output = process.args(arguments).stdout(writer).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{arguments:?}: {output:?}");
    }
}

#[test]
fn an_error_names_the_file_and_the_remedy() {
    let output = windlass(&["interpret", "--operation", "InterpretHealth", "-f", "/nonexistent.yaml"], "");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nonexistent.yaml"), "{output:?}");
    let output = windlass(&["plugin", "inspect", "nobody"], "");
    assert!(String::from_utf8_lossy(&output.stderr).contains("flink"), "{output:?}");
}
