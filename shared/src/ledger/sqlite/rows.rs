//! Between rows and types.

use std::fmt::Display;
use std::str::FromStr;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, Type, ValueRef};
use rusqlite::{Error, Row};
use serde::de::DeserializeOwned;

use crate::ids::{FileId, IndexId};
use crate::ledger::{Claim, FileRow, HistoryEntry, Hold, IndexRecord, RunRecord, Version};
use crate::work_message::Lane;

/// A value that is stored in its text form.
pub(super) struct Text<T>(pub(super) T);

impl<T: Display> ToSql for Text<T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.to_string().into())
    }
}

impl<T> FromSql for Text<T>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value
            .as_str()?
            .parse()
            .map(Self)
            .map_err(|error| FromSqlError::Other(Box::new(error)))
    }
}

/// Reads a row's columns from left to right.
pub(super) struct Columns<'row, 'stmt> {
    row: &'row Row<'stmt>,
    next: usize,
}

impl<'row, 'stmt> Columns<'row, 'stmt> {
    pub(super) fn of(row: &'row Row<'stmt>) -> Self {
        Self { row, next: 0 }
    }

    /// The next column as it is.
    pub(super) fn value<T: FromSql>(&mut self) -> rusqlite::Result<T> {
        let column = self.next;
        self.next += 1;
        self.row.get(column)
    }

    /// The next column, stored as text.
    pub(super) fn text<T>(&mut self) -> rusqlite::Result<T>
    where
        Text<T>: FromSql,
    {
        Ok(self.value::<Text<T>>()?.0)
    }

    /// The next column, stored as text or NULL.
    pub(super) fn text_or_null<T>(&mut self) -> rusqlite::Result<Option<T>>
    where
        Text<T>: FromSql,
    {
        Ok(self.value::<Option<Text<T>>>()?.map(|text| text.0))
    }

    /// The next column, a number that is never negative.
    pub(super) fn count<T: TryFrom<i64, Error = std::num::TryFromIntError>>(
        &mut self,
    ) -> rusqlite::Result<T> {
        let number: i64 = self.value()?;
        T::try_from(number).map_err(|_| Error::IntegralValueOutOfRange(self.next - 1, number))
    }

    /// The next column, stored as JSON.
    pub(super) fn json<T: DeserializeOwned>(&mut self) -> rusqlite::Result<T> {
        let text: String = self.value()?;
        self.parse_json(&text)
    }

    /// The next column, stored as JSON or NULL.
    pub(super) fn json_or_null<T: DeserializeOwned>(&mut self) -> rusqlite::Result<Option<T>> {
        let text: Option<String> = self.value()?;
        text.map(|text| self.parse_json(&text)).transpose()
    }

    fn parse_json<T: DeserializeOwned>(&self, text: &str) -> rusqlite::Result<T> {
        serde_json::from_str(text)
            .map_err(|error| Error::FromSqlConversionFailure(self.next - 1, Type::Text, Box::new(error)))
    }

    /// The next five columns.
    fn version(&mut self) -> rusqlite::Result<Option<Version>> {
        let (etag, content_hash, pipeline) = (self.value()?, self.value()?, self.value()?);
        let (size, chunks): (Option<i64>, Option<i64>) = (self.value()?, self.value()?);
        let (Some(etag), Some(content_hash), Some(pipeline), Some(size), Some(chunks)) =
            (etag, content_hash, pipeline, size, chunks)
        else {
            return Ok(None);
        };
        let out_of_range = |number| Error::IntegralValueOutOfRange(self.next - 1, number);
        Ok(Some(Version {
            etag,
            content_hash,
            pipeline,
            size: u64::try_from(size).map_err(|_| out_of_range(size))?,
            chunks: u32::try_from(chunks).map_err(|_| out_of_range(chunks))?,
        }))
    }
}

/// A number as SQLite stores it. Those of this crate fit; a larger one is stored as the largest.
pub(super) fn number(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

/// A lane as stored: its position, so that the smaller number is the more urgent one.
pub(super) fn lane_number(lane: Lane) -> i64 {
    number(Lane::ALL.iter().position(|other| *other == lane).unwrap_or(0))
}

/// Columns of `claim_columns!`; also the number of its history entry.
pub(super) fn claim(
    index: &IndexId,
    file_id: FileId,
    row: &Row<'_>,
) -> rusqlite::Result<(Claim, crate::file_state::FileState, i64)> {
    let mut c = Columns::of(row);
    let path = c.text()?;
    let hold = Hold {
        index: index.clone(),
        file_id,
        claim_id: c.text()?,
        fence: c.value()?,
    };
    let claim = Claim {
        hold,
        path,
        seq: c.value()?,
        attempts: c.count()?,
        failure_count: c.count()?,
        dirty: c.value()?,
        live_claim: c.text_or_null()?,
        prev_claim: c.text_or_null()?,
        version: c.version()?,
        renamed_from: c.text_or_null()?,
        enqueued_at: c.value()?,
        run: c.text_or_null()?,
    };
    Ok((claim, c.text()?, c.value()?))
}

/// Columns of `file_columns!`.
pub(super) fn file(row: &Row<'_>) -> rusqlite::Result<FileRow> {
    let mut c = Columns::of(row);
    Ok(FileRow {
        file_id: c.text()?,
        path: c.text()?,
        state: c.text()?,
        desired_seq: c.value()?,
        claimed_seq: c.value()?,
        applied_seq: c.value()?,
        fence: c.value()?,
        attempts: c.count()?,
        failure_count: c.count()?,
        not_before: c.value()?,
        owner: c.value()?,
        claim_id: c.text_or_null()?,
        lease_until: c.value()?,
        live_claim: c.text_or_null()?,
        prev_claim: c.text_or_null()?,
        version: c.version()?,
        last_error: c.json_or_null()?,
        enqueued_at: c.value()?,
        updated_at: c.value()?,
        run: c.text_or_null()?,
    })
}

/// Columns of `HISTORY`.
pub(super) fn history(row: &Row<'_>) -> rusqlite::Result<HistoryEntry> {
    let mut c = Columns::of(row);
    Ok(HistoryEntry {
        at: c.value()?,
        event: c.value()?,
        state: c.text()?,
        seq: c.value()?,
        claim_id: c.text_or_null()?,
        detail: c.json()?,
    })
}

/// Columns of `INDEX`.
pub(super) fn index(row: &Row<'_>) -> rusqlite::Result<IndexRecord> {
    let mut c = Columns::of(row);
    Ok(IndexRecord {
        id: c.text()?,
        state: c.text()?,
        settings: c.json()?,
        created_at: c.value()?,
        comparison: c.json_or_null()?,
    })
}

/// Columns of `run_columns!`. `superseded` is left for the caller; `by_state` is what was kept at completion.
pub(super) fn run(row: &Row<'_>) -> rusqlite::Result<RunRecord> {
    use crate::file_state::FileState::{AwaitingApproval, Deleted, Failed, Indexed, Skipped};
    let mut c = Columns::of(row);
    let mut run = RunRecord {
        id: c.text()?,
        index: c.text()?,
        kind: c.text()?,
        opened_at: c.value()?,
        completed_at: c.value()?,
        sealed: c.value()?,
        total: c.count()?,
        superseded: 0,
        by_state: std::collections::BTreeMap::new(),
    };
    for state in [Indexed, Failed, Skipped, Deleted, AwaitingApproval] {
        let files: u64 = c.count()?;
        if files > 0 {
            run.by_state.insert(state, files);
        }
    }
    Ok(run)
}
