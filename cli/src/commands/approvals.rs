//! `longshore approvals`.

use clap::Args;
use console::Style;
use shared::ledger::{Approval, ApprovalState};

use crate::client::{Client, Request};
use crate::exit::Exit;
use crate::output::table::Table;
use crate::output::times::now;
use crate::output::{ago, grouped, note};

#[derive(Debug, Args)]
pub(crate) struct ApprovalsArgs {
    /// Only those in this state: WAITING, APPROVED, KEPT, WITHDRAWN.
    #[arg(long, value_name = "STATE")]
    state: Option<ApprovalState>,

    /// Most approvals.
    #[arg(long, short = 'n', default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

pub(crate) async fn run(client: &Client, args: &ApprovalsArgs) -> anyhow::Result<Exit> {
    let request = Request::get(["approvals"])
        .with_some("index", client.asked_index())
        .with_some("state", args.state)
        .with("limit", args.limit);
    client
        .show(request, |approvals: &Vec<Approval>| list(approvals))
        .await?;
    Ok(Exit::Ok)
}

fn list(approvals: &[Approval]) {
    if approvals.is_empty() {
        note("no removal waits, or waited, for approval");
        return;
    }
    let mut table = Table::new(&[
        "INDEX",
        ">NUMBER",
        "STATE",
        ">FILES",
        ">DONE",
        ">ASKED",
        "DECIDED BY",
        "NOTE",
    ]);
    for approval in approvals {
        table.row_with(
            [
                approval.index.to_string(),
                approval.number.to_string(),
                state(approval.state),
                grouped(approval.files),
                grouped(approval.passed),
                ago(now(), approval.opened_at),
                approval.decided_by.clone().unwrap_or_default(),
                String::new(),
            ],
            approval.note.as_deref().unwrap_or_default(),
        );
    }
    table.print();
    if approvals
        .iter()
        .any(|approval| approval.state == ApprovalState::Waiting)
    {
        note(
            "`longshore approve --index NAME` removes files that wait, `longshore reject --index NAME` keeps them",
        );
    }
}

fn state(state: ApprovalState) -> String {
    let style = match state {
        ApprovalState::Waiting => Style::new().magenta().bold(),
        ApprovalState::Approved | ApprovalState::Kept => Style::new(),
        ApprovalState::Withdrawn => Style::new().dim(),
    };
    style.apply_to(state).to_string()
}
