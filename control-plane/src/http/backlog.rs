//! `GET /backlog` and `/indexes/{index}/backlog`: what is to be done, for an autoscaler.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use shared::ids::IndexId;
use shared::ledger::Backlog;

use super::Api;
use super::errors::ApiError;

/// Files to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BacklogOfAll {
    /// All indexes together.
    #[serde(flatten)]
    pub all: BacklogReport,
    /// Each index that has something to do.
    pub indexes: BTreeMap<IndexId, u64>,
}

pub(super) async fn all(State(api): State<Arc<Api>>) -> Result<Json<BacklogOfAll>, ApiError> {
    let lanes = api.ledger.backlog().await?;
    let mut indexes = BTreeMap::new();
    for lane in &lanes {
        *indexes.entry(lane.index.clone()).or_default() += lane.pending + lane.running;
    }
    let all = BacklogReport::of(lanes);
    Ok(Json(BacklogOfAll { all, indexes }))
}

pub(super) async fn of_index(
    State(api): State<Arc<Api>>,
    Path(index): Path<String>,
) -> Result<Json<BacklogReport>, ApiError> {
    let record = api.record(&index).await?;
    let mut lanes = api.ledger.backlog().await?;
    lanes.retain(|lane| lane.index == record.id);
    Ok(Json(BacklogReport::of(lanes)))
}
