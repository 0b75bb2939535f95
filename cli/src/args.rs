//! The command line, with the environment variables that stand in for its flags.

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use reqwest::Url;
use shared::settings::LogFormat;

mod convert;
mod up;

pub(crate) use self::convert::ConvertFilesArgs;
pub(crate) use self::up::UpArgs;
use crate::commands::{
    approvals, approve, audit, completions, document, files, history, index, instance, keys, logging, plan,
    retry, run, runs, search, status, usage, why,
};
use crate::exit;
use crate::failure::Failure;

/// Keeps a searchable index true to documents: a folder on this machine, or the sources of a control plane.
#[derive(Debug, Parser)]
#[command(name = "longshore", version = shared::version::VERSION, max_term_width = 100, after_help = exit::help())]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What goes for every command.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "For every command")]
pub(crate) struct GlobalArgs {
    /// Folder that holds the indexes of `longshore up`: the ledger, the vectors, nothing else. Commands talk to the process
    /// that runs there, or open the folder when none does.
    #[arg(
        long,
        env = "LONGSHORE_DATA_DIR",
        default_value = ".longshore",
        value_name = "FOLDER",
        global = true
    )]
    pub(crate) data_dir: PathBuf,

    /// Address of a control plane to talk to, in place of a data folder.
    #[arg(long, env = "LONGSHORE_URL", value_name = "URL", global = true)]
    pub(crate) url: Option<String>,

    /// File with the API key; without it, the key is what LONGSHORE_API_KEY holds.
    #[arg(long, env = "LONGSHORE_API_KEY_FILE", value_name = "FILE", global = true)]
    pub(crate) api_key_file: Option<PathBuf>,

    /// The index that the command is about; not needed where there is only one. In a data folder it is the one that
    /// `longshore up` made first, if none is named.
    #[arg(long, env = "LONGSHORE_INDEX", value_name = "NAME", value_parser = index_name, global = true)]
    pub(crate) index: Option<String>,

    /// Print the API's answer as JSON. Lists that come in pages are printed whole, one entry a line.
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Print results and errors, and nothing else.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,

    /// What to log to standard error: error, warn, info, debug, or a filter such as "warn,control_plane=debug". Of what is not
    /// Longshore's own, nothing below info is written.
    #[arg(
        long,
        env = "LONGSHORE_LOG",
        value_name = "FILTER",
        default_value = "error,longshore=warn",
        global = true
    )]
    pub(crate) log: String,

    /// How to log.
    #[arg(
        long,
        env = "LONGSHORE_LOG_FORMAT",
        value_enum,
        default_value = "text",
        global = true
    )]
    pub(crate) log_format: LogFormat,
}

/// The commands, those that one begins with first.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Index a folder, keep the index true to it, and serve search over HTTP.
    Up(Box<UpArgs>),
    /// Search an index.
    Search(Box<search::SearchArgs>),
    /// Print what an index holds of a file, as text.
    Document(document::DocumentArgs),
    /// List the files that an index knows.
    Files(files::FilesArgs),
    /// Show an index, a file with its history, or a run.
    Status(status::StatusArgs),
    /// Tell where a document stops on its way from the source to a search, and what to do.
    Why(why::WhyArgs),
    /// Show what happened to a file, newest first.
    History(history::HistoryArgs),
    /// Compare the source with the index and bring it up to date; watch or cancel that.
    Run(run::RunArgs),
    /// List the runs of an index, or show one.
    Runs(runs::RunsArgs),
    /// Try failed files again.
    Retry(retry::RetryArgs),
    /// Show what a run would do and cost; nothing is changed.
    Plan(plan::PlanArgs),
    /// Show what an index used by day, and what is left of its budget.
    Usage(usage::UsageArgs),
    /// Make, show, change, pause and delete indexes, and build their generations.
    #[command(subcommand)]
    Index(index::IndexCommand),
    /// Hold, end and repeat files and runs, in the terms of Durable Functions.
    #[command(subcommand)]
    Instance(instance::InstanceCommand),
    /// List removals that wait, or waited, for approval.
    Approvals(approvals::ApprovalsArgs),
    /// Let files that wait for approval be removed from their index.
    Approve(approve::ApproveArgs),
    /// Keep files that wait for approval in their index.
    Reject(approve::RejectArgs),
    /// Make, list, rotate and revoke API keys.
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Show who changed what, newest first.
    Audit(audit::AuditArgs),
    /// Show, set and reset what every process logs, for a while.
    #[command(subcommand)]
    Logging(logging::LoggingCommand),
    /// Show what the processes depend on, and how that is.
    Dependencies,
    /// Show what is to be done, by index.
    Backlog,
    /// Show messages that led to nothing, newest first.
    DeadLetters,
    /// Convert files to Markdown and show how that went; needs no index.
    Convert(Box<ConvertFilesArgs>),
    /// Serve search and documents to a language-model client that starts this command, by the Model Context Protocol on
    /// standard input and output.
    Mcp,
    /// Print the OpenAPI description of the HTTP interface.
    Openapi,
    /// Print the completions for a shell.
    Completions(completions::CompletionsArgs),
}

impl Command {
    /// Does it talk to an API?
    fn is_client(&self) -> bool {
        !matches!(self, Self::Up(_) | Self::Convert(_) | Self::Completions(_))
    }
}

impl Cli {
    /// What the process was started with; ends it when that makes no sense.
    pub(crate) fn from_command_line() -> Self {
        let matches = Self::command().get_matches();
        let mut cli = Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
        let given = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
        let client_only = [
            ("url", "--url"),
            ("api_key_file", "--api-key-file"),
            ("index", "--index"),
        ];
        if let Some((_, flag)) = client_only.iter().find(|(id, _)| given(id))
            && !cli.command.is_client()
        {
            let text = format!("{flag} is for commands that ask a control plane; this one does not");
            Self::command().error(ErrorKind::ArgumentConflict, text).exit();
        }
        if given("data_dir") && !given("url") {
            // What is written counts more than what the environment says.
            cli.global.url = None;
        }
        cli
    }
}

impl GlobalArgs {
    /// The control plane that was named. What was given is not repeated in the error: it may hold a key.
    ///
    /// # Errors
    /// When it is no address.
    pub(crate) fn address(&self) -> anyhow::Result<Option<Url>> {
        self.url.as_deref().map(address).transpose().map_err(|why| {
            Failure::usage(format!(
                "--url (or LONGSHORE_URL) is no address of a control plane: {why}"
            ))
        })
    }
}

fn address(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "write it as https://HOST:PORT")?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("it begins with http:// or https://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a key does not belong into it; use LONGSHORE_API_KEY or --api-key-file");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it ends before ? and #");
    }
    Ok(url)
}

fn index_name(text: &str) -> Result<String, String> {
    // `NAME~1` is a name in addresses only.
    shared::ids::IndexId::new(text.strip_suffix("~1").unwrap_or(text)).map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests;
