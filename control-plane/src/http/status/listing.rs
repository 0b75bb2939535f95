//! `GET /status?…`: instances that match, in pages.
//!
//! Index by index in the order of their names: its runs, newest first, then its files in path order. A page ends when it is
//! full, or when enough was looked at: then it may be short, even empty, and the continuation token says that there is more.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::blob_path::BlobPath;
use shared::clock::UnixMillis;
use shared::file_state::FileState;
use shared::ids::{IndexId, RunId};
use shared::ledger::{FileFilter, FileRow, RunFilter, RunRecord};
use utoipa::IntoParams;

use super::instance::InstanceId;
use super::mapping::{self, RuntimeStatus};
use super::{CONTINUATION, InstanceStatus};
use crate::http::access::Caller;
use crate::http::errors::{ApiError, Problem};
use crate::http::extract::Query;
use crate::http::{Api, cursor};

/// Most instances on a page.
const MAX_TOP: u32 = 1000;
/// Rows read at a time.
const READ: u32 = 500;
/// Rows looked at for one page.
const LOOKED_AT: usize = 5000;

/// The query string of a listing.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(in crate::http) struct Wanted {
    /// Statuses, with commas between; all when it is left out.
    #[serde(default)]
    #[param(required = false, example = "Failed,Terminated")]
    runtime_status: String,
    /// First asked for at this time (RFC 3339) or later.
    #[param(required = false, example = "2026-03-01T00:00:00Z")]
    created_time_from: Option<String>,
    /// First asked for at this time (RFC 3339) or earlier.
    #[param(required = false, example = "2026-04-01T00:00:00Z")]
    created_time_to: Option<String>,
    /// Ids that start with this: `team-docs:` for the files of an index.
    #[serde(default)]
    #[param(required = false, example = "team-docs:")]
    instance_id_prefix: String,
    /// Most instances to return, 100 when it is left out.
    #[param(required = false, minimum = 1, maximum = 1000)]
    top: Option<u32>,
    /// Show what the instances work on; `true` when it is left out.
    #[param(required = false)]
    show_input: Option<bool>,
}

/// Which instances match.
pub(super) struct Filter {
    statuses: Vec<RuntimeStatus>,
    from: Option<UnixMillis>,
    to: Option<UnixMillis>,
    prefix: String,
}

impl Filter {
    /// # Errors
    /// 400 naming the parameter that cannot be read.
    pub(super) fn new(
        statuses: &str,
        from: Option<&str>,
        to: Option<&str>,
        prefix: &str,
    ) -> Result<Self, ApiError> {
        let statuses: Result<Vec<RuntimeStatus>, _> = statuses
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(str::parse)
            .collect();
        Ok(Self {
            statuses: statuses.map_err(|error| ApiError::bad_request(error.to_string()))?,
            from: millis("createdTimeFrom", from)?,
            to: millis("createdTimeTo", to)?,
            prefix: prefix.to_owned(),
        })
    }

    /// Only those that have ended.
    pub(super) fn ended(mut self) -> Self {
        if self.statuses.is_empty() {
            self.statuses = RuntimeStatus::ALL.to_vec();
        }
        self.statuses.retain(|status| status.has_ended());
        self
    }

    /// Was nothing asked for that could be there?
    pub(super) fn matches_nothing(&self) -> bool {
        self.statuses.is_empty()
    }

    /// What a cursor is good for.
    pub(super) fn scope(&self) -> String {
        format!(
            "{:?} {:?} {:?} {}",
            self.statuses, self.from, self.to, self.prefix
        )
    }

    fn wants(&self, status: RuntimeStatus) -> bool {
        self.statuses.is_empty() || self.statuses.contains(&status)
    }

    fn in_time(&self, created: UnixMillis) -> bool {
        self.from.is_none_or(|from| created >= from) && self.to.is_none_or(|to| created <= to)
    }

    fn has_run(&self, run: &RunRecord) -> bool {
        self.wants(mapping::of_run(run))
            && self.in_time(run.opened_at)
            && run.id.to_string().starts_with(&self.prefix)
    }

