//! One call on one connection.

use std::error::Error;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::BytesMut;
use deadpool_postgres::Object;
use futures::future::join_all;
use futures::{FutureExt, TryStreamExt, try_join};
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::ledger::LedgerError;
use crate::ledger::database::{Cells, Columns, Database, DbError, DbResult, Value};
use crate::ledger::sql::Sql;

/// How a call begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// A transaction that writes; each statement sees what was committed before it.
    Write,
    /// A transaction that reads, on one snapshot.
    Snapshot,
    /// No transaction: each statement stands for itself.
    Plain,
}

impl Opening {
    fn command(self) -> Option<&'static str> {
        match self {
            Self::Write => Some("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"),
            Self::Snapshot => Some("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
            Self::Plain => None,
        }
    }
}

/// A connection for the time of a call. When the call is dropped before its end, the connection is closed, and the server
/// rolls back; the pool never gets a connection that is still at work.
pub(super) struct Session {
    /// `None` only while dropping.
    client: Option<Object>,
    opening: Opening,
    /// Something was asked, and the end has not been reached.
    open: AtomicBool,
}

impl Session {
    pub(super) fn new(client: Object, opening: Opening) -> Self {
        Self {
            client: Some(client),
            opening,
            open: AtomicBool::new(false),
        }
    }

    fn client(&self) -> DbResult<&Object> {
        let gone = || LedgerError::Unavailable("the connection is closed".to_owned());
        Ok(self.client.as_ref().ok_or_else(gone)?)
    }

    /// Begins the transaction with the first statement, without a round trip of its own.
    async fn begin(&self, client: &Object) -> DbResult<()> {
        match self.opening.command() {
            Some(command) if !self.open.swap(true, Ordering::Relaxed) => {
                Ok(client.batch_execute(command).await?)
            }
            Some(_) => Ok(()),
            None => {
                self.open.store(true, Ordering::Relaxed);
                Ok(())
            }
        }
    }

    /// Commits when the work succeeded, and rolls back otherwise. When the commit fails, nobody knows what became of it.
    pub(super) async fn end<T>(&self, worked: DbResult<T>) -> DbResult<T> {
        if !self.open.load(Ordering::Relaxed) {
            return worked;
        }
        let client = self.client()?;
        let ended = match (self.opening, &worked) {
            (Opening::Write, Ok(_)) => client.batch_execute("COMMIT").await,
            (Opening::Snapshot, Ok(_)) => {
                // The answer is complete. The command goes out when it is polled first, ahead of the next call's.
                client.batch_execute("COMMIT").now_or_never().unwrap_or(Ok(()))
            }
            (Opening::Write | Opening::Snapshot, Err(_)) => client.batch_execute("ROLLBACK").await,
            (Opening::Plain, _) => Ok(()),
        };
        if ended.is_ok() {
            self.open.store(false, Ordering::Relaxed);
        }
        let answer = worked?;
        ended?;
        Ok(answer)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.open.load(Ordering::Relaxed)
            && let Some(client) = self.client.take()
        {
            drop(Object::take(client));
        }
    }
}

impl Database for Session {
    /// All sets are on their way before the first answer is awaited, in order: futures are polled in the order in which
    /// they stand, and each sends its request when it is polled first.
    async fn run(
        &self,
        sql: &'static Sql,
        sets: &[Vec<Value<'_>>],
        mut row: impl FnMut(usize, &mut Columns<'_>) -> DbResult<()>,
    ) -> DbResult<u64> {
        if sets.is_empty() {
            return Ok(0);
        }
        let client = self.client()?;
        let statements = async {
            let statement = &client.prepare_cached(sql.postgres()).await?;
            // Each takes its rows as they come: those of one that nobody reads would hold up the answers behind it.
            let answers = join_all(sets.iter().map(async |values| {
                let mut rows = pin!(client.query_raw(statement, values).await?);
                let mut found = Vec::new();
                while let Some(row) = rows.try_next().await? {
                    found.push(row);
                }
                Ok::<_, tokio_postgres::Error>((found, rows.rows_affected().unwrap_or(0)))
            }));
            let mut changed = 0;
            // In order: the first error is the true one, those after it only say that the transaction has failed.
            for (set, answer) in answers.await.into_iter().enumerate() {
                let (rows, affected) = answer?;
                for found in rows {
                    row(set, &mut Columns::of(&found))?;
                }
                changed += affected;
            }
            Ok(changed)
        };
        let ((), changed) = try_join!(self.begin(client), statements)?;
        Ok(changed)
    }
}

/// Did the server roll this call back because another stood in its way? Then nothing of it has happened, and it can be
/// repeated.
///
/// A unique violation is one of these: two calls add the same file at the same moment, and the later one may find the
/// other's path before its key, which is the only index that `ON CONFLICT` looks at. On the repetition the row is there.
pub(super) fn lost_to_another(error: &DbError) -> bool {
    let DbError::Postgres(error) = error else {
        return false;
    };
    [
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::UNIQUE_VIOLATION,
    ]
    .iter()
    .any(|state| error.code() == Some(state))
}

impl ToSql for Value<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Integer(number) => match *ty {
                Type::INT2 => i16::try_from(*number)?.to_sql(ty, out),
                Type::INT4 => i32::try_from(*number)?.to_sql(ty, out),
                _ => number.to_sql_checked(ty, out),
            },
            // The one character that PostgreSQL cannot store. No path has it; an event's tag might, and must not stop
            // the batch that it is in.
            Self::Text(text) if text.contains('\0') => text.replace('\0', "\u{FFFD}").to_sql_checked(ty, out),
            Self::Text(text) => text.to_sql_checked(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        // Each value checks the type that it is sent as.
        true
    }

    to_sql_checked!();
}

/// An integer of any width.
struct Integer(i64);

impl FromSql<'_> for Integer {
    fn from_sql(ty: &Type, raw: &[u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(match *ty {
            Type::INT2 => i16::from_sql(ty, raw)?.into(),
            Type::INT4 => i32::from_sql(ty, raw)?.into(),
            _ => i64::from_sql(ty, raw)?,
        }))
    }

    fn accepts(ty: &Type) -> bool {
        [Type::INT2, Type::INT4, Type::INT8].contains(ty)
    }
}

impl Cells for Row {
    fn integer(&self, column: usize) -> DbResult<Option<i64>> {
        let number: Option<Integer> = self.try_get(column).map_err(|error| unreadable(&error))?;
        Ok(number.map(|Integer(number)| number))
    }

    fn text(&self, column: usize) -> DbResult<Option<&str>> {
        self.try_get(column).map_err(|error| unreadable(&error))
    }
}

fn unreadable(error: &tokio_postgres::Error) -> DbError {
    let cause = error.source().map(|cause| format!(": {cause}"));
    DbError::Unreadable(format!("{error}{}", cause.unwrap_or_default()))
}
