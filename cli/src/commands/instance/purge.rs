//! `longshore instance purge`.

use clap::Args;
use control_plane::http::status::Purged;

use super::{CONTINUATION, FilterArgs, OneInstance};
use crate::client::{Client, Request};
use crate::failure::Failure;
use crate::output::ask::confirm;
use crate::output::{line, plural};

#[derive(Debug, Args)]
pub(crate) struct PurgeArgs {
    /// A run's id, a file's path, or a file's id in the form INDEX:FILEID [default: all that match the filters].
    instance: Option<String>,

    #[command(flatten)]
    filter: FilterArgs,

    /// Do it without asking.
    #[arg(long, short)]
    yes: bool,
}

pub(super) async fn run(client: &Client, args: &PurgeArgs) -> anyhow::Result<()> {
    let purged = match &args.instance {
        Some(instance) => {
            let one = OneInstance {
                instance: instance.clone(),
            };
            let id = one.id(client).await?;
            confirm(&format!("Remove the history of {instance}?"), args.yes)?;
            client.read(Request::delete(["status", &id])).await?
        }
        None => many(client, args).await?,
    };
    if client.is_json() {
        line(&serde_json::to_string_pretty(&purged)?);
    } else {
        line(&format!(
            "the history of {} is removed",
            plural(purged.instances_deleted, "instance")
        ));
    }
    Ok(())
}

/// A thousand at a time, until there is no more.
async fn many(client: &Client, args: &PurgeArgs) -> anyhow::Result<Purged> {
    if args.filter.from.is_none() {
        return Err(Failure::usage(
            "say what to purge: an instance, or --from MOMENT with other filters",
        ));
    }
    confirm(
        "Remove the history of everything that matches and has ended?",
        args.yes,
    )?;
    let (mut purged, mut token) = (0, None::<String>);
    loop {
        let mut request = args.filter.put(client, Request::delete(["status"]));
        if let Some(token) = &token {
            request = request.header(CONTINUATION, token)?;
        }
        let answer = client.send(request).await?;
        purged += answer.read::<Purged>()?.instances_deleted;
        token = answer.header(CONTINUATION);
        if token.is_none() {
            return Ok(Purged {
                instances_deleted: purged,
            });
        }
    }
}
