//! `longshore approve [NUMBER]` and `longshore reject [NUMBER]`.

use clap::Args;
use control_plane::http::approvals::{Approve, Reject};
use shared::ledger::{Approval, ApprovalState};

use crate::client::{Client, Request};
use crate::exit::Exit;
use crate::output::{line, plural};

#[derive(Debug, Args)]
pub(crate) struct ApproveArgs {
    /// The approval's number in its index, as `longshore approvals` shows it [default: the one that waits].
    number: Option<u64>,

    /// Remove no more than this many; the rest is asked about again [default: as many as wait now].
    #[arg(long, value_name = "N", conflicts_with = "reject")]
    files: Option<u64>,

    /// Why, for the record.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,

    /// Keep the files in the index instead, like `longshore reject`.
    #[arg(long)]
    reject: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RejectArgs {
    /// The approval's number in its index, as `longshore approvals` shows it [default: the one that waits].
    number: Option<u64>,

    /// Why, for the record.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

pub(crate) async fn approve(client: &Client, args: &ApproveArgs) -> anyhow::Result<Exit> {
    let note = args.note.clone();
    let Some((number, files)) = wanted(client, args.number).await? else {
        return Ok(nothing(client));
    };
    let number = number.to_string();
    let request = if args.reject {
        let path = client.of_index(&["approvals", &number, "reject"]).await?;
        Request::post(path).body(&Reject { note })?
    } else {
        let path = client.of_index(&["approvals", &number, "approve"]).await?;
        let files = args.files.unwrap_or(files);
        Request::post(path).body(&Approve { files, note })?
    };
    decide(client, request).await
}

pub(crate) async fn reject(client: &Client, args: &RejectArgs) -> anyhow::Result<Exit> {
    let as_approve = ApproveArgs {
        number: args.number,
        files: None,
        note: args.note.clone(),
        reject: true,
    };
    approve(client, &as_approve).await
}

/// The approval that was named, or that waits, with the files that wait now.
async fn wanted(client: &Client, number: Option<u64>) -> anyhow::Result<Option<(u64, u64)>> {
    let approval: Option<Approval> = match number {
        Some(number) => {
            let path = client.of_index(&["approvals", &number.to_string()]).await?;
            Some(client.read(Request::get(path)).await?)
        }
        None => {
            let request = Request::get(["approvals"])
                .with("index", client.index().await?)
                .with("state", ApprovalState::Waiting);
            let waiting: Vec<Approval> = client.read(request).await?;
            waiting.into_iter().next()
        }
    };
    Ok(approval.map(|approval| (approval.number, approval.files)))
}

fn nothing(client: &Client) -> Exit {
    line(if client.is_json() {
        "null"
    } else {
        "no removal waits for approval"
    });
    Exit::Ok
}

async fn decide(client: &Client, request: Request) -> anyhow::Result<Exit> {
    let show = |approval: &Approval| {
        let files = plural(
            approval.ceiling.unwrap_or(approval.files).min(approval.files),
            "file",
        );
        line(&match approval.state {
            ApprovalState::Kept => format!("{files} kept in index {}", approval.index),
            _ => format!("{files} removed from index {} {}", approval.index, client.when()),
        });
    };
    client.show(request, show).await?;
    Ok(Exit::Ok)
}
