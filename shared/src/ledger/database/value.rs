//! Values on their way into a statement: BIGINT, TEXT or NULL.

use std::borrow::Cow;

use crate::blob_path::BlobPath;
use crate::file_state::FileState;
use crate::ids::{AuditId, ClaimId, FileId, IndexId, KeyId, OperationId, RunId};
use crate::work_message::Lane;

/// A parameter of a statement.
#[derive(Clone, Debug)]
pub(in crate::ledger) enum Value<'a> {
    Null,
    Integer(i64),
    Text(Cow<'a, str>),
}

/// The values of a statement, from `$1` on.
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$($crate::ledger::database::Value::from($value)),*] };
}
pub(in crate::ledger) use values;

/// A number as it is stored. Those of this crate fit; a larger one is stored as the largest.
pub(in crate::ledger) fn number(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

impl<'a, T> From<Option<T>> for Value<'a>
where
    Value<'a>: From<T>,
{
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::from)
    }
}

/// `true` is 1.
impl From<bool> for Value<'_> {
    fn from(flag: bool) -> Self {
        Self::Integer(flag.into())
    }
}

/// A lane is stored as its position, so that the smaller number is the more urgent one.
impl From<Lane> for Value<'_> {
    fn from(lane: Lane) -> Self {
        let position = Lane::ALL.iter().position(|other| *other == lane);
        Self::Integer(number(position.unwrap_or(0)))
    }
}

macro_rules! stored_as_a_number {
    ($($number:ty),+) => {$(
        impl From<$number> for Value<'_> {
            fn from(value: $number) -> Self {
                Self::Integer(number(value))
            }
        }
    )+};
}
stored_as_a_number!(i64, u32, u64);

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text.into())
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl<'a> From<&'a IndexId> for Value<'a> {
    fn from(index: &'a IndexId) -> Self {
        index.as_str().into()
    }
}

impl<'a> From<&'a BlobPath> for Value<'a> {
    fn from(path: &'a BlobPath) -> Self {
        path.as_str().into()
    }
}

impl From<FileState> for Value<'_> {
    fn from(state: FileState) -> Self {
        Self::Text(state.name().into())
    }
}

macro_rules! stored_as_its_text {
    ($($id:ty),+) => {$(
        impl From<$id> for Value<'_> {
            fn from(id: $id) -> Self {
                id.to_string().into()
            }
        }
    )+};
}
stored_as_its_text!(AuditId, FileId, ClaimId, KeyId, OperationId, RunId);
