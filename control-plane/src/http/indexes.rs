//! `GET`, `POST /indexes`; `GET`, `DELETE /indexes/{index}`; `POST /indexes/{index}/pause` and `/resume`.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::blob_path::BlobPath;
use shared::ids::IndexId;
use shared::ledger::{IndexRecord, IndexState, IndexStats};

use super::Api;
use super::errors::ApiError;
use crate::indexes::NewIndex;

/// An index and its numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
}

impl Api {
    async fn status(&self, index: IndexRecord) -> Result<IndexStatus, ApiError> {
        let stats = self.ledger.stats(&index.id).await?;
        let completeness = index
            .comparison
            .as_ref()
            .map(shared::ledger::Comparison::completeness);
        Ok(IndexStatus {
            index,
            stats,
            completeness,
        })
    }
}

pub(super) async fn list(State(api): State<Arc<Api>>) -> Result<Json<Vec<IndexStatus>>, ApiError> {
    let mut all = Vec::new();
    for index in api.indexes.records().await? {
        all.push(api.status(index).await?);
    }
    Ok(Json(all))
}

pub(super) async fn one(
    State(api): State<Arc<Api>>,
    Path(index): Path<String>,
) -> Result<Json<IndexStatus>, ApiError> {
    let record = api.record(&index).await?;
    Ok(Json(api.status(record).await?))
}

/// Makes an index. Asking again for the same one is fine; for another one under its name it is not.
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    wanted: Result<Json<NewIndex>, JsonRejection>,
) -> Result<impl IntoResponse, ApiError> {
    let Json(mut wanted) = wanted.map_err(|error| ApiError::bad_request(error.body_text()))?;
    let Some(opener) = api.indexes.opener() else {
        return Err(ApiError::bad_request(
            "this process serves one index; make others with a control plane",
        ));
    };
    wanted.prefix = wanted.prefix.trim_matches('/').to_owned();
    if !wanted.prefix.is_empty() {
        BlobPath::new(wanted.prefix.as_str())
            .map_err(|error| ApiError::bad_request(format!("prefix: {error}")))?;
    }
    let before = api
        .indexes
        .records()
        .await?
        .into_iter()
        .find(|record| record.id == wanted.name);
    if let Some(record) = &before
        && record.state == IndexState::Deleting
    {
        return Err(ApiError::conflict(format!(
            "index {} is being deleted; ask again when it is gone",
            wanted.name
        )));
    }
    let settings = opener
        .settle(&wanted)
        .await
        .map_err(|error| ApiError::bad_request(format!("{error:#}")))?;
    let settings =
        serde_json::to_value(settings).map_err(|error| ApiError::bad_request(error.to_string()))?;
    let record = api.ledger.ensure_index(&wanted.name, &settings).await?;
    if record.settings != settings {
        return Err(ApiError::conflict(format!(
            "there is another index {}, made from {}; choose another name, or delete it first",
            wanted.name, record.settings["source"]
        )));
    }
    let status = if before.is_some() {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    Ok((status, Json(api.status(record).await?)))
}

pub(super) async fn pause(
    State(api): State<Arc<Api>>,
    Path(index): Path<String>,
) -> Result<Json<IndexStatus>, ApiError> {
    set_active(&api, &index, false).await
}

pub(super) async fn resume(
    State(api): State<Arc<Api>>,
    Path(index): Path<String>,
) -> Result<Json<IndexStatus>, ApiError> {
    set_active(&api, &index, true).await
}

async fn set_active(api: &Api, index: &str, active: bool) -> Result<Json<IndexStatus>, ApiError> {
    let record = api.record(index).await?;
    if record.state == IndexState::Deleting {
        return Err(ApiError::conflict(format!("index {index} is being deleted")));
    }
    api.ledger.set_active(&record.id, active).await?;
    api.nudge.notify_one();
    Ok(Json(api.status(api.record(index).await?).await?))
}

/// Begins to delete an index; its points and rows go in the background, the source is never touched.
pub(super) async fn delete(
    State(api): State<Arc<Api>>,
    Path(index): Path<String>,
) -> Result<impl IntoResponse, ApiError> {
    if api.indexes.opener().is_none() {
        return Err(ApiError::bad_request(
            "this process serves one index; stop it and remove its data folder instead",
        ));
    }
    let record = api.record(&index).await?;
    api.ledger.delete_index(&record.id).await?;
    Ok((
        StatusCode::ACCEPTED,
        Json(json!({ "id": record.id, "state": IndexState::Deleting })),
    ))
}

impl Api {
    /// The record of the index that a URL names.
    pub(super) async fn record(&self, name: &str) -> Result<IndexRecord, ApiError> {
        let id = IndexId::new(name).map_err(|error| ApiError::not_found(error.to_string()))?;
        Ok(self.indexes.record(&id).await?)
    }

    /// The index that a URL names, open.
    pub(super) async fn index(&self, name: &str) -> Result<Arc<crate::indexes::Index>, ApiError> {
        let record = self.record(name).await?;
        Ok(self.indexes.of_record(&record).await?)
    }
}
