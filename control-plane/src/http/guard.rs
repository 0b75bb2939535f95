//! What every request passes before it reaches a handler, and every answer on its way out: one function, in order.
//!
//! A request gets an id, a place among those that are worked on, and a caller; it is held against the description of the
//! operation that it names; a change is written to the audit log before it is made. A route that is not described is
//! not reached.

mod audited;
mod limits;
mod place;
mod request_id;
mod traced;

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Query, Request, State};
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use serde::Deserialize;
use shared::ledger::ControlLedger;
use shared::secret::Secret;
use shared::trace::spans;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument as _;
use utoipa_axum::router::OpenApiRouter;

use self::audited::Audited;
pub(super) use self::limits::LimitSettings;
use self::limits::Limits;
pub(super) use self::place::Place;
pub(super) use self::request_id::current as current_request_id;
use super::access::{Caller, Found, Operation, Scope, Table};
use super::errors::{ApiError, ErrorCode, Refusal};
use super::events;
use super::keys::ring::KeyRing;
use super::openapi::{self, Document};
use crate::metrics::Metrics;

/// Carries a key of event senders where `Authorization` is taken.
const KEY_HEADER: &str = "x-longshore-key";
/// What the shared secret of event senders is called.
const EVENTS_KEY: &str = "events key";
/// Carries the request's id.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Who is let in, and how many at a time.
pub struct Guard {
    place: Place,
    ring: KeyRing,
    events_key: Option<Secret>,
    limits: Limits,
    ledger: Arc<dyn ControlLedger>,
    metrics: Arc<Metrics>,
}

impl Guard {
    /// A guard of a place. Keys are those of the ledger and `admin`, which may do everything; senders of events may know
    /// `events_key` instead.
    pub(super) fn new(
        place: Place,
        admin: Option<&Secret>,
        events_key: Option<Secret>,
        limits: &LimitSettings,
        ledger: Arc<dyn ControlLedger>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            place,
            ring: KeyRing::new(Arc::clone(&ledger), admin),
            events_key,
            limits: Limits::new(limits),
            ledger,
            metrics,
        }
    }

    /// For requests that come from this very process: everything is allowed.
    #[must_use]
    pub fn within(ledger: Arc<dyn ControlLedger>, metrics: Arc<Metrics>) -> Self {
        let limits = LimitSettings {
            rate: 0,
            timeout: Duration::from_secs(3600),
            ..LimitSettings::default()
        };
        Self::new(Place::Process, None, None, &limits, ledger, metrics)
    }
}

/// What the middleware works with.
struct Post {
    guard: Guard,
    table: Table,
}

/// The routes behind the guard.
pub(super) fn around(routes: OpenApiRouter, guard: Guard) -> Router {
    let (router, document) = routes.split_for_parts();
    let document = openapi::described(&document);
    let table = Table::new(&document);
    let served = Document::finish(document);
    let body = guard.limits.body;
    let post = Arc::new(Post { guard, table });
    router
        .fallback(super::errors::no_route)
        .method_not_allowed_fallback(super::errors::no_method)
        .layer(Extension(served))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(DefaultBodyLimit::max(body))
        .layer(middleware::from_fn_with_state(post, pass))
}

