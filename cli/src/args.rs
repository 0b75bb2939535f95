//! The command line, with the environment variables that stand in for its flags.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use control_plane::http::settings::HttpArgs;
use index_processor::conversion::chain::Link;
use index_processor::conversion::settings::ConvertArgs;
use index_processor::settings::ChunkArgs;
use shared::circuit::CircuitArgs;
use shared::file_state::FileState;
use shared::ids::IndexId;
use shared::retry::StepRetryArgs;
use shared::secret::Secret;
use shared::settings::EmbeddingArgs;

use crate::backends::BackendArgs;

/// Keeps a searchable index true to a folder of documents.
#[derive(Debug, Parser)]
#[command(name = "longshore", version = shared::version::VERSION, about, max_term_width = 100)]
pub(crate) struct Cli {
    /// Where the index is.
    #[command(flatten)]
    pub(crate) data: DataArgs,

    /// What to log to standard error: error, warn, info, debug, or a filter such as "control_plane=debug,warn".
    #[arg(
        long,
        env = "LONGSHORE_LOG",
        default_value = "error,longshore=warn",
        global = true
    )]
    pub(crate) log: String,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where the index is.
#[derive(Clone, Debug, Args)]
pub(crate) struct DataArgs {
    /// Folder that holds the indexes: the ledger, the vectors, nothing else.
    #[arg(
        long,
        env = "LONGSHORE_DATA_DIR",
        default_value = ".longshore",
        value_name = "FOLDER",
        global = true
    )]
    pub(crate) data_dir: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Index a folder, keep the index true to it, and serve search over HTTP.
    Up(Box<UpArgs>),
    /// Search the index.
    Search(SearchArgs),
    /// List the files that the index knows.
    Files(FilesArgs),
    /// Show the index, or one file with its history.
    Status(StatusArgs),
    /// Try failed files again.
    Retry(RetryArgs),
    /// Decide on removals that wait for approval.
    Approve(ApproveArgs),
    /// Convert files to Markdown and show how that went; needs no index.
    Convert(Box<ConvertFilesArgs>),
    /// Serve search and documents to a language-model client that starts this command, by the Model Context Protocol
    /// on standard input and output.
    Mcp(McpArgs),
}

#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    /// The folder of documents.
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,

    /// Stop when the index equals the folder, print a summary, and exit: 0 when nothing failed, 3 otherwise.
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

#[derive(Debug, Args)]
pub(crate) struct ConvertFilesArgs {
    /// Files, or folders of files.
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,

    /// Write the Markdown to FOLDER, as NAME.md, instead of printing it.
    #[arg(long, short, value_name = "FOLDER")]
    pub(crate) output: Option<PathBuf>,

    /// Print JSON, one file a line; without --output with the text.
    #[arg(long)]
    pub(crate) json: bool,

    /// Take this converter only: native, poppler, ocr, remote, vision.
    #[arg(long, value_name = "NAME")]
    pub(crate) converter: Option<Link>,

    #[command(flatten)]
    pub(crate) convert: ConvertArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SearchArgs {
    /// What to look for.
    pub(crate) query: String,

    /// How [default: hybrid with an embedding model, else full_text].
    #[arg(long, value_enum)]
    pub(crate) mode: Option<Mode>,

    /// Most results.
    #[arg(long, short = 'n', default_value_t = 10)]
    pub(crate) limit: usize,

    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// Nearest in meaning.
    Vector,
    /// Sharing words (BM25).
    FullText,
    /// Both, merged by rank.
    Hybrid,
}

#[derive(Debug, Args)]
pub(crate) struct FilesArgs {
    /// Only files in these states, for example FAILED,SKIPPED.
    #[arg(long, value_name = "STATE", value_delimiter = ',')]
    pub(crate) status: Vec<FileState>,

    /// Only paths that start with this.
    #[arg(long, default_value = "")]
    pub(crate) prefix: String,

    /// Only files that are indexed in part, because some of their pages or attachments could not be read.
    #[arg(long)]
    pub(crate) partial: bool,

    /// Print JSON, one file a line.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// A file, as `longshore files` prints it.
    pub(crate) path: Option<String>,

    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RetryArgs {
    /// Only this file [default: all that failed].
    pub(crate) path: Option<String>,

    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ApproveArgs {
    /// Keep the files in the index instead of removing them.
    #[arg(long)]
    pub(crate) reject: bool,

    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct McpArgs {
    /// A control plane, or a `longshore up` elsewhere; its key, one with the scope `search`, is taken from
    /// LONGSHORE_API_KEY [default: the index of the data folder].
    #[arg(long, env = "LONGSHORE_URL", value_name = "URL")]
    pub(crate) url: Option<String>,
}
