//! The commands. Those that ask something talk to a control plane or a running `longshore up`, or open the data folder when
//! none runs.

pub(crate) mod approvals;
pub(crate) mod approve;
pub(crate) mod audit;
pub(crate) mod backlog;
pub(crate) mod completions;
pub(crate) mod convert;
pub(crate) mod dead_letters;
pub(crate) mod dependencies;
pub(crate) mod document;
pub(crate) mod files;
pub(crate) mod history;
pub(crate) mod index;
pub(crate) mod instance;
pub(crate) mod keys;
pub(crate) mod logging;
pub(crate) mod mcp;
pub(crate) mod openapi;
pub(crate) mod plan;
pub(crate) mod retry;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod search;
pub(crate) mod status;
pub(crate) mod usage;
pub(crate) mod why;

use crate::args::{Cli, Command};
use crate::client::Client;
use crate::exit::Exit;
use crate::up;

/// Does what the command line says.
pub(crate) async fn run(cli: Cli) -> anyhow::Result<Exit> {
    let global = cli.global;
    match cli.command {
        Command::Up(args) => Box::pin(up::run(&global, *args)).await,
        Command::Convert(args) => Box::pin(convert::run(*args, global.json)).await,
        Command::Completions(args) => completions::run(&args, global.json),
        Command::Mcp => Box::pin(mcp::run(global)).await,
        command => {
            let client = Box::pin(Client::connect(&global)).await?;
            let done = Box::pin(ask(&client, command)).await;
            let closed = client.close().await;
            let exit = done?;
            closed?;
            Ok(exit)
        }
    }
}

/// Commands that ask an API.
async fn ask(client: &Client, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Search(args) => search::run(client, *args).await,
        Command::Document(args) => document::run(client, &args).await,
        Command::Files(args) => files::run(client, &args).await,
        Command::Status(args) => status::run(client, &args).await,
        Command::Why(args) => why::run(client, &args).await,
        Command::History(args) => history::run(client, &args).await,
        Command::Run(args) => run::run(client, args).await,
        Command::Runs(args) => runs::run(client, args).await,
        Command::Instance(command) => instance::run(client, command).await,
        Command::Retry(args) => retry::run(client, &args).await,
        Command::Plan(args) => plan::run(client, &args).await,
        Command::Usage(args) => usage::run(client, &args).await,
        Command::Index(command) => index::run(client, command).await,
        Command::Approvals(args) => approvals::run(client, &args).await,
        Command::Approve(args) => approve::approve(client, &args).await,
        Command::Reject(args) => approve::reject(client, &args).await,
        Command::Keys(command) => keys::run(client, command).await,
        Command::Audit(args) => audit::run(client, &args).await,
        Command::Dependencies => dependencies::run(client).await,
        Command::Logging(command) => logging::run(client, command).await,
        Command::Backlog => backlog::run(client).await,
        Command::DeadLetters => dead_letters::run(client).await,
        Command::Openapi => openapi::run(client).await,
        // They need no API, and are not sent here.
        Command::Up(_) | Command::Convert(_) | Command::Completions(_) | Command::Mcp => Ok(Exit::Ok),
    }
}
