//! The flags of `longshore up`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use control_plane::http::settings::HttpArgs;
use index_processor::conversion::settings::ConvertArgs;
use index_processor::settings::ChunkArgs;
use shared::circuit::CircuitArgs;
use shared::ids::IndexId;
use shared::retry::StepRetryArgs;
use shared::secret::Secret;
use shared::settings::{EmbeddingArgs, TracingArgs};

use crate::backends::BackendArgs;

#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    /// The folder of documents.
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,

    /// Stop when the index equals the folder, print a summary, and exit: 0 when nothing failed, 3 otherwise. With --json,
    /// also print the indexes.
    #[arg(long)]
    pub(crate) once: bool,

    /// Address for HTTP; port 0 takes a free one. At another address than a loopback one keys are asked for; the first is in
    /// the file admin.key of the data folder. With --once, HTTP is off unless this is given.
    #[arg(long, env = "LONGSHORE_LISTEN", value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,

    /// Name of the folder's index [default: the folder's name].
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<IndexId>,

    /// Who may send requests.
    #[command(flatten)]
    pub(crate) http: HttpArgs,

    #[command(flatten)]
    pub(crate) embedding: EmbeddingArgs,

    #[command(flatten)]
    pub(crate) convert: ConvertArgs,

    #[command(flatten)]
    pub(crate) chunk: ChunkArgs,

    /// Servers in place of the embedded parts.
    #[command(flatten)]
    pub(crate) backends: BackendArgs,

    /// Language of the full-text search: its stop words and word stems.
    #[arg(long, env = "LONGSHORE_LANGUAGE", default_value = "english")]
    pub(crate) language: String,

    /// Larger files are skipped; in MiB.
    #[arg(long, default_value_t = 64, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..=4096))]
    pub(crate) max_file_size: u64,

    /// Files in work at a time.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) slots: u16,

    /// Attempts after which a file is FAILED.
    #[arg(long, env = "FILE_INDEXING_MAX_RETRIES", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) max_retries: u32,

    /// Secret that senders of events must give, as "Authorization: Bearer …", as x-longshore-key, or as ?key=… [default: none is
    /// asked for].
    #[arg(
        long,
        env = "EVENTS_KEY",
        value_name = "KEY",
        hide_env_values = true,
        default_value = ""
    )]
    pub(crate) events_key: Secret,
    #[command(flatten)]
    pub(crate) retry: StepRetryArgs,

    #[command(flatten)]
    pub(crate) circuits: CircuitArgs,

    #[command(flatten)]
    pub(crate) tracing: TracingArgs,

    /// Longest time that one attempt at a file may take.
    #[arg(long, env = "INDEXER_STALE_FILE_TIMEOUT_MINUTES", default_value_t = 15, value_name = "MINUTES", value_parser = clap::value_parser!(u64).range(1..=1440))]
    pub(crate) stale_timeout: u64,

    /// Time between full comparisons of folder and index.
    #[arg(long, default_value_t = 300, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) reconcile_every: u64,

    /// With --once: give up when nothing could be done for this long, for example because the embedding endpoint is down.
    #[arg(long, default_value_t = 120, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) patience: u64,
}