/// Every request.
async fn pass(State(post): State<Arc<Post>>, request: Request, next: Next) -> Response {
    let id = request_id::of(request.headers());
    let span = tracing::info_span!("request", request.id = %id, http.method = %request.method(), http.path = request.uri().path());
    let traced = traced::of(&request);
    let answered = traced::answered(post.answer(request, next)).instrument(span);
    let mut response = Box::pin(request_id::within(id.clone(), answered.instrument(traced))).await;
    let status = response.status();
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Some((name, value)) = advice(status) {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    // What an answer says is for whoever had the key.
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

impl Post {
    async fn answer(&self, request: Request, next: Next) -> Response {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let found = self.table.find(&method, request.uri()).await;
        let name = match &found {
            Found::Operation { operation, .. } => operation.id.clone(),
            Found::Nothing | Found::OtherMethods(_) => "none".to_owned(),
        };
        spans::name(&name);
        let response = match self.admit(found, request, next).await {
            Ok(response) => response,
            Err(refused) => {
                let code = refused.code();
                self.guard
                    .metrics
                    .http_refused
                    .with_label_values(&[code.name()])
                    .inc();
                tracing::info!(code = code.name(), "refused {method} {path}");
                refused.into_response()
            }
        };
        let class = format!("{}xx", response.status().as_u16() / 100);
        self.guard
            .metrics
            .http_requests
            .with_label_values(&[&name, &class])
            .inc();
        response
    }

    /// Lets a request through to its handler, or says why not.
    async fn admit(&self, found: Found, mut request: Request, next: Next) -> Result<Response, ApiError> {
        let guard = &self.guard;
        guard.place.check(request.uri(), request.headers())?;
        let for_events = matches!(&found, Found::Operation { operation, .. } if operation.events_key);
        let given = Given::of(request.headers(), request.uri(), for_events);
        let (operation, index) = match found {
            Found::Operation { operation, index } => (operation, index),
            Found::Nothing => {
                // Strangers do not learn what there is.
                self.caller(given, false).await?;
                return Ok(super::errors::no_route(request.uri().clone())
                    .await
                    .into_response());
            }
            Found::OtherMethods(allowed) => {
                self.caller(given, false).await?;
                let refused = super::errors::no_method(request.method().clone(), request.uri().clone()).await;
                return Ok(([(header::ALLOW, allowed)], refused).into_response());
            }
        };
        // Whoever watches over the process must get an answer when it is busy, most of all then.
        let _permit = if operation.open {
            None
        } else {
            Some(guard.limits.permit()?)
        };
        let caller = if operation.open && guard.place.wants_keys() {
            Caller::nobody()
        } else {
            self.caller(given, for_events).await?
        };
        no_zero(request.uri())?;
        if !operation.open {
            allow(&caller, &operation, index.as_ref())?;
            guard.limits.rate(&caller)?;
        }
        let limit = if for_events {
            events::MAX_BODY
        } else {
            guard.limits.body
        };
        if let Err(refused) = limits::length(request.headers(), limit) {
            limits::drain(request.into_body()).await;
            return Err(refused);
        }
        let audited = if operation.is_change(request.method()) {
            let path = request.uri().path();
            Some(Audited::begin(guard.ledger.as_ref(), &caller, &operation, path, index.flatten()).await?)
        } else {
            None
        };
        let keys_change = operation.tag == "keys" && audited.is_some();
        request.extensions_mut().insert(caller);
        let work = tokio::time::timeout(guard.limits.timeout, next.run(request));
        let response = work.await.unwrap_or_else(|_| {
            let seconds = guard.limits.timeout.as_secs();
            let detail =
                format!("the request was given up after {seconds} s; it may have been worked on in part");
            ApiError::new(ErrorCode::TimedOut, detail).into_response()
        });
        if keys_change {
            guard.ring.forget();
        }
        if let Some(audited) = audited {
            let refusal = response.extensions().get::<Refusal>().map(|refusal| refusal.0);
            audited
                .end(guard.ledger.as_ref(), response.status(), refusal)
                .await;
        }
        Ok(response)
    }

    /// Who asks. An error when a key is needed and what was given is none.
    async fn caller(&self, given: Given, for_events: bool) -> Result<Caller, ApiError> {
        let guard = &self.guard;
        let shared = guard.events_key.as_ref().filter(|_| for_events);
        if let Some(key) = shared
            && !key.is_empty()
            && given.0.iter().any(|given| same(given, key))
        {
            return Ok(Caller::of_setting(EVENTS_KEY, Scope::Ingest));
        }
        if !guard.place.wants_keys() && shared.is_none() {
            return Ok(Caller::local());
        }
        for given in &given.0 {
            if let Some(caller) = guard.ring.caller(given).await? {
                return Ok(Caller::clone(&caller));
            }
        }
        let detail = if for_events {
            format!(
                "the key is missing or wrong: send it as `Authorization: Bearer KEY`, as header `{KEY_HEADER}`, or where a \
                 sender takes nothing but an address, as `?key=KEY` in it"
            )
        } else {
            "the key is missing, wrong, revoked or too old: send a valid one as `Authorization: Bearer KEY`"
                .to_owned()
        };
        Err(ApiError::new(ErrorCode::Unauthorized, detail))
    }
}

/// May the caller do this, to this index?
fn allow(
    caller: &Caller,
    operation: &Operation,
    index: Option<&Option<shared::ids::IndexId>>,
) -> Result<(), ApiError> {
    if !caller.has_any(&operation.scopes) {
        let names: Vec<&str> = operation.scopes.iter().map(|scope| scope.name()).collect();
        let names = if names.is_empty() {
            "admin".to_owned()
        } else {
            names.join(" or ")
        };
        let detail = format!("a key with the scope {names} is needed");
        return Err(ApiError::new(ErrorCode::Forbidden, detail));
    }
    match index {
        Some(Some(index)) => caller.check(index),
        // Whatever it is, the key is not for it.
        Some(None) => caller.check_all(),
        None => Ok(()),
    }
}

/// Secrets in a request, where they may be.
struct Given(Vec<Secret>);

/// A key in the query string; `access_token` is what the specification of the events' handshake calls it.
#[derive(Default, Deserialize)]
struct KeyInUrl {
    key: Option<Secret>,
    access_token: Option<Secret>,
}

impl Given {
    /// Senders of events may give it in other places than the header for it.
    fn of(headers: &HeaderMap, uri: &Uri, for_events: bool) -> Self {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let bearer = header(header::AUTHORIZATION.as_str())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| Secret::new(token));
        let mut given: Vec<Secret> = bearer.into_iter().collect();
        if for_events {
            let query =
                Query::<KeyInUrl>::try_from_uri(uri).map_or_else(|_| KeyInUrl::default(), |query| query.0);
            given.extend(header(KEY_HEADER).map(Secret::new));
            given.extend(query.key);
            given.extend(query.access_token);
        }
        Self(given)
    }
}

/// No name, path or text holds a zero byte, and PostgreSQL takes none.
fn no_zero(uri: &Uri) -> Result<(), ApiError> {
    let has_zero = |text: &str| text.contains("%00");
    if has_zero(uri.path()) {
        let detail = "the path holds a zero byte (%00), which no name has";
        return Err(ApiError::new(ErrorCode::InvalidPath, detail));
    }
    if uri.query().is_some_and(has_zero) {
        let detail = "the query holds a zero byte (%00), which no text here has";
        return Err(ApiError::new(ErrorCode::InvalidQuery, detail));
    }
    Ok(())
}

/// Compares in a time that does not tell how much is right: hashes are of equal length, and their comparison takes constant
/// time.
fn same(given: &Secret, key: &Secret) -> bool {
    blake3::hash(given.expose().as_bytes()) == blake3::hash(key.expose().as_bytes())
}

/// The header that says what to do about a status.
fn advice(status: StatusCode) -> Option<(HeaderName, &'static str)> {
    match status {
        StatusCode::UNAUTHORIZED => Some((header::WWW_AUTHENTICATE, "Bearer")),
        StatusCode::TOO_MANY_REQUESTS => Some((header::RETRY_AFTER, "1")),
        StatusCode::SERVICE_UNAVAILABLE => Some((header::RETRY_AFTER, "5")),
        _ => None,
    }
}

/// A defect: it is logged, and the service goes on.
#[expect(clippy::needless_pass_by_value, reason = "the layer's signature")]
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!("a handler panicked: {}", text.unwrap_or("without a text"));
    let detail = "the service has a defect; the request was not, or not wholly, worked on";
    ApiError::new(ErrorCode::Internal, detail).into_response()
}

#[cfg(test)]
mod tests;
