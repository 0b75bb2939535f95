//! The HTTP interface: one route table, one file per resource.

pub mod access;
pub mod approvals;
pub mod audit;
pub mod backlog;
mod cursor;
pub mod dead_letters;
pub mod dependencies;
pub mod documents;
pub mod errors;
pub mod events;
mod extract;
pub mod files;
pub mod gauges;
pub mod generations;
mod guard;
pub mod health;
pub mod index_settings;
pub mod indexes;
pub mod keys;
pub mod logging;
pub mod mcp;
mod openapi;
pub mod plan;
pub mod run_events;
pub mod runs;
pub mod search;
mod serve;
pub mod settings;
pub mod status;
pub mod why;

use std::sync::Arc;

use axum::Router;
use prometheus::Registry;
use shared::circuit::Circuits;
use shared::circuit::report::Reporter;
use shared::clock::Clock;
use shared::ledger::ControlLedger;
use tokio::sync::Notify;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use self::guard::Guard;
use self::run_events::RunWatch;
pub use self::serve::{Tls, serve};
use crate::indexes::Indexes;
use crate::intake::accept::Intake;
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
    /// How this process's own dependencies are.
    pub circuits: Circuits,
    /// Under which name it reports them.
    pub reporter: Reporter,
    /// What was counted.
    pub registry: Registry,
    /// Where gauges are set at scrape time.
    pub metrics: Arc<Metrics>,
    /// Runs that are watched.
    pub watch: Arc<RunWatch>,
}

/// The routes for requests from within this process, which may do everything.
pub fn router(api: Arc<Api>) -> Router {
    let guard = Guard::within(Arc::clone(&api.ledger), Arc::clone(&api.metrics));
    guarded(api, None, guard)
}

/// The routes behind a guard; with an intake, those where sources report too. Every one is registered together with its
/// description, so that the OpenAPI document, the access that it asks for and the router cannot differ.
pub fn guarded(api: Arc<Api>, intake: Option<Intake>, guard: Guard) -> Router {
    mcp::reachable(guard::around(all(api, intake), guard))
}

fn all(api: Arc<Api>, intake: Option<Intake>) -> OpenApiRouter {
    let routes = describe().with_state(api);
    match intake {
        Some(intake) => routes.merge(events::routes(intake)),
        None => routes,
    }
}

/// The operations with their descriptions.
fn describe() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::with_openapi(openapi::frame())
        .routes(routes!(openapi::document))
        .routes(routes!(health::alive))
        .routes(routes!(health::ready))
        .routes(routes!(health::metrics))
        .routes(routes!(backlog::all))
        .routes(routes!(backlog::of_index))
        .routes(routes!(dead_letters::list))
        .routes(routes!(dependencies::list))
        .routes(routes!(indexes::list, indexes::create))
        .routes(routes!(indexes::one, indexes::delete, index_settings::change))
        .routes(routes!(index_settings::guide))
        .routes(routes!(indexes::pause))
        .routes(routes!(indexes::resume))
        .routes(routes!(generations::list, generations::begin))
        .routes(routes!(generations::drop_one))
        .routes(routes!(generations::swap))
        .routes(routes!(generations::roll_back))
        .routes(routes!(generations::undo))
        .routes(routes!(search::by_url, search::by_body))
        .routes(routes!(documents::one))
        .routes(routes!(mcp::message))
        .routes(routes!(files::list))
        .routes(routes!(files::history))
        .routes(routes!(files::one))
        .routes(routes!(why::why))
        .routes(routes!(status::listing::list, status::purge::purge_many))
        .routes(routes!(status::one, status::purge::purge))
        .routes(routes!(status::actions::terminate))
        .routes(routes!(status::actions::suspend))
        .routes(routes!(status::actions::resume))
        .routes(routes!(status::actions::rewind))
        .routes(routes!(runs::start))
        .routes(routes!(plan::plan))
        .routes(routes!(plan::usage))
        .routes(routes!(runs::list))
        .routes(routes!(runs::one))
        .routes(routes!(runs::cancel))
        .routes(routes!(run_events::follow))
        .routes(routes!(approvals::list))
        .routes(routes!(approvals::one))
        .routes(routes!(approvals::approve))
        .routes(routes!(approvals::reject))
        .routes(routes!(keys::list, keys::create))
        .routes(routes!(keys::one, keys::revoke))
        .routes(routes!(keys::rotate))
        .routes(routes!(audit::list))
        .routes(routes!(logging::show, logging::set, logging::reset))
}

#[cfg(test)]
pub(crate) mod tests;
