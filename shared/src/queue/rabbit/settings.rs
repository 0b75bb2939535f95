//! Where RabbitMQ is and how it is used.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use lapin::tcp::OwnedTLSConfig;
use lapin::uri::AMQPUri;
use url::Url;

use super::super::QueueError;
use crate::ids::IndexId;
use crate::retry::RetryPolicy;
use crate::secret::Secret;

/// Seconds between heartbeats that we ask for; the broker may ask for fewer. A dead peer is noticed after two.
const HEARTBEAT_SECONDS: u16 = 20;
/// Longest prefix of names: what follows it must fit into the 255 bytes of an AMQP name.
const MAX_PREFIX: usize = 100;

/// How to reach a broker; what publishers, consumers and event feeds have in common.
#[derive(Clone, Debug)]
pub struct BrokerSettings {
    /// `amqp://user:password@host:5672/vhost`, or `amqps://` for TLS. Without a path the vhost is `/`; a vhost whose name
    /// has a `/` writes it as `%2f`.
    pub url: Secret,
    /// Certificates (PEM) to trust besides those of the system, for `amqps://`.
    pub ca_pem: Option<String>,
    /// Longest wait for a connection, handshakes included.
    pub connect_timeout: Duration,
    /// When a lost connection is tried again: capped exponential backoff with jitter, for as long as it takes
    /// (`max_attempts` is not used).
    pub reconnect: RetryPolicy,
    /// A consumer that hears nothing for this long starts again, because RabbitMQ forgets some without a word.
    pub refresh: Duration,
}

impl BrokerSettings {
    /// The defaults for a broker: 5 s to connect, tries again after 0.25 s to 10 s.
    #[must_use]
    pub fn new(url: Secret) -> Self {
        Self {
            url,
            ca_pem: None,
            connect_timeout: Duration::from_secs(5),
            reconnect: RetryPolicy {
                initial: Duration::from_millis(250),
                max: Duration::from_secs(10),
                ..RetryPolicy::default()
            },
            refresh: Duration::from_secs(60),
        }
    }

    /// The parsed address. The parser's own errors repeat the text, password included, so none of them is passed on.
    pub(super) fn address(&self) -> Result<Address, QueueError> {
        let wrong = |what: &str| {
            QueueError::Unavailable(format!(
                "the URL of RabbitMQ {what}: write amqp://user:password@host:5672/vhost, or amqps:// for TLS"
            ))
        };
        let url = Url::parse(self.url.expose()).map_err(|_repeats_it| wrong("cannot be read"))?;
        if !matches!(url.scheme(), "amqp" | "amqps") {
            return Err(wrong("does not start with amqp:// or amqps://"));
        }
        let host = url
            .host_str()
            .filter(|host| !host.is_empty())
            .ok_or_else(|| wrong("names no host"))?;
        let mut uri: AMQPUri = self
            .url
            .expose()
            .parse()
            .map_err(|_repeats_it: String| wrong("cannot be read"))?;
        // The parser knows names and IPv4 only, and takes localhost for anything else.
        host.trim_matches(['[', ']']).clone_into(&mut uri.authority.host);
        if matches!(url.path(), "" | "/") {
            "/".clone_into(&mut uri.vhost);
        }
        uri.query.heartbeat.get_or_insert(HEARTBEAT_SECONDS);
        Ok(Address(uri))
    }

    pub(super) fn tls(&self) -> OwnedTLSConfig {
        OwnedTLSConfig {
            identity: None,
            cert_chain: self.ca_pem.clone(),
        }
    }
}

/// A parsed address. Shows without the password.
#[derive(Clone)]
pub(super) struct Address(pub(super) AMQPUri);

impl Address {
    pub(super) fn user(&self) -> &str {
        &self.0.authority.userinfo.username
    }

