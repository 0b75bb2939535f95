//! `POST /indexes/{index}/plan` and `GET /indexes/{index}/usage`: what a run would do and cost, and what was used.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use shared::blob_path::BlobPath;
use shared::ledger::Usage;
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::errors::{ApiError, ErrorCode, Problem};
use super::extract::{Path, Query};
use crate::estimate::{Known, RunPlan, estimate};

/// Days of usage that estimates are made from.
const EXPERIENCE: u32 = 30;
/// Most days that are shown.
const MAX_DAYS: u32 = 366;

/// The query string of a plan.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PlanWanted {
    /// Plan a full run: every file is looked at again.
    #[serde(default)]
    full: bool,
}

/// The query string of usage.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct UsageWanted {
    /// How many days, 30 when it is left out.
    #[param(minimum = 1, maximum = 366)]
    days: Option<u32>,
}

/// What an index used, and what it may.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IndexUsage {
    /// Most tokens in a day; absent for no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_day: Option<u64>,
    /// Tokens that are left of today's budget; absent without one. When there are not enough for the next file, embedding waits
    /// for midnight UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_today: Option<u64>,
    /// The latest days on which something was used, newest first.
    pub days: Vec<Usage>,
}

/// Tells what a run would add, change and remove, and what it would cost. Nothing is changed.
#[utoipa::path(
    post,
    path = "/indexes/{index}/plan",
    tag = "runs",
    params(("index" = String, Path, description = "The index", example = "team-docs"), PlanWanted),
    responses(
        (status = OK, description = "The plan", body = RunPlan),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")
    ),
    security(("key" = ["ingest"]))
)]
pub(super) async fn plan(
    State(api): State<Arc<Api>>,
    Path(index): Path<String>,
    Query(wanted): Query<PlanWanted>,
) -> Result<Json<RunPlan>, ApiError> {
    let index = api.index(&index).await?;
    let reconciler = index.reconciler.as_ref().ok_or_else(|| {
        let detail = "nothing compares the source here: start `longshore up` first";
        ApiError::new(ErrorCode::NotHere, detail)
    })?;
    let id = &index.record.id;
    let (plan, listed) = reconciler.preview().await?;
    let sizes: HashMap<&BlobPath, u64> = listed
        .iter()
        .filter_map(|entry| Some((&entry.path, entry.meta.as_ref().ok()?.size)))
        .collect();
    let usage = api.ledger.usage(&id.base(), EXPERIENCE).await?;
    let stats = api.ledger.stats(id).await?;
    let known = Known {
        usage: &usage,
        stats: &stats,
        budget: &index.settings.budget,
        has_model: index.settings.embedding.is_some(),
        full: wanted.full,
    };
    Ok(Json(estimate(&plan, |path| sizes.get(path).copied(), &known)))
}

/// Tokens and chunks by day, and what is left of today's budget.
#[utoipa::path(
    get,
    path = "/indexes/{index}/usage",
    tag = "indexes",
    params(("index" = String, Path, description = "The index", example = "team-docs"), UsageWanted),
    responses(
        (status = OK, description = "The usage", body = IndexUsage),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")
    ),
    security(("key" = ["search"]), ("key" = ["ingest"]))
)]
pub(super) async fn usage(
    State(api): State<Arc<Api>>,
    Path(index): Path<String>,
    Query(wanted): Query<UsageWanted>,
) -> Result<Json<IndexUsage>, ApiError> {
    let days = wanted.days.unwrap_or(EXPERIENCE);
    if !(1..=MAX_DAYS).contains(&days) {
        let detail = format!("days {days} is not between 1 and {MAX_DAYS}");
        return Err(ApiError::new(ErrorCode::InvalidQuery, detail));
    }
    let record = api.record(&index).await?;
    let settings = shared::index_settings::IndexSettings::of(&record)
        .map_err(|error| ApiError::new(ErrorCode::IndexUnusable, error.to_string()))?;
    let days = api.ledger.usage(&record.id.base(), days).await?;
    let today = api.clock.now() / shared::ledger::DAY * shared::ledger::DAY;
    let spent = days
        .iter()
        .find(|day| day.day == today)
        .map_or(0, |day| day.tokens);
    let tokens_per_day = settings.budget.tokens_per_day;
    Ok(Json(IndexUsage {
        tokens_per_day,
        left_today: tokens_per_day.map(|limit| limit.saturating_sub(spent)),
        days,
    }))
}
