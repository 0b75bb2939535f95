//! `longshore dependencies`.

use console::Style;
use control_plane::http::dependencies::Dependencies;
use shared::circuit::CircuitState;

use crate::client::{Client, Request};
use crate::exit::Exit;
use crate::output::table::Table;
use crate::output::times::now;
use crate::output::{ago, note};

pub(crate) async fn run(client: &Client) -> anyhow::Result<Exit> {
    client.show(Request::get(["dependencies"]), show).await?;
    Ok(Exit::Ok)
}

fn show(all: &Dependencies) {
    if !all.complete {
        note("the ledger does not answer: these are the dependencies of one process only");
    }
    if all.dependencies.is_empty() {
        note("no process reports what it depends on");
    }
    let mut table = Table::new(&["DEPENDENCY", "STATE", "SEEN BY", ">SINCE", "LAST ERROR"]);
    for dependency in &all.dependencies {
        for report in &dependency.reports {
            table.row_with(
                [
                    dependency.dependency.to_string(),
                    state(report.state),
                    report.reporter.process.clone(),
                    ago(now(), report.since_at),
                    String::new(),
                ],
                report.last_error.as_deref().unwrap_or_default(),
            );
        }
    }
    table.print();
}

/// What a breaker lets through, in a colour.
pub(crate) fn state(state: CircuitState) -> String {
    let (name, style) = match state {
        CircuitState::Closed => ("ok", Style::new().green()),
        CircuitState::HalfOpen => ("trying", Style::new().yellow()),
        CircuitState::Open => ("down", Style::new().red().bold()),
    };
    style.apply_to(name).to_string()
}
