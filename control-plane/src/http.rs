//! The HTTP interface: one route table, one file per resource.

pub mod access;
pub mod backlog;
pub mod dead_letters;
pub mod documents;
pub mod errors;
pub mod events;
mod extract;
pub mod files;
pub mod health;
pub mod indexes;
pub mod mcp;
mod openapi;
pub mod runs;
pub mod search;

use std::sync::Arc;

use axum::{Extension, Router};
use prometheus::Registry;
use shared::clock::Clock;
use shared::ledger::ControlLedger;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::access::Caller;
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

/// The routes. Every one is registered together with its description, so that the OpenAPI document, the access that it
/// asks for and the router cannot differ.
pub fn router(api: Arc<Api>) -> Router {
    mcp::reachable(routes(api).layer(Extension(Caller::local())))
}

/// The routes for a caller who is known.
fn routes(api: Arc<Api>) -> Router {
    let (router, document) = describe().split_for_parts();
    let document = Arc::new(openapi::finish(document));
    let (description, _) = OpenApiRouter::new()
        .routes(routes!(openapi::document))
        .with_state(document)
        .split_for_parts();
    router
        .with_state(api)
        .merge(description)
        .fallback(errors::no_route)
        .method_not_allowed_fallback(errors::no_method)
}

/// The operations with their descriptions.
fn describe() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::with_openapi(openapi::frame())
        .routes(routes!(health::alive))
        .routes(routes!(health::ready))
        .routes(routes!(health::metrics))
        .routes(routes!(backlog::all))
        .routes(routes!(backlog::of_index))
        .routes(routes!(dead_letters::list))
        .routes(routes!(indexes::list, indexes::create))
        .routes(routes!(indexes::one, indexes::delete))
        .routes(routes!(indexes::pause))
        .routes(routes!(indexes::resume))
        .routes(routes!(search::by_url, search::by_body))
        .routes(routes!(documents::one))
        .routes(routes!(mcp::message))
        .routes(routes!(files::list))
        .routes(routes!(files::one))
        .routes(routes!(runs::start))
        .routes(routes!(runs::list))
        .routes(routes!(runs::one))
        .routes(routes!(runs::decide))
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
