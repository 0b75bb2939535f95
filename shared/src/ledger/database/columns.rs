//! A row's columns on their way out.

use std::fmt::Display;
use std::str::FromStr;

use serde::de::DeserializeOwned;

use super::{DbError, DbResult};

/// A row of any database: integers and text by position.
pub(in crate::ledger) trait Cells {
    /// The integer in a column.
    fn integer(&self, column: usize) -> DbResult<Option<i64>>;
    /// The text in a column.
    fn text(&self, column: usize) -> DbResult<Option<&str>>;
}

/// Reads a row's columns from left to right.
pub(in crate::ledger) struct Columns<'row> {
    cells: &'row dyn Cells,
    next: usize,
}

/// What a column can be read as without parsing.
pub(in crate::ledger) trait Cell: Sized {
    fn read(cells: &dyn Cells, column: usize) -> DbResult<Self>;
}

impl Cell for Option<i64> {
    fn read(cells: &dyn Cells, column: usize) -> DbResult<Self> {
        cells.integer(column)
    }
}

impl Cell for Option<String> {
    fn read(cells: &dyn Cells, column: usize) -> DbResult<Self> {
        Ok(cells.text(column)?.map(str::to_owned))
    }
}

impl Cell for i64 {
    fn read(cells: &dyn Cells, column: usize) -> DbResult<Self> {
        cells.integer(column)?.ok_or_else(|| null(column))
    }
}

impl Cell for bool {
    fn read(cells: &dyn Cells, column: usize) -> DbResult<Self> {
        Ok(i64::read(cells, column)? != 0)
    }
}

impl Cell for String {
    fn read(cells: &dyn Cells, column: usize) -> DbResult<Self> {
        Option::<Self>::read(cells, column)?.ok_or_else(|| null(column))
    }
}

fn null(column: usize) -> DbError {
    DbError::Unreadable(format!("column {column} is NULL"))
}

impl<'row> Columns<'row> {
    pub(in crate::ledger) fn of(cells: &'row dyn Cells) -> Self {
        Self { cells, next: 0 }
    }

    /// The next column as it is.
    pub(in crate::ledger) fn value<T: Cell>(&mut self) -> DbResult<T> {
        let column = self.next;
        self.next += 1;
        T::read(self.cells, column)
    }

    /// The next column, stored as text.
    pub(in crate::ledger) fn text<T: FromStr<Err: Display>>(&mut self) -> DbResult<T> {
        let column = self.next;
        self.text_or_null()?.ok_or_else(|| null(column))
    }

    /// The next column, stored as text or NULL.
    pub(in crate::ledger) fn text_or_null<T: FromStr<Err: Display>>(&mut self) -> DbResult<Option<T>> {
        let column = self.next;
        self.next += 1;
        let text = self.cells.text(column)?;
        text.map(|text| text.parse().map_err(|error: T::Err| unreadable(column, &error)))
            .transpose()
    }

    /// The next column, a number that is never negative.
    pub(in crate::ledger) fn count<T: TryFrom<i64>>(&mut self) -> DbResult<T> {
        let number: i64 = self.value()?;
        self.in_range(number)
    }

    /// A number that was read last, in a narrower type.
    pub(in crate::ledger) fn in_range<T: TryFrom<i64>>(&self, number: i64) -> DbResult<T> {
        T::try_from(number).map_err(|_| {
            let before = self.next.saturating_sub(1);
            DbError::Unreadable(format!("column {before}: {number} is out of range"))
        })
    }

    /// The next column, stored as JSON.
    pub(in crate::ledger) fn json<T: DeserializeOwned>(&mut self) -> DbResult<T> {
        let column = self.next;
        self.json_or_null()?.ok_or_else(|| null(column))
    }

    /// The next column, stored as JSON or NULL.
    pub(in crate::ledger) fn json_or_null<T: DeserializeOwned>(&mut self) -> DbResult<Option<T>> {
        let column = self.next;
        self.next += 1;
        let text = self.cells.text(column)?;
        text.map(|text| serde_json::from_str(text).map_err(|error| unreadable(column, &error)))
            .transpose()
    }
}

fn unreadable(column: usize, error: &dyn Display) -> DbError {
    DbError::Unreadable(format!("column {column}: {error}"))
}
