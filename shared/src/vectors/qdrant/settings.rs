//! Which server, and how much at once.

use std::time::Duration;

use http::Uri;

use crate::ids::IndexId;
use crate::secret::Secret;
use crate::vectors::VectorsError;

/// The port of Qdrant's gRPC interface. (6333 is REST.)
const GRPC_PORT: u16 = 6334;

/// Settings of a Qdrant server. The names are those of the environment variables.
#[derive(Clone, Debug)]
pub struct QdrantSettings {
    /// `QDRANT_URL`: the address of the gRPC interface, such as `http://qdrant:6334`; with `https` the server's
    /// certificate is checked against the system's roots. Port 6334 when it names none.
    pub url: String,
    /// `QDRANT_API_KEY`: needs the right to write and to manage collections.
    pub api_key: Option<Secret>,
    /// `QDRANT_COLLECTION_PREFIX` (`longshore`): the start of every collection's name, so that deployments can share a
    /// server. Letters, digits and hyphens like an index's name.
    pub prefix: String,
    /// `QDRANT_TIMEOUT_SECONDS` (30): longest time for the answer to one request. With [`QdrantSettings::connect_timeout`]
    /// on top, no request takes longer.
    pub timeout: Duration,
    /// `QDRANT_CONNECT_TIMEOUT_SECONDS` (5): longest time for a connection to be made.
    pub connect_timeout: Duration,
    /// `QDRANT_MAX_IN_FLIGHT` (16): most writes, and again most reads, under way from this process; fewer while the server
    /// is slow or refuses.
    pub max_in_flight: usize,
}

impl QdrantSettings {
    /// A server at an address, all else as by default.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            api_key: None,
            prefix: "longshore".to_owned(),
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            max_in_flight: 16,
        }
    }

    /// Finds what cannot work before it is tried. Returns the address with its port.
    pub(super) fn check(&self) -> Result<String, VectorsError> {
        let wrong = |message: &str| Err(VectorsError::Refused(message.to_owned()));
        if IndexId::new(self.prefix.as_str()).is_err() {
            return wrong(
                "QDRANT_COLLECTION_PREFIX must be 1 to 63 lower-case letters, digits and inner hyphens, for example \
                 \"longshore\"",
            );
        }
        if self.timeout.is_zero() || self.connect_timeout.is_zero() {
            return wrong("QDRANT_TIMEOUT_SECONDS and QDRANT_CONNECT_TIMEOUT_SECONDS must be above 0");
        }
        // The client repeats a key that cannot be sent in its error.
        let readable = |key: &Secret| key.expose().bytes().all(|byte| byte.is_ascii_graphic());
        if !self.api_key.as_ref().is_none_or(readable) {
            return wrong("QDRANT_API_KEY holds a character that no key has, such as a line break");
        }
        address(&self.url)
    }
}

/// The address in full. The text of a wrong address is not repeated: it may hold a password.
fn address(url: &str) -> Result<String, VectorsError> {
    let parts = url.trim().parse::<Uri>().ok();
    let parts = parts.as_ref().and_then(|uri| {
        let scheme = uri
            .scheme_str()
            .filter(|scheme| matches!(*scheme, "http" | "https"))?;
        Some((scheme, uri.authority()?, uri))
    });
    let Some((scheme, authority, uri)) = parts else {
        return Err(VectorsError::Refused(
            "QDRANT_URL is not an http or https address, for example \"http://qdrant:6334\"".to_owned(),
        ));
    };
    if authority.as_str().contains('@') || uri.query().is_some() || !matches!(uri.path(), "" | "/") {
        return Err(VectorsError::Refused(
            "QDRANT_URL must hold nothing but scheme, host and port; the key goes into QDRANT_API_KEY"
                .to_owned(),
        ));
    }
    let port = authority.port_u16().unwrap_or(GRPC_PORT);
    Ok(format!("{scheme}://{}:{port}", authority.host()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_by_table() {
        for (url, expected) in [
            ("http://qdrant", Some("http://qdrant:6334")),
            (
                " https://x.cloud.qdrant.io/ \n",
                Some("https://x.cloud.qdrant.io:6334"),
            ),
            ("https://x:443", Some("https://x:443")),
            ("http://[::1]:7", Some("http://[::1]:7")),
            ("http://[::1]", Some("http://[::1]:6334")),
            ("qdrant:6334", None),
            ("grpc://qdrant:6334", None),
            ("", None),
            ("http://", None),
            ("http://user:hunter2@qdrant", None),
            ("http://qdrant/?api-key=hunter2", None),
            ("http://qdrant/path", None),
        ] {
            let address = address(url);
            assert_eq!(address.as_deref().ok(), expected, "{url}: {address:?}");
            assert!(!format!("{address:?}").contains("hunter2"), "{address:?}");
        }
    }

    #[test]
    fn settings_are_checked_without_telling_the_key() {
        let good = QdrantSettings::new("http://qdrant");
        assert_eq!(good.check().as_deref(), Ok("http://qdrant:6334"));
        let bad = [
            QdrantSettings {
                api_key: Some(Secret::new("hunter2\nx")),
                ..good.clone()
            },
            QdrantSettings {
                api_key: Some(Secret::new("hunter2é")),
                ..good.clone()
            },
            QdrantSettings {
                prefix: "a_b".to_owned(),
                ..good.clone()
            },
            QdrantSettings {
                timeout: Duration::ZERO,
                ..good
            },
        ];
        for settings in bad {
            let error = settings.check().unwrap_err();
            assert!(!format!("{error} {error:?} {settings:?}").contains("hunter2"));
        }
    }
}
