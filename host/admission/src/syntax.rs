//! What names, labels and the like have to look like, with Kubernetes' explanations.

const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must \
                     start and end with an alphanumeric character";
const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or \
                         '.', and must start and end with an alphanumeric character";
const QUALIFIED: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end \
                         with an alphanumeric character";
const VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', \
                     and must start and end with an alphanumeric character";

fn edges(text: &str, holds: impl Fn(char) -> bool) -> bool {
    text.chars().next().is_some_and(&holds) && text.chars().last().is_some_and(&holds)
}

fn lower(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

/// Why `text` is no DNS label; `None` if it is one.
pub(crate) fn dns_label(text: &str) -> Option<&'static str> {
    if text.len() > 63 {
        return Some("must be no more than 63 characters");
    }
    (!(edges(text, lower) && text.chars().all(|c| lower(c) || c == '-'))).then_some(LABEL)
}

/// Why `text` is no DNS label of RFC 1035, which begins with a letter; `None` if it is one.
pub(crate) fn dns_1035_label(text: &str) -> Option<&'static str> {
    let begins = text.starts_with(|c: char| c.is_ascii_lowercase());
    dns_label(text).or((!begins).then_some("must start with a lower case letter"))
}

/// Why `text` is no DNS subdomain; `None` if it is one.
pub(crate) fn dns_subdomain(text: &str) -> Option<&'static str> {
    if text.len() > 253 {
        return Some("must be no more than 253 characters");
    }
    let part = |part: &str| edges(part, lower) && part.chars().all(|c| lower(c) || c == '-');
    (!text.split('.').all(part)).then_some(SUBDOMAIN)
}

/// Why `text` is no qualified name, with an optional domain before a slash; `None` if it is one.
pub(crate) fn qualified_name(text: &str) -> Option<&'static str> {
    let name = match text.split_once('/') {
        None => text,
        Some((prefix, _)) if dns_subdomain(prefix).is_some() => {
            return Some("prefix part must be a DNS subdomain");
        }
        Some((_, name)) => name,
    };
    if name.is_empty() {
        return Some("name part must be non-empty");
    }
    if name.len() > 63 {
        return Some("name part must be no more than 63 characters");
    }
    (!is_name(name)).then_some(QUALIFIED)
}

/// Why `text` is no label's value; `None` if it is one.
pub(crate) fn label_value(text: &str) -> Option<&'static str> {
    if text.len() > 63 {
        return Some("must be no more than 63 characters");
    }
    (!text.is_empty() && !is_name(text)).then_some(VALUE)
}

fn is_name(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    edges(text, |c| c.is_ascii_alphanumeric()) && text.chars().all(inner)
}

/// Why `text` can't be the name of a member cluster; `None` if it can.
pub(crate) fn cluster_name(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return Some("must be not empty");
    }
    // A namespace is named after it, with a prefix.
    if text.len() > 48 {
        return Some("must be no more than 48 characters");
    }
    dns_label(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_what_is_none() {
        for (check, good, bad) in [
            (
                dns_label as fn(&str) -> Option<&'static str>,
                vec!["a", "a-1", "1a"],
                vec!["", "-a", "a-", "A", "a.b", "a_b"],
            ),
            (dns_1035_label, vec!["v1alpha1"], vec!["1a", ""]),
            (dns_subdomain, vec!["a.b-c.d", "a"], vec!["", "a..b", ".a", "A.b"]),
            (qualified_name, vec!["a", "example.com/A_b.c"], vec!["", "/a", "a/", "a/b/c", "a b", "Ex/a"]),
            (label_value, vec!["", "a", "A_b.c-D"], vec!["-a", "a/b", "ä"]),
            (cluster_name, vec!["member1"], vec!["", "Member"]),
        ] {
            for text in good {
                assert_eq!(check(text), None, "{text:?}");
            }
            for text in bad {
                assert!(check(text).is_some(), "{text:?}");
            }
        }
        assert!(cluster_name(&"a".repeat(49)).is_some());
        assert!(qualified_name(&"a".repeat(64)).is_some());
    }
}
