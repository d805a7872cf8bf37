//! Values of flags, as programs in Go are given them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

/// Where a server listens: `:8080`, `127.0.0.1:8080`; `0` or nothing for nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bind {
    Nowhere,
    At(SocketAddr),
}

impl FromStr for Bind {
    type Err = String;

    fn from_str(text: &str) -> Result<Bind, String> {
        let wanted = || format!("{text:?} is not of the form ADDRESS:PORT or :PORT; 0 is for nowhere");
        if matches!(text, "" | "0") {
            return Ok(Bind::Nowhere);
        }
        let every = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let address = match text.rsplit_once(':').ok_or_else(wanted)? {
            ("", port) => SocketAddr::new(every, port.parse().map_err(|_| wanted())?),
            ("localhost", port) => {
                SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port.parse().map_err(|_| wanted())?)
            }
            _ => text.parse().map_err(|_| wanted())?,
        };
        Ok(Bind::At(address))
    }
}

/// `15s`, `1m30s`, `500ms`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wanted = || format!("{text:?} is no duration such as 15s, 1m30s or 500ms");
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    text.parse::<jiff::SignedDuration>()
        .ok()
        .and_then(|duration| Duration::try_from(duration).ok())
        .ok_or_else(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_go_writes_them() {
        let check = |text: &str, want: Bind| assert_eq!(text.parse(), Ok(want), "{text}");
        check("0", Bind::Nowhere);
        check(":8080", Bind::At(([0, 0, 0, 0], 8080).into()));
        check("127.0.0.1:0", Bind::At(([127, 0, 0, 1], 0).into()));
        for wrong in ["8080", ":x", "host:1", "1.2.3.4"] {
            assert!(wrong.parse::<Bind>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations_are_written_as_go_writes_them() {
        for (text, want) in
            [("2m", 120_000), ("1h30m", 5_400_000), ("0s", 0), ("0", 0), ("250ms", 250), ("5m0s", 300_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(want)), "{text}");
        }
        for wrong in ["", "15", "s", "-1s", "soon", "1 fortnight", "99999999999999999999h"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
