//! The steps of an attempt at a file, by the names under which they are configured, counted and shown.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A step of an attempt.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Taking the file, opening its index, and everything between two other steps.
    Claim,
    /// Asking the source for the blob, and reading it.
    Fetch,
    /// From bytes to Markdown.
    Convert,
    /// From Markdown to chunks.
    Chunk,
    /// From chunks to dense vectors.
    Embed,
    /// Writing points.
    Upsert,
    /// Removing the points of the version before.
    Remove,
}

impl Step {
    /// Every step, in order.
    pub const ALL: [Self; 7] = [
        Self::Claim,
        Self::Fetch,
        Self::Convert,
        Self::Chunk,
        Self::Embed,
        Self::Upsert,
        Self::Remove,
    ];

    /// The name as written, stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Claim => "claim",
            Self::Fetch => "fetch",
            Self::Convert => "convert",
            Self::Chunk => "chunk",
            Self::Embed => "embed",
            Self::Upsert => "upsert",
            Self::Remove => "remove",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a step; the steps are claim, fetch, convert, chunk, embed, upsert, remove")]
pub struct UnknownStep(pub String);

impl FromStr for Step {
    type Err = UnknownStep;
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|step| step.name() == name)
            .ok_or_else(|| UnknownStep(name.to_owned()))
    }
}
