//! `PATCH /indexes/{index}` and `GET /index-settings`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ETAG, IF_MATCH};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use shared::file_state::FileState;
use shared::ids::OperationId;
use shared::index_settings::BUDGET_SPENT;
use shared::index_settings::fields::{self, Effect};
use shared::index_settings::{
    ApprovalSettings, Budget, Changed, Chunking, FileRules, IndexSettings, Limits, ModelSettings, NotChanged,
    RetrySettings,
};
use shared::ledger::{IndexRecord, IndexState, Operation, OperationKind, SettingsChange};
use utoipa::ToSchema;

use super::Api;
use super::errors::{ApiError, ErrorCode, Problem};
use super::extract::{Body, Path};
use super::indexes::IndexStatus;

/// How often a change without `If-Match` is made up anew when another one came first.
const TRIES: usize = 5;

/// What can be changed of an index: a JSON merge patch (RFC 7396). What is absent stays, `null` takes a setting back to its
/// default, lists are replaced as a whole.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SettingsPatch {
    /// The folder inside the source that it covers.
    pub prefix: Option<String>,
    /// Language of the full-text search.
    pub language: Option<String>,
    /// Its model; answered by `needs_generation` when it differs.
    pub embedding: Option<ModelSettings>,
    /// Which files of the source belong to it.
    pub files: Option<FileRules>,
    /// How much one file may take.
    pub limits: Option<Limits>,
    /// How documents are cut.
    pub chunking: Option<Chunking>,
    /// When removals wait for approval.
    pub approval: Option<ApprovalSettings>,
    /// What embedding may cost.
    pub budget: Option<Budget>,
    /// How failures are tried again.
    pub retry: Option<RetrySettings>,
}

/// What a change of a setting takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldEffect {
    /// The setting.
    #[schema(example = "chunking.size")]
    pub field: String,
    /// What has to happen until it shows.
    pub effect: Effect,
    /// The same in a sentence.
    pub meaning: String,
}

/// An index after a change of its settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SettingsChanged {
    /// The index.
    pub index: IndexStatus,
    /// What was changed, and what that takes; empty when everything was so already.
    pub effects: Vec<FieldEffect>,
    /// Files that keep what they have until a full run, as far as the change asks for one.
    pub files_for_full_run: u64,
    /// Are source and index being compared, because other files belong to the index now?
    pub compares: bool,
}

/// Changes settings of an index. With `If-Match`, only when nobody changed them since the index was read; without, changes of
/// others are kept where they are about other settings. The answer says what each change takes; files that do not belong to
/// the index any more are removed, and those that do now are added, in the background.
#[utoipa::path(
    patch,
    path = "/indexes/{index}",
    tag = "indexes",
    params(
        ("index" = String, Path, description = "The index", example = "team-docs"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the index was read with")
    ),
    request_body(content(
        (SettingsPatch = "application/merge-patch+json", example = json!({"files": {"exclude": ["**/drafts/**"]}})),
        (SettingsPatch = "application/json", example = json!({"chunking": {"size": 300}}))
    )),
    responses(
        (status = OK, description = "They are as asked for", body = SettingsChanged, headers(("ETag" = String, description = "Stands for the settings"))),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")
    ),
    security(("key" = ["admin"]))
)]
pub(super) async fn change(
    State(api): State<Arc<Api>>,
    Path(index): Path<String>,
    headers: HeaderMap,
    Body(patch): Body<serde_json::Value>,
) -> Result<impl IntoResponse, ApiError> {
    let seen = Seen::of(&headers);
    for _ in 0..TRIES {
        let record = api.record(&index).await?;
        if record.state == IndexState::Deleting {
            let detail = format!("index {index} is being deleted");
            return Err(ApiError::new(ErrorCode::IndexDeleting, detail));
        }
        if !seen.is(&record) {
            return Err(changed_meanwhile(&record));
        }
        let current = IndexSettings::of(&record)
            .map_err(|error| ApiError::new(ErrorCode::IndexUnusable, error.to_string()))?;
        let changed =
            shared::index_settings::change(&current, &patch).map_err(|why| not_changed(&index, &why))?;
        if changed.fields.is_empty() {
            return answer(&api, record, &changed, false).await;
        }
        let compares = changed.fields.iter().any(|field| moves_files(field.name));
        let wanted = SettingsChange {
            settings: serde_json::to_value(&changed.settings)
                .map_err(|error| ApiError::new(ErrorCode::InvalidSettings, error.to_string()))?,
            follow_up: compares.then(|| comparison(&record)),
            from: record,
        };
        if let Some(record) = api.ledger.change_settings(&wanted).await? {
            if changed
                .fields
                .iter()
                .any(|field| field.name == "budget.tokens_per_day")
            {
                api.ledger.wake_waiting(&record.id, BUDGET_SPENT).await?;
            }
            api.nudge.notify_one();
            tracing::info!(index.id = %record.id, "settings changed to revision {}", record.revision);
            return answer(&api, record, &changed, compares).await;
        }
    }
    let detail = "others keep changing the settings of this index; try again";
    Err(ApiError::conflict(detail))
}

