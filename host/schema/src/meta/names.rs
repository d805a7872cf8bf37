//! The syntax of names, label keys and label values; each check gives Kubernetes' complaints.

/// How objects of a kind are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameRule {
    /// A DNS-1123 subdomain.
    Subdomain,
    /// A DNS-1123 label.
    Label,
    /// A DNS-1035 label.
    Label1035,
    /// Anything that may stand in a URL's path, as RBAC's names may.
    PathSegment,
    /// An IP address, in the one form that it is written in.
    Address,
}

const LABEL_MAX: usize = 63;
const SUBDOMAIN_MAX: usize = 253;

const SUBDOMAIN_COMPLAINT: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, \
    '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation \
    is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL_COMPLAINT: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', \
    and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation \
    is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const LABEL_1035_COMPLAINT: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start \
    with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used \
    for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const QUALIFIED_PART_COMPLAINT: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and \
    end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
    '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE_COMPLAINT: &str = "a valid label must be an empty string or consist of alphanumeric characters, \
    '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or \
    '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

impl NameRule {
    /// What is wrong with `name`; a `prefix` (generateName) may end in what a whole name may not.
    pub fn complaints(self, name: &str, prefix: bool) -> Vec<String> {
        let completed = if prefix && name.ends_with('-') {
            format!("{}a", &name[..name.len() - 1])
        } else {
            name.to_owned()
        };
        match self {
            NameRule::Subdomain => subdomain(&completed),
            NameRule::Label => label(&completed),
            NameRule::Label1035 => label_1035(&completed),
            NameRule::PathSegment => path_segment(name, prefix),
            NameRule::Address => address(name),
        }
    }
}

/// A DNS-1123 subdomain.
pub fn subdomain(text: &str) -> Vec<String> {
    let mut complaints = too_long(text, SUBDOMAIN_MAX);
    if !text.split('.').all(is_label) {
        complaints.push(SUBDOMAIN_COMPLAINT.to_owned());
    }
    complaints
}

/// An IP address as a name: canonical, so that no address has two.
fn address(text: &str) -> Vec<String> {
    match text.parse::<std::net::IpAddr>() {
        Ok(address) if address.to_string() == text => Vec::new(),
        Ok(address) => vec![format!("must be in canonical form ({:?})", address.to_string())],
        Err(_) => vec!["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)".to_owned()],
    }
}

/// A DNS-1123 label.
pub fn label(text: &str) -> Vec<String> {
    let mut complaints = too_long(text, LABEL_MAX);
    if !is_label(text) {
        let dotted = text.split('.').all(is_label);
        complaints.push(if dotted { "must not contain dots" } else { LABEL_COMPLAINT }.to_owned());
    }
    complaints
}

/// A DNS-1035 label.
pub fn label_1035(text: &str) -> Vec<String> {
    let mut complaints = too_long(text, LABEL_MAX);
    if !is_label(text) || !text.starts_with(|c: char| c.is_ascii_lowercase()) {
        complaints.push(LABEL_1035_COMPLAINT.to_owned());
    }
    complaints
}

/// A label's key, an annotation's, a finalizer: a name with an optional DNS prefix.
pub fn qualified(text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let name = match text.split_once('/') {
        None => text,
        Some((_, rest)) if rest.contains('/') => {
            return vec![format!(
                "a qualified name {QUALIFIED_PART_COMPLAINT} with an optional DNS subdomain prefix and '/' (e.g. \
                 'example.com/MyName')"
            )];
        }
        Some(("", name)) => {
            complaints.push("prefix part must be non-empty".to_owned());
            name
        }
        Some((prefix, name)) => {
            complaints
                .extend(subdomain(prefix).into_iter().map(|complaint| format!("prefix part {complaint}")));
            name
        }
    };
    if name.is_empty() {
        complaints.push("name part must be non-empty".to_owned());
    }
    complaints
        .extend(too_long(name, LABEL_MAX).into_iter().map(|complaint| format!("name part {complaint}")));
    if !is_qualified_part(name) {
        complaints.push(format!("name part {QUALIFIED_PART_COMPLAINT}"));
    }
    complaints
}

pub fn label_value(text: &str) -> Vec<String> {
    let mut complaints = too_long(text, LABEL_MAX);
    if !text.is_empty() && !is_qualified_part(text) {
        complaints.push(LABEL_VALUE_COMPLAINT.to_owned());
    }
    complaints
}

pub(crate) fn path_segment(text: &str, prefix: bool) -> Vec<String> {
    let mut complaints = Vec::new();
    if !prefix && (text == "." || text == "..") {
        complaints.push(format!("may not be '{text}'"));
    }
    for forbidden in ["/", "%"] {
        if text.contains(forbidden) {
            complaints.push(format!("may not contain '{forbidden}'"));
        }
    }
    complaints
}

fn is_label(text: &str) -> bool {
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.starts_with(edge) && text.ends_with(edge) && text.chars().all(|c| edge(c) || c == '-')
}

fn is_qualified_part(text: &str) -> bool {
    let edge = |c: char| c.is_ascii_alphanumeric();
    text.starts_with(edge)
        && text.ends_with(edge)
        && text.chars().all(|c| edge(c) || matches!(c, '-' | '_' | '.'))
}

fn too_long(text: &str, max: usize) -> Vec<String> {
    if text.len() > max { vec![format!("must be no more than {max} bytes")] } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_their_rule() {
        let check = |rule: NameRule, good: &[&str], bad: &[&str]| {
            for name in good {
                assert_eq!(rule.complaints(name, false), Vec::<String>::new(), "{name}");
            }
            for name in bad {
                assert!(!rule.complaints(name, false).is_empty(), "{name}");
            }
        };
        let long = "a".repeat(254);
        check(
            NameRule::Subdomain,
            &["a", "a.b-c.9", &"a".repeat(253)],
            &["", "A", "a.", "-a", "a..b", &long],
        );
        check(NameRule::Label, &["a-1", "1"], &["a.b", "", "a_b"]);
        check(NameRule::Label1035, &["a1"], &["1a", ""]);
        check(NameRule::PathSegment, &["system:node", "A b"], &["a/b", "..", "%"]);
        assert!(NameRule::Subdomain.complaints("web-", true).is_empty());
    }

    #[test]
    fn label_keys_and_values_follow_kubernetes() {
        for good in ["a", "example.com/a_B.c", "A"] {
            assert!(qualified(good).is_empty(), "{good}");
        }
        for bad in ["", "/a", "a/b/c", "Example.com/a", "a/", "-a", "a b"] {
            assert!(!qualified(bad).is_empty(), "{bad}");
        }
        assert!(label_value("").is_empty());
        assert!(!label_value("a b").is_empty());
    }
}
