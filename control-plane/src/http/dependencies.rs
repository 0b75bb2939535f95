//! `GET /dependencies`: what every process depends on, and how that is.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use shared::circuit::report::FRESH;
use utoipa::ToSchema;

use super::Api;
use super::errors::Problem;
use crate::dependencies::{DependencyStatus, together};

/// Every dependency that somebody reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Dependencies {
    /// They, by name.
    pub dependencies: Vec<DependencyStatus>,
    /// `false` when the ledger does not answer: then these are the ones of the process that answers, and no others.
    pub complete: bool,
}

/// Ledger, broker, vector store, models, sources and conversion services, as each process sees them. A circuit is OPEN
/// after failures in a row: nothing is sent there until a probe succeeds. Reports of dead processes age out within a minute.
#[utoipa::path(
    get,
    path = "/dependencies",
    tag = "service",
    responses((status = OK, description = "The dependencies", body = Dependencies), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["admin"]))
)]
pub(super) async fn list(State(api): State<Arc<Api>>) -> Json<Dependencies> {
    let now = api.clock.now();
    let own = api
        .circuits
        .report()
        .into_iter()
        .map(|report| report.at(&api.reporter, now));
    let own = own.collect();
    let (reports, complete) = match api.ledger.dependencies(FRESH).await {
        Ok(reports) => (reports, true),
        Err(error) => {
            tracing::warn!(%error, "the ledger does not say how others see their dependencies");
            (Vec::new(), false)
        }
    };
    Json(Dependencies {
        dependencies: together(reports, own, &api.reporter),
        complete,
    })
}
