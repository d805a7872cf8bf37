//! Paths that are served here and are somebody else's to answer: another part of the control plane's, in this process.
//! Whoever asks is authorised as for any path that is no resource.

use http::Method;
use serde_json::Value;

use crate::status::ApiError;

/// Answers a request: its method, its path below the prefix, without a leading slash, and its body.
pub type Answer = Box<dyn Fn(&Method, &str, &[u8]) -> (u16, Value) + Send + Sync>;

/// All paths below a prefix.
pub(crate) struct Extra {
    prefix: &'static str,
    answer: Answer,
}

impl Extra {
    pub(crate) fn new(prefix: &'static str, answer: Answer) -> Extra {
        Extra { prefix, answer }
    }

    pub(crate) fn prefix(&self) -> &'static str {
        self.prefix
    }

    /// What is below the prefix, if the path is.
    pub(crate) fn below<'a>(&self, path: &'a str) -> Option<&'a str> {
        let rest = path.strip_prefix(self.prefix)?;
        if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
    }

    /// The answer: text of JSON, with its code.
    pub(crate) fn answer(&self, method: &Method, path: &str, body: &[u8]) -> Result<(u16, Value), ApiError> {
        let below = self.below(path).ok_or_else(ApiError::unknown_path)?;
        Ok((self.answer)(method, below, body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_at_a_slash() {
        let extra = Extra::new("/scheduler", Box::new(|_, path, _| (200, path.into())));
        for (path, want) in [("/scheduler", Some("")), ("/scheduler/a/b", Some("a/b")), ("/schedulers", None)]
        {
            assert_eq!(extra.below(path), want, "{path}");
        }
        assert_eq!(extra.answer(&Method::GET, "/scheduler/a", b"").unwrap(), (200, "a".into()));
        assert!(extra.answer(&Method::GET, "/", b"").is_err());
    }
}
