//! Requests as no client library would send them.

use http::request::Builder;
use kube::client::Body;
use serde_json::Value;

/// A server's answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    /// The values of the Warning headers.
    pub(crate) warnings: Vec<String>,
    pub(crate) text: String,
}

/// Sends a body as it is.
pub(crate) async fn send(
    client: &kube::Client,
    method: &str,
    path: &str,
    content_type: &str,
    body: impl Into<Vec<u8>>,
) -> Answer {
    let request = request(method, path).header("content-type", content_type);
    answer(client, request.body(Body::from(body.into())).expect("a request")).await
}

/// Gets a path.
pub(crate) async fn get(client: &kube::Client, path: &str) -> Answer {
    answer(client, request("GET", path).body(Body::empty()).expect("a request")).await
}

fn request(method: &str, path: &str) -> Builder {
    http::Request::builder().method(method).uri(path)
}

async fn answer(client: &kube::Client, request: http::Request<Body>) -> Answer {
    let response = client.send(request).await.expect("the server answers");
    let code = response.status().as_u16();
    let warnings = response.headers().get_all("warning").iter();
    let warnings = warnings.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect();
    let body = response.into_body().collect_bytes().await.expect("the answer is whole");
    Answer { code, warnings, text: String::from_utf8_lossy(&body).into_owned() }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Asserts that it is a Status of this code and reason, and gives its message.
    pub(crate) fn refused(&self, code: u16, reason: &str) -> String {
        let status = self.json();
        let found =
            (self.code, status["kind"].as_str(), status["reason"].as_str(), status["status"].as_str());
        assert_eq!(found, (code, Some("Status"), Some(reason), Some("Failure")), "{}", self.text);
        assert_eq!(status["code"], code);
        status["message"].as_str().expect("a message").to_owned()
    }
}
