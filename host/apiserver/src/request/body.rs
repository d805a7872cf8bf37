//! Reading bodies: bounded, JSON or YAML, and protobuf for built-in kinds.

use bytes::Bytes;
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::Value;
use windlass_schema::protobuf::{DecodeError, Messages};
use windlass_schema::structural::duplicate_fields;

use super::representation::{Encoding, Format, body_format, without_protobuf};
use crate::status::ApiError;

/// The largest body that is read, as kube-apiserver has it.
pub(crate) const BODY_BYTES_MAX: usize = 3 * 1024 * 1024;

/// Why bytes are not a document; the message as Go's decoders word it where they can be matched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ParseError {
    #[error("json parse error: {0}")]
    Json(String),
    #[error("yaml parse error: {0}")]
    Yaml(String),
    #[error("protobuf parse error: {0}")]
    Protobuf(String),
}

/// Reads the whole body.
///
/// # Errors
/// 413 over [`BODY_BYTES_MAX`], 400 where the connection failed.
pub(crate) async fn read<B>(body: B) -> Result<Bytes, ApiError>
where
    B: Body<Data = Bytes>,
    B::Error: Into<tower::BoxError>,
{
    match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => {
            Err(ApiError::too_large(BODY_BYTES_MAX))
        }
        Err(error) => Err(ApiError::bad_request(format!("the body could not be read: {error}"))),
    }
}

/// # Errors
/// The bytes are not one document in that encoding.
pub(crate) fn parse(bytes: &[u8], encoding: Encoding) -> Result<Value, ParseError> {
    match encoding {
        Encoding::Json => serde_json::from_slice(bytes).map_err(|error| ParseError::Json(error.to_string())),
        Encoding::Yaml => {
            let text = std::str::from_utf8(bytes).map_err(|error| ParseError::Yaml(error.to_string()))?;
            serde_saphyr::from_str(text).map_err(|error| ParseError::Yaml(error.to_string()))
        }
    }
}

/// The object that a body holds, whatever its format; `expected` is the kind that it should be of.
///
/// # Errors
/// 400 where it is no document or not an object, 415 for a format that is not read, or not for this kind.
pub(crate) fn object(
    bytes: &[u8],
    content_type: Option<&str>,
    messages: &Messages,
    expected: &str,
) -> Result<Value, ApiError> {
    let parsed = match body_format(content_type)? {
        Format::Text(encoding) => parse(bytes, encoding),
        Format::Protobuf => match messages.decode(bytes) {
            Err(error @ DecodeError::UnknownKind { .. }) => return Err(without_protobuf(&error)),
            decoded => decoded.map_err(|error| ParseError::Protobuf(chain(&error))),
        },
    };
    let parsed = parsed.and_then(|value| match value {
        Value::Object(_) => Ok(value),
        _ => Err(ParseError::Json(
            "cannot unmarshal this value into an object with apiVersion and kind".into(),
        )),
    });
    parsed.map_err(|error| {
        ApiError::bad_request(format!(
            "the object provided is unrecognized (must be of type {expected}): couldn't get version/kind; {error} ({})",
            summary(bytes)
        ))
    })
}

/// An error with all its sources.
fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}

/// The fields that a body gives twice: `duplicate field "spec.replicas"`. YAML that does so is not parsed at all, and
/// in protobuf it is allowed.
pub(crate) fn duplicates(bytes: &[u8], format: Format) -> Vec<String> {
    match (format, std::str::from_utf8(bytes)) {
        (Format::Text(Encoding::Json), Ok(text)) => duplicate_fields(text),
        _ => Vec::new(),
    }
}

/// How an error message shows a body that it could not make sense of.
pub(crate) fn summary(bytes: &[u8]) -> String {
    const SHOWN_BYTES: usize = 30;
    let more = if bytes.len() > SHOWN_BYTES { " ..." } else { "" };
    let head = &bytes[..bytes.len().min(SHOWN_BYTES)];
    match bytes.first() {
        None => "<empty>".to_owned(),
        Some(b'{') => format!("{}{more}", String::from_utf8_lossy(head)),
        Some(_) => {
            let hex: String = head.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{hex}{more}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn repeated_fields_are_noticed_and_the_last_one_counts() {
        let text = br#"{"a":{"b":1,"b":2}}"#;
        assert_eq!(parse(text, Encoding::Json).unwrap(), json!({"a": {"b": 2}}));
        assert_eq!(duplicates(text, Format::Text(Encoding::Json)), [r#"duplicate field "a.b""#]);
    }

    #[test]
    fn nonsense_is_an_error_that_shows_the_place() {
        assert!(matches!(parse(b"{", Encoding::Json), Err(ParseError::Json(_))));
        assert!(matches!(parse(b"{} {}", Encoding::Json), Err(ParseError::Json(_))));
        assert!(matches!(parse(b"a: [", Encoding::Yaml), Err(ParseError::Yaml(_))));
        assert_eq!(summary(b"nonsense"), "6e6f6e73656e7365");
        let deep = "[".repeat(100_000);
        assert!(parse(deep.as_bytes(), Encoding::Json).is_err());
    }

    #[test]
    fn yaml_is_read_like_json() {
        let value = parse(b"a:\n  b: 1\n  c: \"1\"\n", Encoding::Yaml).unwrap();
        assert_eq!(value, json!({"a": {"b": 1, "c": "1"}}));
    }

    #[tokio::test]
    async fn a_body_over_three_mebibytes_is_refused() {
        let body = http_body_util::Full::new(Bytes::from(vec![b' '; BODY_BYTES_MAX + 1]));
        assert_eq!(read(body).await.unwrap_err().code, 413);
    }
}
