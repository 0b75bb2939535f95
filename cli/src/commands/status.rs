//! `longshore status [PATH or RUN]`.

use clap::Args;
use console::Style;
use control_plane::http::files::FileStatus;
use control_plane::http::indexes::IndexStatus;
use shared::ids::RunId;

use super::history::describe;
use super::index::card;
use super::{files, runs};
use crate::client::{Client, Request};
use crate::exit::Exit;
use crate::output::table::fields;
use crate::output::times::now;
use crate::output::{bytes, line, plural, span};

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// A file, as `longshore files` prints it, or a run's id [default: the index].
    #[arg(value_name = "PATH|RUN")]
    what: Option<String>,
}

pub(crate) async fn run(client: &Client, args: &StatusArgs) -> anyhow::Result<Exit> {
    match &args.what {
        Some(run) if run.parse::<RunId>().is_ok() => {
            client.show(Request::get(["runs", run]), runs::card).await?;
        }
        Some(path) => {
            let mut url = client.of_index(&["files"]).await?;
            url.extend(path.split('/').map(str::to_owned));
            client.show(Request::get(url), file).await?;
        }
        None => {
            let show = |status: &IndexStatus| card(status, client.is_live());
            client
                .show(Request::get(client.of_index(&[]).await?), show)
                .await?;
        }
    }
    Ok(Exit::Ok)
}

fn file(status: &FileStatus) {
    let (file, now) = (&status.file, now());
    line(&format!(
        "{}  {}",
        Style::new().bold().apply_to(&file.path),
        files::state(file.state)
    ));
    let mut shown = Vec::new();
    if let Some(version) = &file.version {
        let chunks = plural(u64::from(version.chunks), "chunk");
        let version_is = format!("{} · {chunks} · {}", version.etag, bytes(version.size));
        shown.push(("version", version_is));
        let missing = |part| ("missing", Style::new().yellow().apply_to(part).to_string());
        shown.extend(version.missing.iter().map(missing));
    }
    shown.push((
        "changes",
        format!(
            "{} reported, {} applied · {} · {}",
            file.desired_seq,
            file.applied_seq,
            plural(u64::try_from(file.fence).unwrap_or(0), "claim"),
            plural(u64::from(file.failure_count), "failure")
        ),
    ));
    if let Some(failure) = &file.last_error {
        shown.push(("reason", failure.to_string()));
    }
    if file.not_before > now && !file.state.is_settled() {
        shown.push(("next", format!("attempt in {}", span(file.not_before - now))));
    }
    for waiting in &status.waiting_for {
        shown.push(("waits for", waiting.dependency.to_string()));
    }
    if !status.trace_id.is_empty() {
        shown.push(("trace", status.trace_id.clone()));
    }
    fields(&shown);
    line("history");
    for entry in &status.history {
        line(&describe(entry, now));
    }
}
