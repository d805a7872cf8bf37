//! The names that a new plugin is given.

use std::fmt;
use std::str::FromStr;

/// A name that can't be one.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NameError {
    #[error(
        "{0:?} can't be a plugin's name: 1 to 63 lower-case letters, digits and dashes, with a letter or digit at both ends"
    )]
    Plugin(String),
    #[error(
        "{0:?} is no kind: write GROUP/VERSION/Kind, as example.com/v1/CronTab, or v1/Pod in the core group"
    )]
    Kind(String),
    #[error(
        "{0:?} names no resources: write GROUP/VERSION/PLURAL, as apps/v1/deployments, or v1/pods in the core group"
    )]
    Watched(String),
}

/// A plugin's name: a DNS label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginName(String);

impl PluginName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PluginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PluginName {
    type Err = NameError;

    fn from_str(name: &str) -> Result<PluginName, NameError> {
        if is_label(name) { Ok(PluginName(name.to_owned())) } else { Err(NameError::Plugin(name.to_owned())) }
    }
}

/// A kind of object. The core group is the empty string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    pub group: String,
    pub version: String,
    pub kind: String,
}

/// What the template and its imports name already.
const TAKEN: [&str; 9] =
    ["Answer", "Int", "Metadata", "Option", "Plugin", "Rejection", "Replicas", "Self", "Spec"];

impl Kind {
    /// `v1` or `example.com/v1`.
    pub fn api_version(&self) -> String {
        api_version(&self.group, &self.version)
    }

    /// What the struct is called that holds what is read of it.
    pub(super) fn shape(&self) -> String {
        let suffix = if TAKEN.contains(&self.kind.as_str()) { "Object" } else { "" };
        format!("{}{suffix}", self.kind)
    }
}

impl FromStr for Kind {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Kind, NameError> {
        let named = split(text).filter(|(_, _, kind)| {
            kind.len() <= 63
                && kind.starts_with(|first: char| first.is_ascii_uppercase())
                && kind.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
        let (group, version, kind) = named.ok_or_else(|| NameError::Kind(text.to_owned()))?;
        Ok(Kind { group: group.to_owned(), version: version.to_owned(), kind: kind.to_owned() })
    }
}

/// The resources whose requests an admission hook sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    pub group: String,
    pub version: String,
    /// Plural, lower case.
    pub resource: String,
}

impl Watched {
    pub(super) fn api_version(&self) -> String {
        api_version(&self.group, &self.version)
    }
}

impl FromStr for Watched {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Watched, NameError> {
        let named = split(text).filter(|(_, _, resource)| is_label(resource));
        let (group, version, resource) = named.ok_or_else(|| NameError::Watched(text.to_owned()))?;
        Ok(Watched { group: group.to_owned(), version: version.to_owned(), resource: resource.to_owned() })
    }
}

fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

/// Group, version and the last part, if the first two can be those.
fn split(text: &str) -> Option<(&str, &str, &str)> {
    let (group_version, last) = text.rsplit_once('/')?;
    let (group, version) = group_version.split_once('/').unwrap_or(("", group_version));
    let group_is_good = group_version == version || (group.len() <= 253 && group.split('.').all(is_label));
    let version_is_good = is_label(version) && version.starts_with(|first: char| first.is_ascii_lowercase());
    (group_is_good && version_is_good).then_some((group, version, last))
}

fn is_label(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    (1..=63).contains(&bytes.len())
        && bytes.iter().all(|byte| plain(*byte) || *byte == b'-')
        && bytes.first().is_some_and(|byte| plain(*byte))
        && bytes.last().is_some_and(|byte| plain(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_written_with_its_group_and_version() {
        let kind: Kind = "example.com/v1alpha1/CronTab".parse().unwrap();
        assert_eq!((kind.api_version().as_str(), kind.shape().as_str()), ("example.com/v1alpha1", "CronTab"));
        let core: Kind = "v1/Pod".parse().unwrap();
        assert_eq!((core.group.as_str(), core.api_version().as_str()), ("", "v1"));
        let taken: Kind = "plugins.example.com/v1/Plugin".parse().unwrap();
        assert_eq!(taken.shape(), "PluginObject");
        for bad in [
            "",
            "CronTab",
            "example.com/CronTab/",
            "/v1/CronTab",
            "example.com/v1/crontab",
            "a/b/c/D",
            "example.com/v1/Cron Tab",
            "example.com/1/CronTab",
            "ex ample/v1/CronTab",
            "example.com/v1/\"Q",
        ] {
            assert_eq!(bad.parse::<Kind>(), Err(NameError::Kind(bad.to_owned())));
        }
    }

    #[test]
    fn resources_are_plural_and_lower_case() {
        let watched: Watched = "apps/v1/deployments".parse().unwrap();
        assert_eq!((watched.api_version().as_str(), watched.resource.as_str()), ("apps/v1", "deployments"));
        assert!("v1/pods".parse::<Watched>().is_ok());
        assert!("apps/v1/Deployment".parse::<Watched>().is_err());
    }

    #[test]
    fn a_plugins_name_is_a_label() {
        for good in ["crontab", "a", "7zip", "a-b"] {
            assert!(good.parse::<PluginName>().is_ok(), "{good}");
        }
        for bad in ["", "CronTab", "a_b", "-a", "a/b", "..", &"a".repeat(64)] {
            assert!(bad.parse::<PluginName>().is_err(), "{bad}");
        }
    }
}
