//! What must hold of a plugin's manifest.

use windlass_core::{Fence, Operation};

use crate::contract::{Abilities, KindSupport, Manifest};

/// Kinds or rules of one plugin.
const ABILITIES_MAX: usize = 1_000;

/// What is wrong with a manifest, if anything is: the field, and the problem.
pub(crate) fn check(manifest: &Manifest) -> Result<(), (String, String)> {
    let Manifest { name, version, description, abilities } = manifest;
    let fail = |field: String, problem: &str| Err((field, problem.to_owned()));
    if !is_dns_label(name) {
        return fail(
            "name".into(),
            &format!(
                "is {name:?}, and must be 1 to 63 lower-case letters, digits and dashes, with a letter or digit at both ends"
            ),
        );
    }
    if !is_semantic_version(version) {
        return fail(
            "version".into(),
            &format!("is {version:?}, and must be a semantic version such as 1.0.0"),
        );
    }
    if description.len() > 1_024 {
        return fail("description".into(), "is longer than 1024 bytes");
    }
    match abilities {
        Abilities::Interprets(kinds) if kinds.len() > ABILITIES_MAX => {
            fail("kinds".into(), "has more than 1000")
        }
        Abilities::Admits(rules) if rules.len() > ABILITIES_MAX => fail("rules".into(), "has more than 1000"),
        Abilities::Interprets(kinds) if kinds.is_empty() => {
            fail("kinds".into(), "is empty: it would never be asked")
        }
        Abilities::Interprets(kinds) => kinds.iter().enumerate().try_for_each(|(at, kind)| {
            let field = |part: &str| format!("kinds[{at}].{part}");
            if kind.version.is_empty() {
                fail(field("version"), "is empty; * stands for any")
            } else if kind.kind.is_empty() {
                fail(field("kind"), "is empty; * stands for any")
            } else if kind.operations().is_empty() {
                fail(field("operations"), "is empty, and nothing is declared: why is that kind listed?")
            } else {
                declared(kind).map_err(|(part, problem)| (field(&part), problem))
            }
        }),
        Abilities::Admits(rules) if rules.is_empty() => {
            fail("rules".into(), "is empty: it would never be asked")
        }
        Abilities::Admits(rules) => rules.iter().enumerate().try_for_each(|(at, rule)| {
            let field = |part: &str| format!("rules[{at}].{part}");
            if rule.version.is_empty() {
                fail(field("version"), "is empty; * stands for any")
            } else if rule.resource.is_empty() {
                fail(field("resource"), "is empty; * stands for any")
            } else if rule.verbs.is_empty() {
                fail(field("verbs"), "is empty: it would never be asked")
            } else {
                Ok(())
            }
        }),
    }
}

/// What is wrong with what is declared for a kind.
fn declared(KindSupport { asked, declared, .. }: &KindSupport) -> Result<(), (String, String)> {
    let twice = [
        ("status", declared.status.is_some(), Operation::InterpretStatus),
        ("retain", !declared.retain.is_empty(), Operation::Retain),
    ];
    for (field, is_declared, operation) in twice {
        if is_declared && asked.contains(operation) {
            let problem =
                format!("is declared, and {operation} is among its operations too: leave one of them out");
            return Err((format!("declared.{field}"), problem));
        }
    }
    declared.check().map_err(|(field, problem)| (format!("declared.{field}"), problem))?;
    for (at, kept) in declared.retain.iter().enumerate() {
        Fence::AllButIdentity
            .expect(&kept.path)
            .map_err(|error| (format!("declared.retain[{at}].path"), format!("can't be: {error}")))?;
    }
    Ok(())
}

fn is_dns_label(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    (1..=63).contains(&bytes.len())
        && bytes.iter().all(|byte| plain(*byte) || *byte == b'-')
        && bytes.first().is_some_and(|byte| plain(*byte))
        && bytes.last().is_some_and(|byte| plain(*byte))
}

fn is_semantic_version(version: &str) -> bool {
    let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let core = version.split(['-', '+']).next().unwrap_or_default();
    version.len() <= 64
        && core.split('.').count() == 3
        && core.split('.').all(number)
        && version.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-+".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dns_labels() {
        for good in ["flink", "a", "a-1", "7"] {
            assert!(is_dns_label(good), "{good}");
        }
        for bad in ["", "Flink", "-a", "a-", "a.b", "a b", "ä", &"a".repeat(64)] {
            assert!(!is_dns_label(bad), "{bad}");
        }
    }

    #[test]
    fn versions_are_semantic() {
        for good in ["0.1.0", "1.20.3-rc.1", "1.0.0+build.5"] {
            assert!(is_semantic_version(good), "{good}");
        }
        for bad in ["", "1", "1.0", "v1.0.0", "1.0.x", "1.0.0 ", "1..0"] {
            assert!(!is_semantic_version(bad), "{bad}");
        }
    }
}
