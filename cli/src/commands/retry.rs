//! `longshore retry [PATH]`.

use serde_json::Value;

use crate::args::{DataArgs, RetryArgs};
use crate::client::Client;
use crate::output::{line, plural};

pub(crate) async fn run(data: &DataArgs, args: RetryArgs) -> anyhow::Result<u8> {
    let client = Client::connect(data).await?;
    let mut query = vec![("retry", "failed")];
    if let Some(path) = &args.path {
        query.push(("path", path));
    }
    let answer: anyhow::Result<Value> = client.post(&client.of_index(&["run"]), &query, None).await;
    let live = client.is_live();
    client.close().await?;
    let answer = answer?;
    if args.json {
        line(&answer.to_string());
        return Ok(0);
    }
    let files = answer["files"].as_u64().unwrap_or(0);
    let when = if live { "now" } else { "at the next `longshore up`" };
    line(&match files {
        0 => "nothing to try again: no such failed file".to_owned(),
        _ => format!("{} tried again {when}", plural(files, "failed file")),
    });
    Ok(0)
}