async fn answer(
    api: &Api,
    record: IndexRecord,
    changed: &Changed,
    compares: bool,
) -> Result<impl IntoResponse + use<>, ApiError> {
    let etag = etag_of(&record);
    let index = api.status(record).await?;
    let effects: Vec<FieldEffect> = changed
        .fields
        .iter()
        .map(|field| FieldEffect {
            field: field.name.to_owned(),
            effect: field.effect,
            meaning: field.effect.meaning().to_owned(),
        })
        .collect();
    let waits = |effect: &FieldEffect| matches!(effect.effect, Effect::FullRun | Effect::NewFiles);
    let files_for_full_run = if effects.iter().any(waits) {
        let settled = [FileState::Indexed, FileState::Skipped];
        let count = |state| index.stats.by_state.get(&state).copied().unwrap_or(0);
        settled.into_iter().map(count).sum()
    } else {
        0
    };
    let body = SettingsChanged {
        index,
        effects,
        files_for_full_run,
        compares,
    };
    Ok(([(ETAG, etag)], Json(body)))
}

/// Does the setting decide which files belong to the index?
fn moves_files(field: &str) -> bool {
    matches!(field, "prefix" | "files.include" | "files.exclude")
}

/// The comparison that a change of this record asks for.
fn comparison(record: &IndexRecord) -> Operation {
    let change = format!("settings {} {}", record.created_at, record.revision);
    Operation {
        id: OperationId::of(&record.id, &change),
        index: record.id.clone(),
        kind: OperationKind::Compare { path: String::new() },
        sequencer: None,
    }
}

/// The tag of an index's settings; that of another index of the same name is another one.
pub(super) fn etag_of(record: &IndexRecord) -> String {
    format!("\"{}-{}\"", record.created_at, record.revision)
}

/// The settings that a request goes by.
enum Seen {
    Any,
    OneOf(Vec<String>),
}

impl Seen {
    fn of(headers: &HeaderMap) -> Self {
        let mut tags = Vec::new();
        for header in headers.get_all(IF_MATCH) {
            // What is no text matches nothing.
            let header = header.to_str().unwrap_or_default();
            if header.trim() == "*" {
                return Self::Any;
            }
            tags.extend(header.split(',').map(|tag| tag.trim().to_owned()));
        }
        if headers.contains_key(IF_MATCH) {
            Self::OneOf(tags)
        } else {
            Self::Any
        }
    }

    fn is(&self, record: &IndexRecord) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(tags) => tags.contains(&etag_of(record)),
        }
    }
}

fn changed_meanwhile(record: &IndexRecord) -> ApiError {
    let detail = format!(
        "the settings of index {} are at {} now: read the index again, and change that",
        record.id,
        etag_of(record)
    );
    ApiError::new(ErrorCode::SettingsChanged, detail)
}

fn not_changed(index: &str, why: &NotChanged) -> ApiError {
    match why {
        NotChanged::Invalid(problems) => ApiError::new(ErrorCode::InvalidSettings, problems.join("; ")),
        NotChanged::Fixed(fields) => {
            let detail = format!(
                "{} of index {index} cannot be changed: make another index",
                fields.join(", ")
            );
            ApiError::new(ErrorCode::SettingFixed, detail)
        }
        NotChanged::NeedsGeneration(fields) => {
            let detail = format!(
                "{} of index {index} is not changed in place, because vectors of two models cannot be compared: it takes \
                 another generation of the index, or another index",
                fields.join(", ")
            );
            ApiError::new(ErrorCode::NeedsGeneration, detail)
        }
    }
}

/// Refuses settings that have problems.
pub(super) fn refuse(problems: &[String]) -> Result<(), ApiError> {
    if problems.is_empty() {
        Ok(())
    } else {
        Err(ApiError::new(ErrorCode::InvalidSettings, problems.join("; ")))
    }
}

/// A setting of an index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SettingGuide {
    /// Its place in the settings, with dots.
    #[schema(example = "files.max_bytes")]
    pub field: String,
    /// What it holds, with the unit.
    pub holds: String,
    /// What goes when it is absent.
    pub default: String,
    /// What changing it takes.
    pub effect: Effect,
    /// What it does.
    pub about: String,
}

/// An effect of a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EffectGuide {
    /// Its name.
    pub effect: Effect,
    /// What it means.
    pub meaning: String,
}

/// The settings that an index has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SettingsGuide {
    /// What changes can take.
    pub effects: Vec<EffectGuide>,
    /// The settings. What each may hold in JSON is `SettingsPatch` in `/openapi.json`.
    pub settings: Vec<SettingGuide>,
}

/// Every setting of an index, what it does, and what changing it takes.
#[utoipa::path(
    get,
    path = "/index-settings",
    tag = "indexes",
    responses((status = OK, description = "The settings", body = SettingsGuide), (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json")),
    security(("key" = ["search"]), ("key" = ["ingest"]))
)]
pub(super) async fn guide() -> Json<SettingsGuide> {
    let effect = |effect: Effect| EffectGuide {
        effect,
        meaning: effect.meaning().to_owned(),
    };
    let setting = |field: &fields::Field| SettingGuide {
        field: field.name.to_owned(),
        holds: field.kind.to_owned(),
        default: field.default.to_owned(),
        effect: field.effect,
        about: field.about.to_owned(),
    };
    Json(SettingsGuide {
        effects: Effect::ALL.map(effect).to_vec(),
        settings: fields::FIELDS.iter().map(setting).collect(),
    })
}
