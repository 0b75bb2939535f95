//! What the calls of the ledger need of a database, and values on their way in and out.
//!
//! [`calls`](super::calls) says which statements make up a call, once, over this trait. On PostgreSQL a statement waits
//! for the network. On SQLite it has run when its future is polled the first time, so a whole call never waits and runs
//! on the thread that owns the connection.

mod columns;
mod value;

pub(super) use columns::{Cells, Columns};
pub(super) use value::{Value, number, values};

use super::LedgerError;
use super::sql::Sql;

/// What can go wrong inside a statement, before it is known which database it was.
#[derive(Debug)]
pub(super) enum DbError {
    /// SQLite refused.
    Sqlite(rusqlite::Error),
    /// PostgreSQL refused or could not be reached.
    Postgres(tokio_postgres::Error),
    /// A row does not have the form that this build writes.
    Unreadable(String),
    /// The answer is an error of the ledger.
    Ledger(LedgerError),
}

pub(super) type DbResult<T> = Result<T, DbError>;

impl From<rusqlite::Error> for DbError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<tokio_postgres::Error> for DbError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

impl From<LedgerError> for DbError {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl DbError {
    /// Does a row refer to another that is not there?
    pub(super) fn is_missing_reference(&self) -> bool {
        match self {
            Self::Sqlite(error) => {
                error.sqlite_extended_error_code() == Some(rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY)
            }
            Self::Postgres(error) => {
                error.code() == Some(&tokio_postgres::error::SqlState::FOREIGN_KEY_VIOLATION)
            }
            Self::Unreadable(_) | Self::Ledger(_) => false,
        }
    }

    /// A statement that always has a row had none.
    pub(super) fn no_row() -> Self {
        Self::Unreadable("a statement that always has a row had none".to_owned())
    }
}

/// Where statements run: a connection, inside the transaction of one call.
pub(super) trait Database {
    /// Runs a statement once for each set of values, in order; hands each row to `row` with the number of its set, and
    /// returns how many rows were changed. Over a network the sets do not wait for each other's answers.
    async fn run(
        &self,
        sql: &'static Sql,
        sets: &[Vec<Value<'_>>],
        row: impl FnMut(usize, &mut Columns<'_>) -> DbResult<()>,
    ) -> DbResult<u64>;

    /// Runs a statement that has no rows, for each set of values; returns how many rows it changed.
    async fn each(&self, sql: &'static Sql, sets: &[Vec<Value<'_>>]) -> DbResult<u64> {
        self.run(sql, sets, |_, _| Ok(())).await
    }

    /// Runs a statement that has no rows; returns how many rows it changed.
    async fn execute(&self, sql: &'static Sql, values: Vec<Value<'_>>) -> DbResult<u64> {
        self.each(sql, &[values]).await
    }

    /// Every row of a statement. (`T: 'static`, because the compiler cannot see that a future with a borrowed row type may
    /// change threads.)
    async fn many<T: 'static>(
        &self,
        sql: &'static Sql,
        values: Vec<Value<'_>>,
        mut read: impl FnMut(&mut Columns<'_>) -> DbResult<T>,
    ) -> DbResult<Vec<T>> {
        let mut rows = Vec::new();
        self.run(sql, &[values], |_, columns| {
            rows.push(read(columns)?);
            Ok(())
        })
        .await?;
        Ok(rows)
    }

    /// The row of a statement that changes or finds at most one.
    async fn one<T: 'static>(
        &self,
        sql: &'static Sql,
        values: Vec<Value<'_>>,
        read: impl FnMut(&mut Columns<'_>) -> DbResult<T>,
    ) -> DbResult<Option<T>> {
        Ok(self.many(sql, values, read).await?.pop())
    }
}
