//! `longshore index create NAME --source SOURCE`.

use anyhow::Context;
use clap::Args;
use control_plane::http::indexes::IndexStatus;
use serde_json::{Map, Value};
use shared::ids::IndexId;

use super::assignments::{Assignment, object};
use crate::client::{Client, Request};
use crate::exit::Exit;
use crate::output::{line, note};

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Its name.
    name: IndexId,

    /// Where its documents are: azure://ACCOUNT/CONTAINER, s3://BUCKET, gs://BUCKET, file:///FOLDER, or a folder.
    #[arg(long)]
    source: String,

    /// The folder inside the source that it covers [default: all of it].
    #[arg(long, value_name = "FOLDER")]
    prefix: Option<String>,

    /// Language of the full-text search [default: english].
    #[arg(long)]
    language: Option<String>,

    /// Full-text search only, whatever model the service has.
    #[arg(long)]
    no_embedding: bool,

    /// A setting; `longshore index settings` lists them.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<Assignment>,
}

pub(crate) async fn run(client: &Client, args: CreateArgs) -> anyhow::Result<Exit> {
    let mut wanted: Map<String, Value> = object(&args.set);
    wanted.insert("name".to_owned(), args.name.as_str().into());
    wanted.insert("source".to_owned(), source(client, &args.source)?.into());
    for (name, value) in [("prefix", args.prefix), ("language", args.language)] {
        if let Some(value) = value {
            wanted.insert(name.to_owned(), value.into());
        }
    }
    if args.no_embedding {
        wanted.insert("embedding".to_owned(), false.into());
    }
    let show = |status: &IndexStatus| {
        line(&format!("index {} is made", status.index.id));
        note(&format!(
            "its files are indexed {}; `longshore status --index {}` shows how far that is",
            client.when(),
            status.index.id
        ));
    };
    client
        .show(Request::post(["indexes"]).body(&wanted)?, show)
        .await?;
    Ok(Exit::Ok)
}

/// A folder may be named as people name folders, where it is on the same machine.
fn source(client: &Client, text: &str) -> anyhow::Result<String> {
    if text.contains("://") || !client.is_here() {
        return Ok(text.to_owned());
    }
    let folder = std::path::absolute(text).with_context(|| format!("{text} is no folder"))?;
    Ok(folder.to_string_lossy().into_owned())
}
