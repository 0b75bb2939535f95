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
use shared::trace::layer::{self, Exporting};

use crate::args::{Cli, Command};
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
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&anyhow::Error::new(error).context("the runtime cannot start")),
    };
    let entered = runtime.enter();
    let exporting = match start_logging(&cli) {
        Ok(exporting) => exporting,
        Err(error) => return failed(&error),
    };
    drop(entered);
    let done = runtime.block_on(async {
        let done = Box::pin(commands::run(cli)).await;
        exporting.finish().await;
        done
    });
    // Converters that still compute are not waited for: nothing they do has an effect.
    runtime.shutdown_background();
    match done {
        Ok(exit) => exit.into(),
        Err(error) => failed(&error),
    }
}

/// Starts logging, and tracing where something is traced: each with a filter of its own.
fn start_logging(cli: &Cli) -> anyhow::Result<Exporting> {
    let global = &cli.global;
    let filter = global.log.parse::<logging::LogFilter>();
    let filter =
        filter.map_err(|why| Failure::usage(format!("--log (or LONGSHORE_LOG) is not a filter: {why}")))?;
    let (traces, exporting) = match &cli.command {
        Command::Up(args) => layer::start(&args.tracing, "longshore").map_err(Failure::usage)?,
        _ => (None, Exporting::nothing()),
    };
    logging::start(filter, global.log_format, output::LogWriter::default, traces)
        .map_err(anyhow::Error::msg)?;
    Ok(exporting)
}
