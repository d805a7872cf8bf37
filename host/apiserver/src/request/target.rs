//! The path of a request, taken apart.

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Version,
    /// `healthz`, `livez` or `readyz`, and the single check asked for, if any.
    Health(String),
    Metrics,
    /// `/`
    Paths,
    /// `/api`
    CoreVersions,
    /// `/apis`
    Groups,
    /// `/apis/{group}`
    Group(String),
    /// `/api/v1`, `/apis/{group}/{version}`
    Resources {
        group: String,
        version: String,
    },
    OpenApiV2,
    OpenApiV3Index,
    /// `/openapi/v3/apis/apps/v1` → `apis/apps/v1`
    OpenApiV3(String),
    Resource(ResourcePath),
    Unknown,
}

/// A path below a group version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ResourcePath {
    pub(crate) group: String,
    pub(crate) version: String,
    /// Empty for cluster-scoped resources and for lists across namespaces.
    pub(crate) namespace: String,
    /// Plural, lower case.
    pub(crate) resource: String,
    /// Empty for the collection.
    pub(crate) name: String,
    /// `status`, `scale`, `binding`, ...; empty for the object itself.
    pub(crate) subresource: String,
}

/// Takes a request's path apart. Percent-escapes are undone in each segment by itself, so that an escaped slash
/// stays within its segment.
pub(crate) fn parse(path: &str) -> Target {
    let mut segments = Vec::new();
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        match unescape(segment) {
            Some(segment) => segments.push(segment),
            None => return Target::Unknown,
        }
    }
    let plain: Vec<&str> = segments.iter().map(String::as_str).collect();
    match plain.as_slice() {
        [] => Target::Paths,
        ["version"] => Target::Version,
        ["healthz" | "livez" | "readyz"] | ["healthz" | "livez" | "readyz", "ping"] => {
            Target::Health(plain[0].to_owned())
        }
        ["metrics"] => Target::Metrics,
        ["api"] => Target::CoreVersions,
        ["apis"] => Target::Groups,
        ["apis", group] => Target::Group((*group).to_owned()),
        ["openapi", "v2"] => Target::OpenApiV2,
        ["openapi", "v3"] => Target::OpenApiV3Index,
        ["openapi", "v3", rest @ ..] => Target::OpenApiV3(rest.join("/")),
        ["api", version, rest @ ..] => below("", version, rest),
        ["apis", group, version, rest @ ..] => below(group, version, rest),
        _ => Target::Unknown,
    }
}

fn below(group: &str, version: &str, rest: &[&str]) -> Target {
    let path = |namespace: &str, resource: &str, name: &str, subresource: &str| {
        Target::Resource(ResourcePath {
            group: group.to_owned(),
            version: version.to_owned(),
            namespace: namespace.to_owned(),
            resource: resource.to_owned(),
            name: name.to_owned(),
            subresource: subresource.to_owned(),
        })
    };
    match *rest {
        [] => Target::Resources { group: group.to_owned(), version: version.to_owned() },
        // The namespaces themselves, which shadow what would be a resource called `status` inside of one. A
        // namespace belongs to itself: RBAC asks for it there.
        ["namespaces", name] if group.is_empty() => path(name, "namespaces", name, ""),
        ["namespaces", name, subresource @ ("status" | "finalize")] if group.is_empty() => {
            path(name, "namespaces", name, subresource)
        }
        ["namespaces", namespace, resource] => path(namespace, resource, "", ""),
        ["namespaces", namespace, resource, name] => path(namespace, resource, name, ""),
        ["namespaces", namespace, resource, name, subresource] => {
            path(namespace, resource, name, subresource)
        }
        [resource] => path("", resource, "", ""),
        [resource, name] => path("", resource, name, ""),
        [resource, name, subresource] => path("", resource, name, subresource),
        _ => Target::Unknown,
    }
}

/// Percent-decoding; `None` for a broken escape or for text that is not UTF-8.
pub(crate) fn unescape(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
        let (high, low) = (digit()?, digit()?);
        bytes.push(u8::try_from(high * 16 + low).expect("two hexadecimal digits make a byte"));
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(path: &str) -> ResourcePath {
        match parse(path) {
            Target::Resource(path) => path,
            other => panic!("{path} is {other:?}"),
        }
    }

    #[test]
    fn paths_name_group_namespace_resource_name_and_subresource() {
        let path = resource("/apis/apps/v1/namespaces/a/deployments/b/scale");
        assert_eq!(
            (path.group.as_str(), path.version.as_str(), path.namespace.as_str()),
            ("apps", "v1", "a")
        );
        assert_eq!(
            (path.resource.as_str(), path.name.as_str(), path.subresource.as_str()),
            ("deployments", "b", "scale")
        );
        let path = resource("/api/v1/pods");
        assert_eq!((path.group.as_str(), path.namespace.as_str(), path.resource.as_str()), ("", "", "pods"));
    }

    #[test]
    fn a_namespace_is_a_resource_and_has_subresources() {
        let path = resource("/api/v1/namespaces/a/finalize");
        assert_eq!(
            (path.resource.as_str(), path.name.as_str(), path.subresource.as_str()),
            ("namespaces", "a", "finalize")
        );
        let path = resource("/api/v1/namespaces/a/pods");
        assert_eq!((path.resource.as_str(), path.namespace.as_str(), path.name.as_str()), ("pods", "a", ""));
    }

    #[test]
    fn escaped_slashes_stay_in_their_segment() {
        assert_eq!(resource("/api/v1/nodes/a%2Fb").name, "a/b");
        assert_eq!(parse("/api/v1/nodes/a%2"), Target::Unknown);
    }

    #[test]
    fn paths_that_lead_nowhere_are_unknown() {
        assert_eq!(parse("/metrics/x"), Target::Unknown);
        assert_eq!(parse("/api/v1/a/b/c/d/e/f"), Target::Unknown);
    }
}
