//! Which representation a client accepts, and which its body has.

use crate::status::ApiError;

/// What a response can be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Json,
    Yaml,
}

impl Encoding {
    pub(crate) const fn media_type(self) -> &'static str {
        match self {
            Encoding::Json => "application/json",
            Encoding::Yaml => "application/yaml",
        }
    }
}

/// What objects are turned into before they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// As they are.
    Object,
    /// meta.k8s.io/v1 Table
    Table,
    /// meta.k8s.io/v1 PartialObjectMetadata and its list
    Metadata,
    /// apidiscovery.k8s.io, in the version named
    Discovery(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Accept {
    pub(crate) encoding: Encoding,
    pub(crate) shape: Shape,
}

const ACCEPTED: &str = "application/json, application/yaml";

/// Chooses the first of the client's media types that can be served.
///
/// # Errors
/// 406 where none can.
pub(crate) fn accept(header: Option<&str>) -> Result<Accept, ApiError> {
    let header = header.map(str::trim).filter(|header| !header.is_empty()).unwrap_or("*/*");
    let mut clauses: Vec<(f32, &str)> = header.split(',').map(|clause| (quality(clause), clause)).collect();
    clauses.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    clauses
        .into_iter()
        .find_map(|(_, clause)| serve(clause))
        .ok_or_else(|| ApiError::not_acceptable(ACCEPTED))
}

fn quality(clause: &str) -> f32 {
    parameters(clause).find(|(key, _)| *key == "q").and_then(|(_, value)| value.parse().ok()).unwrap_or(1.0)
}

fn parameters(clause: &str) -> impl Iterator<Item = (&str, &str)> {
    clause.split(';').skip(1).filter_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        Some((key.trim(), value.trim().trim_matches('"')))
    })
}

fn serve(clause: &str) -> Option<Accept> {
    let media = clause.split(';').next().unwrap_or_default().trim();
    let encoding = match media {
        "application/json" | "*/*" | "application/*" => Encoding::Json,
        "application/yaml" => Encoding::Yaml,
        _ => return None,
    };
    let parameter =
        |name: &str| parameters(clause).find(|(key, _)| *key == name).map_or("", |(_, value)| value);
    let shape = match (parameter("as"), parameter("g"), parameter("v")) {
        ("", _, _) => Shape::Object,
        ("Table", "meta.k8s.io", "v1") => Shape::Table,
        ("PartialObjectMetadata" | "PartialObjectMetadataList", "meta.k8s.io", "v1") => Shape::Metadata,
        ("APIGroupDiscoveryList", "apidiscovery.k8s.io", "v2") => Shape::Discovery("v2"),
        ("APIGroupDiscoveryList", "apidiscovery.k8s.io", "v2beta1") => Shape::Discovery("v2beta1"),
        _ => return None,
    };
    Some(Accept { encoding, shape })
}

/// How a body that holds an object is read.
///
/// # Errors
/// 415 for anything but JSON and YAML; a protobuf body is told to use JSON.
pub(crate) fn body_encoding(content_type: Option<&str>) -> Result<Encoding, ApiError> {
    let media = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    match media {
        "" | "application/json" | "*/*" => Ok(Encoding::Json),
        "application/yaml" => Ok(Encoding::Yaml),
        "application/vnd.kubernetes.protobuf" => Err(ApiError::new(
            415,
            "UnsupportedMediaType",
            format!(
                "the body of the request was in application/vnd.kubernetes.protobuf, which this server does not read: \
                 set the client's content type to application/json - accepted media types include: {ACCEPTED}"
            ),
        )),
        _ => Err(ApiError::unsupported_media_type(ACCEPTED)),
    }
}

/// How a patch is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PatchKind {
    Json,
    Merge,
    Strategic,
    Apply,
}

/// # Errors
/// 415, with the types that `strategic` leaves.
pub(crate) fn patch_kind(content_type: Option<&str>, strategic: bool) -> Result<PatchKind, ApiError> {
    let media = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    match media {
        "application/json-patch+json" => Ok(PatchKind::Json),
        "application/merge-patch+json" => Ok(PatchKind::Merge),
        "application/strategic-merge-patch+json" if strategic => Ok(PatchKind::Strategic),
        "application/apply-patch+yaml" => Ok(PatchKind::Apply),
        _ if strategic => Err(ApiError::unsupported_media_type(
            "application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml",
        )),
        _ => Err(ApiError::unsupported_media_type(
            "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_media_type_that_can_be_served_is_taken() {
        let table = accept(Some(
            "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json",
        ));
        assert_eq!(table.unwrap().shape, Shape::Table);
        let go = accept(Some("application/vnd.kubernetes.protobuf,application/json")).unwrap();
        assert_eq!((go.encoding, go.shape), (Encoding::Json, Shape::Object));
        let discovery = accept(Some(
            "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json",
        ));
        assert_eq!(discovery.unwrap().shape, Shape::Discovery("v2"));
        assert_eq!(accept(Some("application/yaml")).unwrap().encoding, Encoding::Yaml);
        assert_eq!(accept(Some("application/yaml;q=0.3,application/json")).unwrap().encoding, Encoding::Json);
        assert_eq!(accept(None).unwrap().encoding, Encoding::Json);
    }

    #[test]
    fn a_client_that_takes_only_protobuf_is_told_what_there_is() {
        assert_eq!(accept(Some("application/vnd.kubernetes.protobuf")).unwrap_err().code, 406);
        let error = body_encoding(Some("application/vnd.kubernetes.protobuf")).unwrap_err();
        assert!(error.code == 415 && error.message.contains("application/json"));
    }

    #[test]
    fn strategic_merge_is_for_built_in_kinds() {
        let media = Some("application/strategic-merge-patch+json");
        assert_eq!(patch_kind(media, true).unwrap(), PatchKind::Strategic);
        assert_eq!(patch_kind(media, false).unwrap_err().code, 415);
        assert_eq!(patch_kind(Some("application/json"), true).unwrap_err().code, 415);
    }
}
