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

use tracing_subscriber::EnvFilter;

use crate::args::Cli;

fn main() -> ExitCode {
    if let Some(ended) = convert::child::run_if_asked() {
        return ended;
    }
    let cli = Cli::from_command_line();
    let json = cli.global.json;
    start_logging(&cli.global.log);
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
    let done = runtime.block_on(Box::pin(commands::run(cli)));
    // Converters that still compute are not waited for: nothing they do has an effect.
    runtime.shutdown_background();
    match done {
        Ok(exit) => exit.into(),
        Err(error) => failed(&error),
    }
}

fn start_logging(filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("warn"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(output::LogWriter::default)
        .finish();
    if tracing::subscriber::set_global_default(subscriber).is_err() {
        // Only possible when a test harness has set one: that one then shows the logs.
    }
}
