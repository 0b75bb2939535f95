//! Every setting of an index, what it does, and what changing it takes: one table for the check of changes, their answers and
//! `docs/index-settings.md`.

use serde::{Deserialize, Serialize};

/// What has to happen until a changed setting shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Nothing: it counts from the next decision on. Where it changes which files belong to the index, source and index
    /// are compared at once.
    Now,
    /// It counts for files that are new or change from now on; a full run applies it to the others.
    NewFiles,
    /// Files stay as they were made until a full run makes them again; new and changed ones are made with it at once.
    FullRun,
    /// Another generation of the index has to be built beside this one.
    NewGeneration,
    /// It cannot be changed: make another index.
    Fixed,
}

impl Effect {
    /// Every effect.
    pub const ALL: [Self; 5] = [
        Self::Now,
        Self::NewFiles,
        Self::FullRun,
        Self::NewGeneration,
        Self::Fixed,
    ];

    /// The name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Now => "now",
            Self::NewFiles => "new_files",
            Self::FullRun => "full_run",
            Self::NewGeneration => "new_generation",
            Self::Fixed => "fixed",
        }
    }

    /// What it means, in a sentence.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Now => {
                "Takes effect now. When it changes which files belong to the index, source and index are compared at once."
            }
            Self::NewFiles => {
                "Takes effect for new and changed files. `POST /indexes/{index}/run?full=true` applies it to the others."
            }
            Self::FullRun => {
                "Takes effect for new and changed files at once; the others keep what they have until \
                 `POST /indexes/{index}/run?full=true` makes them again."
            }
            Self::NewGeneration => {
                "Another generation of the index is built beside the live one, and takes its place when search loses nothing \
                 by it. See GET /indexes/{index}/generations."
            }
            Self::Fixed => "Cannot be changed. Make another index.",
        }
    }
}

/// A setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its place in the settings, with dots.
    pub name: &'static str,
    /// What it holds, with the unit.
    pub kind: &'static str,
    /// What goes when it is absent.
    pub default: &'static str,
    /// What changing it takes.
    pub effect: Effect,
    /// What it does.
    pub about: &'static str,
}

const fn field(
    name: &'static str,
    kind: &'static str,
    default: &'static str,
    effect: Effect,
    about: &'static str,
) -> Field {
    Field {
        name,
        kind,
        default,
        effect,
        about,
    }
}

