//! `GET /approvals`; `GET /indexes/{index}/approvals/{number}`, and `POST` to `…/approve` or `…/reject`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use shared::ids::IndexId;
use shared::ledger::{Approval, ApprovalFilter, ApprovalState, Resolution, Resolved};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::access::Caller;
use super::errors::{ApiError, ErrorCode, Problem};
use super::extract::{Body, Path, Query};
use crate::approvals::carry_out;
use crate::indexes::IndexError;

/// Most approvals that a listing shows.
const MAX_SHOWN: u32 = 1000;
/// Most characters of a note.
const MAX_NOTE: usize = 1000;
/// Thousands of files that a decision is carried out on before the answer; the rest follows in the background.
const PAGES_AT_ONCE: u32 = 5;

/// The query string of a listing.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Only of this index.
    index: Option<IndexId>,
    /// Only in this state.
    state: Option<ApprovalState>,
    /// How many, 100 when it is left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// Leave to remove.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "files": 120, "note": "the 2019 archive was moved on purpose" }))]
pub struct Approve {
    /// How many files you were shown. What is more than that waits for another approval.
    pub files: u64,
    /// Why, for the record.
    #[schema(max_length = 1000)]
    pub note: Option<String>,
}

/// A refusal to remove.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Reject {
    /// Why, for the record.
    #[schema(max_length = 1000)]
    pub note: Option<String>,
}

/// Removals that waited or wait for a decision, newest first.
#[utoipa::path(
    get,
    path = "/approvals",
    tag = "approvals",
    params(Wanted),
    responses(
        (status = OK, description = "The approvals", body = [Approval]),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")
    ),
    security(("key" = ["search"]), ("key" = ["ingest"]))
)]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Vec<Approval>>, ApiError> {
    let limit = wanted.limit.unwrap_or(100);
    if !(1..=MAX_SHOWN).contains(&limit) {
        let detail = format!("limit {limit} is not between 1 and {MAX_SHOWN}");
        return Err(ApiError::new(ErrorCode::InvalidQuery, detail));
    }
    if let Some(index) = &wanted.index {
        caller.check(index)?;
    }
    api.ledger.open_approvals().await?;
    // Those of its live generation; there are none of an index that is not there.
    let index = match wanted.index {
        Some(name) => match api.indexes.record(&name).await {
            Ok(record) => Some(record.id),
            Err(IndexError::Unknown(..)) => Some(name),
            Err(error) => return Err(error.into()),
        },
        None => None,
    };
    let filter = ApprovalFilter {
        index,
        state: wanted.state,
        unfinished: false,
    };
    let mut approvals = api.ledger.approvals(&filter, limit).await?;
    approvals.retain(|approval| caller.sees(&approval.index));
    Ok(Json(approvals))
}

/// An approval.
#[utoipa::path(
    get,
    path = "/indexes/{index}/approvals/{number}",
    tag = "approvals",
    params(
        ("index" = String, Path, description = "The index", example = "team-docs"),
        ("number" = u64, Path, description = "The approval's number in the index", example = 1)
    ),
    responses(
        (status = OK, description = "The approval", body = Approval),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")
    ),
    security(("key" = ["search"]), ("key" = ["ingest"]))
)]
pub(super) async fn one(
    State(api): State<Arc<Api>>,
    Path((index, number)): Path<(String, u64)>,
) -> Result<Json<Approval>, ApiError> {
    let index = api.record(&index).await?.id;
    let found = api.ledger.approval(&index, number).await?;
    found.map(Json).ok_or_else(|| unknown(&index, number))
}

/// Lets the files that wait be removed: as many as you were shown, of those that wait now.
#[utoipa::path(
    post,
    path = "/indexes/{index}/approvals/{number}/approve",
    tag = "approvals",
    params(
        ("index" = String, Path, description = "The index", example = "team-docs"),
        ("number" = u64, Path, description = "The approval's number in the index", example = 1)
    ),
    request_body = Approve,
    responses(
        (status = OK, description = "It is decided", body = Approval),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")
    ),
    security(("key" = ["admin"]))
)]
pub(super) async fn approve(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path((index, number)): Path<(String, u64)>,
    Body(wanted): Body<Approve>,
) -> Result<Json<Approval>, ApiError> {
    api.decide(&index, number, caller, true, Some(wanted.files), wanted.note)
        .await
}

/// Keeps the files that wait. They are not asked about again until their removal is reported again, or somebody starts a run.
#[utoipa::path(
    post,
    path = "/indexes/{index}/approvals/{number}/reject",
    tag = "approvals",
    params(
        ("index" = String, Path, description = "The index", example = "team-docs"),
        ("number" = u64, Path, description = "The approval's number in the index", example = 1)
    ),
    request_body = Reject,
    responses(
        (status = OK, description = "It is decided", body = Approval),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")
    ),
    security(("key" = ["admin"]))
)]
pub(super) async fn reject(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path((index, number)): Path<(String, u64)>,
    Body(wanted): Body<Reject>,
) -> Result<Json<Approval>, ApiError> {
    api.decide(&index, number, caller, false, None, wanted.note).await
}

impl Api {
    async fn decide(
        &self,
        index: &str,
        number: u64,
        caller: Caller,
        remove: bool,
        ceiling: Option<u64>,
        note: Option<String>,
    ) -> Result<Json<Approval>, ApiError> {
        if note
            .as_ref()
            .is_some_and(|note| note.chars().count() > MAX_NOTE || note.contains('\0'))
        {
            let detail = format!("the note has more than {MAX_NOTE} characters, or a NUL");
            return Err(ApiError::new(ErrorCode::InvalidBody, detail));
        }
        if ceiling.is_some_and(|files| i64::try_from(files).is_err()) {
            return Err(ApiError::new(
                ErrorCode::InvalidBody,
                "files: more than there can be",
            ));
        }
        let index = self.record(index).await?.id;
        self.ledger.open_approvals().await?;
        let resolution = Resolution {
            remove,
            ceiling,
            by: caller.key.unwrap_or_else(|| "local".to_owned()),
            note,
            after: std::time::Duration::ZERO,
        };
        match self.ledger.resolve_approval(&index, number, &resolution).await? {
            Resolved::Unknown => Err(unknown(&index, number)),
            Resolved::Not(approval) => {
                let detail = format!("approval {number} of index {index} is {} already", approval.state);
                Err(ApiError::new(ErrorCode::AlreadyDecided, detail))
            }
            Resolved::Now(approval) => {
                let done = carry_out(&*self.ledger, &index, number, PAGES_AT_ONCE).await?;
                self.nudge.notify_one();
                Ok(Json(done.unwrap_or(approval)))
            }
        }
    }
}

fn unknown(index: &IndexId, number: u64) -> ApiError {
    let detail = format!("index {index} has no approval {number}; see GET /approvals?index={index}");
    ApiError::new(ErrorCode::ApprovalNotFound, detail)
}
