//! `longshore completions SHELL`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use serde_json::json;

use crate::args::Cli;
use crate::exit::Exit;
use crate::output::line;

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell. For bash: `source <(longshore completions bash)`; zsh and fish read them from a folder of their own.
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs, as_json: bool) -> anyhow::Result<Exit> {
    let script = script(args.shell);
    if as_json {
        let made = json!({ "shell": args.shell.to_string(), "script": script });
        line(&serde_json::to_string_pretty(&made)?);
    } else {
        line(script.trim_end());
    }
    Ok(Exit::Ok)
}

fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "longshore", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_shell_has_some() {
        for shell in Shell::value_variants() {
            let script = script(*shell);
            for word in ["longshore", "search", "rollback", "api-key-file"] {
                assert!(script.contains(word), "{shell}: {word}");
            }
        }
    }
}
