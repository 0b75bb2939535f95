//! `longshore index list` and `show`, and what `longshore status` shows of an index.

use console::Style;
use control_plane::http::indexes::IndexStatus;
use serde_json::Value;
use shared::file_state::FileState;
use shared::ledger::IndexState;

use super::OneIndex;
use crate::client::{Client, Request};
use crate::commands::files;
use crate::exit::Exit;
use crate::output::table::{Table, fields};
use crate::output::times::now;
use crate::output::{ago, bytes, grouped, line, note, plural};

pub(super) async fn list(client: &Client) -> anyhow::Result<Exit> {
    client
        .show(Request::get(["indexes"]), |indexes: &Vec<IndexStatus>| {
            all(indexes)
        })
        .await?;
    Ok(Exit::Ok)
}

fn all(indexes: &[IndexStatus]) {
    if indexes.is_empty() {
        note("there is no index yet: `longshore index create` makes one");
    }
    let mut table = Table::new(&[
        "INDEX", "STATE", ">INDEXED", ">TO DO", ">FAILED", ">CHUNKS", "SOURCE",
    ]);
    for status in indexes {
        let of = |state| grouped(status.stats.by_state.get(&state).copied().unwrap_or(0));
        table.row([
            status.index.id.to_string(),
            state(status.index.state),
            of(FileState::Indexed),
            grouped(status.stats.backlog),
            of(FileState::Failed),
            grouped(status.stats.chunks),
            text(&status.index.settings["source"]),
        ]);
    }
    table.print();
}

fn state(state: IndexState) -> String {
    let style = match state {
        IndexState::Active => Style::new().green(),
        IndexState::Paused => Style::new().yellow(),
        IndexState::Deleting => Style::new().red(),
    };
    style.apply_to(state.name()).to_string()
}

pub(super) async fn one(client: &Client, index: &OneIndex) -> anyhow::Result<Exit> {
    let name = client.index_or(index.name.as_deref()).await?;
    let show = |status: &IndexStatus| {
        card(status, client.is_live());
        line("");
        let mut table = Table::new(&["SETTING", "VALUE"]);
        settings("", &status.index.settings, &mut table);
        table.print();
    };
    client.show(Request::get(["indexes", &name]), show).await?;
    Ok(Exit::Ok)
}

/// Every setting that has a value, by its place.
fn settings(place: &str, value: &Value, table: &mut Table) {
    match value {
        Value::Null => {}
        Value::Object(below) => {
            for (name, value) in below {
                let place = if place.is_empty() {
                    name.clone()
                } else {
                    format!("{place}.{name}")
                };
                settings(&place, value, table);
            }
        }
        Value::Array(list) if list.is_empty() => {}
        Value::String(text) if text.is_empty() => {}
        other => table.row([place.to_owned(), text(other)]),
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// An index and how far it is.
pub(crate) fn card(status: &IndexStatus, is_live: bool) {
    let stats = &status.stats;
    let name = Style::new().bold().apply_to(&status.index.id);
    let head = match (status.index.state, is_live) {
        (IndexState::Active, true) => "running".to_owned(),
        (IndexState::Active, false) => "not running: `longshore up` brings it up to date".to_owned(),
        (other, _) => state(other),
    };
    line(&format!("index {name} · {head}"));
    let model = status.index.settings["embedding"]["model"].as_str();
    let mut shown = vec![
        ("source", text(&status.index.settings["source"])),
        (
            "model",
            model.unwrap_or("none (full-text search only)").to_owned(),
        ),
        (
            "content",
            format!("{}, {}", plural(stats.chunks, "chunk"), bytes(stats.bytes)),
        ),
    ];
    if let Some(completeness) = status.completeness {
        let at = status
            .index
            .comparison
            .as_ref()
            .map_or(0, |comparison| comparison.at);
        let share = (completeness * 1000.0).floor() / 10.0;
        shown.push(("complete", format!("{share} % when compared {}", ago(now(), at))));
    }
    if status.generation > 1 || !status.others.is_empty() {
        let others: Vec<String> = status
            .others
            .iter()
            .map(|other| format!(", {} {}", other.number, other.role.name().to_lowercase()))
            .collect();
        shown.push((
            "generation",
            format!("{} live{}", status.generation, others.concat()),
        ));
    }
    if let Some(oldest) = stats.oldest_pending_at {
        shown.push((
            "oldest",
            format!("change that is not applied: reported {}", ago(now(), oldest)),
        ));
    }
    for waiting in &status.waiting_for {
        let why = waiting.last_error.as_deref().unwrap_or_default();
        let since = ago(now(), waiting.since_at);
        shown.push((
            "waits for",
            format!("{}, down since {since}: {why}", waiting.dependency),
        ));
    }
    fields(&shown);
    let widest = stats
        .by_state
        .values()
        .map(|count| grouped(*count).len())
        .max()
        .unwrap_or(0);
    for (state, count) in &stats.by_state {
        line(&format!("{:>widest$} {}", grouped(*count), files::state(*state)));
    }
    if stats.partial > 0 {
        line(&format!(
            "{:>widest$} indexed in part: `longshore files --partial` lists them",
            grouped(stats.partial)
        ));
    }
}
