//! `GET`, `POST /indexes`; `GET`, `DELETE /indexes/{index}` (for `PATCH` see `index_settings`); `POST /indexes/{index}/pause` and `/resume`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::ETAG;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use shared::circuit::report::{FRESH, ReportedDependency};
use shared::ids::IndexId;
use shared::index_settings::ApprovalSettings;
use shared::ledger::{IndexRecord, IndexState, IndexStats, Role};
use utoipa::ToSchema;

use super::Api;
use super::access::Caller;
use super::errors::{ApiError, ErrorCode, Problem};
use super::extract::{Body, Path};
use super::index_settings::{etag_of, refuse};
use crate::dependencies::{WaitingFor, waiting_for};
use crate::indexes::NewIndex;

/// An index and its numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IndexStatus {
    /// As stored.
    #[serde(flatten)]
    pub index: IndexRecord,
    /// Its numbers now.
    pub stats: IndexStats,
    /// Share of its files that were as they should be when last compared with the source, from 0 to 1; absent before
    /// the first comparison.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completeness: Option<f64>,
    /// What its files need and what is down at the moment; they stay PENDING meanwhile, and are not charged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting_for: Vec<WaitingFor>,
    /// Which of its generations this is, from 1; what is shown of an index is its live generation.
    #[serde(default = "first")]
    pub generation: u32,
    /// Its other generations: one that is being built, one that is kept for an undo, those on their way out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<OtherGeneration>,
}

fn first() -> u32 {
    1
}

/// A generation beside the one that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OtherGeneration {
    /// Its number.
    pub number: u32,
    /// What it is for.
    pub role: Role,
}

/// An index on its way out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IndexGoing {
    /// Its name.
    pub id: IndexId,
    /// DELETING.
    pub state: IndexState,
}

impl Api {
    pub(super) async fn status(&self, index: IndexRecord) -> Result<IndexStatus, ApiError> {
        let reports = self.ledger.dependencies(FRESH).await?;
        let all = self.indexes.records().await?;
        self.status_among(index, &all, &reports).await
    }

    async fn status_among(
        &self,
        mut index: IndexRecord,
        all: &[IndexRecord],
        reports: &[ReportedDependency],
    ) -> Result<IndexStatus, ApiError> {
        let stats = self.ledger.stats(&index.id).await?;
        let completeness = index
            .comparison
            .as_ref()
            .map(shared::ledger::Comparison::completeness);
        let waiting_for = waiting_for(&index, reports);
        let generation = index.id.generation();
        let others = all
            .iter()
            .filter(|other| other.id != index.id && other.id.base_str() == index.id.base_str())
            .map(|other| OtherGeneration {
                number: other.id.generation(),
                role: other.role,
            })
            .collect();
        if index.role == Role::Live {
            // By the name that people know, and that stands for it.
            index.id = index.id.base();
        }
        Ok(IndexStatus {
            index,
            stats,
            completeness,
            waiting_for,
            generation,
            others,
        })
    }
}

/// Every index with its numbers.
#[utoipa::path(
    get,
    path = "/indexes",
    tag = "indexes",
    responses((status = OK, description = "The indexes", body = [IndexStatus]), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["search"]), ("key" = ["ingest"]))
)]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller,
) -> Result<Json<Vec<IndexStatus>>, ApiError> {
    let reports = api.ledger.dependencies(FRESH).await?;
    let mut all = Vec::new();
    let records = api.indexes.records().await?;
    let seen = |record: &&IndexRecord| record.role == Role::Live && caller.sees(&record.id);
    for index in records.iter().filter(seen) {
        all.push(api.status_among(index.clone(), &records, &reports).await?);
    }
    Ok(Json(all))
}

/// An index with its numbers. The `ETag` stands for its settings: send it as `If-Match` to change only what you have seen.
#[utoipa::path(
    get,
    path = "/indexes/{index}",
    tag = "indexes",
    params(("index" = String, Path, description = "The index", example = "team-docs")),
    responses((status = OK, description = "The index", body = IndexStatus, headers(("ETag" = String, description = "Stands for its settings"))), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["search"]), ("key" = ["ingest"]))
)]
pub(super) async fn one(
    State(api): State<Arc<Api>>,
    Path(index): Path<String>,
) -> Result<impl IntoResponse, ApiError> {
    let record = api.record(&index).await?;
    Ok(([(ETAG, etag_of(&record))], Json(api.status(record).await?)))
}

