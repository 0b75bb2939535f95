//! Indexes, and how they last compared with their sources.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::clock::UnixMillis;
use crate::ids::IndexId;

/// Is an index worked on?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum IndexState {
    /// Yes.
    Active,
    /// Changes are recorded, but nothing is woken or claimed.
    Paused,
    /// It is on its way out: nothing is recorded, woken or claimed.
    Deleting,
}

impl IndexState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Active, Self::Paused, Self::Deleting];

    /// The name as stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Paused => "PAUSED",
            Self::Deleting => "DELETING",
        }
    }
}

/// What a generation is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    /// Search shows it.
    #[default]
    Live,
    /// It is being built beside the live one.
    Building,
    /// It was live, and is kept for an undo.
    Retired,
    /// It is on its way out.
    Dropping,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Live, Self::Building, Self::Retired, Self::Dropping];

    /// The name as stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Live => "LIVE",
            Self::Building => "BUILDING",
            Self::Retired => "RETIRED",
            Self::Dropping => "DROPPING",
        }
    }
}

/// The text names no role of a generation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a role of a generation; the roles are LIVE, BUILDING, RETIRED, DROPPING")]
pub struct UnknownRole(pub String);

impl FromStr for Role {
    type Err = UnknownRole;
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|role| role.name() == name)
            .ok_or_else(|| UnknownRole(name.to_owned()))
    }
}

/// The text names no state of an index.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a state of an index; the states are ACTIVE, PAUSED, DELETING")]
pub struct UnknownIndexState(pub String);

impl FromStr for IndexState {
    type Err = UnknownIndexState;
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|state| state.name() == name)
            .ok_or_else(|| UnknownIndexState(name.to_owned()))
    }
}

/// An index as stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct IndexRecord {
    /// Its name.
    pub id: IndexId,
    /// Is it worked on?
    pub state: IndexState,
    /// Its settings: see [`IndexSettings`](crate::index_settings::IndexSettings).
    #[schema(value_type = crate::index_settings::IndexSettings)]
    pub settings: serde_json::Value,
    /// When it was added.
    pub created_at: UnixMillis,
    /// What the latest comparison of source, ledger and vector store found.
    pub comparison: Option<Comparison>,
    /// How often its settings were changed, and one.
    #[serde(default)]
    pub revision: u64,
    /// What it is for, among the generations of its name.
    #[serde(default)]
    pub role: Role,
}

/// How true an index was to its source when they were last compared. Counts are of files.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Comparison {
    /// When it was done.
    pub at: UnixMillis,
    /// In the source.
    pub listed: u64,
    /// Of those, searchable as they are now, or left out for a stated reason.
    pub current: u64,
    /// Of those, not known before.
    pub missing: u64,
    /// Of those, known with another version.
    pub changed: u64,
    /// In the index, and no longer in the source.
    pub orphaned: u64,
    /// The same, and somebody decided to keep them.
    #[serde(default)]
    pub kept: u64,
    /// Of the current ones, those that were made before the index's settings were changed: a full run makes them again.
    #[serde(default)]
    pub outdated: u64,
    /// Of the current ones, those whose points were missing from the vector store.
    pub without_points: u64,
    /// Claims in the vector store that nothing refers to; they are removed.
    pub orphaned_claims: u64,
}

impl Comparison {
    /// Share of the files, in the source or in the index, that are as they should be: 1 when the index is true.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a share needs no more than 52 bits")]
    pub fn completeness(&self) -> f64 {
        let all = self.listed + self.orphaned + self.kept;
        if all == 0 {
            return 1.0;
        }
        self.current.saturating_sub(self.without_points) as f64 / all as f64
    }
}
