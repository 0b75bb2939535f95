//! How a run goes, from its server-sent events.

use std::time::Duration;

use control_plane::http::runs::RunStatus;
use indicatif::{ProgressBar, ProgressStyle};
use shared::ids::RunId;
use shared::ledger::RunState;
use tokio::time::Instant;

use crate::client::{Client, Event, Request};
use crate::commands::runs::{self, outcomes, pace};
use crate::exit::Exit;
use crate::output::table::fields;
use crate::output::{bars, grouped, is_watched, line, note, span};

/// Without a terminal a line is printed this often.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// The name of the last event.
const DONE: &str = "done";

/// Shows a run until it is over; to programs as one line for each event.
pub(super) async fn watch(client: &Client, run: RunId) -> anyhow::Result<Exit> {
    let mut events = client.follow(Request::get(["runs", &run.to_string(), "events"]));
    let mut view = (!client.is_json()).then(View::new);
    loop {
        let Event { name, data } = events.next::<serde_json::Value>().await?;
        if client.is_json() {
            line(&data.to_string());
        }
        let status: RunStatus = serde_json::from_value(data)?;
        if let Some(view) = &mut view {
            view.show(&status);
        }
        if name == DONE {
            if let Some(view) = view.take() {
                view.end(&status);
            }
            return Ok(runs::exit(&status));
        }
    }
}

/// What a person sees.
struct View {
    bar: Option<ProgressBar>,
    last_line: Option<Instant>,
}

impl View {
    fn new() -> Self {
        let bar = is_watched().then(|| {
            let bar = bars().add(ProgressBar::new(0));
            let style = ProgressStyle::with_template("{spinner:.cyan} [{bar:30.cyan/blue}] {msg}");
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            bar.set_style(style.progress_chars("━╸─"));
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self { bar, last_line: None }
    }

    fn show(&mut self, status: &RunStatus) {
        if status.run.state.is_over() {
            // The end is told by itself.
        } else if let Some(bar) = &self.bar {
            bar.set_length(status.run.total);
            bar.set_position(status.run.done);
            bar.set_message(describe(status));
        } else if self.last_line.is_none_or(|at| at.elapsed() >= LINE_EVERY) {
            self.last_line = Some(Instant::now());
            note(&describe(status));
        }
    }

    fn end(self, status: &RunStatus) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
        let run = &status.run;
        let state = match run.state {
            RunState::Completed => "completed",
            _ => "cancelled",
        };
        let took = span(run.completed_at.unwrap_or(run.as_of) - run.opened_at);
        let files = match outcomes(run.counts).trim_start_matches(", ") {
            "" => "nothing to do".to_owned(),
            outcomes => outcomes.to_owned(),
        };
        line(&format!("{state} in {took}: {files}"));
        fields(&runs::failures(status));
        runs::advise(status);
    }
}

/// Counts, rate, time left, failures, and what holds it up.
fn describe(status: &RunStatus) -> String {
    let run = &status.run;
    let mut text = match run.state {
        RunState::Listing => format!("listing · {}/{} files", grouped(run.done), grouped(run.total)),
        _ => format!("{}/{} files", grouped(run.done), grouped(run.total)),
    };
    if run.done > 0 {
        text.push_str(&format!(" · {}", pace(status)));
    }
    if run.counts.failed > 0 {
        let codes: Vec<&str> = run
            .errors
            .iter()
            .take(3)
            .map(|error| error.code.as_str())
            .collect();
        text.push_str(&format!(
            " · {} failed ({})",
            grouped(run.counts.failed),
            codes.join(", ")
        ));
    }
    if run.counts.awaiting_approval > 0 {
        text.push_str(&format!(
            " · {} wait for approval",
            grouped(run.counts.awaiting_approval)
        ));
    }
    if run.suspended_at.is_some() {
        text.push_str(" · suspended");
    }
    if run.state == RunState::Cancelling {
        text.push_str(" · being cancelled");
    }
    if let Some(problem) = &run.problem {
        text.push_str(&format!(" · {problem}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_line_says_what_one_wants_to_know() {
        let status: RunStatus = serde_json::from_value(json!({
            "id": "01a1fe55-9e45-72ca-8271-d6d6c0b0c336", "index": "docs", "kind": "full", "state": "RUNNING",
            "asked_by": "local", "path": null, "opened_at": 0, "completed_at": null, "total": 4000, "done": 1000,
            "counts": { "indexed": 998, "unchanged": 0, "skipped": 0, "deleted": 0, "failed": 2, "superseded": 0,
                "awaiting_approval": 0, "cancelled": 0 },
            "done_lately": 1000, "tokens": 5, "chunks_embedded": 6, "chunks_reused": 7,
            "errors": [{ "code": "damaged", "files": 2 }], "problem": null, "as_of": 10000,
            "files_per_second": 100.04, "eta_at": 40000
        }))
        .unwrap();
        assert_eq!(
            describe(&status),
            "1,000/4,000 files · 100.0 files/s · 30.0 s left · 2 failed (damaged)"
        );
        assert_eq!(runs::exit(&status), Exit::Failed, "it is not over");
    }

    #[test]
    fn the_exit_is_the_outcome() {
        let ended = |state: &str, failed: u64, waiting: u64| {
            let status = serde_json::from_value(json!({
                "id": "01a1fe55-9e45-72ca-8271-d6d6c0b0c336", "index": "docs", "kind": "scan", "state": state,
                "asked_by": "local", "path": null, "opened_at": 0, "completed_at": 1, "total": 9, "done": 9,
                "counts": { "indexed": 1, "unchanged": 0, "skipped": 1, "deleted": 0, "failed": failed, "superseded": 1,
                    "awaiting_approval": waiting, "cancelled": 0 },
                "done_lately": 0, "tokens": 0, "chunks_embedded": 0, "chunks_reused": 0,
                "errors": [], "problem": null, "as_of": 1, "files_per_second": 0.0
            }))
            .unwrap();
            runs::exit(&status).number()
        };
        assert_eq!(ended("COMPLETED", 0, 0), 0);
        assert_eq!(ended("COMPLETED", 1, 0), 3);
        assert_eq!(ended("COMPLETED", 0, 1), 3);
        assert_eq!(ended("CANCELLED", 0, 0), 1);
    }
}
