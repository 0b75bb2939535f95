//! `longshore run`, `longshore run watch` and `longshore run cancel`.

mod watch;

use clap::{Args, Subcommand};
use control_plane::http::runs::{RunStarted, RunStatus};
use shared::ids::RunId;
use shared::ledger::RunState;

use self::watch::watch;
use crate::client::{Client, Request};
use crate::exit::Exit;
use crate::output::{line, note};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct RunArgs {
    #[command(subcommand)]
    command: Option<RunCommand>,

    /// Make every file again, also those whose content is the same; vectors of equal text are reused.
    #[arg(long, conflicts_with = "retry")]
    full: bool,

    /// Try files that failed again as well.
    #[arg(long)]
    retry: bool,

    /// Show how it goes until it is over, and end with its outcome: 0 when all is well, 3 when files failed or wait for
    /// approval, 1 when it was cancelled. Ctrl-C ends the watching, not the run.
    #[arg(long, short)]
    watch: bool,
}

#[derive(Debug, Subcommand)]
enum RunCommand {
    /// Show how a run goes until it is over, and end with its outcome, like `run --watch`.
    Watch(OneRun),
    /// Cancel a run: files that have begun are finished, the others stay what they were.
    Cancel(OneRun),
}

#[derive(Debug, Args)]
struct OneRun {
    /// The run.
    run: RunId,
}

pub(crate) async fn run(client: &Client, args: RunArgs) -> anyhow::Result<Exit> {
    match args.command {
        Some(RunCommand::Watch(one)) => watch(client, one.run).await,
        Some(RunCommand::Cancel(one)) => cancel(client, one.run).await,
        None => start(client, &args).await,
    }
}

async fn start(client: &Client, args: &RunArgs) -> anyhow::Result<Exit> {
    let request = Request::post(client.of_index(&["run"]).await?)
        .with_some("retry", args.retry.then_some("failed"))
        .with_some("full", args.full.then_some(true));
    let answer = client.send(request).await?;
    if args.watch && client.is_live() {
        let started: RunStarted = answer.read()?;
        note(&format!("run {}", started.run));
        return watch(client, started.run).await;
    }
    client.present(&answer, |started: &RunStarted| {
        if !client.is_live() {
            line(&format!("run {} begins {}", started.run, client.when()));
            return;
        }
        line(&format!("run {} is started", started.run));
        note(&format!(
            "`longshore run watch {}` shows how it goes",
            started.run
        ));
    })?;
    Ok(Exit::Ok)
}

async fn cancel(client: &Client, run: RunId) -> anyhow::Result<Exit> {
    let show = |status: &RunStatus| {
        line(&match status.run.state {
            RunState::Cancelling => {
                format!("run {run} is cancelled; files that have begun are being finished")
            }
            RunState::Cancelled => format!("run {run} is cancelled"),
            _ => format!("run {run} was over before"),
        });
    };
    client
        .show(Request::post(["runs", &run.to_string(), "cancel"]), show)
        .await?;
    Ok(Exit::Ok)
}