/// Every setting, in the order of the documentation. A name stands for everything below it.
pub const FIELDS: &[Field] = &[
    field(
        "source",
        "text: azure://ACCOUNT/CONTAINER, s3://BUCKET, gs://BUCKET or file:///FOLDER",
        "required",
        Effect::Fixed,
        "Where the documents are.",
    ),
    field(
        "prefix",
        "text: a folder inside the source",
        "all of the source",
        Effect::Now,
        "The folder that the index covers. Files that are outside of it afterwards are removed like vanished ones, under the deletion guard.",
    ),
    field(
        "language",
        "text: the English name of a language",
        "english",
        Effect::FullRun,
        "Language of the full-text search: its stop words and word stems. Until the full run, words of the old files are found by their old stems.",
    ),
    field(
        "embedding",
        "object: url, model, dimensions, azure_api_version; or null",
        "the model of the control plane, if it has one",
        Effect::NewGeneration,
        "The model of the dense vectors. Vectors of two models cannot be compared.",
    ),
    field(
        "files.include",
        "list of globs, at most 200",
        "every path",
        Effect::Now,
        "Only paths that match one of these globs belong to the index. `*` stays within a path segment, `**` spans them.",
    ),
    field(
        "files.exclude",
        "list of globs, at most 200",
        "none",
        Effect::Now,
        "Paths that match one of these globs do not belong to the index, whatever `files.include` says. Files that are left out are removed like vanished ones, under the deletion guard; once included again, they come back.",
    ),
    field(
        "files.max_bytes",
        "bytes, 1 to 4294967296",
        "as the index processors are set (--max-file-size)",
        Effect::NewFiles,
        "Larger files are SKIPPED.",
    ),
    field(
        "files.skip_types",
        "list of file types, such as image, zip, csv",
        "none",
        Effect::NewFiles,
        "Files of these types are SKIPPED. The type is found in the content, and only then in the name.",
    ),
    field(
        "limits.attempt_minutes",
        "minutes, 1 to 1440",
        "as the services are set (INDEXER_STALE_FILE_TIMEOUT_MINUTES)",
        Effect::Now,
        "Longest time of one attempt at a file. It can only shorten what the services are set to.",
    ),
    field(
        "chunking.size",
        "tokens or characters, 32 to 1048576",
        "as the index processors are set (--chunk-size)",
        Effect::FullRun,
        "Largest chunk.",
    ),
    field(
        "chunking.overlap",
        "tokens or characters, at most half of the size",
        "as the index processors are set (--chunk-overlap), at most half of the size",
        Effect::FullRun,
        "How much of a chunk the next one repeats.",
    ),
    field(
        "chunking.unit",
        "tokens or characters; goes with a size",
        "as the index processors are set (--chunk-unit)",
        Effect::FullRun,
        "What size and overlap are counted in.",
    ),
    field(
        "chunking.strategy",
        "auto, recursive or semantic",
        "as the index processors are set (--chunk-strategy)",
        Effect::FullRun,
        "Where documents are cut: by their type, at paragraphs and sentences, or where the meaning changes, which needs an embedding model.",
    ),
    field(
        "chunking.types",
        "object: file type to size, overlap, unit, strategy",
        "as for the other types",
        Effect::FullRun,
        "What differs for files of some types.",
    ),
    field(
        "approval.files",
        "number of files",
        "10; for a new index, as the control plane is set (--deletion-guard-files)",
        Effect::Now,
        "The deletion guard: removals wait for approval when one cause would remove more files than this, and more than the share.",
    ),
    field(
        "approval.share",
        "0 to 1",
        "0.1; for a new index, as the control plane is set (--deletion-guard-share)",
        Effect::Now,
        "The deletion guard: share of the index that always passes.",
    ),
    field(
        "approval.decide_after_seconds",
        "seconds, or null for never",
        "604800 (a week)",
        Effect::Now,
        "Removals that nobody decided on for so long are decided by themselves, as `approval.otherwise` says. It counts for those that wait already.",
    ),
    field(
        "approval.otherwise",
        "keep or remove",
        "keep",
        Effect::Now,
        "What is decided about removals that nobody decides on.",
    ),
    field(
        "budget.tokens_per_day",
        "tokens",
        "no limit",
        Effect::Now,
        "Most tokens that are embedded in a day (UTC). When they are spent, embedding waits for midnight; files that need no new vectors go on. Raising it wakes the files that wait.",
    ),
    field(
        "budget.price_per_million_tokens",
        "a price, in whatever currency",
        "unknown",
        Effect::Now,
        "What a million tokens cost; for estimates only.",
    ),
    field(
        "retry",
        "object: step (claim, fetch, convert, chunk, embed, upsert, remove) to first_interval_ms, coefficient, max_interval_ms, \
         max_attempts, retryable, not_retryable",
        "as the index processors are set (--step-retry)",
        Effect::Now,
        "How failures of a step are tried again: it counts from the next failure on. FILE_INDEXING_MAX_RETRIES limits all steps together.",
    ),
];

/// The setting that a place in the settings belongs to.
#[must_use]
pub fn field_of(place: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| {
        place
            .strip_prefix(field.name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

/// The settings page of the documentation.
#[must_use]
pub fn page() -> String {
    let mut page = String::from(
        "# Settings of an index\n\n\
         <!-- Made from the table in shared/src/index_settings/fields.rs; LONGSHORE_BLESS=1 with its tests writes it anew. -->\n\n\
         `POST /indexes` takes them, `PATCH /indexes/{index}` changes them: a JSON merge patch (RFC 7396), where `null` takes a \
         setting back to its default. Send the `ETag` of the index as `If-Match` to change only what you have seen. The answer \
         lists the effect of each change; `GET /index-settings` has this page for programs.\n\n\
         ## What a change takes\n\n",
    );
    for effect in Effect::ALL {
        page.push_str(&format!("- `{}`: {}\n", effect.name(), effect.meaning()));
    }
    page.push_str("\n## The settings\n\n| setting | holds | default | effect |\n|---|---|---|---|\n");
    for field in FIELDS {
        let Field {
            name, kind, default, ..
        } = field;
        page.push_str(&format!(
            "| `{name}` | {kind} | {default} | `{}` |\n",
            field.effect.name()
        ));
    }
    for field in FIELDS {
        page.push_str(&format!("\n### `{}`\n\n{}\n", field.name, field.about));
    }
    page
}

#[cfg(test)]
mod tests;