/// Makes an index. Asking again for the same one is fine; for another one under its name it is not.
#[utoipa::path(
    post,
    path = "/indexes",
    tag = "indexes",
    request_body = NewIndex,
    responses((status = CREATED, description = "It is made", body = IndexStatus), (status = OK, description = "It was there, the same", body = IndexStatus), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["admin"]))
)]
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Body(wanted): Body<NewIndex>,
) -> Result<impl IntoResponse, ApiError> {
    caller.check(&wanted.name)?;
    if wanted.name.generation() > 1 {
        let detail = format!(
            "{} is the name of a generation: POST /indexes/{}/generations makes one",
            wanted.name,
            wanted.name.base()
        );
        return Err(ApiError::bad_request(detail));
    }
    // Before anybody is asked for anything.
    let draft = wanted.settings(None, &ApprovalSettings::default());
    refuse(&draft.problems(wanted.embedding))?;
    let before = api
        .indexes
        .records()
        .await?
        .into_iter()
        .filter(|record| record.id.base_str() == wanted.name.as_str())
        // The live one decides; what is left of an index without one is on its way out.
        .max_by_key(|record| record.role == Role::Live);
    if let Some(record) = &before
        && (record.state == IndexState::Deleting || record.role != Role::Live)
    {
        let detail = format!(
            "index {} is being deleted; ask again when it is gone",
            wanted.name
        );
        return Err(ApiError::new(ErrorCode::IndexDeleting, detail));
    }
    let settings = api
        .indexes
        .opener()
        .settle(&wanted)
        .await
        .map_err(|error| ApiError::bad_request(format!("{error:#}")))?;
    refuse(&settings.problems(settings.embedding.is_some()))?;
    let settings =
        serde_json::to_value(settings).map_err(|error| ApiError::bad_request(error.to_string()))?;
    let (record, made) = api.ledger.add_index(&wanted.name, &settings).await?;
    if record.settings != settings {
        let detail = if record.settings["source"] == settings["source"] {
            format!(
                "index {} has other settings; change them with PATCH /indexes/{}",
                wanted.name, wanted.name
            )
        } else {
            format!(
                "there is another index {}, made from {}; choose another name, or delete it first",
                wanted.name, record.settings["source"]
            )
        };
        return Err(ApiError::new(ErrorCode::IndexExists, detail));
    }
    // Of several that asked at once, one made it: the list that was read above cannot tell which.
    let status = if made { StatusCode::CREATED } else { StatusCode::OK };
    Ok((
        status,
        [(ETAG, etag_of(&record))],
        Json(api.status(record).await?),
    ))
}

/// Stops work on an index. Changes are still recorded, and search goes on.
#[utoipa::path(
    post,
    path = "/indexes/{index}/pause",
    tag = "indexes",
    params(("index" = String, Path, description = "The index", example = "team-docs")),
    responses((status = OK, description = "It is PAUSED", body = IndexStatus), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["admin"]))
)]
pub(super) async fn pause(
    State(api): State<Arc<Api>>,
    Path(index): Path<String>,
) -> Result<Json<IndexStatus>, ApiError> {
    set_active(&api, &index, false).await
}

/// Goes on with work on an index.
#[utoipa::path(
    post,
    path = "/indexes/{index}/resume",
    tag = "indexes",
    params(("index" = String, Path, description = "The index", example = "team-docs")),
    responses((status = OK, description = "It is ACTIVE", body = IndexStatus), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["admin"]))
)]
pub(super) async fn resume(
    State(api): State<Arc<Api>>,
    Path(index): Path<String>,
) -> Result<Json<IndexStatus>, ApiError> {
    set_active(&api, &index, true).await
}

async fn set_active(api: &Api, index: &str, active: bool) -> Result<Json<IndexStatus>, ApiError> {
    let record = api.whole(index).await?;
    if record.state == IndexState::Deleting {
        let detail = format!("index {index} is being deleted");
        return Err(ApiError::new(ErrorCode::IndexDeleting, detail));
    }
    api.ledger.set_active(&record.id, active).await?;
    api.nudge.notify_one();
    Ok(Json(api.status(api.record(index).await?).await?))
}

/// Begins to delete an index; its points and rows go in the background, the source is never touched.
#[utoipa::path(
    delete,
    path = "/indexes/{index}",
    tag = "indexes",
    params(("index" = String, Path, description = "The index", example = "team-docs")),
    responses((status = ACCEPTED, description = "It is DELETING", body = IndexGoing), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["admin"]))
)]
pub(super) async fn delete(
    State(api): State<Arc<Api>>,
    Path(index): Path<String>,
) -> Result<impl IntoResponse, ApiError> {
    let mut record = api.whole(&index).await?;
    record.id = record.id.base();
    api.ledger.delete_index(&record.id).await?;
    Ok((
        StatusCode::ACCEPTED,
        Json(IndexGoing {
            id: record.id,
            state: IndexState::Deleting,
        }),
    ))
}

impl Api {
    /// The record of the index that a URL names.
    pub(super) async fn record(&self, name: &str) -> Result<IndexRecord, ApiError> {
        let first = name.strip_suffix("~1");
        let id = IndexId::new(first.unwrap_or(name))
            .map_err(|error| ApiError::new(ErrorCode::IndexNotFound, error.to_string()))?;
        Ok(match first {
            Some(_) => self.indexes.generation(&id).await?,
            None => self.indexes.record(&id).await?,
        })
    }

    /// The record of the index that a URL names, which may not name one of its generations: for what is done to all of them.
    pub(super) async fn whole(&self, name: &str) -> Result<IndexRecord, ApiError> {
        if let Some((base, _)) = name.split_once('~') {
            let detail = format!(
                "this is done to an index with all its generations: name {base} alone, without ~ and number"
            );
            return Err(ApiError::bad_request(detail));
        }
        self.record(name).await
    }

    /// The index that a URL names, open.
    pub(super) async fn index(&self, name: &str) -> Result<Arc<crate::indexes::Index>, ApiError> {
        let record = self.record(name).await?;
        Ok(self.indexes.of_record(&record).await?)
    }
}
