//! `longshore plan`.

use clap::Args;
use console::Style;
use control_plane::estimate::{Action, Basis, Estimate, RunPlan};

use crate::client::{Client, Request};
use crate::exit::Exit;
use crate::output::table::{Table, fields};
use crate::output::{bytes, grouped, line, note, plural};

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// Plan a full run: every file is looked at again.
    #[arg(long)]
    full: bool,
}

pub(crate) async fn run(client: &Client, args: &PlanArgs) -> anyhow::Result<Exit> {
    let request = Request::post(client.of_index(&["plan"]).await?).with("full", args.full);
    client.show(request, |plan| show(plan, args.full)).await?;
    Ok(Exit::Ok)
}

fn show(plan: &RunPlan, full: bool) {
    let mut table = Table::new(&["DO", ">SIZE", "FILE"]);
    for file in &plan.files {
        let (word, style) = match file.action {
            Action::Add => ("add", Style::new().green()),
            Action::Change => ("change", Style::new().yellow()),
            Action::Rename => ("rename", Style::new().cyan()),
            Action::Remove => ("remove", Style::new().red()),
            Action::AskToRemove => ("ask to remove", Style::new().magenta()),
        };
        let size = file.bytes.map_or_else(|| "-".to_owned(), bytes);
        table.row([style.apply_to(word).to_string(), size, file.path.to_string()]);
    }
    let changes = plan.added + plan.changed + plan.renamed + plan.removed;
    table.print();
    if let Some(more) = changes
        .checked_sub(plan.files.len() as u64)
        .filter(|more| *more > 0)
    {
        line(&format!("… and {}", plural(more, "more file")));
    }
    if changes == 0 && !full {
        line(&format!(
            "nothing to do: {} as they should be",
            plural(plan.unchanged, "file")
        ));
        return;
    }
    if !plan.files.is_empty() {
        line("");
    }
    line(&summary(plan));
    if plan.held > 0 {
        line(&format!(
            "{} of the removals would wait for approval",
            grouped(plan.held)
        ));
    }
    cost(&plan.estimate);
    let full = if full { " --full" } else { "" };
    note(&format!("nothing was changed; `longshore run{full}` does it"));
}

fn summary(plan: &RunPlan) -> String {
    let counts = [
        (plan.added, "to add"),
        (plan.changed, "to change"),
        (plan.renamed, "to rename"),
        (plan.removed, "to remove"),
        (plan.unchanged, "as they are"),
    ];
    let words = counts.map(|(count, what)| format!("{} {what}", grouped(count)));
    words.join(", ")
}

fn cost(estimate: &Estimate) {
    let basis = match estimate.basis {
        Basis::Measured => "from what this index used so far",
        Basis::Assumed => "from common values: the index has embedded nothing yet",
    };
    let chunks = format!(
        "{} to embed, {} to reuse",
        plural(estimate.chunks, "chunk"),
        grouped(estimate.chunks_reused)
    );
    fields(&[
        ("read", bytes(estimate.bytes)),
        ("embed", chunks),
        ("tokens", format!("{} ({basis})", grouped(estimate.tokens))),
        (
            "cost",
            estimate
                .cost
                .map_or_else(String::new, |cost| format!("{cost:.2}")),
        ),
        (
            "budget",
            estimate.days.map_or_else(String::new, |days| {
                format!("spreads it over {}", plural(days, "day"))
            }),
        ),
    ]);
}
