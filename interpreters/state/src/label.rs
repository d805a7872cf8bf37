//! What Kubernetes takes for the value of a label.

const LABEL_CHARS_MAX: usize = 63;

/// Why `value` can't be a label's; `None` if it can.
pub(crate) fn refusal(value: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric();
    if let Some(other) = value.chars().find(|c| !(plain(*c) || matches!(c, '-' | '_' | '.'))) {
        return Some(format!("a label's value has no {other:?}, only letters, digits, '-', '_' and '.'"));
    }
    if value.len() > LABEL_CHARS_MAX {
        return Some(format!(
            "a label's value has at most {LABEL_CHARS_MAX} characters, not {}",
            value.len()
        ));
    }
    let edges_are_plain = value.starts_with(plain) && value.ends_with(plain);
    (!value.is_empty() && !edges_are_plain)
        .then(|| "a label's value begins and ends with a letter or a digit".into())
}
