//! `windlass webhook` as a Karmada control plane sees it: registered by what it prints, asked over TLS.

use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};

use http::Request;
use kube::client::Body;
use serde_json::{Value, json};
use tempfile::TempDir;
use windlass_test_probe::{api, apply, until, wait_for};

use crate::control_plane::{BINARY, ControlPlane, windlass};
use crate::plugins::{POLICY, THINGS, THINKER, bindings, events, thing};

/// A running server. Killed, by its own id, when dropped.
struct Webhook {
    process: Child,
    arguments: Vec<String>,
    /// What a control plane is told.
    printed: String,
    registered: Registered,
    _data: TempDir,
}

impl Webhook {
    async fn start(more: &[&str]) -> Webhook {
        let data = TempDir::new().unwrap();
        // Printed before the server runs, so both have to know the port.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (port, folder) = (port.to_string(), data.path().join("keys"));
        let arguments = ["webhook", "--port", &port, "--cert-dir", folder.to_str().unwrap()];
        let arguments = [&arguments, more].concat();
        let printed = stdout(&windlass(&[&arguments[..], &["--print-configuration"]].concat()));
        let registered = Registered::read(&printed).await;
        let arguments: Vec<_> = arguments.into_iter().map(str::to_owned).collect();
        let process = Webhook::run(&arguments);
        let webhook = Webhook { process, arguments, printed, registered, _data: data };
        webhook.until_ready().await;
        webhook
    }

    fn run(arguments: &[String]) -> Child {
        let mut command = Command::new(BINARY);
        command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    async fn until_ready(&self) {
        let ready = async || self.registered.get("/readyz").await.is_ok();
        until("the server to be ready", ready, |ready| *ready).await;
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    async fn start_again(&mut self) {
        self.process = Webhook::run(&self.arguments);
        self.until_ready().await;
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        // Already ended is fine.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a ResourceInterpreterWebhookConfiguration says, and a client that believes it.
struct Registered {
    rules: Vec<Value>,
    client: kube::Client,
}

impl Registered {
    async fn read(configuration: &str) -> Registered {
        let configuration: Value = serde_saphyr::from_str(configuration).unwrap();
        let webhook = &configuration["webhooks"][0];
        let url: http::Uri = webhook["clientConfig"]["url"].as_str().unwrap().parse().unwrap();
        assert_eq!(url.path(), "/interpret");
        // As a kubeconfig would say it: the authority's certificate is base64 there too.
        let server = format!("https://{}", url.authority().unwrap());
        let kubeconfig = json!({"apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": server,
                "certificate-authority-data": webhook["clientConfig"]["caBundle"]}}],
            "users": [{"name": "u", "user": {}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]});
        let kubeconfig = serde_json::from_value(kubeconfig).unwrap();
        let options = kube::config::KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await;
        let client = kube::Client::try_from(config.unwrap()).unwrap();
        Registered { rules: webhook["rules"].as_array().unwrap().clone(), client }
    }

    async fn get(&self, path: &str) -> Result<String, kube::Error> {
        self.client.request_text(Request::get(path).body(Vec::new()).unwrap()).await
    }

    async fn ask(&self, operation: &str, object: Value) -> Value {
        let context = json!({"apiVersion": "config.karmada.io/v1alpha1", "kind": "ResourceInterpreterContext",
            "request": {"uid": "u1", "name": "x", "operation": operation, "object": object,
                "kind": {"group": "apps", "version": "v1", "kind": "Deployment"}}});
        self.post("/interpret?timeout=10s", &context).await.expect("an answer")
    }

    /// The response to a review; `None`: there was no answer.
    async fn post(&self, path: &str, review: &Value) -> Option<Value> {
        let request = Request::post(path).header("content-type", "application/json");
        let request = request.body(Body::from(serde_json::to_vec(review).unwrap())).unwrap();
        let answer = self.client.send(request).await.unwrap();
        if !answer.status().is_success() {
            return None;
        }
        let body = answer.into_body().collect_bytes().await.unwrap();
        let answer: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(answer["response"]["uid"], "u1", "{answer}");
        Some(answer["response"].clone())
    }
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

const POLICY_FOR_ALL: &str = "{apiVersion: policy.karmada.io/v1alpha1, kind: PropagationPolicy, metadata: {name: all, namespace: default},
 spec: {resourceSelectors: [{apiVersion: apps/v1, kind: Deployment}], placement: {}}}";

fn deployment(replicas: Value) -> Value {
    let labels = json!({"app": "x"});
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x", "namespace": "default"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template":
            {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "c"}]}}}})
}

