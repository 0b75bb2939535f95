//! `longshore index pause`, `resume` and `delete`.

use clap::Args;
use control_plane::http::indexes::{IndexGoing, IndexStatus};

use super::OneIndex;
use crate::client::{Client, Request};
use crate::exit::Exit;
use crate::output::ask::confirm;
use crate::output::{line, plural};

#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// The index.
    name: String,

    /// Do it without asking.
    #[arg(long, short)]
    yes: bool,
}

pub(super) async fn pause(client: &Client, index: &OneIndex) -> anyhow::Result<Exit> {
    let show = |status: &IndexStatus| {
        let backlog = plural(status.stats.backlog, "file");
        line(&format!(
            "index {} is paused with {backlog} to do",
            status.index.id
        ));
    };
    set_active(client, index, "pause", show).await
}

pub(super) async fn resume(client: &Client, index: &OneIndex) -> anyhow::Result<Exit> {
    let when = if client.is_live() { "" } else { client.when() };
    let show = |status: &IndexStatus| {
        line(format!("index {} goes on {when}", status.index.id).trim_end());
    };
    set_active(client, index, "resume", show).await
}

async fn set_active(
    client: &Client,
    index: &OneIndex,
    action: &str,
    show: impl FnOnce(&IndexStatus),
) -> anyhow::Result<Exit> {
    let name = client.index_or(index.name.as_deref()).await?;
    client
        .show(Request::post(["indexes", &name, action]), show)
        .await?;
    Ok(Exit::Ok)
}

pub(super) async fn delete(client: &Client, args: &DeleteArgs) -> anyhow::Result<Exit> {
    let name = client.index_or(Some(&args.name)).await?;
    let status: IndexStatus = client.read(Request::get(["indexes", &name])).await?;
    let files: u64 = status.stats.by_state.values().sum();
    let files = plural(files, "file");
    confirm(
        &format!("Delete index {name} with the vectors of {files}? Its source is not touched."),
        args.yes,
    )?;
    let show = |going: &IndexGoing| line(&format!("index {} is being deleted", going.id));
    client.show(Request::delete(["indexes", &name]), show).await?;
    Ok(Exit::Ok)
}
