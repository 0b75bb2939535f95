//! `longshore approve [--reject]`.

use serde_json::Value;

use crate::args::{ApproveArgs, DataArgs};
use crate::client::Client;
use crate::output::{line, plural};

pub(crate) async fn run(data: &DataArgs, args: ApproveArgs) -> anyhow::Result<u8> {
    let client = Client::connect(data).await?;
    let body = serde_json::json!({ "approve": !args.reject });
    let answer: anyhow::Result<Value> = client
        .post(&client.of_index(&["approvals"]), &[], Some(body))
        .await;
    let live = client.is_live();
    client.close().await?;
    let answer = answer?;
    if args.json {
        line(&answer.to_string());
        return Ok(0);
    }
    let files = answer["files"].as_u64().unwrap_or(0);
    line(&match (files, args.reject) {
        (0, _) => "no removal waits for approval".to_owned(),
        (_, true) => format!("{} kept in the index", plural(files, "file")),
        (_, false) if live => format!("{} removed from the index now", plural(files, "file")),
        (_, false) => format!(
            "{} removed from the index at the next `longshore up`",
            plural(files, "file")
        ),
    });
    Ok(0)
}
