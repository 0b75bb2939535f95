//! `GET`, `POST /indexes/{index}/generations`; of one of them `DELETE`, and `POST …/swap`, `…/rollback`, `…/undo?now=true`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use shared::clock::UnixMillis;
use shared::embedder::bm25::Bm25;
use shared::ids::IndexId;
use shared::index_settings::{IndexSettings, ModelSettings};
use shared::ledger::{BuildFailure, Family, IndexRecord, Role};
use shared::models::WantedModel;
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::errors::{ApiError, ErrorCode, Problem};
use super::extract::{Body, Path, Query};
use crate::generations::{self, BeginError, Limits, Verdict, between, decide};

/// The generations of an index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GenerationList {
    /// The index.
    pub index: IndexId,
    /// By number.
    pub generations: Vec<GenerationStatus>,
    /// When another one last became live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swapped_at: Option<UnixMillis>,
    /// The latest build, when it was rolled back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<BuildFailure>,
}

/// Where a generation is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum GenerationState {
    /// It is being filled, and becomes live when search loses nothing by it.
    Building,
    /// Search shows it.
    Live,
    /// It was live; changes are recorded for it and not applied.
    Retired,
    /// It was live, catches up, and becomes live again.
    Returning,
    /// It is on its way out.
    Dropping,
}

/// A generation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GenerationStatus {
    /// Its number, from 1.
    pub number: u32,
    /// Its name where an index is named: other routes show its files and runs under it.
    pub id: IndexId,
    /// Where it is in its life.
    pub state: GenerationState,
    /// When it was made.
    pub created_at: UnixMillis,
    /// The model of its dense vectors, if it has them.
    pub embedding: Option<ModelSettings>,
    /// The language of its full-text search.
    pub language: String,
    /// Settings that differ from those of the live generation.
    pub differs: Vec<String>,
    /// How far it is, while it is to become live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
}

/// How far a build is. Counts are of files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    /// Nothing is left to do for these.
    pub settled: u64,
    /// All that it will have, as far as is known.
    pub total: u64,
    /// Of the settled ones, those that failed.
    pub failed: u64,
    /// When it will be done if it goes on as until now, in seconds from now; absent before the first file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eta_seconds: Option<u64>,
    /// Why it is not live yet, for people.
    pub waits_for: Vec<String>,
}

/// A generation to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGeneration {
    /// The model of its dense vectors; `null` for none. Left out, it is that of the live generation.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<WantedModel>)]
    pub embedding: Option<Option<WantedModel>>,
    /// The language of its full-text search; left out, it is that of the live generation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

/// Tells `null` from a field that is left out.
fn given<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Option<WantedModel>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// The query string of an undo.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct UndoQuery {
    /// Swap at once, without waiting until the generation before has caught up: search may lose new files and show old versions
    /// until it has.
    #[serde(default)]
    now: bool,
}

/// Every generation, and how far a build is.
#[utoipa::path(
    get,
    path = "/indexes/{index}/generations",
    tag = "generations",
    params(("index" = String, Path, description = "The index", example = "team-docs")),
    responses((status = OK, description = "The generations", body = GenerationList), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["search"]), ("key" = ["ingest"]))
)]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Path(index): Path<String>,
) -> Result<Json<GenerationList>, ApiError> {
    let name = api.record(&index).await?.id.base();
    Ok(Json(api.generations(&name).await?))
}

