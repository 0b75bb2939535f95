//! `longshore retry [PATH]`.

use clap::Args;
use control_plane::http::files::FilePage;
use control_plane::http::indexes::IndexStatus;
use control_plane::http::runs::RunStarted;
use control_plane::http::status::InstanceStatus;
use serde_json::Value;
use shared::file_state::FileState;

use super::instance::file_instance;
use crate::client::{Client, Request};
use crate::exit::Exit;
use crate::output::{line, plural};

/// Files per request.
const PAGE: u32 = 500;

#[derive(Debug, Args)]
pub(crate) struct RetryArgs {
    /// Only this file [default: all that failed].
    path: Option<String>,
}

pub(crate) async fn run(client: &Client, args: &RetryArgs) -> anyhow::Result<Exit> {
    if client.is_live() {
        start(client, args).await?;
    } else {
        rewind(client, args).await?;
    }
    Ok(Exit::Ok)
}

/// A run, which tries them again now.
async fn start(client: &Client, args: &RetryArgs) -> anyhow::Result<()> {
    let request = Request::post(client.of_index(&["run"]).await?)
        .with("retry", "failed")
        .with_some("path", args.path.as_ref());
    if client.is_json() {
        return client.show(request, |_: &Value| ()).await;
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
        nothing();
        return Ok(());
    }
    let started: RunStarted = client.read(request).await?;
    line(&format!(
        "{} tried again now, by run {}",
        plural(files, "failed file"),
        started.run
    ));
    Ok(())
}

/// Nothing runs that could take up a run: each file is marked, and taken up by the next process.
async fn rewind(client: &Client, args: &RetryArgs) -> anyhow::Result<()> {
    let paths = match &args.path {
        Some(path) => vec![path.clone()],
        None => failed(client).await?,
    };
    let mut files = 0;
    for path in &paths {
        let found = file_instance(client, path).await?;
        if found.state != FileState::Failed {
            continue;
        }
        let answer = client
            .send(Request::post(["status", &found.instance, "rewind"]))
            .await?;
        if client.is_json() {
            line(&answer.read::<Value>()?.to_string());
        } else {
            answer.read::<InstanceStatus>()?;
        }
        files += 1;
    }
    if client.is_json() {
        return Ok(());
    }
    if files == 0 {
        nothing();
    } else {
        line(&format!(
            "{} tried again {}",
            plural(files, "failed file"),
            client.when()
        ));
    }
    Ok(())
}

fn nothing() {
    line("nothing to try again: no such failed file");
}

async fn failed(client: &Client) -> anyhow::Result<Vec<String>> {
    let (mut paths, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let request = Request::get(client.of_index(&["files"]).await?)
            .with("state", FileState::Failed.name())
            .with("limit", PAGE)
            .with_some("cursor", cursor.as_ref());
        let page: FilePage = client.read(request).await?;
        paths.extend(page.files.into_iter().map(|file| file.path.to_string()));
        match page.cursor {
            Some(next) => cursor = Some(next),
            None => return Ok(paths),
        }
    }
}