    pub(super) fn vhost(&self) -> &str {
        &self.0.vhost
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.0.authority.host, self.0.authority.port)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The work queue on RabbitMQ. Both services need the same `prefix`, `max_length` and `delivery_limit`: a queue cannot be
/// declared twice with different arguments.
#[derive(Clone, Debug)]
pub struct RabbitSettings {
    /// How to reach the broker.
    pub broker: BrokerSettings,
    /// What names of exchanges and queues begin with: letters, digits, `-`, `_` and dots.
    pub prefix: String,
    /// Wake-ups that a queue holds before it refuses more.
    pub max_length: u32,
    /// Deliveries of one wake-up that are given back before it goes to the dead letters.
    pub delivery_limit: u32,
    /// Dead letters that are kept; the oldest make room.
    pub max_dead_letters: u32,
    /// Indexes with a queue of their own. The publisher needs the whole set; see [`RabbitSettings::only`].
    pub dedicated: BTreeSet<IndexId>,
    /// For a processor that is deployed for one index: it takes the wake-ups of that index's own queue, on the fast lane,
    /// and its bulk lane stays silent. The publisher must name the index in `dedicated`.
    pub only: Option<IndexId>,
    /// Longest wait for a confirmation of the broker, time without connection or with a blocked one included.
    pub confirm_timeout: Duration,
    /// Publishes in flight at a time, each on its own channel; more wait their turn. The broker's `channel_max` (2047 unless
    /// set) is the upper bound.
    pub publish_channels: u16,
}

impl RabbitSettings {
    /// The defaults for a broker.
    #[must_use]
    pub fn new(url: Secret) -> Self {
        Self {
            broker: BrokerSettings::new(url),
            prefix: "longshore".to_owned(),
            max_length: 100_000,
            delivery_limit: 20,
            max_dead_letters: 10_000,
            dedicated: BTreeSet::new(),
            only: None,
            confirm_timeout: Duration::from_secs(10),
            publish_channels: 64,
        }
    }

    /// Refuses what the broker would refuse, or worse, take.
    pub(super) fn check(&self) -> Result<(), QueueError> {
        let legal = (1..=MAX_PREFIX).contains(&self.prefix.len())
            && self
                .prefix
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
        if !legal {
            return Err(QueueError::Unavailable(format!(
                "{:?} cannot begin names of queues: use 1 to {MAX_PREFIX} letters, digits, dots, - and _",
                self.prefix
            )));
        }
        if self.max_length == 0 || self.delivery_limit == 0 || self.max_dead_letters == 0 {
            return Err(QueueError::Unavailable(
                "max_length, delivery_limit and max_dead_letters of RabbitMQ's queues must be at least 1"
                    .to_owned(),
            ));
        }
        self.broker.address().map(drop)
    }
}

/// A queue with blob events that somebody else fills.
#[derive(Clone, Debug)]
pub struct FeedSettings {
    /// How to reach the broker; it may be another one than that of the work queue.
    pub broker: BrokerSettings,
    /// The queue's name. It must exist: Longshore does not know what to bind it to.
    pub queue: String,
    /// Events that are taken before the first of them is settled.
    pub prefetch: u16,
}

impl FeedSettings {
    /// The defaults for a queue: 256 events at a time.
    #[must_use]
    pub fn new(url: Secret, queue: &str) -> Self {
        Self {
            broker: BrokerSettings::new(url),
            queue: queue.to_owned(),
            prefetch: 256,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(url: &str) -> Result<Address, QueueError> {
        BrokerSettings::new(Secret::new(url)).address()
    }

    #[test]
    fn addresses_are_read_as_people_write_them() {
        for (url, shown, user, vhost) in [
            ("amqp://host", "host:5672", "guest", "/"),
            ("amqp://host/", "host:5672", "guest", "/"),
            ("amqps://ann:s%40crt@host/%2f", "host:5671", "ann", "/"),
            ("amqp://ann:x@10.0.0.7:99/search", "10.0.0.7:99", "ann", "search"),
            ("amqp://ann:x@[::1]:99/a%2fb", "::1:99", "ann", "a/b"),
        ] {
            let address = address(url).unwrap();
            assert_eq!(
                (address.to_string().as_str(), address.user(), address.vhost()),
                (shown, user, vhost),
                "{url}"
            );
            assert_eq!(address.0.query.heartbeat, Some(HEARTBEAT_SECONDS));
        }
    }

    #[test]
    fn wrong_addresses_say_so_without_the_password() {
        for url in [
            "",
            "host:5672",
            "https://ann:hunter2@host",
            "amqp://",
            "amqp:hunter2",
            "amqp://ann:hunter2@host:port",
            "amqp://ann:hunter2@host?heartbeat=hunter2",
        ] {
            let error = address(url).unwrap_err().to_string();
            assert!(error.contains("amqp://user:password@host"), "{url}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        let settings = RabbitSettings::new(Secret::new("amqp://ann:hunter2@host"));
        assert!(!format!("{settings:?} {:?}", settings.broker.address()).contains("hunter2"));
    }

    #[test]
    fn prefixes_that_break_names_are_refused() {
        let mut settings = RabbitSettings::new(Secret::new("amqp://host"));
        assert_eq!(settings.check(), Ok(()));
        for prefix in ["", "a b", "a#", "ü", &"x".repeat(101)] {
            settings.prefix = prefix.to_owned();
            assert!(settings.check().is_err(), "{prefix:?}");
        }
    }
}