    fn has_file(&self, index: &IndexId, row: &FileRow) -> bool {
        self.wants(mapping::of_file(row))
            && self.in_time(row.created_at)
            && InstanceId::File(index.clone(), row.file_id)
                .to_string()
                .starts_with(&self.prefix)
    }

    /// Can files of the index match the prefix?
    fn may_have_files_of(&self, index: &IndexId) -> bool {
        let files = format!("{index}:");
        files.starts_with(&self.prefix) || self.prefix.starts_with(&files)
    }

    /// A colon is in the ids of files only.
    fn may_have_runs(&self) -> bool {
        !self.prefix.contains(':')
    }

    /// The states that files which match may be in; `None` when only suspended ones are wanted.
    fn states(&self) -> Option<Vec<FileState>> {
        if self.statuses.is_empty() {
            return Some(FileState::ALL.to_vec());
        }
        if self.statuses == [RuntimeStatus::Suspended] {
            return None;
        }
        let mut states: Vec<_> = self
            .statuses
            .iter()
            .flat_map(|status| mapping::states_of(*status).iter().copied())
            .collect();
        if self.statuses.contains(&RuntimeStatus::Suspended) {
            states.extend([
                FileState::Pending,
                FileState::Processing,
                FileState::Publishing,
                FileState::AwaitingApproval,
            ]);
        }
        states.sort_unstable();
        states.dedup();
        Some(states)
    }
}

fn millis(name: &str, text: Option<&str>) -> Result<Option<UnixMillis>, ApiError> {
    let parse = |text: &str| text.parse::<Timestamp>().map(Timestamp::as_millisecond);
    text.map(parse).transpose().map_err(|_| {
        let detail = format!("{name} is no time: write it as 2026-03-01T12:00:00Z");
        ApiError::bad_request(detail)
    })
}

/// Where a listing goes on: after this run or file of this index.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Place {
    index: IndexId,
    after: After,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum After {
    /// Before its newest run.
    Begin,
    /// After this run.
    Run(UnixMillis, RunId),
    /// After its last run.
    Runs,
    /// After this file.
    File(BlobPath),
}

/// An instance as it was found.
pub(super) enum Listed {
    Run(Box<RunRecord>),
    File(IndexId, Box<FileRow>),
}

/// Reads instances that match until `top` are found or enough was looked at; also where to go on.
pub(super) async fn page(
    api: &Api,
    caller: &Caller,
    filter: &Filter,
    top: usize,
    place: Option<Place>,
) -> Result<(Vec<Listed>, Option<Place>), ApiError> {
    let mut indexes: Vec<IndexId> = api
        .indexes
        .records()
        .await?
        .into_iter()
        .map(|record| record.id)
        .collect();
    indexes.retain(|index| caller.sees(index));
    indexes.sort_unstable();
    if let Some(place) = &place {
        indexes.retain(|index| *index >= place.index);
    }
    let mut reader = Reader {
        api,
        filter,
        top,
        looked_at: 0,
        found: Vec::new(),
    };
    let mut begin = place;
    for index in indexes {
        let after = begin
            .take()
            .filter(|place| place.index == index)
            .map_or(After::Begin, |place| place.after);
        if let Some(after) = reader.read(&index, after).await? {
            return Ok((reader.found, Some(Place { index, after })));
        }
    }
    Ok((reader.found, None))
}

struct Reader<'a> {
    api: &'a Api,
    filter: &'a Filter,
    top: usize,
    looked_at: usize,
    found: Vec<Listed>,
}

