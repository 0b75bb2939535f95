//! Where the database is and how to use it.

use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use super::explain::Place;
use crate::ledger::LedgerError;
use crate::secret::Secret;

/// How to reach the database.
#[derive(Clone, Debug)]
pub struct PostgresSettings {
    /// `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=MODE`, with special characters percent-encoded.
    ///
    /// `sslmode`: `disable`; `prefer` (the default) uses TLS if the server offers it; `require` insists. With TLS the
    /// server's certificate is always checked against the roots of the system (`SSL_CERT_FILE` names others), so
    /// `verify-ca` and `verify-full` mean the same as `require`. Further options are those of `tokio_postgres::Config`,
    /// `target_session_attrs=read-write` among them.
    pub url: Secret,
    /// Most connections at a time, per process.
    pub pool_size: usize,
    /// Longest time to establish a connection.
    pub connect_timeout: Duration,
    /// Longest time of one statement, waiting for locks included, and longest wait for a free connection.
    pub statement_timeout: Duration,
    /// The schema to keep the tables in, made when it is not there; `None` for the user's default.
    pub schema: Option<String>,
}

impl PostgresSettings {
    /// Usual settings for a database.
    #[must_use]
    pub fn new(url: Secret) -> Self {
        Self {
            url,
            pool_size: 16,
            connect_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
            schema: None,
        }
    }

    /// Finds what cannot work without connecting.
    ///
    /// # Errors
    /// [`LedgerError::Unavailable`] with what to change.
    pub fn check(&self) -> Result<(), LedgerError> {
        self.parse().map(drop)
    }

    /// Reads the URL. Its text never gets into the error: even the name of an unknown option may be the rest of a password
    /// with a `?` in it.
    pub(super) fn parse(&self) -> Result<(Config, Place), LedgerError> {
        let malformed = || {
            LedgerError::Unavailable(
                "the ledger's URL cannot be read: write postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=require, \
                 with characters such as @ : / ? # % in the password percent-encoded and only known options"
                    .to_owned(),
            )
        };
        let url = self.url.expose();
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(malformed());
        }
        let (address, options) = url.split_once('?').unwrap_or((url, ""));
        let mut mode = SslMode::Prefer;
        let mut others = Vec::new();
        for option in options.split('&').filter(|option| !option.is_empty()) {
            match option.split_once('=') {
                Some(("sslmode", "disable")) => mode = SslMode::Disable,
                Some(("sslmode", "prefer" | "allow")) => mode = SslMode::Prefer,
                Some(("sslmode", "require" | "verify-ca" | "verify-full")) => mode = SslMode::Require,
                Some(("sslmode", _)) | None => return Err(malformed()),
                Some(_) => others.push(option),
            }
        }
        let address = format!("{address}?{}", others.join("&"));
        let mut config: Config = address.parse().map_err(|_| malformed())?;
        config
            .ssl_mode(mode)
            .connect_timeout(self.connect_timeout)
            // A server that vanished without a word is noticed within half a minute.
            .keepalives_idle(Duration::from_secs(10))
            .keepalives_interval(Duration::from_secs(5))
            .keepalives_retries(3)
            .tcp_user_timeout(Duration::from_secs(30));
        if config.get_application_name().is_none() {
            config.application_name("longshore");
        }
        let place = Place::of(&config);
        Ok((config, place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<(Config, Place), String> {
        let settings = PostgresSettings::new(Secret::new(url));
        settings.parse().map_err(|error| error.to_string())
    }

    #[test]
    fn urls_are_read() {
        let (config, place) =
            parse("postgres://me:p%40ss@db.example:6432/ledger?sslmode=verify-full").unwrap();
        assert_eq!(config.get_password(), Some(&b"p@ss"[..]));
        assert_eq!(config.get_ssl_mode(), SslMode::Require);
        assert_eq!(
            place.to_string(),
            "PostgreSQL at db.example:6432, database \"ledger\""
        );
        let (config, place) = parse("postgresql://me@/ledger?host=/run/pg&sslmode=disable&port=7").unwrap();
        assert_eq!(config.get_ssl_mode(), SslMode::Disable);
        assert_eq!(place.to_string(), "PostgreSQL at /run/pg:7, database \"ledger\"");
        let (config, _) = parse("postgres://me@h/ledger?target_session_attrs=read-write").unwrap();
        assert_eq!(config.get_ssl_mode(), SslMode::Prefer);
    }

    #[test]
    fn what_cannot_be_read_is_not_repeated() {
        for url in [
            "postgres://me:?hunter2@host/db",
            "postgres://me:hunter2@host:port/db",
            "mysql://me:hunter2@host/db",
            "host=h password=hunter2",
            "postgres://me:hunter2@host/db?sslmode=hunter2",
            "postgres://me:x?hunter2@host/db",
        ] {
            let error = parse(url).unwrap_err();
            assert!(
                error.contains("percent-encoded") && !error.contains("hunter2"),
                "{error}"
            );
        }
        let settings = PostgresSettings::new(Secret::new("postgres://me:hunter2@host/db"));
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
}
