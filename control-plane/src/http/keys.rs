//! `GET`, `POST /apiKeys`; `GET`, `DELETE /apiKeys/{key}`; `POST /apiKeys/{key}/rotate`.

pub(super) mod first;
pub(super) mod ring;
pub(super) mod secret;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, LOCATION};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use shared::clock::UnixMillis;
use shared::ids::{IndexId, KeyId};
use shared::ledger::{KeyRecord, NewKey, Rotated};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::access::{Caller, Scope};
use super::errors::{ApiError, ErrorCode, Problem};
use super::extract::{Body, Path, Query};

/// Most keys on a page.
const MAX_PAGE: u32 = 1000;
/// Longest name, in characters.
const MAX_NAME: usize = 100;
/// Most indexes that a key is limited to.
const MAX_INDEXES: usize = 1000;
/// Overlap of a rotation in seconds when none is given: a day.
const OVERLAP: u64 = 86_400;
/// Longest overlap in seconds: 30 days.
const MAX_OVERLAP: u64 = 30 * 86_400;

/// A key to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyWanted {
    /// For people, and for the audit log: 1 to 100 characters.
    #[schema(example = "website search", min_length = 1, max_length = 100)]
    pub name: String,
    /// What it allows, at least one.
    #[schema(example = json!(["search"]), min_items = 1)]
    pub scopes: BTreeSet<Scope>,
    /// The indexes that it is for; all when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = json!(["team-docs"]), min_items = 1, max_items = 1000)]
    pub indexes: Option<BTreeSet<IndexId>>,
    /// When it ends by itself, in Unix milliseconds; never when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 4_102_444_800_000_i64)]
    pub expires_at: Option<UnixMillis>,
}

/// A key with its secret, which is shown this once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyWithSecret {
    /// The key.
    pub key: KeyRecord,
    /// What to send as `Authorization: Bearer SECRET`. It is not stored and cannot be shown again.
    #[schema(example = "lsk_3fk92mzq_EXAMPLE-of-a-secret")]
    pub secret: String,
}

/// A page of keys, in the order in which they were made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyPage {
    /// The keys, revoked and expired ones too.
    pub keys: Vec<KeyRecord>,
    /// Give it as `cursor` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// The query string of a listing.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct KeysWanted {
    /// The `cursor` of the page before.
    cursor: Option<String>,
    /// Keys on the page, 100 when it is left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// The query string of a rotation.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Rotation {
    /// Seconds for which the secret until now stays valid; a day when left out. With 0 it ends at once, and so does that of
    /// an earlier rotation.
    #[param(minimum = 0, maximum = 2_592_000)]
    overlap_seconds: Option<u64>,
}

/// Keys without their secrets.
#[utoipa::path(
    get,
    path = "/apiKeys",
    tag = "keys",
    params(KeysWanted),
    responses((status = OK, description = "A page", body = KeyPage), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["admin"]))
)]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Query(wanted): Query<KeysWanted>,
) -> Result<Json<KeyPage>, ApiError> {
    caller.check_all()?;
    let limit = wanted.limit.unwrap_or(100);
    if !(1..=MAX_PAGE).contains(&limit) {
        let detail = format!("limit {limit} is not between 1 and {MAX_PAGE}");
        return Err(ApiError::bad_request(detail));
    }
    let after = wanted.cursor.map(|cursor| cursor.parse::<KeyId>()).transpose();
    let after = after.map_err(|_| ApiError::bad_request("cursor: take it from the page before, as it is"))?;
    let keys = api.ledger.keys(after, limit).await?;
    let full = keys.len() == limit as usize;
    let cursor = keys.last().filter(|_| full).map(|key| key.id.to_string());
    Ok(Json(KeyPage { keys, cursor }))
}

/// A key without its secret.
#[utoipa::path(
    get,
    path = "/apiKeys/{key}",
    tag = "keys",
    params(("key" = KeyId, Path, description = "The key")),
    responses((status = OK, description = "The key", body = KeyRecord), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["admin"]))
)]
pub(super) async fn one(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(key): Path<KeyId>,
) -> Result<Json<KeyRecord>, ApiError> {
    caller.check_all()?;
    let found = api.ledger.key(key).await?.ok_or_else(|| unknown(key))?;
    Ok(Json(found))
}

