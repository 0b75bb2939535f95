//! `GET /backlog` and `/indexes/{index}/backlog`: what is to be done, for an autoscaler.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use shared::ids::IndexId;
use shared::ledger::Backlog;
use utoipa::ToSchema;

use super::Api;
use super::access::Caller;
use super::errors::{ApiError, Problem};
use super::extract::Path;

/// Files to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BacklogReport {
    /// PENDING and running files: what an autoscaler goes by.
    pub backlog: u64,
    /// PENDING files.
    pub pending: u64,
    /// Running files.
    pub running: u64,
    /// The same by lane.
    pub lanes: Vec<Backlog>,
}

impl BacklogReport {
    fn of(lanes: Vec<Backlog>) -> Self {
        let pending = lanes.iter().map(|lane| lane.pending).sum();
        let running = lanes.iter().map(|lane| lane.running).sum();
        Self {
            backlog: pending + running,
            pending,
            running,
            lanes,
        }
    }
}

/// Everything, and each index by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BacklogOfAll {
    /// All indexes together.
    #[serde(flatten)]
    pub all: BacklogReport,
    /// Each index that has something to do.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub indexes: BTreeMap<IndexId, u64>,
}

/// What is to be done in all indexes, for an autoscaler.
#[utoipa::path(
    get,
    path = "/backlog",
    tag = "work",
    responses((status = OK, description = "What is to be done", body = BacklogOfAll), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["search"]), ("key" = ["ingest"]))
)]
pub(super) async fn all(State(api): State<Arc<Api>>, caller: Caller) -> Result<Json<BacklogOfAll>, ApiError> {
    let mut lanes = api.ledger.backlog().await?;
    lanes.retain(|lane| caller.sees(&lane.index));
    let mut indexes = BTreeMap::new();
    for lane in &lanes {
        *indexes.entry(lane.index.base()).or_default() += lane.pending + lane.running;
    }
    let all = BacklogReport::of(lanes);
    Ok(Json(BacklogOfAll { all, indexes }))
}

/// What is to be done in an index, for an autoscaler.
#[utoipa::path(
    get,
    path = "/indexes/{index}/backlog",
    tag = "work",
    params(("index" = String, Path, description = "The index", example = "team-docs")),
    responses((status = OK, description = "What is to be done", body = BacklogReport), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["search"]), ("key" = ["ingest"]))
)]
pub(super) async fn of_index(
    State(api): State<Arc<Api>>,
    Path(index): Path<String>,
) -> Result<Json<BacklogReport>, ApiError> {
    let record = api.record(&index).await?;
    let mut lanes = api.ledger.backlog().await?;
    // With what is being built beside it: the same workers do both.
    lanes.retain(|lane| lane.index.base_str() == record.id.base_str());
    Ok(Json(BacklogReport::of(lanes)))
}
