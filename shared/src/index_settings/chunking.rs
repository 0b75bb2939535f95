//! How documents are cut.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::document_type::DocumentType;

/// The smallest and the largest chunk that can be asked for, in tokens or characters.
const SIZES: std::ops::RangeInclusive<u32> = 32..=1 << 20;

/// What sizes of chunks are counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChunkUnit {
    /// Tokens of `cl100k_base`.
    Tokens,
    /// Unicode characters.
    Characters,
}

/// Where documents are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChunkStrategy {
    /// By the document's type.
    Auto,
    /// At paragraphs and sentences, whatever the type.
    Recursive,
    /// Where the meaning changes; needs an embedding model.
    Semantic,
}

/// How documents are cut. What is absent is as the index processors are set (`--chunk-size` and so on).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Chunking {
    /// Largest chunk, in `unit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 32, maximum = 1_048_576)]
    pub size: Option<u32>,
    /// How much of a chunk the next one repeats, in `unit`; at most half of `size`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlap: Option<u32>,
    /// What the two are counted in; goes with a `size`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<ChunkUnit>,
    /// Where to cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<ChunkStrategy>,
    /// What differs for files of some types.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub types: BTreeMap<DocumentType, TypeChunking>,
}

/// How files of one type are cut. What is absent is as for the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TypeChunking {
    /// Largest chunk, in `unit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 32, maximum = 1_048_576)]
    pub size: Option<u32>,
    /// How much of a chunk the next one repeats, in `unit`; at most half of `size`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlap: Option<u32>,
    /// What the two are counted in; goes with a `size`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<ChunkUnit>,
    /// Where to cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<ChunkStrategy>,
}

impl Chunking {
    /// What goes for types that are not named.
    #[must_use]
    pub fn general(&self) -> TypeChunking {
        TypeChunking {
            size: self.size,
            overlap: self.overlap,
            unit: self.unit,
            strategy: self.strategy,
        }
    }

    /// What is wrong with it, each with the field's name in front.
    pub(super) fn problems(&self, has_model: bool) -> Vec<String> {
        let of_types = self
            .types
            .iter()
            .map(|(of, chunking)| (format!("chunking.types.{}", of.name()), *chunking));
        std::iter::once(("chunking".to_owned(), self.general()))
            .chain(of_types)
            .flat_map(|(field, chunking)| chunking.problems(&field, has_model))
            .collect()
    }
}

impl TypeChunking {
    fn problems(self, field: &str, has_model: bool) -> Vec<String> {
        let mut problems = Vec::new();
        if let Some(size) = self.size {
            if !SIZES.contains(&size) {
                let (least, most) = (SIZES.start(), SIZES.end());
                problems.push(format!("{field}.size: {size} is not between {least} and {most}"));
            }
            if let Some(overlap) = self.overlap.filter(|overlap| *overlap > size / 2) {
                problems.push(format!(
                    "{field}.overlap: {overlap} is more than half of the size, which is {size}"
                ));
            }
        } else if self.unit.is_some() {
            problems.push(format!("{field}.unit: give {field}.size as well, in that unit"));
        }
        if self.overlap.is_some_and(|overlap| overlap > SIZES.end() / 2) {
            problems.push(format!("{field}.overlap: at most half of the size is possible"));
        }
        if self.strategy == Some(ChunkStrategy::Semantic) && !has_model {
            problems.push(format!(
                "{field}.strategy: semantic cuts by meaning, which needs an embedding model"
            ));
        }
        problems
    }
}
