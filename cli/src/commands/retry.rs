//! `longshore retry [PATH]`.

use clap::Args;
use control_plane::http::indexes::IndexStatus;
use control_plane::http::runs::RunStarted;
use serde_json::Value;
use shared::file_state::FileState;

use super::instance::file_instance;
use crate::client::{Client, Request};
use crate::exit::Exit;
use crate::output::{line, plural};

#[derive(Debug, Args)]
pub(crate) struct RetryArgs {
    /// Only this file [default: all that failed].
    path: Option<String>,
}

pub(crate) async fn run(client: &Client, args: &RetryArgs) -> anyhow::Result<Exit> {
    let request = Request::post(client.of_index(&["run"]).await?)
        .with("retry", "failed")
        .with_some("path", args.path.as_ref());
    if client.is_json() {
        client.show(request, |_: &Value| ()).await?;
        return Ok(Exit::Ok);
    }
    let files = match &args.path {
        Some(path) => u64::from(file_instance(client, path).await?.state == FileState::Failed),
        None => {
            let status: IndexStatus = client.read(Request::get(client.of_index(&[]).await?)).await?;
            status
                .stats
                .by_state
                .get(&FileState::Failed)
                .copied()
                .unwrap_or(0)
        }
    };
    if files == 0 {
        line("nothing to try again: no such failed file");
        return Ok(Exit::Ok);
    }
    let started: RunStarted = client.read(request).await?;
    line(&format!(
        "{} tried again {}, by run {}",
        plural(files, "failed file"),
        client.when(),
        started.run
    ));
    Ok(Exit::Ok)
}