#[tokio::test]
async fn it_is_reached_and_trusted_by_what_it_prints() {
    let mut webhook = Webhook::start(&[]).await;
    let registered = &webhook.registered;
    let kinds = |rule: &Value| rule["kinds"].to_string();
    assert!(registered.rules.iter().any(|rule| kinds(rule).contains("FlinkDeployment")));
    // What is answered for every kind there is would send every object here.
    assert!(!registered.rules.iter().any(|rule| kinds(rule).contains('*')), "{:?}", registered.rules);

    let answer = registered.ask("InterpretReplica", deployment(json!(3))).await;
    assert_eq!((&answer["successful"], &answer["replicas"]), (&json!(true), &json!(3)));
    let answer = registered.ask("InterpretReplica", deployment(json!("many"))).await;
    let message = answer["status"]["message"].as_str().unwrap();
    assert_eq!((&answer["successful"], &answer["status"]["code"]), (&json!(false), &json!(422)));
    assert!(message.contains("plugin kubernetes") && message.contains("spec.replicas"), "{message}");
    let metrics = registered.get("/metrics").await.unwrap();
    assert!(metrics.contains(r#"requests_total{operation="InterpretReplica",code="422"} 1"#), "{metrics}");

    let id = webhook.process.id().to_string();
    assert!(Command::new("kill").arg(&id).status().unwrap().success());
    let mut ask = || webhook.process.try_wait().unwrap();
    let status = until("the server to stop", || std::future::ready(ask()), Option::is_some).await;
    assert!(status.unwrap().success());
}

#[tokio::test]
async fn a_whole_control_plane_serves_it_too() {
    let control_plane = ControlPlane::start("members: []", &["--webhook-port", "0"]).await;
    let configuration =
        std::fs::read_to_string(control_plane.path("data/webhook-configuration.yaml")).unwrap();
    let registered = Registered::read(&configuration).await;
    let answer = registered.ask("InterpretReplica", deployment(json!(2))).await;
    assert_eq!(answer["replicas"], 2);
}

/// One process answers what another one asks.
#[tokio::test]
async fn a_control_plane_asks_the_webhooks_that_are_configured() {
    let plugins = TempDir::new().unwrap();
    std::fs::write(plugins.path().join("thinker.wasm"), THINKER.component()).unwrap();
    let mut webhook = Webhook::start(&["--plugin-dir", plugins.path().to_str().unwrap()]).await;

    let control_plane = ControlPlane::start("members: [{name: member1}]", &[]).await;
    let client = control_plane.client().await;
    apply(&control_plane.member("member1").await, THINGS).await;
    apply(&client, THINGS).await;
    apply(&client, POLICY).await;
    apply(&client, &thing("first")).await;
    let bindings = bindings(&client);
    let before = wait_for(&bindings, "first-thing", "made", Value::is_object).await;
    assert_eq!(before["spec"].get("replicas"), None, "nobody can tell");

    apply(&client, &webhook.printed).await;
    let replicas = |binding: &Value| binding["spec"]["replicas"] == 3;
    wait_for(&bindings, "first-thing", "interpreted by the webhook", replicas).await;
    let metrics = client.request_text(Request::get("/metrics").body(Vec::new()).unwrap()).await.unwrap();
    let counted = r#"windlass_remote_interpreter_calls_total{webhook="windlass/interpreters.windlass.io",operation="InterpretReplica",result="Ok"}"#;
    assert!(metrics.contains(counted), "{metrics}");
    webhook.kill();
    apply(&client, &thing("second")).await;
    let notes =
        until("the event", || events(&client, "InterpretationFailed"), |notes| !notes.is_empty()).await;
    assert!(notes.iter().all(|note| note.contains("windlass/interpreters.windlass.io")), "{notes:?}");

    webhook.start_again().await;
    wait_for(&bindings, "second-thing", "interpreted by the webhook that is back", replicas).await;

    let configurations =
        api(&client, "config.karmada.io/v1alpha1", "ResourceInterpreterWebhookConfiguration", "");
    configurations.delete("windlass", &Default::default()).await.unwrap();
    let nobody = |binding: &Value| binding["spec"].get("replicas").is_none();
    wait_for(&bindings, "second-thing", "interpreted by nobody", nobody).await;
}

/// It asks itself, and the question does not go round for ever.
#[tokio::test]
async fn a_control_plane_may_be_its_own_webhook() {
    let control_plane = ControlPlane::start("members: [{name: member1}]", &["--webhook-port", "0"]).await;
    let client = control_plane.client().await;
    let configuration =
        std::fs::read_to_string(control_plane.path("data/webhook-configuration.yaml")).unwrap();
    apply(&client, &configuration).await;
    apply(&client, &format!("{}\n---\n{POLICY_FOR_ALL}", deployment(json!(2)))).await;
    let made = |binding: &Value| {
        binding["spec"]["components"][0]["replicas"] == 2 || binding["spec"]["replicas"] == 2
    };
    wait_for(&bindings(&client), "x-deployment", "interpreted", made).await;
    let asked = async || {
        let request = Request::get("/metrics").body(Vec::new()).unwrap();
        client.request_text(request).await.unwrap()
    };
    let counted = "windlass_remote_interpreter_calls_total{webhook=\"windlass/interpreters.windlass.io\"";
    let metrics = until("it to be asked", asked, |metrics| metrics.contains(counted)).await;
    assert!(!metrics.contains("result=\"Deadline\""), "{metrics}");
}

#[test]
fn what_cannot_be_served_is_refused_with_the_remedy() {
    let refused = |arguments: &[&str]| {
        let output = windlass(&[&["webhook"], arguments].concat());
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    for (arguments, want) in [
        (vec!["--print-configuration", "--bind", "0.0.0.0"], "--service"),
        (vec!["--print-configuration", "--port", "0"], "--url"),
        (vec!["--print-configuration", "--url", "http://a"], "https://HOST"),
        (vec!["--print-configuration", "--plugin", "nobody"], "kubernetes"),
        (vec!["--tls-cert-file", "nowhere.crt"], "--tls-private-key-file"),
        (vec!["--port", "0", "--tls-cert-file", "nowhere.crt", "--tls-private-key-file", "n"], "nowhere.crt"),
        (vec!["--service", "windlass"], "NAMESPACE/NAME"),
    ] {
        let said = refused(&arguments);
        assert!(said.contains(want), "{arguments:?}: {said}");
    }
}

const QUOTA: &str = "{apiVersion: policy.karmada.io/v1alpha1, kind: FederatedResourceQuota, metadata: {name: team, namespace: default},
 spec: {overall: {cpu: '1'}}}";

#[tokio::test]
async fn it_enforces_the_quotas_of_the_control_plane_it_is_told_of() {
    let control_plane = ControlPlane::start("members: []", &[]).await;
    apply(&control_plane.client().await, QUOTA).await;
    let kubeconfig = control_plane.path("data/kubeconfig").display().to_string();
    let webhook = Webhook::start(&["--kubeconfig", &kubeconfig]).await;
    let binding = |name: &str, replicas: i64| {
        json!({"apiVersion": "work.karmada.io/v1alpha2", "kind": "ResourceBinding",
            "metadata": {"name": name, "namespace": "default", "uid": name, "generation": 1, "resourceVersion": "1"},
            "spec": {"resource": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
                "replicaRequirements": {"resourceRequest": {"cpu": "100m"}},
                "clusters": [{"name": "member1", "replicas": replicas}]}})
    };
    let ask = async |name: &str, replicas: i64| {
        let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
            "uid": "u1", "operation": "UPDATE", "name": name, "namespace": "default", "userInfo": {},
            "kind": {"group": "work.karmada.io", "version": "v1alpha2", "kind": "ResourceBinding"},
            "resource": {"group": "work.karmada.io", "version": "v1alpha2", "resource": "resourcebindings"},
            "object": binding(name, replicas), "oldObject": binding(name, 0)}});
        webhook.registered.post("/validate", &review).await
    };
    // Until it has seen all there is it gives no answer.
    let allowed = until("the first answer", || ask("web", 8), Option::is_some).await.unwrap();
    assert_eq!(allowed["allowed"], true, "{allowed}");
    let refused = ask("more", 3).await.unwrap();
    assert_eq!((&refused["allowed"], &refused["status"]["code"]), (&json!(false), &json!(403)));
    let said = refused["status"]["message"].as_str().unwrap();
    assert!(
        said.contains("default/team is exceeded (cpu: wanted 300m, used 800m, limit 1, over by 100m)"),
        "{said}"
    );
}
