//! `GET /runs/{run}/events`: how a run goes, as server-sent events.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream;
use shared::ids::RunId;
use shared::ledger::{ControlLedger, LedgerError, RunRecord};
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use super::Api;
use super::access::Caller;
use super::errors::{ApiError, Problem};
use super::extract::Path;
use super::runs::RunStatus;

/// Between looks at a run that is watched.
const LOOK_EVERY: Duration = Duration::from_millis(400);
/// Between signs of life when nothing changes, so that proxies keep the connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// The id of the last event.
const LAST: &str = "done";

/// Runs that are watched. However many watch one, it is looked up once in 400 ms.
pub struct RunWatch {
    ledger: Arc<dyn ControlLedger>,
    stop: CancellationToken,
    watched: std::sync::Mutex<HashMap<RunId, Weak<Watched>>>,
}

/// A run as it was seen last.
#[derive(Default)]
struct Watched(Mutex<Option<(Instant, Option<RunRecord>)>>);

impl RunWatch {
    /// Watches runs until told to stop.
    #[must_use]
    pub fn new(ledger: Arc<dyn ControlLedger>, stop: CancellationToken) -> Self {
        Self {
            ledger,
            stop,
            watched: std::sync::Mutex::default(),
        }
    }

    fn watched(&self, run: RunId) -> Arc<Watched> {
        let mut all = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, watched| watched.strong_count() > 0);
        if let Some(watched) = all.get(&run).and_then(Weak::upgrade) {
            return watched;
        }
        let watched = Arc::new(Watched::default());
        all.insert(run, Arc::downgrade(&watched));
        watched
    }

    /// The run as it is now, or was a moment ago.
    async fn look(&self, run: RunId, watched: &Watched) -> Result<Option<RunRecord>, LedgerError> {
        // Held while looking: those who come meanwhile take the answer.
        let mut seen = watched.0.lock().await;
        match &*seen {
            Some((at, record)) if at.elapsed() < LOOK_EVERY => Ok(record.clone()),
            _ => {
                let record = self.ledger.run(run).await?;
                *seen = Some((Instant::now(), record.clone()));
                Ok(record)
            }
        }
    }
}

/// One watcher.
struct Watcher {
    watch: Arc<RunWatch>,
    run: RunId,
    watched: Arc<Watched>,
    /// What was sent last.
    sent: Option<RunRecord>,
    /// The id that the client has seen last, on another connection.
    resumes: Option<String>,
    over: bool,
}

impl Watcher {
    /// The next event; `None` after the last one, or when the process stops.
    async fn next(&mut self) -> Option<Event> {
        if self.over {
            return None;
        }
        let mut first = self.sent.is_none();
        loop {
            if !first {
                tokio::select! {
                    biased;
                    () = self.watch.stop.cancelled() => return None,
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                }
            }
            first = false;
            let record = match self.watch.look(self.run, &self.watched).await {
                // Pruned, or its index was deleted.
                Ok(found) => found?,
                Err(error) => {
                    tracing::debug!(%error, run.id = %self.run, "a watched run cannot be read, trying again");
                    continue;
                }
            };
            if record.state.is_over() {
                self.over = true;
                return event("done", LAST, record);
            }
            if self.sent.as_ref().is_none_or(|sent| differs(sent, &record)) {
                let id = record.as_of.to_string();
                let known = self.resumes.take().is_some_and(|seen| seen == id);
                self.sent = Some(record.clone());
                if !known {
                    return event("progress", &id, record);
                }
            }
        }
    }
}

/// Has anything happened? The clock goes on by itself, and so does the last minute.
fn differs(one: &RunRecord, other: &RunRecord) -> bool {
    let timeless = |record: &RunRecord| RunRecord {
        as_of: 0,
        done_lately: 0,
        ..record.clone()
    };
    timeless(one) != timeless(other)
}

/// An event of the stream, for the description of the interface: the stream itself is text.
#[derive(ToSchema)]
#[expect(dead_code, reason = "axum writes events")]
struct RunEvent {
    /// `progress`, or `done` at the end.
    #[schema(example = "progress")]
    event: String,
    /// Send the last one as `last-event-id` when the connection was lost.
    id: String,
    /// The run as JSON, as `GET /runs/{run}` shows it.
    data: String,
}

/// `None` when it cannot be written as JSON, which does not happen.
fn event(name: &str, id: &str, record: RunRecord) -> Option<Event> {
    let event = Event::default().event(name).id(id);
    event
        .json_data(RunStatus::of(record))
        .inspect_err(|error| tracing::error!(%error, "a run cannot be written as JSON"))
        .ok()
}

/// Follows a run: `event: progress` at once and whenever something changes, at most a few times a second; `event: done` when it
/// is over, and the end. The data of each is the run as `GET /runs/{run}` shows it. A client that has seen the end gets 204.
#[utoipa::path(
    get,
    path = "/runs/{run}/events",
    tag = "runs",
    params(("run" = RunId, Path, description = "The run"), ("last-event-id" = Option<String>, Header, description = "The id of the last event seen on another connection")),
    responses((status = OK, description = "Server-sent events", body = RunEvent, content_type = "text/event-stream"), (status = NO_CONTENT, description = "The client has seen the end"), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["search"]), ("key" = ["ingest"]))
)]
pub(super) async fn follow(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(run): Path<RunId>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    api.run(&caller, run).await?;
    let resumes = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    if resumes == Some(LAST) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let watcher = Watcher {
        watch: Arc::clone(&api.watch),
        run,
        watched: api.watch.watched(run),
        sent: None,
        resumes: resumes.map(str::to_owned),
        over: false,
    };
    let events = stream::unfold(watcher, |mut watcher| async {
        let event = watcher.next().await?;
        Some((Ok::<_, Infallible>(event), watcher))
    });
    let alive = KeepAlive::new().interval(KEEP_ALIVE);
    Ok(Sse::new(events).keep_alive(alive).into_response())
}
