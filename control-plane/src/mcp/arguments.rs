//! What the tools take, as models send it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use shared::blob_path::BlobPath;
use shared::clock::UnixMillis;
use shared::ids::IndexId;
use shared::vectors::SearchMode;

use super::ToolError;
use crate::search::{MetadataTest, NumberRange, SearchFilter, SearchQuery, TimeRange};

/// Passages when nobody says how many: whole chunks, as much as a model reads at a time.
pub(super) const DEFAULT_PASSAGES: usize = 8;
/// Bytes of a document when nobody says how many.
pub(super) const DEFAULT_BYTES: usize = 32 * 1024;

/// Arguments of `search`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SearchArguments {
    query: String,
    pub(super) index: Option<IndexId>,
    mode: Option<SearchMode>,
    limit: Option<usize>,
    #[serde(default)]
    offset: usize,
    #[serde(default)]
    one_per_file: bool,
    #[serde(default)]
    filter: FilterArguments,
}

/// Which passages are wanted.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct FilterArguments {
    paths: Vec<BlobPath>,
    prefixes: Vec<String>,
    globs: Vec<String>,
    types: Vec<String>,
    metadata: BTreeMap<String, MetadataTest>,
    modified_from: Option<Moment>,
    modified_before: Option<Moment>,
    pages: Option<NumberRange>,
}

impl SearchArguments {
    /// The same as the HTTP interface takes it.
    pub(super) fn into_query(self) -> SearchQuery {
        let filter = self.filter;
        let modified = TimeRange {
            from: filter.modified_from.map(|moment| moment.0),
            before: filter.modified_before.map(|moment| moment.0),
        };
        SearchQuery {
            query: self.query,
            mode: self.mode,
            limit: self.limit.unwrap_or(DEFAULT_PASSAGES),
            offset: self.offset,
            group_by_file: self.one_per_file,
            filter: SearchFilter {
                paths: filter.paths,
                prefixes: filter.prefixes,
                globs: filter.globs,
                types: filter.types,
                metadata: filter.metadata,
                modified_at: (modified.from.is_some() || modified.before.is_some()).then_some(modified),
                pages: filter.pages,
                ..SearchFilter::default()
            },
            ..SearchQuery::default()
        }
    }
}

/// Arguments of `get_document`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DocumentArguments {
    pub(super) path: BlobPath,
    pub(super) index: Option<IndexId>,
    #[serde(default)]
    pub(super) from: u64,
    max_bytes: Option<usize>,
    etag: Option<String>,
}

impl DocumentArguments {
    /// The query string of the request for it.
    pub(super) fn query(&self) -> Vec<(&'static str, String)> {
        let max_bytes = self.max_bytes.unwrap_or(DEFAULT_BYTES);
        let mut query = vec![
            ("from", self.from.to_string()),
            ("max_bytes", max_bytes.to_string()),
        ];
        query.extend(self.etag.clone().map(|etag| ("etag", etag)));
        query
    }
}

/// Arguments of `file_status`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileArguments {
    pub(super) path: BlobPath,
    pub(super) index: Option<IndexId>,
}

/// A moment as people write it: a day, which begins at midnight UTC, or an RFC 3339 time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct Moment(UnixMillis);

impl TryFrom<String> for Moment {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        // A day alone has ten characters; the parser would take longer texts too, and drop their time.
        let moment = if text.len() == 10 {
            let midnight = text.parse::<Date>().and_then(|day| day.to_zoned(TimeZone::UTC));
            midnight.map(|midnight| midnight.timestamp())
        } else {
            text.parse::<Timestamp>()
        };
        match moment {
            Ok(moment) => Ok(Self(moment.as_millisecond())),
            Err(_) => Err(format!(
                "{text:?} is not a moment: write 2026-01-31 or 2026-01-31T12:00:00Z"
            )),
        }
    }
}

/// Reads arguments. Models send `null` for what they leave out.
pub(super) fn read<T: DeserializeOwned>(arguments: Value) -> Result<T, ToolError> {
    serde_json::from_value(without_nulls(arguments)).map_err(|error| ToolError::Arguments(error.to_string()))
}

/// Makes sure that there are none.
pub(super) fn none(arguments: &Value) -> Result<(), ToolError> {
    match arguments.as_object().and_then(|fields| fields.keys().next()) {
        None => Ok(()),
        Some(_) => Err(ToolError::Arguments("this tool takes no arguments".to_owned())),
    }
}

/// The same without fields that are null. No field of a tool has a meaning for null, and the nesting is that of the
/// protocol's parser, which is bounded.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name, without_nulls(value)))
            .collect(),
        other => other,
    }
}
