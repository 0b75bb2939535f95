//! `longshore approve [--reject]`.

use serde_json::json;
use shared::ledger::{Approval, ApprovalState};

use crate::args::{ApproveArgs, DataArgs};
use crate::client::Client;
use crate::output::{line, plural};

pub(crate) async fn run(data: &DataArgs, args: ApproveArgs) -> anyhow::Result<u8> {
    let client = Client::connect(data).await?;
    let decided = decide(&client, &args).await;
    let live = client.is_live();
    client.close().await?;
    let decided = decided?;
    if args.json {
        line(&serde_json::to_string(&decided)?);
        return Ok(0);
    }
    let Some(approval) = decided else {
        line("no removal waits for approval");
        return Ok(0);
    };
    let files = plural(approval.ceiling.unwrap_or(0).min(approval.files), "file");
    line(&match (approval.state, live) {
        (ApprovalState::Kept, _) => format!("{files} kept in the index"),
        (_, true) => format!("{files} removed from the index now"),
        (_, false) => format!("{files} removed from the index at the next `longshore up`"),
    });
    Ok(0)
}

/// Decides on what waits, as it was shown when it was asked for.
async fn decide(client: &Client, args: &ApproveArgs) -> anyhow::Result<Option<Approval>> {
    let waiting: Vec<Approval> = client
        .get(&["approvals"], &[("index", client.index()), ("state", "WAITING")])
        .await?;
    let Some(waiting) = waiting.first() else {
        return Ok(None);
    };
    let number = waiting.number.to_string();
    let (verb, body) = if args.reject {
        ("reject", json!({}))
    } else {
        ("approve", json!({ "files": waiting.files }))
    };
    let path = client.of_index(&["approvals", &number, verb]);
    client.post(&path, &[], Some(body)).await.map(Some)
}
