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
use shared::ledger::{IndexRecord, IndexState, Operation, OperationKind, Role, SettingsChange};
use shared::models::WantedModel;
use utoipa::ToSchema;

use super::Api;
use super::errors::{ApiError, ErrorCode, Problem};
use super::extract::{Body, Path};
use super::indexes::IndexStatus;
use crate::generations::{self, BeginError};

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
    /// Its model. Another one begins another generation of the index.
    pub embedding: Option<ModelPatch>,
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

/// Another model for an index: one of the service's settings by `name`, or what differs from the one that it has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelPatch {
    /// A model of the service's settings.
    pub name: Option<String>,
    /// The address of a model that the service knows.
    pub url: Option<String>,
    /// Its name there.
    #[schema(example = "text-embedding-3-large")]
    pub model: Option<String>,
    /// Numbers in a vector; another count than now has the model shorten them.
    #[schema(minimum = 1, maximum = 65_536)]
    pub dimensions: Option<u32>,
    /// As the service is set; it cannot be chosen here.
    pub azure_api_version: Option<String>,
    /// As `dimensions`.
    pub shortened_to: Option<u32>,
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
/// the index any more are removed, and those that do now are added, in the background. They hold for every generation of the
/// index; another model begins the next one.
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
    Body(mut patch): Body<serde_json::Value>,
) -> Result<impl IntoResponse, ApiError> {
    let seen = Seen::of(&headers);
    let model = patch.as_object_mut().and_then(|patch| patch.remove("embedding"));
    // What is wrong for every index is told before one is looked for, as with any body.
    shared::index_settings::check_names(&patch).map_err(|why| not_changed(&index, &why))?;
    let model = model.map(model_patch).transpose()?;
    for _ in 0..TRIES {
        let record = api.whole(&index).await?;
        if record.state == IndexState::Deleting {
            let detail = format!("index {index} is being deleted");
            return Err(ApiError::new(ErrorCode::IndexDeleting, detail));
        }
        if !seen.is(&record) {
            return Err(changed_meanwhile(&record));
        }
        let current = IndexSettings::of(&record)
            .map_err(|error| ApiError::new(ErrorCode::IndexUnusable, error.to_string()))?;
        let mut changed =
            shared::index_settings::change(&current, &patch).map_err(|why| not_changed(&index, &why))?;
        // Before anything is changed, the model has answered.
        let next = match &model {
            Some(model) => {
                let model = model.as_ref();
                api.next_generation(&current, &changed.settings, model).await?
            }
            None => None,
        };
        let compares = changed.fields.iter().any(|field| moves_files(field.name));
        let Some(record) = api.apply(record, &changed).await? else {
            continue;
        };
        api.apply_to_others(&record, &patch).await?;
        if let Some(next) = next {
            api.begin_once(&record, &next).await?;
            changed.fields.extend(fields::field_of("embedding"));
        }
        return answer(&api, record, &changed, compares).await;
    }
    let detail = "others keep changing the settings of this index; try again";
    Err(ApiError::conflict(detail))
}

impl Api {
    /// Changes one generation, if it is still as it was read.
    async fn apply(&self, record: IndexRecord, changed: &Changed) -> Result<Option<IndexRecord>, ApiError> {
        if changed.fields.is_empty() {
            return Ok(Some(record));
        }
        let is_changed = |is: fn(&str) -> bool| changed.fields.iter().any(|field| is(field.name));
        let wanted = SettingsChange {
            settings: serde_json::to_value(&changed.settings)
                .map_err(|error| ApiError::new(ErrorCode::InvalidSettings, error.to_string()))?,
            follow_up: is_changed(moves_files).then(|| comparison(&record)),
            from: record,
        };
        let Some(record) = self.ledger.change_settings(&wanted).await? else {
            return Ok(None);
        };
        if is_changed(|field| field == "budget.tokens_per_day") {
            self.ledger.wake_waiting(&record.id, BUDGET_SPENT).await?;
        }
        self.nudge.notify_one();
        tracing::info!(index.id = %record.id, "settings changed to revision {}", record.revision);
        Ok(Some(record))
    }