impl Reader<'_> {
    fn is_done(&self) -> bool {
        self.found.len() >= self.top || self.looked_at >= LOOKED_AT
    }

    /// Reads an index; where it stopped, if it did.
    async fn read(&mut self, index: &IndexId, mut after: After) -> Result<Option<After>, ApiError> {
        if let After::Begin | After::Run(..) = after {
            if self.filter.may_have_runs()
                && let Some(stopped) = self.runs(index, after).await?
            {
                return Ok(Some(stopped));
            }
            after = After::Runs;
        }
        if !self.filter.may_have_files_of(index) {
            return Ok(None);
        }
        let path = match after {
            After::File(path) => Some(path),
            After::Begin | After::Run(..) | After::Runs => None,
        };
        self.files(index, path).await
    }

    async fn runs(&mut self, index: &IndexId, after: After) -> Result<Option<After>, ApiError> {
        let mut before = match after {
            After::Run(at, run) => Some((at, run)),
            After::Begin | After::Runs | After::File(_) => None,
        };
        loop {
            let filter = RunFilter {
                before,
                ..RunFilter::default()
            };
            let page = self.api.ledger.runs(index, &filter, READ).await?;
            let full = page.len() == READ as usize;
            for run in page {
                if self.is_done() {
                    return Ok(Some(before.map_or(After::Begin, |(at, run)| After::Run(at, run))));
                }
                self.looked_at += 1;
                before = Some((run.opened_at, run.id));
                if self.filter.has_run(&run) {
                    self.found.push(Listed::Run(Box::new(run)));
                }
            }
            if !full {
                return Ok(None);
            }
        }
    }

    async fn files(
        &mut self,
        index: &IndexId,
        mut after: Option<BlobPath>,
    ) -> Result<Option<After>, ApiError> {
        let states = self.filter.states();
        if states.as_ref().is_some_and(Vec::is_empty) {
            return Ok(None);
        }
        loop {
            let page = match &states {
                None => {
                    self.api
                        .ledger
                        .suspended_files(index, after.as_ref(), READ)
                        .await?
                }
                Some(states) => {
                    let filter = FileFilter {
                        states: states.clone(),
                        after: after.clone(),
                        ..FileFilter::default()
                    };
                    self.api.ledger.files(index, &filter, READ).await?
                }
            };
            let full = page.len() == READ as usize;
            for row in page {
                if self.is_done() {
                    return Ok(Some(after.map_or(After::Runs, After::File)));
                }
                self.looked_at += 1;
                after = Some(row.path.clone());
                if self.filter.has_file(index, &row) {
                    self.found.push(Listed::File(index.clone(), Box::new(row)));
                }
            }
            if !full {
                return Ok(None);
            }
        }
    }
}

/// The place that a request's token names.
pub(super) fn place(headers: &HeaderMap, scope: &str) -> Result<Option<Place>, ApiError> {
    let Some(token) = headers.get(CONTINUATION) else {
        return Ok(None);
    };
    // What is not text was not given by us.
    let token = token.to_str().unwrap_or_default();
    if token.is_empty() {
        return Ok(None);
    }
    cursor::open(scope, token).map(Some)
}

/// The answer's headers.
pub(super) fn continuation(scope: &str, next: Option<&Place>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let token = next.and_then(|next| cursor::seal(scope, next).parse().ok());
    if let Some(token) = token {
        headers.insert(CONTINUATION, token);
    }
    headers
}

/// Files and runs that match, in the shape of Durable Functions. `x-ms-continuation-token` in the answer, when it is there,
/// goes into the request for the next page; a page may be short, even empty, as long as it is.
#[utoipa::path(
    get,
    path = "/status",
    tag = "status",
    params(Wanted, ("x-ms-continuation-token" = Option<String>, Header, description = "From the answer before")),
    responses((status = OK, description = "A page", body = [InstanceStatus]), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["search"]), ("key" = ["ingest"]))
)]
pub(in crate::http) async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let filter = Filter::new(
        &wanted.runtime_status,
        wanted.created_time_from.as_deref(),
        wanted.created_time_to.as_deref(),
        &wanted.instance_id_prefix,
    )?;
    let top = wanted.top.unwrap_or(100);
    if !(1..=MAX_TOP).contains(&top) {
        return Err(ApiError::bad_request(format!(
            "top {top} is not between 1 and {MAX_TOP}"
        )));
    }
    let scope = format!("status {}", filter.scope());
    let begin = place(&headers, &scope)?;
    let (found, next) = page(&api, &caller, &filter, top as usize, begin).await?;
    let show_input = wanted.show_input.unwrap_or(true);
    let shown: Vec<InstanceStatus> = found
        .into_iter()
        .map(|found| match found {
            Listed::Run(run) => InstanceStatus::of_run(*run, show_input),
            Listed::File(index, row) => InstanceStatus::of_file(&index, *row, show_input),
        })
        .collect();
    Ok((continuation(&scope, next.as_ref()), Json(shown)).into_response())
}
