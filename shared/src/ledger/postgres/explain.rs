//! Errors that say what to do, without user or password.

use std::error::Error;
use std::fmt;

use deadpool_postgres::{HookError, PoolError, TimeoutType};
use tokio_postgres::Config;
use tokio_postgres::config::Host;
use tokio_postgres::error::SqlState;

use crate::ledger::LedgerError;
use crate::ledger::database::DbError;

/// Where the database is; shown in errors.
#[derive(Clone, Debug)]
pub(super) struct Place {
    hosts: String,
    database: String,
}

impl Place {
    pub(super) fn of(config: &Config) -> Self {
        let ports = config.get_ports();
        let hosts = config.get_hosts().iter().enumerate().map(|(at, host)| {
            let port = ports.get(at).or(ports.first()).copied().unwrap_or(5432);
            match host {
                Host::Tcp(name) => format!("{name}:{port}"),
                Host::Unix(folder) => format!("{}:{port}", folder.display()),
            }
        });
        let database = config.get_dbname().or(config.get_user()).unwrap_or("postgres");
        Self {
            hosts: hosts.collect::<Vec<_>>().join(", "),
            database: database.to_owned(),
        }
    }

    /// No connection could be had.
    pub(super) fn explain_pool(&self, error: PoolError) -> LedgerError {
        match error {
            PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => {
                self.explain(error.into())
            }
            PoolError::Timeout(TimeoutType::Wait) => self.unavailable(
                "every connection of this process stayed busy: raise the pool size, or look for statements that wait for \
                 locks",
            ),
            PoolError::Timeout(TimeoutType::Create | TimeoutType::Recycle) => self.unavailable(
                "it does not answer in time: check that it runs, and that no firewall is in the way",
            ),
            error @ (PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_)) => {
                self.unavailable(&format!("no connection ({error})"))
            }
        }
    }

    /// Says what happened to which database and what to do about it.
    pub(super) fn explain(&self, error: DbError) -> LedgerError {
        match error {
            DbError::Ledger(error) => error,
            DbError::Unreadable(text) => LedgerError::Corrupt(format!("{self}: {text}")),
            DbError::Sqlite(error) => self.unavailable(&error.to_string()),
            DbError::Postgres(error) => self.explain_server(&error),
        }
    }

    fn explain_server(&self, error: &tokio_postgres::Error) -> LedgerError {
        let text = chain(error);
        let Some(refusal) = error.as_db_error() else {
            return self.unavailable(&format!("{} ({text})", without_answer(error, &text)));
        };
        let code = refusal.code();
        if [SqlState::DATA_CORRUPTED, SqlState::INDEX_CORRUPTED].contains(code) {
            return LedgerError::Corrupt(format!("{self}: restore it from a backup ({text})"));
        }
        self.unavailable(&format!("{} ({text})", remedy(code)))
    }

    fn unavailable(&self, what: &str) -> LedgerError {
        LedgerError::Unavailable(format!("{self}: {what}"))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgreSQL at {}, database {:?}", self.hosts, self.database)
    }
}

/// The server's words with its code, or the error with its causes.
fn chain(error: &tokio_postgres::Error) -> String {
    if let Some(refusal) = error.as_db_error() {
        return format!("{}, SQLSTATE {}", refusal.message(), refusal.code().code());
    }
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(because) = cause {
        text = format!("{text}: {because}");
        cause = because.source();
    }
    text
}

/// What to do when the server did not say anything.
fn without_answer(error: &tokio_postgres::Error, text: &str) -> &'static str {
    if text.contains("TLS") {
        "TLS failed: name the server as its certificate does, name the certificate's root in SSL_CERT_FILE, or, on a \
         network that you trust, use sslmode=disable"
    } else if text.contains("password missing") {
        "it asks for a password and the URL has none"
    } else if error.is_closed() || text.contains("communicating") {
        "the connection broke: it is made again by the next call; whether this one took effect is unknown"
    } else {
        "it cannot be reached: check that it runs, and the URL's host and port"
    }
}

/// What to do about a refusal.
fn remedy(code: &SqlState) -> &'static str {
    let remedies = [
        (
            SqlState::INVALID_PASSWORD,
            "user or password is wrong: correct the URL, with special characters percent-encoded",
        ),
        (
            SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
            "the user may not connect in this way: check the user's name, sslmode, and the server's pg_hba.conf",
        ),
        (
            SqlState::INVALID_CATALOG_NAME,
            "there is no such database: create it (CREATE DATABASE …), or correct the URL",
        ),
        (
            SqlState::INSUFFICIENT_PRIVILEGE,
            "the user lacks a right: let it create tables in its schema (GRANT CREATE, USAGE ON SCHEMA … TO …), or let \
             the tables' owner start longshore once",
        ),
        (
            SqlState::DUPLICATE_TABLE,
            "the schema has tables of another program: give longshore a schema or a database of its own",
        ),
        (
            SqlState::UNDEFINED_TABLE,
            "its tables are gone: restart longshore to make them, or restore a backup",
        ),
        (
            SqlState::TOO_MANY_CONNECTIONS,
            "the server has no connection left: lower the pool size, or raise max_connections",
        ),
        (
            SqlState::DISK_FULL,
            "the server's disk is full: free some space; nothing was changed and nothing is damaged",
        ),
        (
            SqlState::READ_ONLY_SQL_TRANSACTION,
            "the server only reads, it is a standby: connect to the primary (target_session_attrs=read-write)",
        ),
        (
            SqlState::QUERY_CANCELED,
            "the statement took too long and was undone: look for long transactions that hold locks, or raise the \
             statement timeout",
        ),
        (
            SqlState::LOCK_NOT_AVAILABLE,
            "its tables have to be changed and a transaction holds them: look for long ones (pg_stat_activity), end them, \
             and start again; nothing was changed",
        ),
        (SqlState::ADMIN_SHUTDOWN, "the server is stopping"),
        (SqlState::CRASH_SHUTDOWN, "the server is restarting after a crash"),
        (SqlState::CANNOT_CONNECT_NOW, "the server is starting or stopping"),
    ];
    remedies
        .iter()
        .find(|(known, _)| known == code)
        .map_or("the database refused the statement", |(_, remedy)| remedy)
}
