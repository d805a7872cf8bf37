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
    /// meta.k8s.io/v1 PartialObjectMetadata
    Metadata,
    /// meta.k8s.io/v1 PartialObjectMetadataList
    MetadataList,
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
    first(header, serve, ACCEPTED)
}

/// What an OpenAPI v2 document can be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpenApiV2 {
    Json,
    Protobuf,
}

impl OpenApiV2 {
    pub(crate) const fn media_type(self) -> &'static str {
        match self {
            OpenApiV2::Json => "application/json",
            OpenApiV2::Protobuf => "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
        }
    }

    /// # Errors
    /// 406 where the client takes neither.
    pub(crate) fn accept(header: Option<&str>) -> Result<OpenApiV2, ApiError> {
        const ACCEPTED: &str = "application/json, application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
        let serve = |clause: &str| match media(clause) {
            "application/json" | "*/*" | "application/*" => Some(OpenApiV2::Json),
            // The second is what client-go asks for, though no media type may hold an `@`: it is never answered with.
            "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
            | "application/com.github.proto-openapi.spec.v2@v1.0+protobuf" => Some(OpenApiV2::Protobuf),
            _ => None,
        };
        first(header, serve, ACCEPTED)
    }
}

/// Serves the client's media types in the order of its wishes, until one can be.
fn first<T>(header: Option<&str>, serve: impl Fn(&str) -> Option<T>, accepted: &str) -> Result<T, ApiError> {
    let header = header.map(str::trim).filter(|header| !header.is_empty()).unwrap_or("*/*");
    let mut clauses: Vec<(f32, &str)> = header.split(',').map(|clause| (quality(clause), clause)).collect();
    clauses.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    clauses
        .into_iter()
        .find_map(|(_, clause)| serve(clause))
        .ok_or_else(|| ApiError::not_acceptable(accepted))
}

fn media(clause: &str) -> &str {
    clause.split(';').next().unwrap_or_default().trim()
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
    let encoding = match media(clause) {
        "application/json" | "*/*" | "application/*" => Encoding::Json,
        "application/yaml" => Encoding::Yaml,
        _ => return None,
    };
    let parameter =
        |name: &str| parameters(clause).find(|(key, _)| *key == name).map_or("", |(_, value)| value);
    let shape = match (parameter("as"), parameter("g"), parameter("v")) {
        ("", _, _) => Shape::Object,
        ("Table", "meta.k8s.io", "v1") => Shape::Table,
        ("PartialObjectMetadata", "meta.k8s.io", "v1") => Shape::Metadata,
        ("PartialObjectMetadataList", "meta.k8s.io", "v1") => Shape::MetadataList,
        ("APIGroupDiscoveryList", "apidiscovery.k8s.io", "v2") => Shape::Discovery("v2"),
        ("APIGroupDiscoveryList", "apidiscovery.k8s.io", "v2beta1") => Shape::Discovery("v2beta1"),
        _ => return None,
    };
    Some(Accept { encoding, shape })
}

/// What a body that holds an object is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Text(Encoding),
    /// Kubernetes' own, which only built-in kinds have.
    Protobuf,
}

/// # Errors
/// 415 for anything but JSON, YAML and protobuf.
pub(crate) fn body_format(content_type: Option<&str>) -> Result<Format, ApiError> {
    let media = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    match media {
        "" | "application/json" | "*/*" => Ok(Format::Text(Encoding::Json)),
        "application/yaml" => Ok(Format::Text(Encoding::Yaml)),
        "application/vnd.kubernetes.protobuf" => Ok(Format::Protobuf),
        _ => {
            Err(ApiError::unsupported_media_type(&format!("{ACCEPTED}, application/vnd.kubernetes.protobuf")))
        }
    }
}

/// 415 for a body in protobuf that holds what has none.
pub(crate) fn without_protobuf(why: &impl std::fmt::Display) -> ApiError {
    let message = format!(
        "the body of the request was in an unknown format - {why} - accepted media types include: {ACCEPTED}"
    );
    ApiError::new(415, "UnsupportedMediaType", message)
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
    fn open_api_v2_comes_in_protobuf_under_both_its_names() {
        let accept = |header: &str| OpenApiV2::accept(Some(header));
        for version in ["@v1.0", ".v1.0"] {
            let media = format!("application/com.github.proto-openapi.spec.v2{version}+protobuf");
            assert_eq!(accept(&media).unwrap(), OpenApiV2::Protobuf);
            assert_eq!(accept(&format!("{media};q=0.5, */*")).unwrap(), OpenApiV2::Json);
        }
        assert_eq!(OpenApiV2::accept(None).unwrap(), OpenApiV2::Json);
        assert_eq!(accept("application/vnd.kubernetes.protobuf").unwrap_err().code, 406);
    }

    #[test]
    fn a_client_that_takes_only_protobuf_is_told_what_there_is() {
        assert_eq!(accept(Some("application/vnd.kubernetes.protobuf")).unwrap_err().code, 406);
    }

    #[test]
    fn a_body_is_what_its_media_type_says() {
        let protobuf = body_format(Some("application/vnd.kubernetes.protobuf"));
        assert_eq!(protobuf.unwrap(), Format::Protobuf);
        let yaml = body_format(Some("application/yaml; charset=utf-8"));
        assert_eq!(yaml.unwrap(), Format::Text(Encoding::Yaml));
        assert_eq!(body_format(Some("text/plain")).unwrap_err().code, 415);
    }

    #[test]
    fn strategic_merge_is_for_built_in_kinds() {
        let media = Some("application/strategic-merge-patch+json");
        assert_eq!(patch_kind(media, true).unwrap(), PatchKind::Strategic);
        assert_eq!(patch_kind(media, false).unwrap_err().code, 415);
        assert_eq!(patch_kind(Some("application/json"), true).unwrap_err().code, 415);
    }
}
