//! Errors as people read them.

use std::error::Error;
use std::fmt::Write as _;

/// The error and each of its causes, in one line: `what failed: why: and why that`.
pub fn in_one_line(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        write!(text, ": {error}").expect("nothing fails at writing to a string");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the file can't be read")]
    struct Outer(#[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("it is gone")]
    struct Inner;

    #[test]
    fn causes_follow_what_they_caused() {
        assert_eq!(in_one_line(&Outer(Inner)), "the file can't be read: it is gone");
        assert_eq!(in_one_line(&Inner), "it is gone");
    }
}
