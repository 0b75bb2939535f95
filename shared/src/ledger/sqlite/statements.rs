//! Statements on a connection. They run when they are asked for: nothing here ever waits.

use futures::FutureExt;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Row, ToSql, params_from_iter};

use crate::ledger::LedgerError;
use crate::ledger::database::{Cells, Columns, Database, DbError, DbResult, Value};
use crate::ledger::sql::Sql;

/// The result of a call on a [`Connection`], whose future is ready when it is asked the first time.
pub(super) fn at_once<T>(call: impl Future<Output = DbResult<T>>) -> DbResult<T> {
    call.now_or_never().unwrap_or_else(|| {
        let what = "a call of the ledger waited for something other than its database";
        Err(LedgerError::Unavailable(what.to_owned()).into())
    })
}

impl Database for Connection {
    async fn run(
        &self,
        sql: &'static Sql,
        sets: &[Vec<Value<'_>>],
        mut row: impl FnMut(usize, &mut Columns<'_>) -> DbResult<()>,
    ) -> DbResult<u64> {
        let mut changed = 0;
        for (set, values) in sets.iter().enumerate() {
            let mut statement = self.prepare_cached(sql.sqlite())?;
            let mut rows = statement.query(params_from_iter(values))?;
            while let Some(found) = rows.next()? {
                row(set, &mut Columns::of(found))?;
            }
            changed += self.changes();
        }
        Ok(changed)
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Self::Integer(number) => ToSqlOutput::Borrowed(ValueRef::Integer(*number)),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        })
    }
}

impl Cells for Row<'_> {
    fn integer(&self, column: usize) -> DbResult<Option<i64>> {
        Ok(self.get(column)?)
    }

    fn text(&self, column: usize) -> DbResult<Option<&str>> {
        match self.get_ref(column)?.as_str_or_null() {
            Ok(text) => Ok(text),
            Err(error) => Err(DbError::Unreadable(format!("column {column}: {error}"))),
        }
    }
}
