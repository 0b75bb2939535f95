//! `longshore retry [PATH]`.

use clap::Args;
use control_plane::http::runs::RunStarted;

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
    let show = |started: &RunStarted| {
        line(&match started.files {
            0 => "nothing to try again: no such failed file".to_owned(),
            _ => format!(
                "{} tried again {}",
                plural(started.files, "failed file"),
                client.when()
            ),
        });
    };
    client.show(request, show).await?;
    Ok(Exit::Ok)
}
