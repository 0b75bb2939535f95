//! What a process depends on, by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::blobs::source::Source;
use crate::index_settings::IndexSettings;

/// Kinds of dependencies.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum DependencyKind {
    /// The database of files and runs.
    Ledger,
    /// What carries wake-ups.
    Broker,
    /// The vector store.
    Vectors,
    /// An embedding model.
    Embedder,
    /// A source of documents.
    Source,
    /// A conversion service.
    Converter,
    /// A model that reads images.
    Vision,
}

impl DependencyKind {
    const ALL: [Self; 7] = [
        Self::Ledger,
        Self::Broker,
        Self::Vectors,
        Self::Embedder,
        Self::Source,
        Self::Converter,
        Self::Vision,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Ledger => "ledger",
            Self::Broker => "broker",
            Self::Vectors => "vectors",
            Self::Embedder => "embedder",
            Self::Source => "source",
            Self::Converter => "converter",
            Self::Vision => "vision",
        }
    }
}

/// Something outside that may be down. Written as its kind, and its name after a colon where there may be several:
/// `vectors`, `embedder:text-embedding-3-small`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dependency {
    /// What it is.
    pub kind: DependencyKind,
    /// Which one; empty when there is one of its kind.
    pub name: String,
}

impl Dependency {
    /// The only one of its kind.
    #[must_use]
    pub fn only(kind: DependencyKind) -> Self {
        Self::named(kind, "")
    }

    /// One of several.
    #[must_use]
    pub fn named(kind: DependencyKind, name: impl fmt::Display) -> Self {
        let name = name.to_string();
        Self { kind, name }
    }

    /// The vector store.
    #[must_use]
    pub fn vectors() -> Self {
        Self::only(DependencyKind::Vectors)
    }

    /// An embedding model.
    #[must_use]
    pub fn embedder(model: &str) -> Self {
        Self::named(DependencyKind::Embedder, model)
    }

    /// A source of documents.
    #[must_use]
    pub fn source(source: &Source) -> Self {
        Self::named(DependencyKind::Source, source)
    }

    /// What every file of an index needs on its way, in the order of the steps.
    #[must_use]
    pub fn of_index(settings: &IndexSettings) -> Vec<Self> {
        let source = Self::source(&settings.source);
        let model = settings.embedding.as_ref();
        let embedder = model.map(|model| Self::embedder(&model.model));
        [source]
            .into_iter()
            .chain(embedder)
            .chain([Self::vectors()])
            .collect()
    }
}

impl fmt::Display for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        if !self.name.is_empty() {
            write!(f, ":{}", self.name)?;
        }
        Ok(())
    }
}

/// The text names no dependency.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a dependency")]
pub struct UnknownDependency(pub String);

impl FromStr for Dependency {
    type Err = UnknownDependency;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, name) = text.split_once(':').unwrap_or((text, ""));
        DependencyKind::ALL
            .into_iter()
            .find(|known| known.name() == kind)
            .map(|kind| Self::named(kind, name))
            .ok_or_else(|| UnknownDependency(text.to_owned()))
    }
}

impl Serialize for Dependency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Dependency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

crate::schema::text_schema!(
    Dependency,
    "A dependency: ledger, broker, vectors, embedder, source, converter or vision; a name follows after a colon where there may be several",
    "embedder:text-embedding-3-small"
);
