//! Where requests come from, and what follows from it.

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, Uri};

use crate::http::errors::{ApiError, ErrorCode};

/// Where requests come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Place {
    /// This process.
    Process,
    /// This machine: no key is asked for.
    Machine,
    /// Anywhere: a key is asked for.
    Anywhere,
    /// Anywhere, and no key is asked for, because somebody said so.
    Unlocked,
}

impl Place {
    /// Is a key asked for?
    pub(super) fn wants_keys(self) -> bool {
        self == Self::Anywhere
    }

    /// Without keys, on this machine, the browser is the danger: any page that it shows may send requests here, under a name
    /// that its owner has pointed to this address (DNS rebinding), or under the right one from another origin. So both must
    /// be names of this machine.
    pub(super) fn check(self, uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
        if self != Self::Machine {
            return Ok(());
        }
        let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
        let host = uri
            .authority()
            .map(axum::http::uri::Authority::as_str)
            .or(text(HOST));
        let origin = text(ORIGIN).map(|origin| origin.split_once("://").map_or(origin, |(_, host)| host));
        for name in [host, origin].into_iter().flatten() {
            if !is_local(name) {
                let detail = "no key is asked for here, so only requests to this machine's own names are answered \
                              (localhost, 127.0.0.1, [::1]); for others, start it with keys";
                return Err(ApiError::new(ErrorCode::ForeignHost, detail));
            }
        }
        Ok(())
    }
}

/// Is this, with or without a port, a name that always means the machine itself?
fn is_local(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or(rest, |(name, _)| name),
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    match name.parse::<std::net::IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => name == "localhost" || name.ends_with(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_local() {
        for local in [
            "localhost",
            "LocalHost:7700",
            "localhost.",
            "a.localhost:1",
            "127.0.0.1",
            "127.1.2.3:80",
            "[::1]",
            "[::1]:7700",
            "[::ffff:127.0.0.1]",
        ] {
            assert!(is_local(local), "{local}");
        }
        for foreign in [
            "",
            "example.com",
            "localhost.example.com",
            "127.0.0.1.example.com",
            "notlocalhost",
            "10.0.0.1:7700",
            "0.0.0.0",
            "?",
            "[::]",
            "[fe80::1]",
            "localhost@example.com",
            "null",
        ] {
            assert!(!is_local(foreign), "{foreign}");
        }
    }

    #[test]
    fn pages_of_others_do_not_reach_an_open_service() {
        let ask = |place: Place, host: Option<&'static str>, origin: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            for (name, value) in [(HOST, host), (ORIGIN, origin)] {
                if let Some(value) = value {
                    headers.insert(name, axum::http::HeaderValue::from_static(value));
                }
            }
            place.check(&Uri::from_static("/indexes"), &headers).is_ok()
        };
        assert!(ask(Place::Machine, Some("127.0.0.1:7700"), None));
        assert!(ask(
            Place::Machine,
            Some("localhost:7700"),
            Some("http://localhost:3000")
        ));
        assert!(!ask(Place::Machine, Some("rebound.example:7700"), None));
        assert!(!ask(
            Place::Machine,
            Some("localhost:7700"),
            Some("https://evil.example")
        ));
        assert!(!ask(Place::Machine, Some("localhost:7700"), Some("null")));
        let named = "http://evil.example/indexes".parse().unwrap();
        assert!(Place::Machine.check(&named, &HeaderMap::new()).is_err());
        for place in [Place::Anywhere, Place::Unlocked, Place::Process] {
            assert!(ask(place, Some("longshore.example"), Some("https://app.example")));
        }
    }
}
