//! Calls to webhooks over HTTPS: connections kept for each set of authorities, Services found by whoever calls.
//!
//! What is asked, and what an answer or a failure means, is the caller's.

mod client;
mod dial;
mod trust;

use std::time::Duration;

pub use client::{Answer, CallError, Client};
pub use dial::{DialError, Resolve};
pub use trust::AuthoritiesError;

/// Where a webhook is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Of https, with a host. A Service is named as inside of a cluster: `https://name.namespace.svc:443/path`.
    pub url: String,
    /// Whether the host stands for a Service, which [`Resolve`] finds, rather than for itself.
    pub is_service: bool,
    /// PEM; `None` for the system's authorities.
    pub authorities: Option<Vec<u8>>,
}

impl Endpoint {
    /// The URL with a hint to whoever answers how long there is, in seconds, rounded up.
    pub fn url_with(&self, timeout: Duration) -> String {
        let seconds = timeout.as_secs() + u64::from(timeout.subsec_nanos() > 0);
        let join = if self.url.contains('?') { '&' } else { '?' };
        format!("{}{join}timeout={seconds}s", self.url)
    }
}

/// The cause at the bottom of an error, of those that `stop` does not end at before.
///
/// An error of the system may wrap one of TLS, and not name it as its source.
pub fn root<'a>(
    error: &'a (dyn std::error::Error + 'static),
    stop: impl Fn(&(dyn std::error::Error + 'static)) -> bool,
) -> &'a (dyn std::error::Error + 'static) {
    let mut at = error;
    while !stop(at) {
        let inner = at.downcast_ref::<std::io::Error>().and_then(|error| error.get_ref());
        match inner.map(|error| error as &(dyn std::error::Error + 'static)).or_else(|| at.source()) {
            Some(next) => at = next,
            None => break,
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_timeout_is_one_more_parameter_in_whole_seconds() {
        let check = |url: &str, millis, want| {
            let endpoint = Endpoint { url: url.to_owned(), is_service: false, authorities: None };
            assert_eq!(endpoint.url_with(Duration::from_millis(millis)), want);
        };
        check("https://a/x", 2000, "https://a/x?timeout=2s");
        check("https://a/x?b=c", 2001, "https://a/x?b=c&timeout=3s");
    }
}
