//! Connections, the schema, and errors that say what to do.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::clock::Clock;
use crate::ledger::database::{DbError, DbResult};
use crate::ledger::migrations;
use crate::ledger::{LedgerError, SCHEMA_VERSION};

/// How long to wait for another process that writes to the same database.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Where the database is; shown in errors.
#[derive(Clone, Debug)]
pub(super) enum Place {
    File(PathBuf),
    Memory,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Memory => f.write_str("the ledger in memory"),
        }
    }
}

impl Place {
    /// The one connection that writes, with its tables up to date.
    pub(super) fn open_writer(&self, clock: &Arc<dyn Clock>) -> Result<Connection, LedgerError> {
        self.try_open_writer(clock).map_err(|error| self.explain(error))
    }

    fn try_open_writer(&self, clock: &Arc<dyn Clock>) -> DbResult<Connection> {
        let mut db = match self {
            Self::File(path) => Connection::open(path)?,
            Self::Memory => Connection::open_in_memory()?,
        };
        db.busy_timeout(BUSY_TIMEOUT)?;
        // Before anything is changed: is it ours at all?
        check_owner(&db, self)?;
        db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        db.pragma_update(None, "synchronous", "FULL")?;
        // Give disk space back after a burst filled the write-ahead log.
        db.pragma_update_and_check(None, "journal_size_limit", 64 << 20, |_| Ok(()))?;
        prepare(&db, clock)?;
        migrate(&mut db)?;
        Ok(db)
    }

    /// A connection that can only read.
    pub(super) fn open_reader(&self, clock: &Arc<dyn Clock>) -> DbResult<Connection> {
        let db = match self {
            Self::File(path) => {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                Connection::open_with_flags(path, flags)?
            }
            Self::Memory => Connection::open_in_memory()?,
        };
        db.busy_timeout(BUSY_TIMEOUT)?;
        prepare(&db, clock)?;
        db.pragma_update(None, "query_only", true)?;
        Ok(db)
    }

    /// Says what happened to which database and what to do about it.
    pub(super) fn explain(&self, error: DbError) -> LedgerError {
        let error = match error {
            DbError::Ledger(error) => return error,
            DbError::Sqlite(error) => error,
            DbError::Unreadable(text) => return LedgerError::Corrupt(format!("{self}: {text}")),
            DbError::Postgres(error) => return LedgerError::Unavailable(format!("{self}: {error}")),
        };
        let remedy = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => {
                "the disk is full: free some space; nothing was changed and nothing is damaged"
            }
            Some(ErrorCode::ReadOnly) => {
                "it cannot be written: make the file and its folder writable for this user"
            }
            Some(ErrorCode::CannotOpen) => {
                "it cannot be opened: check that its folder exists, is a folder and is writable for this user"
            }
            Some(ErrorCode::PermissionDenied) => {
                "access is denied: make the file readable and writable for this user"
            }
            Some(ErrorCode::NotADatabase) => {
                "the file is not a database: move it away or choose another path for the ledger"
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                "another process has locked it: stop that process, or give each its own ledger"
            }
            Some(ErrorCode::SystemIoFailure) => {
                "the disk failed or is full: check the disk and its free space"
            }
            Some(ErrorCode::DatabaseCorrupt) => {
                return LedgerError::Corrupt(format!(
                    "{self}: the file is damaged: restore it from a backup, or move it away and index everything again \
                     ({error})"
                ));
            }
            Some(_) => "the database refused the statement",
            // Not from SQLite itself: a value did not have the form that this build writes.
            None => return LedgerError::Corrupt(format!("{self}: {error}")),
        };
        LedgerError::Unavailable(format!("{self}: {remedy} ({error})"))
    }
}

/// What every connection needs.
fn prepare(db: &Connection, clock: &Arc<dyn Clock>) -> DbResult<()> {
    db.pragma_update(None, "foreign_keys", true)?;
    db.pragma_update(None, "trusted_schema", false)?;
    db.pragma_update(None, "temp_store", "MEMORY")?;
    db.set_prepared_statement_cache_capacity(128);
    let clock = Arc::clone(clock);
    // Not deterministic: it must be asked again for every use.
    db.create_scalar_function("now_ms", 0, FunctionFlags::SQLITE_UTF8, move |_| Ok(clock.now()))?;
    Ok(())
}

/// Refuses a database that another program made.
fn check_owner(db: &Connection, place: &Place) -> DbResult<()> {
    let (tables, ours): (i64, i64) = db.query_row(
        "SELECT COUNT(*), COUNT(CASE WHEN name = 'schema_version' THEN 1 END) FROM sqlite_master WHERE type = 'table'",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    if tables > 0 && ours == 0 {
        return Err(LedgerError::Unavailable(format!(
            "{place}: the database belongs to another program: choose another path for the ledger"
        ))
        .into());
    }
    Ok(())
}

/// Brings the tables to the version that this build knows, all or nothing. Those of a newer build stay as they are.
fn migrate(db: &mut Connection) -> DbResult<()> {
    let tx = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    tx.execute_batch("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)")?;
    let found: i64 = tx.query_row(migrations::FOUND, [], |row| row.get(0))?;
    let lacking = migrations::lacking(found, &newer(&tx, found)?)?;
    for migration in lacking {
        tx.execute_batch(migration.sql)?;
        let version = migration.version;
        match migration.needs() {
            None => tx.execute("INSERT INTO schema_version (version) VALUES (?1)", [version])?,
            Some(needs) => {
                let record = "INSERT INTO schema_version (version, needs) VALUES (?1, ?2)";
                tx.execute(record, [version, needs])?
            }
        };
    }
    tx.commit()?;
    if found > 0 && !lacking.is_empty() {
        migrations::tell(found, SCHEMA_VERSION);
    }
    Ok(())
}

/// What the database says of versions that this build does not know.
fn newer(db: &Connection, found: i64) -> DbResult<Vec<migrations::Newer>> {
    if !migrations::is_newer(found) {
        return Ok(Vec::new());
    }
    let mut statement = db.prepare(&format!("{}?1", migrations::NEWER))?;
    let rows = statement.query_map([SCHEMA_VERSION], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
