//! Bodies and responses.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::Stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WARNING};
use http::{Response, StatusCode};
use http_body::Frame;
use serde_json::Value;

use crate::request::representation::Encoding;
use crate::status::ApiError;

/// A response's body: pieces that are there already, or a stream that a watch feeds.
pub(crate) struct Body(Kind);

enum Kind {
    Pieces(VecDeque<Bytes>),
    Stream(Pin<Box<dyn Stream<Item = Bytes> + Send>>),
}

impl Body {
    pub(crate) fn empty() -> Body {
        Body(Kind::Pieces(VecDeque::new()))
    }

    pub(crate) fn pieces(pieces: impl Into<VecDeque<Bytes>>) -> Body {
        Body(Kind::Pieces(pieces.into()))
    }

    pub(crate) fn stream(stream: impl Stream<Item = Bytes> + Send + 'static) -> Body {
        Body(Kind::Stream(Box::pin(stream)))
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Body {
        Body::pieces([bytes])
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match &mut self.0 {
            Kind::Pieces(pieces) => Poll::Ready(pieces.pop_front().map(|piece| Ok(Frame::data(piece)))),
            Kind::Stream(stream) => {
                stream.as_mut().poll_next(cx).map(|next| next.map(|piece| Ok(Frame::data(piece))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.0, Kind::Pieces(pieces) if pieces.is_empty())
    }

    fn size_hint(&self) -> http_body::SizeHint {
        match &self.0 {
            Kind::Pieces(pieces) => {
                http_body::SizeHint::with_exact(pieces.iter().map(|piece| piece.len() as u64).sum())
            }
            Kind::Stream(_) => http_body::SizeHint::default(),
        }
    }
}

/// A response with a body in `encoding`.
pub(crate) fn with_body(code: u16, encoding: Encoding, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(code).expect("codes are written in this crate");
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(encoding.media_type()));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    response
}

/// A response that holds `value`.
pub(crate) fn value(code: u16, encoding: Encoding, value: &Value) -> Response<Body> {
    let text = match encoding {
        Encoding::Json => value.to_string(),
        Encoding::Yaml => serde_saphyr::to_string(value).unwrap_or_else(|_| value.to_string()),
    };
    with_body(code, encoding, Body::from(Bytes::from(text)))
}

/// JSON text that is there already, turned into YAML where the client asked for it.
pub(crate) fn json(code: u16, encoding: Encoding, pieces: VecDeque<Bytes>) -> Response<Body> {
    if encoding == Encoding::Json {
        return with_body(code, encoding, Body::pieces(pieces));
    }
    let text: Vec<u8> = pieces.iter().flatten().copied().collect();
    match serde_json::from_slice(&text) {
        Ok(parsed) => value(code, encoding, &parsed),
        Err(reason) => error(&ApiError::internal(reason), encoding),
    }
}

pub(crate) fn text(code: u16, text: String) -> Response<Body> {
    let mut response = with_body(code, Encoding::Json, Body::from(Bytes::from(text)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// An error as a Status, whatever shape was asked for.
pub(crate) fn error(error: &ApiError, encoding: Encoding) -> Response<Body> {
    let mut response = value(error.code, encoding, &error.to_status());
    if error.retry_after_seconds() > 0 {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(error.retry_after_seconds()));
    }
    if error.code == 401 {
        const WWW_AUTHENTICATE: HeaderName = http::header::WWW_AUTHENTICATE;
        response
            .headers_mut()
            .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"kubernetes-api\""));
    }
    response
}

/// Adds `Warning: 299 - "..."` headers, each warning once, within kube-apiserver's bounds.
pub(crate) fn warn(response: &mut Response<Body>, warnings: &[String]) {
    const WARNINGS_MAX: usize = 64;
    const WARNING_BYTES_MAX: usize = 256;
    let mut said: Vec<&String> = Vec::new();
    for warning in warnings {
        if said.contains(&warning) || said.len() == WARNINGS_MAX {
            continue;
        }
        said.push(warning);
        let mut text = String::with_capacity(warning.len());
        for c in warning.chars().filter(|c| !c.is_control()) {
            if text.len() + c.len_utf8() > WARNING_BYTES_MAX {
                break;
            }
            if matches!(c, '"' | '\\') {
                text.push('\\');
            }
            text.push(c);
        }
        if let Ok(header) = HeaderValue::from_bytes(format!("299 - \"{text}\"").as_bytes()) {
            response.headers_mut().append(WARNING, header);
        }
    }
}
