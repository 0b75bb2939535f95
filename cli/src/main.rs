//! `longshore`: a folder of documents as a live, searchable index, and the commands to look at it.

mod args;
mod backends;
mod client;
mod commands;
mod data_dir;
#[cfg(test)]
mod docs;
mod embedded;
mod exit;
mod failure;
mod output;
mod progress;
mod up;

use std::process::ExitCode;

use shared::service::logging;

use crate::args::{Cli, GlobalArgs};
use crate::failure::Failure;

fn main() -> ExitCode {
    if let Some(ended) = convert::child::run_if_asked() {
        return ended;
    }
    let cli = Cli::from_command_line();
    let json = cli.global.json;
    if cli.global.quiet {
        output::be_quiet();
    }
    let failed = |error: &anyhow::Error| {
        output::error(error, json);
        failure::exit(error).into()
    };
    if let Err(error) = start_logging(&cli.global) {
        return failed(&error);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&anyhow::Error::new(error).context("the runtime cannot start")),
    };
    let done = runtime.block_on(Box::pin(commands::run(cli)));
    // Converters that still compute are not waited for: nothing they do has an effect.
    runtime.shutdown_background();
    match done {
        Ok(exit) => exit.into(),
        Err(error) => failed(&error),
    }
}

fn start_logging(global: &GlobalArgs) -> anyhow::Result<()> {
    let filter = global.log.parse::<logging::LogFilter>();
    let filter =
        filter.map_err(|why| Failure::usage(format!("--log (or LONGSHORE_LOG) is not a filter: {why}")))?;
    logging::start(filter, global.log_format, output::LogWriter::default).map_err(anyhow::Error::msg)
}
