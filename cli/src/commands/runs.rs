//! `longshore runs`, and what is shown of a run.

use clap::{Args, Subcommand};
use console::Style;
use control_plane::http::runs::{RunPage, RunStatus};
use shared::ids::RunId;
use shared::ledger::{RunCounts, RunError, RunKind, RunOutcome, RunState};

use crate::client::{Client, Request};
use crate::exit::Exit;
use crate::output::table::{Table, fields};
use crate::output::times::{moment, now};
use crate::output::{ago, grouped, line, note, plural, span};

/// Runs per request.
const PAGE: usize = 200;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct RunsArgs {
    #[command(subcommand)]
    command: Option<RunsCommand>,

    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Subcommand)]
enum RunsCommand {
    /// List the runs of an index, newest first.
    List(ListArgs),
    /// Show a run.
    Show(OneRun),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Only runs in this state: LISTING, RUNNING, COMPLETED, CANCELLING, CANCELLED.
    #[arg(long, value_name = "STATE")]
    state: Option<RunState>,

    /// Only runs of this kind: scan, events, retry, full.
    #[arg(long, value_name = "KIND")]
    kind: Option<RunKind>,

    /// Most runs.
    #[arg(long, short = 'n', default_value_t = 20, value_name = "N")]
    limit: usize,
}

#[derive(Debug, Args)]
struct OneRun {
    /// The run.
    run: RunId,
}

pub(crate) async fn run(client: &Client, args: RunsArgs) -> anyhow::Result<Exit> {
    match args.command {
        Some(RunsCommand::Show(one)) => {
            client
                .show(Request::get(["runs", &one.run.to_string()]), card)
                .await?
        }
        Some(RunsCommand::List(args)) => list(client, &args).await?,
        None => list(client, &args.list).await?,
    }
    Ok(Exit::Ok)
}

async fn list(client: &Client, args: &ListArgs) -> anyhow::Result<()> {
    let (mut left, mut cursor) = (args.limit, None::<String>);
    let mut table = Table::new(&["RUN", "KIND", "STATE", ">DONE", ">OF", ">FAILED", ">OPENED", "BY"]);
    let mut count = 0;
    while left > 0 {
        let request = Request::get(client.of_index(&["runs"]).await?)
            .with_some("state", args.state)
            .with_some("kind", args.kind)
            .with("limit", left.min(PAGE))
            .with_some("cursor", cursor.as_ref());
        let page: RunPage = client.read(request).await?;
        left = left.saturating_sub(page.runs.len());
        count += page.runs.len();
        for status in page.runs {
            if client.is_json() {
                line(&serde_json::to_string(&status)?);
                continue;
            }
            let run = status.run;
            table.row([
                run.id.to_string(),
                run.kind.to_string(),
                state(run.state),
                grouped(run.done),
                grouped(run.total),
                grouped(run.counts.failed),
                ago(now(), run.opened_at),
                run.asked_by,
            ]);
        }
        table.print();
        match page.cursor {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    if count == 0 && !client.is_json() {
        note("no such runs");
    }
    Ok(())
}

fn state(state: RunState) -> String {
    let style = match state {
        RunState::Completed => Style::new().green(),
        RunState::Listing | RunState::Running => Style::new().cyan(),
        RunState::Cancelling | RunState::Cancelled => Style::new().yellow(),
    };
    style.apply_to(state.name()).to_string()
}

/// A run and how far it is.
pub(crate) fn card(status: &RunStatus) {
    let run = &status.run;
    let name = Style::new().bold().apply_to(run.id);
    let suspended = if run.suspended_at.is_some() {
        ", suspended"
    } else {
        ""
    };
    line(&format!("run {name} · {}{suspended}", state(run.state)));
    let end = run.completed_at.unwrap_or(run.as_of);
    let only = run
        .path
        .as_ref()
        .map_or_else(String::new, |path| format!(" of {path}"));
    let mut shown = vec![
        ("index", run.index.to_string()),
        ("asked", format!("{}{only}, by {}", run.kind, run.asked_by)),
        (
            "opened",
            format!("{}, {} long", moment(run.opened_at), span(end - run.opened_at)),
        ),
        (
            "files",
            format!(
                "{} of {} done{}",
                grouped(run.done),
                grouped(run.total),
                outcomes(run.counts)
            ),
        ),
        (
            "chunks",
            format!(
                "{} embedded, {} reused, {}",
                grouped(run.chunks_embedded),
                grouped(run.chunks_reused),
                plural(run.tokens, "token")
            ),
        ),
    ];
    if !run.state.is_over() {
        shown.push(("rate", pace(status)));
    }
    if let Some(problem) = &run.problem {
        shown.push(("problem", problem.clone()));
    }
    shown.extend(failures(status));
    fields(&shown);
    advise(status);
}

/// Failures by code, most first.
pub(crate) fn failures(status: &RunStatus) -> Vec<(&'static str, String)> {
    let failed = |error: &RunError| {
        let code = Style::new().red().apply_to(&error.code);
        ("failed", format!("{} with {code}", plural(error.files, "file")))
    };
    status.run.errors.iter().map(failed).collect()
}

/// Says what to do about failures.
pub(crate) fn advise(status: &RunStatus) {
    if status.run.counts.failed > 0 {
        note(
            "`longshore files --status FAILED` lists them with their reasons; `longshore retry` tries them again",
        );
    }
}

/// What became of the files that are done, those outcomes that there are.
pub(crate) fn outcomes(mut counts: RunCounts) -> String {
    let mut text = String::new();
    for outcome in RunOutcome::ALL {
        let count = *counts.of(outcome);
        if count > 0 {
            let name = outcome.name().to_lowercase().replace('_', " ");
            text.push_str(&format!(", {} {name}", grouped(count)));
        }
    }
    text
}

/// How fast, and how long it will take.
pub(crate) fn pace(status: &RunStatus) -> String {
    let mut text = format!("{:.1} files/s", status.files_per_second);
    if let Some(eta) = status.eta_at {
        text.push_str(&format!(" · {} left", span(eta - status.run.as_of)));
    }
    text
}

/// How a command ends that saw a run end.
pub(crate) fn exit(status: &RunStatus) -> Exit {
    let counts = &status.run.counts;
    match status.run.state {
        RunState::Completed if counts.failed + counts.awaiting_approval == 0 => Exit::Ok,
        RunState::Completed => Exit::Partly,
        _ => Exit::Failed,
    }
}
