//! `longshore index …`.

mod assignments;
mod create;
mod generations;
mod lifecycle;
mod set;
mod show;

use clap::{Args, Subcommand};

use crate::client::Client;
use crate::exit::Exit;

pub(crate) use self::show::card;

#[derive(Debug, Subcommand)]
pub(crate) enum IndexCommand {
    /// List the indexes with their numbers.
    List,
    /// Show an index with its numbers and settings.
    Show(OneIndex),
    /// Make an index.
    Create(Box<create::CreateArgs>),
    /// Change settings of an index, and show what each change takes.
    Set(set::SetArgs),
    /// List the settings that an index has, what each does, and what changing it takes.
    Settings,
    /// Stop work on an index; changes are still recorded, and search goes on.
    Pause(OneIndex),
    /// Go on with work on an index.
    Resume(OneIndex),
    /// Delete an index with its vectors; its source is never touched.
    Delete(lifecycle::DeleteArgs),
    /// Build another generation of an index beside the live one, and swap, undo and drop them.
    #[command(subcommand)]
    Generations(generations::GenerationsCommand),
}

/// An index, named as an argument or with `--index`.
#[derive(Debug, Args)]
pub(crate) struct OneIndex {
    /// The index [default: the one of --index, or the only one].
    name: Option<String>,
}

pub(crate) async fn run(client: &Client, command: IndexCommand) -> anyhow::Result<Exit> {
    match command {
        IndexCommand::List => show::list(client).await,
        IndexCommand::Show(index) => show::one(client, &index).await,
        IndexCommand::Create(args) => create::run(client, *args).await,
        IndexCommand::Set(args) => set::run(client, &args).await,
        IndexCommand::Settings => set::settings(client).await,
        IndexCommand::Pause(index) => lifecycle::pause(client, &index).await,
        IndexCommand::Resume(index) => lifecycle::resume(client, &index).await,
        IndexCommand::Delete(args) => lifecycle::delete(client, &args).await,
        IndexCommand::Generations(command) => generations::run(client, command).await,
    }
}
