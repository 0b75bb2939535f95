//! `longshore status [PATH]`.

use console::Style;
use control_plane::http::files::FileStatus;
use control_plane::http::indexes::IndexStatus;
use shared::clock::{Clock, SystemClock};
use shared::ledger::HistoryEntry;

use super::files::state_style;
use crate::args::{DataArgs, StatusArgs};
use crate::client::Client;
use crate::output::{ago, bytes, grouped, line, plural, span};

pub(crate) async fn run(data: &DataArgs, args: StatusArgs) -> anyhow::Result<u8> {
    let client = Client::connect(data).await?;
    let shown = match &args.path {
        Some(path) => file(&client, path, args.json).await,
        None => index(&client, args.json).await,
    };
    client.close().await?;
    shown.map(|()| 0)
}

async fn index(client: &Client, json: bool) -> anyhow::Result<()> {
    let status: IndexStatus = client.get(&client.of_index(&[]), &[]).await?;
    if json {
        line(&serde_json::to_string_pretty(&status)?);
        return Ok(());
    }
    let (stats, strong) = (&status.stats, Style::new().bold());
    let state = if client.is_live() {
        "running"
    } else {
        "not running: `longshore up` brings it up to date"
    };
    line(&format!("index {} · {state}", strong.apply_to(&status.index.id)));
    if let Some(source) = status.index.settings["source"].as_str() {
        line(&format!("source    {source}"));
    }
    let model = status.index.settings["embedding"]["model"].as_str();
    line(&format!(
        "model     {}",
        model.unwrap_or("none (full-text search only)")
    ));
    line(&format!(
        "content   {}, {}",
        plural(stats.chunks, "chunk"),
        bytes(stats.bytes)
    ));
    for (state, count) in &stats.by_state {
        line(&format!(
            "{:>9} {}",
            grouped(*count),
            state_style(*state).apply_to(state)
        ));
    }
    if stats.partial > 0 {
        line(&format!(
            "{:>9} indexed in part: `longshore files --partial` lists them",
            grouped(stats.partial)
        ));
    }
    if let Some(oldest) = stats.oldest_pending_at {
        line(&format!(
            "oldest pending change reported {}",
            ago(SystemClock.now(), oldest)
        ));
    }
    Ok(())
}

async fn file(client: &Client, path: &str, json: bool) -> anyhow::Result<()> {
    let mut url = client.of_index(&["files"]);
    url.extend(path.split('/'));
    let status: FileStatus = client.get(&url, &[]).await?;
    if json {
        line(&serde_json::to_string_pretty(&status)?);
        return Ok(());
    }
    let (file, now) = (&status.file, SystemClock.now());
    line(&format!(
        "{}  {}",
        Style::new().bold().apply_to(&file.path),
        state_style(file.state).apply_to(file.state)
    ));
    if let Some(version) = &file.version {
        line(&format!(
            "version   {} · {} · {}",
            version.etag,
            plural(u64::from(version.chunks), "chunk"),
            bytes(version.size)
        ));
    }
    if let Some(version) = &file.version {
        for missing in &version.missing {
            line(&format!(
                "{}   {missing}",
                Style::new().yellow().apply_to("missing")
            ));
        }
    }
    line(&format!(
        "sequence  {} reported, {} applied · {} claims · {} failures",
        file.desired_seq, file.applied_seq, file.fence, file.failure_count
    ));
    if let Some(failure) = &file.last_error {
        line(&format!("reason    {failure}"));
    }
    if file.not_before > now && !file.state.is_settled() {
        line(&format!("next      attempt in {}", span(file.not_before - now)));
    }
    line("history");
    status
        .history
        .iter()
        .for_each(|entry| line(&describe(entry, now)));
    Ok(())
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
