//! `longshore status [PATH]`.

use clap::Args;
use console::Style;
use control_plane::http::files::FileStatus;
use control_plane::http::indexes::IndexStatus;
use shared::ledger::HistoryEntry;

use super::files;
use super::index::card;
use crate::client::{Client, Request};
use crate::exit::Exit;
use crate::output::table::fields;
use crate::output::times::now;
use crate::output::{ago, bytes, line, plural, span};

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// A file, as `longshore files` prints it [default: the index].
    path: Option<String>,
}

pub(crate) async fn run(client: &Client, args: &StatusArgs) -> anyhow::Result<Exit> {
    match &args.path {
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
    fields(&shown);
    line("history");
    for entry in &status.history {
        line(&describe(entry, now));
    }
}

fn describe(entry: &HistoryEntry, now: i64) -> String {
    let mut text = format!(
        "  {:>16}  {:<9}  → {}",
        ago(now, entry.at),
        entry.event,
        entry.state
    );
    let faint = Style::new().dim();
    if let Some(detail) = entry.detail.as_object().filter(|detail| !detail.is_empty()) {
        let parts: Vec<String> = detail
            .iter()
            .map(|(name, value)| describe_detail(name, value))
            .collect();
        text.push_str(&format!("  {}", faint.apply_to(parts.join(", "))));
    }
    text
}

/// `convert_ms: 3.2` as `convert 3.2 ms`, anything else as `name value`.
fn describe_detail(name: &str, value: &serde_json::Value) -> String {
    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match name.strip_suffix("_ms") {
        Some(step) => format!("{} {value} ms", step.replace('_', " ")),
        None => format!("{} {value}", name.replace('_', " ")),
    }
}
