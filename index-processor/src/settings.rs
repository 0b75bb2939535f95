//! Settings of an index processor, as flags, variables and file entries.

use std::net::SocketAddr;

use clap::{Args, Parser, ValueEnum};
use shared::circuit::CircuitArgs;
use shared::ids::IndexId;
use shared::retry::StepRetryArgs;
use shared::settings::{EmbeddingArgs, LedgerArgs, QueueArgs, ServiceArgs, VectorArgs};

use crate::chunk::{ChunkSettings, Size, Strategy};
use crate::conversion::settings::ConvertArgs;

/// Takes files from the work queue, one attempt per file at a time, and brings them from blob to vector store. Any number
/// of processors work side by side.
#[derive(Debug, Parser)]
#[command(name = "index-processor", version = shared::version::VERSION, max_term_width = 100)]
pub struct ProcessorSettings {
    /// What every service has.
    #[command(flatten)]
    pub service: ServiceArgs,

    /// Where the ledger is.
    #[command(flatten)]
    pub ledger: LedgerArgs,

    /// Where the work queue is.
    #[command(flatten)]
    pub queue: QueueArgs,

    /// Where the vector store is.
    #[command(flatten)]
    pub vectors: VectorArgs,

    /// The model.
    #[command(flatten)]
    pub embedding: EmbeddingArgs,

    /// How files become Markdown.
    #[command(flatten)]
    pub convert: ConvertArgs,

    /// How documents are cut.
    #[command(flatten)]
    pub chunk: ChunkArgs,

    /// How much at a time.
    #[command(flatten)]
    pub work: WorkArgs,

    /// How failed files are tried again.
    #[command(flatten)]
    pub retry: StepRetryArgs,

    /// When something that is down is left alone.
    #[command(flatten)]
    pub circuits: CircuitArgs,

    /// Address for /healthz, /readyz and /metrics; port 0 takes a free one, which is logged.
    #[arg(
        long,
        env = "LONGSHORE_LISTEN",
        default_value = "0.0.0.0:7701",
        value_name = "ADDRESS",
        help_heading = "Service"
    )]
    pub listen: SocketAddr,

    /// Work for one index only, which the control plane must name in --dedicated-indexes.
    #[arg(long, env = "LONGSHORE_INDEX", value_name = "NAME", help_heading = "Service")]
    pub index: Option<IndexId>,

    /// At the end, attempts that run longer than this are given back.
    #[arg(long, env = "LONGSHORE_DRAIN_SECONDS", default_value_t = 25, value_name = "SECONDS", help_heading = "Service", value_parser = clap::value_parser!(u64).range(0..=3600))]
    pub drain_seconds: u64,
}

/// How much at a time.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Work")]
pub struct WorkArgs {
    /// Files in work at a time.
    #[arg(long, env = "INDEX_PROCESSOR_SLOTS", default_value_t = 32, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub slots: u16,

    /// Memory for files in work, in MiB.
    #[arg(long, env = "INDEX_PROCESSOR_MEMORY_MIB", default_value_t = 512, value_name = "MIB", value_parser = clap::value_parser!(u64).range(16..=1_048_576))]
    pub memory: u64,

    /// Larger files are skipped; in MiB.
    #[arg(long, env = "INDEXER_MAX_FILE_SIZE_MIB", default_value_t = 64, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..=4096))]
    pub max_file_size: u64,

    /// Attempts after which a file is FAILED.
    #[arg(long, env = "FILE_INDEXING_MAX_RETRIES", default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub max_retries: u32,

    /// Longest time that one attempt at a file may take.
    #[arg(long, env = "INDEXER_STALE_FILE_TIMEOUT_MINUTES", default_value_t = 15, value_name = "MINUTES", value_parser = clap::value_parser!(u64).range(1..=1440))]
    pub stale_timeout: u64,

    /// Time without renewal after which a file that this process holds is given to another; it stops by itself 10 s before.
    #[arg(long, env = "INDEX_PROCESSOR_LEASE_SECONDS", default_value_t = 60, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(2..=3600))]
    pub lease_seconds: u64,
}

/// How documents are cut.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Chunks")]
pub struct ChunkArgs {
    /// Largest chunk.
    #[arg(long, env = "CHUNK_SIZE", default_value_t = 512, value_name = "N")]
    pub chunk_size: usize,

    /// How much of a chunk the next one repeats.
    #[arg(long, env = "CHUNK_OVERLAP", default_value_t = 64, value_name = "N")]
    pub chunk_overlap: usize,

    /// What the two are counted in.
    #[arg(long, env = "CHUNK_UNIT", value_enum, default_value = "tokens")]
    pub chunk_unit: ChunkUnit,

    /// How: by the document's type, recursively at paragraphs and sentences, or by meaning (needs an embedding model).
    #[arg(long, env = "CHUNK_STRATEGY", value_enum, default_value = "auto")]
    pub chunk_strategy: ChunkStrategy,
}

/// What sizes of chunks are counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ChunkUnit {
    /// Tokens of cl100k.
    Tokens,
    /// Unicode characters.
    Characters,
}

/// Where documents are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ChunkStrategy {
    /// By the document's type.
    Auto,
    /// At paragraphs and sentences.
    Recursive,
    /// By meaning.
    Semantic,
}

impl ChunkArgs {
    /// The settings; they must fit together.
    ///
    /// # Errors
    /// When they do not; the text says what to change.
    pub fn settings(&self, has_model: bool) -> Result<ChunkSettings, String> {
        let size = match self.chunk_unit {
            ChunkUnit::Tokens => Size::Tokens(self.chunk_size),
            ChunkUnit::Characters => Size::Characters(self.chunk_size),
        };
        let strategy = match self.chunk_strategy {
            ChunkStrategy::Auto => Strategy::Auto,
            ChunkStrategy::Recursive => Strategy::Recursive,
            ChunkStrategy::Semantic => Strategy::Semantic,
        };
        let settings =
            ChunkSettings::new(size, self.chunk_overlap, strategy).map_err(|error| error.to_string())?;
        if strategy == Strategy::Semantic && !has_model {
            return Err(
                "--chunk-strategy semantic cuts by meaning: it needs --embedding-base-url and --embedding-model"
                    .to_owned(),
            );
        }
        Ok(settings)
    }
}
