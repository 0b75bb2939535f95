//! Connections: how they are made, and how many.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, Timeouts,
};
use tokio_postgres::config::SslMode;
use tokio_postgres::{Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::PostgresSettings;
use super::explain::Place;
use crate::ledger::LedgerError;

/// A pool of connections to one database.
pub(super) struct Connections(Pool);

impl Connections {
    /// Makes no connection yet.
    pub(super) fn new(
        config: Config,
        settings: &PostgresSettings,
        place: &Place,
    ) -> Result<Self, LedgerError> {
        let how = ManagerConfig {
            // Dead ones are found by their closed socket; a test query per call would double the round trips.
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = match tls(config.get_ssl_mode(), place)? {
            Some(tls) => Manager::from_config(config, tls, how),
            None => Manager::from_config(config, NoTls, how),
        };
        let commands: Arc<str> = commands(settings).into();
        let prepare = Hook::async_fn(move |client: &mut deadpool_postgres::ClientWrapper, _| {
            let commands = Arc::clone(&commands);
            Box::pin(async move { client.batch_execute(&commands).await.map_err(HookError::Backend) })
        });
        let timeouts = Timeouts {
            wait: Some(settings.statement_timeout).filter(|timeout| !timeout.is_zero()),
            create: Some(settings.connect_timeout + Duration::from_secs(1)),
            recycle: None,
        };
        let pool = Pool::builder(manager)
            .max_size(settings.pool_size.max(1))
            .timeouts(timeouts)
            .runtime(Runtime::Tokio1)
            .post_create(prepare)
            .build();
        let pool =
            pool.map_err(|error| LedgerError::Unavailable(format!("{place}: no connection pool: {error}")))?;
        Ok(Self(pool))
    }

    /// A connection, a new one if none is idle.
    pub(super) async fn take(&self) -> Result<Object, PoolError> {
        self.0.get().await
    }
}

/// What every connection is told first.
fn commands(settings: &PostgresSettings) -> String {
    let timeout = settings.statement_timeout.as_millis();
    let mut commands = format!(
        "SET statement_timeout = {timeout}; SET idle_in_transaction_session_timeout = {timeout};\
         SET jit = off;"
    );
    // An answered write survives a crash. Settings that promise even more are left as they are.
    commands += "SELECT set_config('synchronous_commit', 'on', false) \
                 WHERE current_setting('synchronous_commit') = 'off';";
    if let Some(schema) = &settings.schema {
        commands += &format!("SET search_path TO {};", super::schema::quoted(schema));
    }
    commands
}

/// TLS with the roots of the system, if it may be needed.
fn tls(mode: SslMode, place: &Place) -> Result<Option<MakeRustlsConnect>, LedgerError> {
    if mode == SslMode::Disable {
        return Ok(None);
    }
    // Something else in the process may have chosen already; either is fine.
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .ok();
    match MakeRustlsConnect::with_native_certs() {
        Ok((tls, _)) => Ok(Some(tls)),
        Err(_) if mode == SslMode::Prefer => Ok(None),
        Err(errors) => {
            let why: Vec<_> = errors.iter().map(ToString::to_string).collect();
            Err(LedgerError::Unavailable(format!(
                "{place}: TLS is required and this system has no root certificates: install them (Debian: \
                 ca-certificates), or name a file of them in SSL_CERT_FILE ({})",
                why.join("; ")
            )))
        }
    }
}
