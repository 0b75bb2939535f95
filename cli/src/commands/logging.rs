//! `longshore logging …`.

use clap::{Args, Subcommand};
use control_plane::http::logging::{LoggingNow, LoggingWanted};

use crate::client::{Client, Request};
use crate::exit::Exit;
use crate::output::times::{Span, now};
use crate::output::{line, note, span};

#[derive(Debug, Subcommand)]
pub(crate) enum LoggingCommand {
    /// Show the filter that goes for every process, if one is set.
    Show,
    /// Set the filter of every process for a while; each takes it within some seconds.
    Set(SetArgs),
    /// Let every process go by its own filter again.
    Reset,
}

#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// A level, or levels by where lines come from: debug, or "info,control_plane=debug,shared::embedder=trace".
    filter: String,

    /// For how long, a day at most: 90s, 15m, 2h.
    #[arg(long = "for", value_name = "SPAN", default_value = "15m")]
    lasts: Span,
}

pub(crate) async fn run(client: &Client, command: LoggingCommand) -> anyhow::Result<Exit> {
    let request = match command {
        LoggingCommand::Show => Request::get(["logging"]),
        LoggingCommand::Set(args) => Request::put(["logging"]).body(&LoggingWanted {
            filter: args.filter,
            for_seconds: args.lasts.0.as_secs(),
        })?,
        LoggingCommand::Reset => Request::delete(["logging"]),
    };
    client.show(request, show).await?;
    Ok(Exit::Ok)
}

fn show(logging: &LoggingNow) {
    let Some(change) = &logging.change else {
        note("every process goes by the filter that it was started with");
        return;
    };
    line(&change.filter);
    note(&format!(
        "goes for every process, for another {}; {} set it",
        span(change.until_at - now()),
        change.set_by
    ));
}