/// Begins to build the next generation beside the live one. It becomes live when search loses nothing by it.
#[utoipa::path(
    post,
    path = "/indexes/{index}/generations",
    tag = "generations",
    params(("index" = String, Path, description = "The index", example = "team-docs")),
    request_body = NewGeneration,
    responses((status = ACCEPTED, description = "It is BUILDING", body = GenerationList), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["admin"]))
)]
pub(super) async fn begin(
    State(api): State<Arc<Api>>,
    Path(index): Path<String>,
    Body(wanted): Body<NewGeneration>,
) -> Result<impl IntoResponse, ApiError> {
    if let Some(language) = &wanted.language {
        Bm25::new(language).map_err(|error| ApiError::bad_request(error.to_string()))?;
    }
    let live = api.whole(&index).await?;
    // Before the model is asked, which costs.
    let families = api.ledger.families().await?;
    let busy = |family: &Family| family.live == live.id && (family.building.is_some() || family.going_back);
    if families.iter().any(busy) {
        return Err(BeginError::Busy(live.id.base()).into());
    }
    let before = IndexSettings::of(&live)
        .map_err(|error| ApiError::new(ErrorCode::IndexUnusable, error.to_string()))?;
    let mut settings = before.clone();
    if let Some(language) = wanted.language {
        settings.language = language;
    }
    match &wanted.embedding {
        None => {}
        Some(None) => settings.embedding = None,
        Some(Some(model)) => settings.embedding = Some(api.settled_model(model).await?),
    }
    if settings == before {
        let detail =
            "it would be the same as the live generation; POST …/run?full=true makes every file again";
        return Err(ApiError::bad_request(detail));
    }
    generations::begin(&*api.ledger, &api.metrics, &live.id, &settings).await?;
    let list = api.generations(&live.id.base()).await?;
    let location = format!("/indexes/{}/generations", list.index);
    Ok((StatusCode::ACCEPTED, [(LOCATION, location)], Json(list)))
}

/// Makes a generation that is being built live as it is, although files stand in the way.
#[utoipa::path(
    post,
    path = "/indexes/{index}/generations/{generation}/swap",
    tag = "generations",
    params(("index" = String, Path, description = "The index", example = "team-docs"), ("generation" = u32, Path, description = "Its number", example = 2)),
    responses((status = OK, description = "It is LIVE", body = GenerationList), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["admin"]))
)]
pub(super) async fn swap(
    State(api): State<Arc<Api>>,
    Path((index, number)): Path<(String, u32)>,
) -> Result<Json<GenerationList>, ApiError> {
    let generation = api.one_generation(&index, number).await?;
    let name = generation.id.base();
    if generation.role != Role::Building {
        return Err(not(
            &generation,
            "is not being built",
            "undo goes back to the one before",
        ));
    }
    if !api.ledger.swap_generation(&name, &generation.id, true).await? {
        return Err(not(
            &generation,
            "was not compared with the source yet, or is not being built any more",
            "try again",
        ));
    }
    api.changed("swapped");
    Ok(Json(api.generations(&name).await?))
}

/// Gives up a build, or the way back to the generation before. The live generation stays.
#[utoipa::path(
    post,
    path = "/indexes/{index}/generations/{generation}/rollback",
    tag = "generations",
    params(("index" = String, Path, description = "The index", example = "team-docs"), ("generation" = u32, Path, description = "Its number", example = 2)),
    responses((status = OK, description = "It is given up", body = GenerationList), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["admin"]))
)]
pub(super) async fn roll_back(
    State(api): State<Arc<Api>>,
    Path((index, number)): Path<(String, u32)>,
) -> Result<Json<GenerationList>, ApiError> {
    let generation = api.one_generation(&index, number).await?;
    let name = generation.id.base();
    if !api
        .ledger
        .roll_back(&name, &generation.id, "somebody asked for it")
        .await?
    {
        return Err(not(
            &generation,
            "is neither being built nor coming back",
            "undo goes back to the one before",
        ));
    }
    api.changed("rolled_back");
    Ok(Json(api.generations(&name).await?))
}

