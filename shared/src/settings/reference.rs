//! Settings as a page for people, made from the flags themselves.

use std::fmt::Write as _;

use clap::{Arg, ArgAction, Command};

/// The heading of settings that have none.
const NO_HEADING: &str = "Service";
/// More than any setting takes: what is said about it has the bounds.
const TOO_MUCH: &str = "9223372036854775807";
/// Bounds of the types themselves, which are no bounds of settings.
const BOUNDS_OF_TYPES: [&str; 3] = ["65535", "4294967295", "18446744073709551615"];

/// A setting as the page shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingRow {
    /// The part of the page that it belongs to.
    pub heading: String,
    /// Its name in the settings file; the flag is the same with two dashes in front.
    pub name: String,
    /// Its environment variable.
    pub variable: Option<String>,
    /// What it holds: a unit or a kind, with bounds or a choice.
    pub holds: String,
    /// What it is when nobody says anything.
    pub default: String,
    /// What it does.
    pub meaning: String,
}

impl SettingRow {
    /// The row of a table with the columns setting, variable, holds, default, meaning.
    #[must_use]
    pub fn markdown(&self) -> String {
        let variable = self
            .variable
            .as_ref()
            .map_or_else(|| "–".to_owned(), |name| format!("`{name}`"));
        format!(
            "| `{}` | {variable} | {} | {} | {} |",
            self.name, self.holds, self.default, self.meaning
        )
    }
}

/// Every setting of a command, in the order in which `--help` lists them.
#[must_use]
pub fn rows(command: &Command) -> Vec<SettingRow> {
    command
        .get_arguments()
        .filter(|arg| !arg.is_hide_set())
        .filter_map(|arg| row(command, arg))
        .collect()
}

fn row(command: &Command, arg: &Arg) -> Option<SettingRow> {
    let name = arg
        .get_long()
        .filter(|name| !matches!(*name, "help" | "version"))?;
    let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string);
    let help = help.unwrap_or_default().replace('\n', " ").replace('|', "\\|");
    let (meaning, said) = split_default(&help);
    Some(SettingRow {
        heading: arg.get_help_heading().unwrap_or(NO_HEADING).to_owned(),
        name: name.to_owned(),
        variable: arg.get_env().map(|name| name.to_string_lossy().into_owned()),
        holds: holds(command, arg, name),
        default: default(arg, said),
        meaning: meaning.to_owned() + if meaning.ends_with(['.', '?']) { "" } else { "." },
    })
}

/// The help text, and the default that it tells in words: `… [default: one a processor core]`.
fn split_default(help: &str) -> (&str, Option<&str>) {
    let help = help.trim().trim_end_matches('.');
    help.strip_suffix(']')
        .and_then(|help| help.rsplit_once(" [default: "))
        .map_or((help, None), |(meaning, default)| (meaning, Some(default)))
}

fn default(arg: &Arg, said: Option<&str>) -> String {
    if let Some(said) = said {
        return said.to_owned();
    }
    if !arg.get_action().takes_values() {
        return "off".to_owned();
    }
    let values: Vec<String> = arg
        .get_default_values()
        .iter()
        .map(|value| value.to_string_lossy().into_owned())
        .filter(|value| !value.is_empty())
        .collect();
    if values.is_empty() {
        "not set".to_owned()
    } else {
        format!("`{}`", values.join(","))
    }
}

fn holds(command: &Command, arg: &Arg, name: &str) -> String {
    if matches!(arg.get_action(), ArgAction::SetTrue) {
        return "`true` or `false`".to_owned();
    }
    let choice: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    if !choice.is_empty() {
        return choice.join(", ");
    }
    let unit = arg
        .get_value_names()
        .and_then(<[_]>::first)
        .map_or_else(String::new, |unit| unit.to_string());
    let mut text = match unit.as_str() {
        "N" => "number".to_owned(),
        "MIB" => "MiB".to_owned(),
        "KIB" => "KiB".to_owned(),
        "SECONDS" | "MINUTES" | "DAYS" | "SHARE" | "NAME" | "FILE" | "ADDRESS" | "TIME" => {
            unit.to_ascii_lowercase()
        }
        "KEY" | "SECRET" => "secret".to_owned(),
        other => other.to_owned(),
    };
    if arg.is_hide_env_values_set() && text != "secret" {
        text.push_str(", secret");
    }
    if let Some(bounds) = bounds(command, name) {
        let _infallible = write!(text, ", {bounds}");
    }
    if let Some(delimiter) = arg.get_value_delimiter() {
        let _infallible = write!(text, ", several separated by `{delimiter}`");
    }
    text
}

/// The bounds of a number, as the refusal of a number that is too large tells them: clap has no other way to ask.
fn bounds(command: &Command, name: &str) -> Option<String> {
    let asked = [command.get_name().to_owned(), format!("--{name}={TOO_MUCH}")];
    let refusal = command.clone().try_get_matches_from(asked).err()?.to_string();
    let (_, bounds) = refusal.split_once(&format!("{TOO_MUCH} is not in "))?;
    let (low, high) = bounds.lines().next()?.split_once("..")?;
    let high = high.trim_start_matches('=').trim();
    match (low.trim(), high) {
        ("0", high) if BOUNDS_OF_TYPES.contains(&high) => None,
        (low, high) if high.is_empty() || BOUNDS_OF_TYPES.contains(&high) => Some(format!("at least {low}")),
        (low, high) => Some(format!("{low} to {high}")),
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::secret::Secret;

    #[derive(Parser)]
    struct Settings {
        /// How many.
        #[arg(long, env = "SLOTS", default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
        slots: u16,
        /// How long.
        #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(2..))]
        wait_for: Option<u32>,
        /// What opens it | shuts it [default: nobody knows].
        #[arg(long, value_name = "KEY", hide_env_values = true, default_value = "")]
        key: Secret,
        /// Any number.
        #[arg(long, default_value_t = 1, value_name = "N")]
        any: u32,
        /// Is it so?
        #[arg(long, help_heading = "Other")]
        is_so: bool,
    }

    #[test]
    fn rows_say_what_the_flags_are() {
        let rows: Vec<String> = rows(&Settings::command())
            .iter()
            .map(SettingRow::markdown)
            .collect();
        assert_eq!(
            rows,
            [
                "| `slots` | `SLOTS` | number, 1 to 64 | `8` | How many. |",
                "| `wait-for` | – | seconds, at least 2 | not set | How long. |",
                "| `key` | – | secret | nobody knows | What opens it \\| shuts it. |",
                "| `any` | – | number | `1` | Any number. |",
                "| `is-so` | – | `true` or `false` | off | Is it so? |",
            ]
        );
    }
}
