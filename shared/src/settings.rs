//! Settings of a service: a file, then the environment, then flags; the later wins.
//!
//! A setting is declared once, as a flag. Its name in the file is the flag's; its variable is the flag's `env`. What the file says
//! becomes the flag's default, so all four sources pass the same checks and the same help text describes them.

mod backends;
mod embedding;
mod listing;
mod models;
pub mod reference;
mod traces;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory, FromArgMatches};

use crate::blobs::source::Source;
use crate::embedder::openai::EmbeddingSettings;
use crate::secret::Secret;
pub use backends::{LedgerArgs, QueueArgs, VectorArgs};
pub use embedding::EmbeddingArgs;
pub use listing::listing;
pub use models::MODEL_ENTRIES;
pub use traces::TracingArgs;

/// Options of sources by name, from the tables `[sources."…"]` of the settings file; see
/// [`open`](crate::blobs::objects::open).
pub type SourceOptions = BTreeMap<Source, BTreeMap<String, Secret>>;

/// The flags that every service has.
#[derive(Clone, Debug, Args)]
pub struct ServiceArgs {
    /// Settings file in TOML; each setting has the name of its flag without the dashes in front.
    #[arg(long, env = "LONGSHORE_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Check the settings, print each with its origin, secrets masked, and exit.
    #[arg(long)]
    pub check_config: bool,

    /// Ask the process that runs here with the same settings whether it is alive, and exit: 0 when it is. For health checks
    /// in containers.
    #[arg(long)]
    pub health: bool,

    /// What to log to standard error: error, warn, info, debug, or a filter such as "warn,control_plane=debug". Of what is not
    /// Longshore's own, nothing below info is written.
    #[arg(long, env = "LONGSHORE_LOG", default_value = "info", value_name = "FILTER")]
    pub log: String,

    /// How to log.
    #[arg(long, env = "LONGSHORE_LOG_FORMAT", value_enum, default_value = "text")]
    pub log_format: LogFormat,

    /// Where traces go.
    #[command(flatten)]
    pub tracing: TracingArgs,
}

/// Form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Settings as read.
#[derive(Debug)]
pub struct Loaded<T> {
    /// The typed settings.
    pub args: T,
    /// Options of sources.
    pub sources: SourceOptions,
    /// Named models, from the tables `[models.NAME]`; see [`Models`](crate::models::Models).
    pub models: BTreeMap<String, EmbeddingSettings>,
    /// What `--check-config` prints.
    pub listing: String,
}

/// Why there are no settings. [`SettingsError::Clap`] also carries `--help` and `--version`.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A flag, variable or value is wrong, or help was asked for.
    #[error(transparent)]
    Clap(#[from] clap::Error),
    /// The file cannot be read.
    #[error("the settings file {0} cannot be read: {1}; check --config and LONGSHORE_CONFIG")]
    Unreadable(PathBuf, std::io::Error),
    /// The file is no TOML.
    #[error("the settings file {0} is not valid TOML: {1}")]
    Toml(PathBuf, String),
    /// The file has something that is no setting.
    #[error("the settings file {file} has {name:?}: {why}")]
    Entry {
        /// The file.
        file: PathBuf,
        /// The entry.
        name: String,
        /// What is wrong with it.
        why: String,
    },
}

/// Reads the settings of a service.
///
/// # Errors
/// See [`SettingsError`]; no message holds the value of a secret.
pub fn load<T: CommandFactory + FromArgMatches>(
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<Loaded<T>, SettingsError> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let mut command = T::command();
    let mut from_file = BTreeMap::new();
    let mut sources = SourceOptions::new();
    let mut named_models = BTreeMap::new();
    if let Some(path) = config_path(&arguments) {
        let table = read(&path)?;
        for (name, value) in table {
            if name == "sources" {
                sources = source_options(&path, value)?;
                continue;
            }
            if name == "models" {
                named_models = models::models(&path, value)?;
                continue;
            }
            let (id, value) = setting(&path, &command, &name, &value)?;
            // clap keeps defaults for as long as the command lives, and the command lives as long as the process.
            let default: &'static str = String::leak(value);
            command = command.mut_arg(&id, |arg| arg.default_value(default).required(false));
            from_file.insert(id, path.clone());
        }
    }
    let matches = command.clone().try_get_matches_from(arguments)?;
    let listing = listing(&command, &matches, &from_file, &sources, &named_models);
    let args = T::from_arg_matches(&matches)?;
    Ok(Loaded {
        args,
        sources,
        models: named_models,
        listing,
    })
}

