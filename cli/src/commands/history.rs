//! `longshore history PATH`, and how an entry is shown.

use clap::Args;
use console::Style;
use control_plane::http::files::HistoryPage;
use serde_json::Value;
use shared::clock::UnixMillis;
use shared::ledger::HistoryEntry;
use shared::retry::Failure;

use crate::client::{Client, Request};
use crate::exit::Exit;
use crate::output::times::now;
use crate::output::{ago, line};

/// Entries per request.
const PAGE: usize = 200;

#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// The file, as `longshore files` prints it.
    path: String,

    /// Most entries.
    #[arg(long, short = 'n', default_value_t = 100, value_name = "N")]
    limit: usize,
}

pub(crate) async fn run(client: &Client, args: &HistoryArgs) -> anyhow::Result<Exit> {
    let (mut left, mut cursor) = (args.limit, None::<String>);
    let mut path = client.of_index(&["history"]).await?;
    path.extend(args.path.split('/').map(str::to_owned));
    while left > 0 {
        let request = Request::get(path.clone())
            .with("limit", left.min(PAGE))
            .with_some("cursor", cursor.as_ref());
        let page: HistoryPage = client.read(request).await?;
        left = left.saturating_sub(page.history.len());
        for entry in &page.history {
            if client.is_json() {
                line(&serde_json::to_string(entry)?);
            } else {
                line(&describe(entry, now()));
            }
        }
        match page.cursor {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    Ok(Exit::Ok)
}

/// An entry in one line.
pub(crate) fn describe(entry: &HistoryEntry, now: UnixMillis) -> String {
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

/// `convert_ms: 3.2` as `convert 3.2 ms`, a failure as a sentence, anything else as `name value`.
fn describe_detail(name: &str, value: &Value) -> String {
    if let Ok(failure) = serde_json::from_value::<Failure>(value.clone()) {
        return failure.to_string();
    }
    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match name.strip_suffix("_ms") {
        Some(step) => format!("{} {value} ms", step.replace('_', " ")),
        None => format!("{} {value}", name.replace('_', " ")),
    }
}
