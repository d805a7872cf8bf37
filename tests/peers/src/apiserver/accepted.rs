//! The differences that are meant, from `accepted.yaml`, each with its reason.

use anyhow::Context;
use serde::Deserialize;

use super::difference::Difference;

const FILE: &str = include_str!("../../accepted.yaml");

/// A rule. What it leaves out may be anything; `*` in a text stands for any characters.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Accepted {
    pub(crate) name: String,
    /// For whoever reads the file.
    #[serde(rename = "reason")]
    _reason: String,
    #[serde(default)]
    aspect: Option<String>,
    #[serde(default)]
    resource: Option<String>,
    #[serde(default)]
    place: Option<String>,
    #[serde(default)]
    theirs: Option<String>,
    #[serde(default)]
    ours: Option<String>,
}

pub(crate) fn read() -> anyhow::Result<Vec<Accepted>> {
    serde_saphyr::from_str(FILE).context("accepted.yaml")
}

impl Accepted {
    /// Whether the rule is about this difference of answers about `resource`, a plural.
    pub(crate) fn covers(&self, resource: &str, difference: &Difference) -> bool {
        let fits = |pattern: &Option<String>, text: &str| {
            pattern.as_deref().is_none_or(|pattern| matches(pattern, text))
        };
        fits(&self.aspect, difference.aspect.name())
            && fits(&self.resource, resource)
            && fits(&self.place, &difference.place)
            && fits(&self.theirs, &difference.theirs)
            && fits(&self.ours, &difference.ours)
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, text, expected) in [
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "acb", false),
            ("*b*", "abc", true),
            ("abc", "abcd", false),
            ("*", "", true),
            ("a*b*c", "a-b-b-c", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn the_file_is_well_formed() {
        assert!(read().is_ok());
    }
}
