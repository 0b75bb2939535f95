//! `GET`, `PUT`, `DELETE /logging`: what every process logs, for a while.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use shared::clock::UnixMillis;
use shared::ledger::LoggingChange;
use shared::service::logging::LogFilter;
use utoipa::ToSchema;

use super::Api;
use super::access::Caller;
use super::errors::{ApiError, Problem};
use super::extract::Body;

/// How long a filter goes when nothing is said, in seconds: a quarter of an hour.
pub const FOR_SECONDS: u64 = 15 * 60;
/// Longest time that one goes, in seconds: a day.
pub const MOST_SECONDS: u64 = 24 * 60 * 60;
/// Who it was where no key is asked for.
const LOCAL: &str = "local";

/// A filter to set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoggingWanted {
    /// A level for everything, others for parts of it: `debug`, or `info,control_plane=debug,shared::embedder=trace`. Of what
    /// is not Longshore's own, nothing below info is written.
    #[schema(max_length = 500, example = "debug")]
    pub filter: String,
    /// How long it goes, in seconds: 1 to 86400.
    #[serde(default = "for_seconds")]
    #[schema(minimum = 1, maximum = 86_400, default = 900)]
    pub for_seconds: u64,
}

fn for_seconds() -> u64 {
    FOR_SECONDS
}

/// What every process logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LoggingNow {
    /// The filter that goes for every process; absent when each goes by the one that it was started with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<SetFilter>,
}

/// A filter that somebody set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SetFilter {
    /// The filter.
    pub filter: String,
    /// Who set it: the name of a key, or `local` where no key is asked for.
    pub set_by: String,
    /// When, in Unix milliseconds.
    pub set_at: UnixMillis,
    /// When it ends by itself, in Unix milliseconds.
    pub until_at: UnixMillis,
    /// How long that is from now, in seconds.
    pub seconds_left: u64,
}

impl From<LoggingChange> for SetFilter {
    fn from(change: LoggingChange) -> Self {
        Self {
            filter: change.filter,
            set_by: change.set_by,
            set_at: change.set_at,
            until_at: change.until,
            seconds_left: change.left.as_secs(),
        }
    }
}

/// The filter of log lines that goes for every process.
#[utoipa::path(
    get,
    path = "/logging",
    tag = "logging",
    responses((status = OK, description = "The filter, if one is set", body = LoggingNow), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["admin"]))
)]
pub(super) async fn show(State(api): State<Arc<Api>>, caller: Caller) -> Result<Json<LoggingNow>, ApiError> {
    caller.check_all()?;
    let change = api.ledger.logging().await?.map(SetFilter::from);
    Ok(Json(LoggingNow { change }))
}

/// Sets the filter of log lines of every control plane and index processor, in place of one that is set. Each takes it within
/// some seconds, and goes back to the one that it was started with when the time is over, also when nothing can be reached then.
#[utoipa::path(
    put,
    path = "/logging",
    tag = "logging",
    request_body = LoggingWanted,
    responses((status = OK, description = "It is set", body = LoggingNow), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["admin"]))
)]
pub(super) async fn set(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Body(wanted): Body<LoggingWanted>,
) -> Result<Json<LoggingNow>, ApiError> {
    caller.check_all()?;
    let filter = LogFilter::for_every_process(&wanted.filter)
        .map_err(|why| ApiError::bad_request(format!("filter: {why}")))?;
    if !(1..=MOST_SECONDS).contains(&wanted.for_seconds) {
        let detail = format!("for_seconds: give 1 to {MOST_SECONDS}, which is a day");
        return Err(ApiError::bad_request(detail));
    }
    let by = caller.key.as_deref().unwrap_or(LOCAL);
    let lasts = Duration::from_secs(wanted.for_seconds);
    let change = api.ledger.set_logging(filter.text(), lasts, by).await?;
    tracing::info!(
        "{by} set the filter {:?} for every process, for {} seconds",
        filter.text(),
        wanted.for_seconds
    );
    Ok(Json(LoggingNow {
        change: Some(change.into()),
    }))
}

/// Ends the filter that is set: every process goes by the one that it was started with, within some seconds.
#[utoipa::path(
    delete,
    path = "/logging",
    tag = "logging",
    responses((status = OK, description = "None is set", body = LoggingNow), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["admin"]))
)]
pub(super) async fn reset(State(api): State<Arc<Api>>, caller: Caller) -> Result<Json<LoggingNow>, ApiError> {
    caller.check_all()?;
    api.ledger.reset_logging().await?;
    Ok(Json(LoggingNow { change: None }))
}

#[cfg(test)]
mod tests;
