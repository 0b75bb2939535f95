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

use shared::trace::layer::{self, Exporting};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::args::{Cli, Command};

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
        Err(why) => return failed(&anyhow::Error::msg(why)),
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
fn start_logging(cli: &Cli) -> Result<Exporting, String> {
    let filter = EnvFilter::try_new(&cli.global.log).unwrap_or_else(|_| EnvFilter::new("warn"));
    let (traces, exporting) = match &cli.command {
        Command::Up(args) => layer::start(&args.tracing, "longshore")?,
        _ => (None, Exporting::nothing()),
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(output::LogWriter::default)
        .with_filter(filter);
    let subscriber = tracing_subscriber::registry().with(traces).with(lines);
    if tracing::subscriber::set_global_default(subscriber).is_err() {
        // Only possible when a test harness has set one: that one then shows the logs.
    }
    Ok(exporting)
}
