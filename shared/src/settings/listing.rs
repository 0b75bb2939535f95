//! What `--check-config` prints.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

use super::SourceOptions;
use crate::embedder::openai::EmbeddingSettings;

/// Every setting with its value and where it comes from. Values of secrets, and passwords in addresses, are masked.
#[must_use]
pub fn listing(
    command: &Command,
    matches: &ArgMatches,
    from_file: &BTreeMap<String, PathBuf>,
    sources: &SourceOptions,
    models: &BTreeMap<String, EmbeddingSettings>,
) -> String {
    let mut lines = Vec::new();
    for arg in command.get_arguments() {
        let id = arg.get_id().as_str();
        let Some(long) = arg
            .get_long()
            .filter(|long| !matches!(*long, "help" | "version" | "check-config" | "health"))
        else {
            continue;
        };
        let raw: Vec<String> = matches
            .get_raw(id)
            .into_iter()
            .flatten()
            .map(|value| value.to_string_lossy().into_owned())
            .collect();
        let value = raw.join(",");
        let shown = match (value.is_empty(), arg.is_hide_env_values_set()) {
            (true, _) => "(not set)".to_owned(),
            (false, true) => mask(&value),
            (false, false) => value,
        };
        let origin = match matches.value_source(id) {
            Some(ValueSource::CommandLine) => "flag".to_owned(),
            Some(ValueSource::EnvVariable) => {
                let name = arg.get_env().unwrap_or_default().to_string_lossy();
                format!("environment {name}")
            }
            Some(_) if from_file.contains_key(id) => "file".to_owned(),
            Some(_) => "default".to_owned(),
            None => String::new(),
        };
        lines.push((long.to_owned(), shown, origin));
    }
    for (source, options) in sources {
        for option in options.keys() {
            lines.push((
                format!("sources.\"{source}\".{option}"),
                "***".to_owned(),
                "file".to_owned(),
            ));
        }
    }
    for (name, model) in models {
        let mut line = |what: &str, value: &str| {
            lines.push((
                format!("models.{name}.{what}"),
                value.to_owned(),
                "file".to_owned(),
            ));
        };
        line("base-url", &model.base_url);
        line("model", &model.model);
        if model.api_key.is_some() {
            line("api-key", "***");
        }
    }
    let name_width = lines.iter().map(|(name, ..)| name.len()).max().unwrap_or(0);
    let value_width = lines
        .iter()
        .map(|(_, value, _)| value.len())
        .max()
        .unwrap_or(0)
        .min(60);
    let mut text = String::new();
    for (name, value, origin) in lines {
        let line = format!("{name:name_width$}  {value:value_width$}  {origin}");
        writeln!(text, "{}", line.trim_end()).ok();
    }
    text
}

/// A secret as it may be shown: an address without its password, anything else not at all.
fn mask(value: &str) -> String {
    match url::Url::parse(value) {
        Ok(mut url) if url.has_host() => {
            let masked = url.password().is_none() || url.set_password(Some("***")).is_ok();
            url.set_query(url.query().map(|_| "…"));
            if masked { url.to_string() } else { "***".to_owned() }
        }
        _ => "***".to_owned(),
    }
}
