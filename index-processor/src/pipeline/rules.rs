//! What an index's own settings make of what this process is set to.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use convert::FileType;
use shared::index_settings::{ChunkStrategy, ChunkUnit, DocumentType, IndexSettings, Scope, TypeChunking};

use super::PipelineSettings;
use crate::chunk::{ChunkSettings, Size, Strategy};

/// The settings of an index, ready to be used.
#[derive(Clone, Debug)]
pub struct Rules {
    pub(super) scope: Scope,
    pub(super) max_file_bytes: u64,
    pub(super) skip: BTreeSet<FileType>,
    pub(super) longest_attempt: Option<Duration>,
    pub(crate) stamp: String,
    chunk: ChunkSettings,
    chunk_of: HashMap<FileType, ChunkSettings>,
}

impl Rules {
    /// The rules of an index in a process.
    ///
    /// # Errors
    /// When the settings cannot be used; they were checked when they were made, so another build made them.
    pub fn of(settings: &IndexSettings, process: &PipelineSettings) -> Result<Self, String> {
        let scope = Scope::of(settings).map_err(|problems| problems.join("; "))?;
        let chunk = chunk_settings(process.chunk, settings.chunking.general());
        let of_type = |(of, own): (&DocumentType, &TypeChunking)| {
            file_type(*of).map(|file_type| (file_type, chunk_settings(chunk, *own)))
        };
        Ok(Self {
            scope,
            max_file_bytes: settings.files.max_bytes.unwrap_or(process.max_file_bytes),
            skip: settings
                .files
                .skip_types
                .iter()
                .filter_map(|of| file_type(*of))
                .collect(),
            longest_attempt: settings
                .limits
                .attempt_minutes
                .map(|minutes| Duration::from_secs(u64::from(minutes) * 60)),
            stamp: settings.stamp(),
            chunk,
            chunk_of: settings.chunking.types.iter().filter_map(of_type).collect(),
        })
    }

    /// How files of a type are cut.
    pub(super) fn chunk_of(&self, file_type: Option<FileType>) -> ChunkSettings {
        file_type
            .and_then(|file_type| self.chunk_of.get(&file_type))
            .copied()
            .unwrap_or(self.chunk)
    }
}

/// Both crates name the same types; a test compares them.
fn file_type(of: DocumentType) -> Option<FileType> {
    of.name().parse().ok()
}

/// `base` with what is set instead. An overlap that was meant for larger chunks becomes half of a chunk.
fn chunk_settings(base: ChunkSettings, own: TypeChunking) -> ChunkSettings {
    let size = own.size.map_or(base.size().get(), |size| {
        usize::try_from(size).unwrap_or(usize::MAX)
    });
    let overlap = own.overlap.map_or(base.overlap(), |overlap| {
        usize::try_from(overlap).unwrap_or(usize::MAX)
    });
    let in_tokens = match own.unit {
        Some(unit) => unit == ChunkUnit::Tokens,
        None => matches!(base.size(), Size::Tokens(_)),
    };
    let strategy = match own.strategy {
        Some(ChunkStrategy::Auto) => Strategy::Auto,
        Some(ChunkStrategy::Recursive) => Strategy::Recursive,
        Some(ChunkStrategy::Semantic) => Strategy::Semantic,
        None => base.strategy(),
    };
    let size_in_unit = if in_tokens {
        Size::Tokens(size)
    } else {
        Size::Characters(size)
    };
    ChunkSettings::new(size_in_unit, overlap.min(size / 2), strategy).unwrap_or(base)
}

#[cfg(test)]
mod tests;
