//! One of the two servers, and what it has said in a round.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Context;
use futures::StreamExt;
use http::Request;
use kube::client::Body;
use serde_json::Value;

use super::call::Call;
use super::normal;

/// For a whole answer. Nothing that is compared here takes a second.
const PATIENCE: Duration = Duration::from_secs(20);
/// For the next event of a watch whose last one is known to be on its way.
const EVENT_PATIENCE: Duration = Duration::from_secs(4);

#[derive(Clone)]
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) client: kube::Client,
}

/// As it came.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) content_type: String,
    pub(crate) warnings: Vec<String>,
    /// A string where it is not JSON.
    pub(crate) body: Value,
}

impl Peer {
    /// Sends a request without places.
    pub(crate) async fn send(&self, call: &Call) -> anyhow::Result<Answer> {
        self.send_filled(call, &|_| String::new()).await
    }

    fn request(call: &Call, fill: &dyn Fn(&str) -> String) -> anyhow::Result<Request<Body>> {
        let mut request = Request::builder()
            .method(call.method)
            .uri(call.target(fill))
            .header("user-agent", "peers/1.0")
            .header("accept", call.accept.as_deref().unwrap_or("application/json"));
        if let Some(content_type) = &call.content_type {
            request = request.header("content-type", content_type);
        }
        request.body(Body::from(call.bytes(fill))).with_context(|| call.shown())
    }

    async fn send_filled(&self, call: &Call, fill: &dyn Fn(&str) -> String) -> anyhow::Result<Answer> {
        let request = Peer::request(call, fill)?;
        let exchange = async {
            let (head, body) = self.client.send(request).await?.into_parts();
            anyhow::Ok((head, body.collect_bytes().await?))
        };
        let (head, body) = tokio::time::timeout(PATIENCE, exchange)
            .await
            .with_context(|| format!("{} does not answer {}", self.name, call.shown()))?
            .with_context(|| format!("{}: {}", self.name, call.shown()))?;
        let header = |name: &str| {
            let values = head.headers.get_all(name).iter();
            values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect::<Vec<_>>()
        };
        let content_type = header("content-type").join(",");
        let text = String::from_utf8_lossy(&body).into_owned();
        let parsed = match content_type.as_str() {
            "application/yaml" => serde_saphyr::from_str(&text).ok(),
            _ => serde_json::from_slice(&body).ok(),
        };
        Ok(Answer {
            code: head.status.as_u16(),
            content_type,
            warnings: header("warning"),
            body: parsed.unwrap_or(Value::String(text)),
        })
    }
}

/// What the server has said of one object.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) versions: Vec<String>,
    pub(crate) uid: String,
}

/// One server in one round: fills the places of requests, and makes its answers comparable.
pub(crate) struct Session<'a> {
    pub(crate) peer: &'a Peer,
    pub(crate) round: String,
    /// By [`call::key`] of the name.
    pub(crate) known: HashMap<String, Known>,
    pub(crate) continue_token: String,
    start: String,
}

impl<'a> Session<'a> {
    pub(crate) fn new(peer: &'a Peer, round: &str) -> Session<'a> {
        Session {
            peer,
            round: round.to_owned(),
            known: HashMap::new(),
            continue_token: String::new(),
            start: String::new(),
        }
    }

    fn fill(&self, place: &str) -> String {
        let (name, object) = place.split_once(':').unwrap_or((place, ""));
        let known = self.known.get(object);
        match name {
            "ns" => self.round.clone(),
            "version" => known.and_then(|known| known.versions.last().cloned()).unwrap_or("7".to_owned()),
            "first" => known.and_then(|known| known.versions.first().cloned()).unwrap_or("7".to_owned()),
            "uid" => known
                .map_or_else(|| "00000000-0000-4000-8000-000000000000".to_owned(), |known| known.uid.clone()),
            "start" => self.start.clone(),
            "continue" => self.continue_token.clone(),
            _ => String::new(),
        }
    }

    /// Remembers the revision from which the round's events are read.
    pub(crate) async fn begin(&mut self, collection: &str) -> anyhow::Result<()> {
        let call = Call::get(collection).with("limit", "1");
        let answer = self.peer.send_filled(&call, &|place| self.fill(place)).await?;
        self.start = answer.body["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned();
        Ok(())
    }

    pub(crate) async fn send(&mut self, call: &Call) -> anyhow::Result<Answer> {
        let mut answer = self.peer.send_filled(call, &|place| self.fill(place)).await?;
        normal::answer(self, &mut answer);
        Ok(answer)
    }

    /// The events of a watch up to the first one about the object named `last`.
    pub(crate) async fn events(&mut self, call: &Call, last: &str) -> anyhow::Result<Vec<Value>> {
        let request = Peer::request(call, &|place| self.fill(place))?;
        let last = last.replace(super::call::ROUND, &self.round);
        let response = tokio::time::timeout(PATIENCE, self.peer.client.send(request)).await??;
        let mut body = http_body_util::BodyDataStream::new(response.into_body());
        let mut buffer: Vec<u8> = Vec::new();
        let mut events = Vec::new();
        while let Ok(Some(Ok(chunk))) = tokio::time::timeout(EVENT_PATIENCE, body.next()).await {
            buffer.extend_from_slice(&chunk);
            while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = buffer.drain(..=end).collect();
                let mut event: Value = serde_json::from_slice(&line).context("an event")?;
                let name = event["object"]["metadata"]["name"].as_str().unwrap_or_default().to_owned();
                if name == last {
                    return Ok(events);
                }
                if normal::is_of_the_round(self, &event["object"]) {
                    normal::event(self, &mut event);
                    events.push(event);
                }
            }
        }
        events.push(Value::String("the watch ended, or its last event did not come".to_owned()));
        Ok(events)
    }
}