    /// Makes the same change to the generations beside the live one. What a call that died left out, the next one does.
    async fn apply_to_others(&self, live: &IndexRecord, patch: &serde_json::Value) -> Result<(), ApiError> {
        for _ in 0..TRIES {
            let mut records = self.indexes.records().await?;
            records.retain(|other| {
                other.id != live.id
                    && other.id.base_str() == live.id.base_str()
                    && other.state != IndexState::Deleting
            });
            let mut done = true;
            for other in records {
                let Ok(current) = IndexSettings::of(&other) else {
                    continue;
                };
                match shared::index_settings::change(&current, patch) {
                    Ok(changed) => done &= self.apply(other, &changed).await?.is_some(),
                    // With its model they make no sense, for example.
                    Err(why) => {
                        tracing::warn!(index.id = %other.id, "its settings stay as they are: {why:?}");
                    }
                }
            }
            if done {
                return Ok(());
            }
        }
        let detail =
            "the settings are changed, but not yet those of its other generations; send the same again";
        Err(ApiError::conflict(detail))
    }

    /// The settings of the generation that a patch of the model asks for, if it asks for another model than there is.
    async fn next_generation(
        &self,
        current: &IndexSettings,
        settings: &IndexSettings,
        patch: Option<&ModelPatch>,
    ) -> Result<Option<IndexSettings>, ApiError> {
        let embedding = match wanted_model(current.embedding.as_ref(), patch)? {
            Wanted::AsItIs => return Ok(None),
            Wanted::None => None,
            Wanted::Other(model) => Some(self.settled_model(&model).await?),
        };
        if embedding == current.embedding {
            return Ok(None);
        }
        refuse(&settings.problems(embedding.is_some()))?;
        Ok(Some(IndexSettings {
            embedding,
            ..settings.clone()
        }))
    }

    /// Begins a generation, unless the same one is being built: the call may be a repetition.
    async fn begin_once(&self, live: &IndexRecord, settings: &IndexSettings) -> Result<(), ApiError> {
        match generations::begin(&*self.ledger, &self.metrics, &live.id, settings).await {
            Ok(_) => Ok(()),
            Err(BeginError::Busy(name)) => {
                let records = self.indexes.records().await?;
                let same = |record: &IndexRecord| {
                    record.role == Role::Building
                        && record.id.base() == name
                        && IndexSettings::of(record).is_ok_and(|building| building == *settings)
                };
                if records.iter().any(same) {
                    Ok(())
                } else {
                    Err(BeginError::Busy(name).into())
                }
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// What a patch wants of the model.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    /// The one that there is.
    AsItIs,
    /// None at all.
    None,
    /// Another one.
    Other(WantedModel),
}

/// What a patch says of the model; `None` for `null`.
fn model_patch(patch: serde_json::Value) -> Result<Option<ModelPatch>, ApiError> {
    serde_json::from_value(patch).map_err(|error| invalid_model(&error.to_string()))
}

fn invalid_model(why: &str) -> ApiError {
    ApiError::new(ErrorCode::InvalidSettings, format!("embedding: {why}"))
}

fn wanted_model(current: Option<&ModelSettings>, patch: Option<&ModelPatch>) -> Result<Wanted, ApiError> {
    let Some(patch) = patch.cloned() else {
        return Ok(current.map_or(Wanted::AsItIs, |_| Wanted::None));
    };
    let of_current = |is: &dyn Fn(&ModelSettings) -> bool| current.is_some_and(is);
    let is_new_text = |new: &Option<String>, is: &dyn Fn(&ModelSettings) -> Option<&str>| {
        new.as_deref()
            .is_some_and(|new| current.and_then(is) != Some(new))
    };
    if is_new_text(&patch.azure_api_version, &|model| {
        model.azure_api_version.as_deref()
    }) {
        return Err(invalid_model("azure_api_version is a setting of the service"));
    }
    let is_new_size = |size: &u32| !of_current(&|model| u32::try_from(model.dimensions) == Ok(*size));
    let dimensions = patch.dimensions.or(patch.shortened_to).filter(is_new_size);
    let is_new = current.is_none()
        || patch.name.is_some()
        || dimensions.is_some()
        || is_new_text(&patch.url, &|model| Some(&model.url))
        || is_new_text(&patch.model, &|model| Some(&model.model));
    if !is_new {
        return Ok(Wanted::AsItIs);
    }
    let wanted = match patch.name {
        Some(name) => WantedModel {
            name,
            url: None,
            model: patch.model,
            dimensions: patch.dimensions,
        },
        None => WantedModel {
            url: patch.url.or_else(|| current.map(|model| model.url.clone())),
            model: patch.model.or_else(|| current.map(|model| model.model.clone())),
            dimensions,
            ..WantedModel::default()
        },
    };
    Ok(Wanted::Other(wanted))
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
