//! `longshore`: a folder of documents as a live, searchable index, and the commands to look at it.

mod args;
mod backends;
mod client;
mod commands;
mod data_dir;
mod embedded;
mod output;
mod progress;
mod up;

use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use crate::args::{Cli, Command};

/// Something did not work; the message says what to do.
const FAILED: u8 = 1;

fn main() -> ExitCode {
    if let Some(ended) = convert::child::run_if_asked() {
        return ended;
    }
    let cli = Cli::parse();
    start_logging(&cli.log);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::error(&anyhow::Error::new(error).context("the runtime cannot start"));
            return ExitCode::from(FAILED);
        }
    };
    let done = runtime.block_on(Box::pin(run(cli)));
    // Converters that still compute are not waited for: nothing they do has an effect.
    runtime.shutdown_background();
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            output::error(&error);
            ExitCode::from(FAILED)
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<u8> {
    let data = cli.data;
    match cli.command {
        Command::Up(up) => Box::pin(up::run(&data, *up)).await,
        Command::Search(search) => commands::search::run(&data, search).await,
        Command::Files(files) => commands::files::run(&data, files).await,
        Command::Status(status) => commands::status::run(&data, status).await,
        Command::Retry(retry) => commands::retry::run(&data, retry).await,
        Command::Convert(convert) => commands::convert::run(*convert).await,
        Command::Approve(approve) => commands::approve::run(&data, approve).await,
        Command::Mcp(mcp) => commands::mcp::run(data, mcp).await,
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
