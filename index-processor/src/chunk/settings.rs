//! How large chunks are and how they are found.

use thiserror::Error;

/// Raised whenever the same text and settings would give other chunks than before.
///
/// It is part of [`ChunkSettings::fingerprint`], so raising it re-chunks every document. The golden test in
/// `chunk/tests.rs` fails when it has to be raised; upgrades of `text-splitter`, `bpe-openai` and the grammars can do that.
const ALGORITHM: u32 = 2;

/// No chunk is larger than this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Size {
    /// Tokens of `cl100k_base`, the vocabulary of `OpenAI`'s `text-embedding-3` models.
    Tokens(usize),
    /// Unicode scalar values.
    Characters(usize),
}

impl Size {
    /// The number, in its unit.
    #[must_use]
    pub fn get(self) -> usize {
        match self {
            Self::Tokens(size) | Self::Characters(size) => size,
        }
    }
}

/// How the ends of chunks are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// By the structure of the document's kind.
    #[default]
    Auto,
    /// By paragraph, line, sentence and word, whatever the kind.
    Recursive,
    /// Prose where its meaning changes, see [`super::semantic`]; data and code as [`Strategy::Auto`] does.
    Semantic,
}

/// Valid settings of [`super::chunk`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChunkSettings {
    size: Size,
    overlap: usize,
    strategy: Strategy,
}

/// Why settings were refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SettingsError {
    /// Pieces of words are no use to a search, and a single character may need several tokens.
    #[error("the chunk size is {0}, but must be between {min} and {max}", min = ChunkSettings::MIN_SIZE, max = ChunkSettings::MAX_SIZE)]
    Size(usize),
    /// Most of every chunk would repeat the one before it.
    #[error("the chunk overlap is {overlap}, but must be at most half of the chunk size, which is {size}")]
    Overlap {
        /// The overlap asked for.
        overlap: usize,
        /// The chunk size it goes with.
        size: usize,
    },
}

impl ChunkSettings {
    /// The smallest size, in tokens or characters.
    pub const MIN_SIZE: usize = 32;
    /// The largest size, in tokens or characters.
    pub const MAX_SIZE: usize = 1 << 20;

    /// Checks settings. The overlap is in the unit of the size.
    ///
    /// # Errors
    ///
    /// When the size is out of range, or the overlap is more than half of it.
    pub fn new(size: Size, overlap: usize, strategy: Strategy) -> Result<Self, SettingsError> {
        let limit = size.get();
        if !(Self::MIN_SIZE..=Self::MAX_SIZE).contains(&limit) {
            return Err(SettingsError::Size(limit));
        }
        if overlap > limit / 2 {
            return Err(SettingsError::Overlap { overlap, size: limit });
        }
        Ok(Self {
            size,
            overlap,
            strategy,
        })
    }

    /// No chunk is larger than this.
    #[must_use]
    pub fn size(&self) -> Size {
        self.size
    }

    /// How much of a chunk the next one may repeat, in the unit of the size.
    #[must_use]
    pub fn overlap(&self) -> usize {
        self.overlap
    }

    /// How the ends of chunks are found.
    #[must_use]
    pub fn strategy(&self) -> Strategy {
        self.strategy
    }

    /// Names everything that decides what the chunks of a text are: equal fingerprints, equal chunks.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let Self {
            size,
            overlap,
            strategy,
        } = self;
        let (unit, size) = match size {
            Size::Tokens(size) => ("cl100k", size),
            Size::Characters(size) => ("chars", size),
        };
        let strategy = match strategy {
            Strategy::Auto => "auto",
            Strategy::Recursive => "recursive",
            Strategy::Semantic => "semantic",
        };
        format!("chunk{ALGORITHM}-{strategy}-{unit}-{size}-{overlap}")
    }
}

impl Default for ChunkSettings {
    /// 512 tokens, 64 of overlap: a few paragraphs, well under what every embedding model accepts.
    fn default() -> Self {
        Self {
            size: Size::Tokens(512),
            overlap: 64,
            strategy: Strategy::Auto,
        }
    }
}