/// Goes back from the live generation, by its number, to the one before: as soon as that has caught up, or at once.
#[utoipa::path(
    post,
    path = "/indexes/{index}/generations/{generation}/undo",
    tag = "generations",
    params(("index" = String, Path, description = "The index", example = "team-docs"), ("generation" = u32, Path, description = "The live generation", example = 2), UndoQuery),
    responses((status = OK, description = "The one before is LIVE", body = GenerationList), (status = ACCEPTED, description = "The one before is RETURNING", body = GenerationList), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["admin"]))
)]
pub(super) async fn undo(
    State(api): State<Arc<Api>>,
    Path((index, number)): Path<(String, u32)>,
    Query(query): Query<UndoQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let generation = api.one_generation(&index, number).await?;
    let name = generation.id.base();
    let refused = || {
        not(
            &generation,
            "is not live, or there is none before it, or the next one is being built",
            "see GET …/generations",
        )
    };
    if !api.ledger.undo_swap(&name, &generation.id).await? {
        return Err(refused());
    }
    let mut status = StatusCode::ACCEPTED;
    if query.now {
        let families = api.ledger.families().await?;
        let family = families.into_iter().find(|family| family.name == name);
        let before = family.and_then(|family| family.retired).ok_or_else(refused)?;
        // Somebody else, or the duty, may have been faster: then it is done.
        if before != generation.id && api.ledger.swap_generation(&name, &before, true).await? {
            api.changed("undone");
        }
        status = StatusCode::OK;
    }
    api.nudge.notify_one();
    Ok((status, Json(api.generations(&name).await?)))
}

/// Drops the generation that is kept for an undo.
#[utoipa::path(
    delete,
    path = "/indexes/{index}/generations/{generation}",
    tag = "generations",
    params(("index" = String, Path, description = "The index", example = "team-docs"), ("generation" = u32, Path, description = "Its number", example = 1)),
    responses((status = ACCEPTED, description = "It is DROPPING", body = GenerationList), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["admin"]))
)]
pub(super) async fn drop_one(
    State(api): State<Arc<Api>>,
    Path((index, number)): Path<(String, u32)>,
) -> Result<impl IntoResponse, ApiError> {
    let generation = api.one_generation(&index, number).await?;
    let name = generation.id.base();
    let at_once = std::time::Duration::ZERO;
    // Asking twice is fine, also at the same moment: whoever finds that somebody else was faster looks again.
    let going = generation.role == Role::Dropping;
    if !going && !api.ledger.drop_retired(&name, &generation.id, at_once).await? {
        if api.one_generation(&index, number).await?.role != Role::Dropping {
            return Err(not(
                &generation,
                "is not retired",
                "roll a build or an undo back; delete the index to remove all of it",
            ));
        }
        return Ok((StatusCode::ACCEPTED, Json(api.generations(&name).await?)));
    }
    if !going {
        api.changed("dropped");
    }
    Ok((StatusCode::ACCEPTED, Json(api.generations(&name).await?)))
}

fn not(generation: &IndexRecord, why: &str, instead: &str) -> ApiError {
    let (number, index) = (generation.id.generation(), generation.id.base());
    ApiError::conflict(format!("generation {number} of index {index} {why}; {instead}"))
}

impl From<BeginError> for ApiError {
    fn from(error: BeginError) -> Self {
        let code = match error {
            BeginError::Busy(_) => ErrorCode::GenerationBusy,
            BeginError::Gone(_) => ErrorCode::IndexDeleting,
            BeginError::Ledger(error) => return error.into(),
        };
        Self::new(code, error.to_string())
    }
}

impl Api {
    /// The model as it stands in an index's settings, after it was asked.
    pub(super) async fn settled_model(&self, wanted: &WantedModel) -> Result<ModelSettings, ApiError> {
        let settled = self.indexes.opener().settle_model(wanted).await;
        settled.map_err(|error| ApiError::bad_request(format!("embedding: {error:#}")))
    }

    fn changed(&self, change: &str) {
        self.metrics.generation_changes.with_label_values(&[change]).inc();
        self.nudge.notify_one();
    }

