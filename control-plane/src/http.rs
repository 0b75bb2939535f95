//! The HTTP interface: one route table, one file per resource.

pub mod errors;
pub mod events;
pub mod files;
pub mod health;
pub mod runs;
pub mod search;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use prometheus::Registry;
use shared::clock::Clock;
use shared::ids::IndexId;
use shared::ledger::Ledger;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use crate::reconciler::Reconciler;
use crate::search::Search;

/// What the handlers work on.
pub struct Api {
    /// The index served.
    pub index: IndexId,
    /// Its rows.
    pub ledger: Arc<dyn Ledger>,
    /// Its search.
    pub search: Search,
    /// Compares it with its source; absent where no worker would take up what is found.
    pub reconciler: Option<Arc<Reconciler>>,
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
        .route("/indexes", get(runs::indexes))
        .route("/indexes/{index}", get(runs::index))
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
pub async fn serve(listener: TcpListener, api: Arc<Api>, stop: CancellationToken) -> std::io::Result<()> {
    axum::serve(listener, router(api))
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}
