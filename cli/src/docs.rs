//! `docs/cli.md`, made from the command line's own description.

use std::fmt::Write as _;
use std::path::Path;

use clap::{Arg, ArgAction, Command, CommandFactory};

use crate::args::Cli;
use crate::exit::Exit;

/// The heading of flags that go for every command.
const EVERYWHERE: &str = "For every command";

fn page() -> String {
    let mut root = Cli::command();
    root.build();
    let mut page = "# The `longshore` command\n\nMade from `cli/src`; do not edit.\n\n".to_owned();
    page.push_str(
        "Commands other than `up`, `convert` and `completions` ask an API: of the control plane that `--url` names, of the `longshore up` that \
         runs on the data folder, or, when none runs, of the data folder itself, which they open. With `--json` they print the API's \
         answer as it is described in [openapi.json](openapi.json); lists that come in pages (`files`, `keys list`, `audit`, `runs`, \
         `instance list`) are printed whole, one entry a line. An error is then one line of JSON on standard error: the API's problem, \
         whose codes are in [errors.md](errors.md).\n\n\
         The API key comes from `LONGSHORE_API_KEY` or from the file that `--api-key-file` names, never from a flag. For the `longshore up` of \
         a data folder on this machine, the key in `admin.key` there is used when none was given.\n\n",
    );
    page.push_str("## Exit codes\n\n| code | meaning |\n|---|---|\n");
    for exit in Exit::ALL {
        let _infallible = writeln!(page, "| {} | {} |", exit.number(), exit.meaning());
    }
    page.push_str("\n## Flags of every command\n\n");
    page.push_str(&table(
        root.get_arguments()
            .filter(|arg| is_everywhere(arg) && !arg.is_hide_set()),
    ));
    commands(&root, &[], &mut page);
    page
}

fn is_everywhere(arg: &Arg) -> bool {
    arg.get_help_heading() == Some(EVERYWHERE)
}

fn commands(command: &Command, words: &[&str], page: &mut String) {
    for below in command
        .get_subcommands()
        .filter(|below| below.get_name() != "help")
    {
        let words = [words, &[below.get_name()]].concat();
        let about = below
            .get_long_about()
            .or(below.get_about())
            .map(ToString::to_string);
        let _infallible = write!(
            page,
            "\n## `longshore {}`\n\n{}\n",
            words.join(" "),
            about.unwrap_or_default()
        );
        if !below.is_subcommand_required_set() {
            let usage = below.clone().render_usage().to_string();
            let usage = usage.trim_start_matches("Usage: ");
            let _infallible = write!(page, "\n```text\n{usage}\n```\n");
        }
        let own = || {
            below
                .get_arguments()
                .filter(|arg| !is_everywhere(arg) && is_of_interest(arg))
        };
        if own().next().is_some() {
            let _infallible = write!(page, "\n{}", table(own()));
        }
        commands(below, &words, page);
    }
}

fn is_of_interest(arg: &Arg) -> bool {
    !arg.is_hide_set()
        && !matches!(
            arg.get_action(),
            ArgAction::Help | ArgAction::HelpLong | ArgAction::HelpShort | ArgAction::Version
        )
}

fn table<'a>(args: impl Iterator<Item = &'a Arg>) -> String {
    let mut table = "| flag or argument | what it does |\n|---|---|\n".to_owned();
    for arg in args.filter(|arg| is_of_interest(arg)) {
        let _infallible = writeln!(table, "| {} | {} |", name(arg), about(arg));
    }
    table
}

fn name(arg: &Arg) -> String {
    let takes_value = arg.get_action().takes_values();
    let values = arg.get_value_names().unwrap_or_default();
    let value = if takes_value {
        values.iter().map(|value| format!(" {value}")).collect()
    } else {
        String::new()
    };
    match (arg.get_long(), arg.get_short()) {
        (Some(long), Some(short)) => format!("`--{long}{value}`, `-{short}`"),
        (Some(long), None) => format!("`--{long}{value}`"),
        (None, Some(short)) => format!("`-{short}{value}`"),
        (None, None) => format!("`{}`", value.trim_start()),
    }
}

fn about(arg: &Arg) -> String {
    let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string);
    let mut text = help.unwrap_or_default().replace('\n', " ").replace('|', "\\|");
    if !text.ends_with(['.', ']']) {
        // clap takes it away.
        text.push('.');
    }
    let values: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    if arg.get_action().takes_values() && !values.is_empty() {
        let _infallible = write!(text, " One of {}.", values.join(", "));
    }
    let defaults: Vec<String> = arg
        .get_default_values()
        .iter()
        .map(|value| value.to_string_lossy().into_owned())
        .filter(|value| !value.is_empty())
        .collect();
    if arg.get_action().takes_values() && !defaults.is_empty() {
        let _infallible = write!(text, " Default: `{}`.", defaults.join(","));
    }
    if let Some(variable) = arg.get_env() {
        let _infallible = write!(text, " Variable: `{}`.", variable.to_string_lossy());
    }
    text
}

#[test]
fn the_page_of_commands_is_true() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cli.md");
    let made = page();
    if std::env::var_os("LONGSHORE_BLESS").is_some_and(|value| value == "1") {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "docs/cli.md is not what the command line says: look at what changed, then write it with \
         LONGSHORE_BLESS=1 cargo test --workspace --bin longshore page_of_commands"
    );
}