    /// A generation of the index that a URL names.
    async fn one_generation(&self, index: &str, number: u32) -> Result<IndexRecord, ApiError> {
        let name = self.whole(index).await?.id.base();
        let records = self.indexes.records().await?;
        let found = records
            .into_iter()
            .find(|record| record.id.base_str() == name.as_str() && record.id.generation() == number);
        found.ok_or_else(|| {
            let detail = format!("index {name} has no generation {number}");
            ApiError::new(ErrorCode::GenerationNotFound, detail)
        })
    }

    async fn generations(&self, name: &IndexId) -> Result<GenerationList, ApiError> {
        let families = self.ledger.families().await?;
        let family = families.into_iter().find(|family| family.name == *name);
        let mut records = self.indexes.records().await?;
        records.retain(|record| record.id.base_str() == name.as_str());
        records.sort_by_key(|record| record.id.generation());
        let live = records.iter().find(|record| record.role == Role::Live).cloned();
        let mut generations = Vec::new();
        for record in &records {
            generations.push(self.generation(record, live.as_ref(), family.as_ref()).await?);
        }
        Ok(GenerationList {
            index: name.clone(),
            generations,
            swapped_at: family.as_ref().and_then(|family| family.swapped_at),
            failure: family.and_then(|family| family.failure),
        })
    }

    async fn generation(
        &self,
        record: &IndexRecord,
        live: Option<&IndexRecord>,
        family: Option<&Family>,
    ) -> Result<GenerationStatus, ApiError> {
        let settings = IndexSettings::of(record)
            .map_err(|error| ApiError::new(ErrorCode::IndexUnusable, error.to_string()))?;
        let returning = family.is_some_and(|family| family.going_back);
        let state = match record.role {
            _ if record.state == shared::ledger::IndexState::Deleting => GenerationState::Dropping,
            Role::Live => GenerationState::Live,
            Role::Building => GenerationState::Building,
            Role::Retired if returning => GenerationState::Returning,
            Role::Retired => GenerationState::Retired,
            Role::Dropping => GenerationState::Dropping,
        };
        let progress = match (family, state) {
            (Some(family), GenerationState::Building | GenerationState::Returning) => {
                Some(self.progress(family, record).await?)
            }
            _ => None,
        };
        Ok(GenerationStatus {
            number: record.id.generation(),
            id: record.id.clone(),
            state,
            created_at: record.created_at,
            embedding: settings.embedding,
            language: settings.language,
            differs: live.map(|live| differences(record, live)).unwrap_or_default(),
            progress,
        })
    }

    async fn progress(&self, family: &Family, next: &IndexRecord) -> Result<Progress, ApiError> {
        let facts = generations::facts(&*self.ledger, family, next, &Limits::default()).await?;
        let mut waits_for = Vec::new();
        if family.paused {
            waits_for.push("the index is paused".to_owned());
        }
        match decide(&facts, &Limits::default()) {
            Verdict::Wait(why) => waits_for.push(why),
            // What the duty found when it last tried: to look here would read every file.
            Verdict::Try | Verdict::GiveUp(_) => waits_for.extend(family.waits_for.iter().cloned()),
        }
        let settled = facts.settled();
        let left = facts.total().saturating_sub(settled);
        let elapsed = between(family.began_at, family.now).as_secs();
        let eta_seconds = (family.building.is_some() && settled > 0).then(|| elapsed * left / settled);
        Ok(Progress {
            settled,
            total: facts.total(),
            failed: facts.failed(),
            eta_seconds,
            waits_for,
        })
    }
}

/// The names of settings that are not the same.
fn differences(one: &IndexRecord, other: &IndexRecord) -> Vec<String> {
    let (Some(one), Some(other)) = (one.settings.as_object(), other.settings.as_object()) else {
        return Vec::new();
    };
    let mut names: Vec<String> = one
        .keys()
        .chain(other.keys())
        .filter(|name| one.get(*name) != other.get(*name))
        .cloned()
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}