/// Makes a key. Its secret is in the answer, and nowhere else.
#[utoipa::path(
    post,
    path = "/apiKeys",
    tag = "keys",
    request_body = KeyWanted,
    responses((status = CREATED, description = "It is made", body = KeyWithSecret), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["admin"]))
)]
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Body(wanted): Body<KeyWanted>,
) -> Result<impl IntoResponse, ApiError> {
    caller.check_all()?;
    check(&wanted, api.clock.now())?;
    let (secret, mark) = secret::new();
    let key = NewKey {
        id: KeyId::generate(),
        name: wanted.name,
        scopes: wanted.scopes,
        indexes: wanted.indexes,
        expires_at: wanted.expires_at,
        secret: mark,
    };
    let key = api.ledger.create_key(&key).await?;
    let location = format!("/apiKeys/{}", key.id);
    let secret = secret.expose().to_owned();
    Ok((
        StatusCode::CREATED,
        [(LOCATION, location), (CACHE_CONTROL, "no-store".to_owned())],
        Json(KeyWithSecret { key, secret }),
    ))
}

/// Gives a key a new secret. The one until now stays valid for a while, so that nothing stands still while it is
/// exchanged; meanwhile the key is not rotated again, unless with an overlap of 0.
#[utoipa::path(
    post,
    path = "/apiKeys/{key}/rotate",
    tag = "keys",
    params(("key" = KeyId, Path, description = "The key"), Rotation),
    responses((status = OK, description = "It is rotated", body = KeyWithSecret), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["admin"]))
)]
pub(super) async fn rotate(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(key): Path<KeyId>,
    Query(rotation): Query<Rotation>,
) -> Result<impl IntoResponse, ApiError> {
    caller.check_all()?;
    let overlap = rotation.overlap_seconds.unwrap_or(OVERLAP);
    if overlap > MAX_OVERLAP {
        let detail = format!("overlap_seconds {overlap} is more than {MAX_OVERLAP}, which is 30 days");
        return Err(ApiError::bad_request(detail));
    }
    let (secret, mark) = secret::new();
    let rotated = api
        .ledger
        .rotate_key(key, &mark, Duration::from_secs(overlap))
        .await?;
    let key = match rotated {
        Rotated::Done(key) => *key,
        Rotated::Gone => {
            api.ledger.key(key).await?.ok_or_else(|| unknown(key))?;
            let detail = format!("key {key} is revoked or expired; make a new one");
            return Err(ApiError::conflict(detail));
        }
        Rotated::Overlapping => {
            let detail = format!(
                "key {key} was rotated a short while ago and its old secret is still valid; wait until `old_until`, \
                 or rotate it with overlap_seconds=0"
            );
            return Err(ApiError::conflict(detail));
        }
    };
    let secret = secret.expose().to_owned();
    Ok(([(CACHE_CONTROL, "no-store")], Json(KeyWithSecret { key, secret })))
}

/// Revokes a key. It ends at once here, and within 5 seconds on other replicas; it stays in the list.
#[utoipa::path(
    delete,
    path = "/apiKeys/{key}",
    tag = "keys",
    params(("key" = KeyId, Path, description = "The key")),
    responses((status = OK, description = "It is revoked", body = KeyRecord), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["admin"]))
)]
pub(super) async fn revoke(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(key): Path<KeyId>,
) -> Result<Json<KeyRecord>, ApiError> {
    caller.check_all()?;
    let revoked = api.ledger.revoke_key(key).await?.ok_or_else(|| unknown(key))?;
    Ok(Json(revoked))
}

fn unknown(key: KeyId) -> ApiError {
    ApiError::new(ErrorCode::KeyNotFound, format!("there is no key {key}"))
}

/// What the types of a key's fields cannot check.
fn check(wanted: &KeyWanted, now: UnixMillis) -> Result<(), ApiError> {
    let length = wanted.name.chars().count();
    if wanted.name.trim().is_empty() || length > MAX_NAME || wanted.name.chars().any(char::is_control) {
        let detail = format!("name: give 1 to {MAX_NAME} characters, no control characters");
        return Err(ApiError::bad_request(detail));
    }
    if wanted.scopes.is_empty() {
        let names = Scope::ALL.map(Scope::name).join(", ");
        return Err(ApiError::bad_request(format!(
            "scopes: give at least one of {names}"
        )));
    }
    let indexes = wanted.indexes.as_ref().map_or(1, BTreeSet::len);
    if !(1..=MAX_INDEXES).contains(&indexes) {
        let detail = format!("indexes: name 1 to {MAX_INDEXES}, or leave it out for all");
        return Err(ApiError::bad_request(detail));
    }
    if wanted.expires_at.is_some_and(|at| at <= now) {
        let detail = format!("expires_at: it is past; now is {now} (Unix milliseconds)");
        return Err(ApiError::bad_request(detail));
    }
    Ok(())
}