/// Where the file is, before anything else is known.
fn config_path(arguments: &[OsString]) -> Option<PathBuf> {
    let mut words = arguments.iter().skip(1);
    while let Some(word) = words.next() {
        if word == "--config" {
            return words.next().map(PathBuf::from);
        }
        if let Some(path) = word.to_str().and_then(|word| word.strip_prefix("--config=")) {
            return Some(PathBuf::from(path));
        }
    }
    std::env::var_os("LONGSHORE_CONFIG")
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
}

fn read(path: &Path) -> Result<toml::Table, SettingsError> {
    let text =
        std::fs::read_to_string(path).map_err(|error| SettingsError::Unreadable(path.to_owned(), error))?;
    // The parser's own text quotes the line, which may hold a secret; the place is enough.
    text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(0, |span| {
            text[..span.start.min(text.len())].matches('\n').count() + 1
        });
        SettingsError::Toml(path.to_owned(), format!("line {line}: {}", error.message()))
    })
}

/// The flag's id and its value as it would be on a command line.
fn setting(
    path: &Path,
    command: &clap::Command,
    name: &str,
    value: &toml::Value,
) -> Result<(String, String), SettingsError> {
    let wrong = |why: String| SettingsError::Entry {
        file: path.to_owned(),
        name: name.to_owned(),
        why,
    };
    let long = name.replace('_', "-");
    let found = command
        .get_arguments()
        .find(|arg| arg.get_long() == Some(long.as_str()));
    let Some(arg) = found.filter(|_| {
        !matches!(
            long.as_str(),
            "config" | "check-config" | "health" | "help" | "version"
        )
    }) else {
        return Err(wrong("there is no such setting; --help lists them".to_owned()));
    };
    let value = match (value, arg.get_value_delimiter()) {
        (toml::Value::Array(items), Some(delimiter)) => {
            let items: Option<Vec<String>> = items.iter().map(scalar).collect();
            items.map(|items| items.join(&delimiter.to_string()))
        }
        (value, _) => scalar(value),
    };
    let value = value.ok_or_else(|| wrong("a text, a number or a truth value is expected".to_owned()))?;
    Ok((arg.get_id().as_str().to_owned(), value))
}

/// A value as it would be on a command line.
fn scalar(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(flag) => Some(flag.to_string()),
        toml::Value::Datetime(_) | toml::Value::Array(_) | toml::Value::Table(_) => None,
    }
}

fn source_options(path: &Path, value: toml::Value) -> Result<SourceOptions, SettingsError> {
    let wrong = |name: &str, why: String| SettingsError::Entry {
        file: path.to_owned(),
        name: name.to_owned(),
        why,
    };
    let toml::Value::Table(tables) = value else {
        return Err(wrong(
            "sources",
            "write it as [sources.\"azure://ACCOUNT/CONTAINER\"]".to_owned(),
        ));
    };
    let mut sources = SourceOptions::new();
    for (name, options) in tables {
        let source: Source = name
            .parse()
            .map_err(|error: crate::blobs::source::InvalidSource| wrong("sources", error.to_string()))?;
        let toml::Value::Table(options) = options else {
            return Err(wrong(&name, "a table of options is expected".to_owned()));
        };
        let mut kept = BTreeMap::new();
        for (option, value) in options {
            let text = match value {
                toml::Value::String(text) => text,
                toml::Value::Boolean(flag) => flag.to_string(),
                toml::Value::Integer(number) => number.to_string(),
                _ => return Err(wrong(&option, "a text is expected".to_owned())),
            };
            kept.insert(option, Secret::new(&text));
        }
        sources.insert(source, kept);
    }
    Ok(sources)
}

#[cfg(test)]
mod tests;
