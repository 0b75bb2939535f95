//! The HTTP interface: one route table, one file per resource.

pub mod backlog;
pub mod dead_letters;
pub mod errors;
pub mod events;
pub mod files;
pub mod health;
pub mod indexes;
pub mod runs;
pub mod search;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use prometheus::Registry;
use shared::clock::Clock;
use shared::ledger::ControlLedger;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::indexes::Indexes;
use crate::metrics::Metrics;

/// What the handlers work on.
pub struct Api {
    /// The indexes served.
    pub indexes: Arc<Indexes>,
    /// Their rows.
    pub ledger: Arc<dyn ControlLedger>,
    /// Wakes the dispatcher.
    pub nudge: Arc<Notify>,
    /// For ages.
    pub clock: Arc<dyn Clock>,
    /// What was counted.
    pub registry: Registry,
    /// Where gauges are set at scrape time.
    pub metrics: Arc<Metrics>,
}

/// The routes.
pub fn router(api: Arc<Api>) -> Router {
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .route("/backlog", get(backlog::all))
        .route("/dead-letters", get(dead_letters::list))
        .route("/indexes", get(indexes::list).post(indexes::create))
        .route("/indexes/{index}", get(indexes::one).delete(indexes::delete))
        .route("/indexes/{index}/pause", post(indexes::pause))
        .route("/indexes/{index}/resume", post(indexes::resume))
        .route("/indexes/{index}/backlog", get(backlog::of_index))
        .route(
            "/indexes/{index}/search",
            get(search::by_url).post(search::by_body),
        )
        .route("/indexes/{index}/files", get(files::list))
        .route("/indexes/{index}/files/{*path}", get(files::one))
        .route("/indexes/{index}/run", post(runs::start))
        .route("/indexes/{index}/runs", get(runs::list))
        .route("/indexes/{index}/approvals", post(runs::decide))
        .route("/runs/{run}", get(runs::one))
        .fallback(errors::no_route)
        .with_state(api)
}

/// Serves until told to stop; open requests are finished.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, routes: Router, stop: CancellationToken) -> std::io::Result<()> {
    axum::serve(listener, routes)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}
