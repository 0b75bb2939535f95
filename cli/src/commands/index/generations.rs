//! `longshore index generations …`.

use clap::{Args, Subcommand};
use console::Style;
use control_plane::http::generations::{GenerationList, GenerationState, GenerationStatus, NewGeneration};
use shared::models::WantedModel;

use crate::client::{Client, Request};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::ask::confirm;
use crate::output::table::Table;
use crate::output::times::now;
use crate::output::{ago, grouped, line, note, span};

#[derive(Debug, Subcommand)]
pub(crate) enum GenerationsCommand {
    /// List the generations of an index, and how far a build is.
    List,
    /// Begin to build the next generation; it becomes live when search loses nothing by it.
    Build(BuildArgs),
    /// Make the generation that is being built live as it is, although files stand in the way.
    Swap(OneGeneration),
    /// Give up the build, or the way back to the generation before; the live one stays.
    Rollback(OneGeneration),
    /// Go back from the live generation to the one before.
    Undo(UndoArgs),
    /// Drop the generation that is kept for an undo.
    Drop(DropArgs),
}

#[derive(Debug, Args)]
pub(crate) struct BuildArgs {
    /// The model of its dense vectors: a name of the service's settings, `none` for none [default: as it is].
    #[arg(long, value_name = "NAME")]
    embedding: Option<String>,

    /// Another model at the same endpoint, with the same key.
    #[arg(long, value_name = "MODEL", conflicts_with = "no_model")]
    model: Option<String>,

    /// Vectors shortened to so many numbers, where the model can.
    #[arg(long, value_name = "N")]
    dimensions: Option<u32>,

    /// Language of its full-text search [default: as it is].
    #[arg(long)]
    language: Option<String>,

    /// No dense vectors, like `--embedding none`.
    #[arg(long, conflicts_with_all = ["embedding", "dimensions"])]
    no_model: bool,
}

#[derive(Debug, Args)]
pub(crate) struct OneGeneration {
    /// Its number [default: the one that it can be done to].
    number: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct UndoArgs {
    #[command(flatten)]
    generation: OneGeneration,

    /// At once, without waiting until the one before has caught up: search may lose new files and show old versions until it
    /// has.
    #[arg(long)]
    now: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DropArgs {
    #[command(flatten)]
    generation: OneGeneration,

    /// Do it without asking.
    #[arg(long, short)]
    yes: bool,
}

pub(super) async fn run(client: &Client, command: GenerationsCommand) -> anyhow::Result<Exit> {
    use GenerationState::{Building, Live, Retired, Returning};
    let request = match command {
        GenerationsCommand::List => Request::get(client.of_index(&["generations"]).await?),
        GenerationsCommand::Build(args) => {
            Request::post(client.of_index(&["generations"]).await?).body(&args.wanted())?
        }
        GenerationsCommand::Swap(wanted) => {
            let number = which(client, &wanted, &[Building]).await?;
            Request::post(client.of_index(&["generations", &number, "swap"]).await?)
        }
        GenerationsCommand::Rollback(wanted) => {
            let number = which(client, &wanted, &[Building, Returning]).await?;
            Request::post(client.of_index(&["generations", &number, "rollback"]).await?)
        }
        GenerationsCommand::Undo(args) => {
            let number = which(client, &args.generation, &[Live]).await?;
            Request::post(client.of_index(&["generations", &number, "undo"]).await?).with("now", args.now)
        }
        GenerationsCommand::Drop(args) => {
            let number = which(client, &args.generation, &[Retired]).await?;
            let index = client.index().await?;
            confirm(
                &format!("Drop generation {number} of index {index}? It cannot be gone back to."),
                args.yes,
            )?;
            Request::delete(client.of_index(&["generations", &number]).await?)
        }
    };
    client.show(request, show).await?;
    Ok(Exit::Ok)
}

impl BuildArgs {
    fn wanted(self) -> NewGeneration {
        let none = self.no_model || self.embedding.as_deref() == Some("none");
        let some = self.embedding.is_some() || self.model.is_some() || self.dimensions.is_some();
        let model = || {
            let default = WantedModel::default();
            WantedModel {
                name: self.embedding.unwrap_or(default.name),
                model: self.model,
                dimensions: self.dimensions,
                url: None,
            }
        };
        NewGeneration {
            embedding: match (none, some) {
                (true, _) => Some(None),
                (false, true) => Some(Some(model())),
                (false, false) => None,
            },
            language: self.language,
        }
    }
}

/// The generation that was named, or the only one that is in one of these states.
async fn which(
    client: &Client,
    wanted: &OneGeneration,
    states: &[GenerationState],
) -> anyhow::Result<String> {
    if let Some(number) = wanted.number {
        return Ok(number.to_string());
    }
    let list: GenerationList = client
        .read(Request::get(client.of_index(&["generations"]).await?))
        .await?;
    let mut fit = list.generations.iter().filter(|one| states.contains(&one.state));
    match (fit.next(), fit.next()) {
        (Some(only), None) => Ok(only.number.to_string()),
        (None, _) => {
            let states: Vec<&str> = states.iter().map(|state| name(*state)).collect();
            let text = format!(
                "index {} has no generation that is {}",
                list.index,
                states.join(" or ")
            );
            Err(Failure::NotFound(text).into())
        }
        _ => Err(Failure::usage("there are several: say which one by its number")),
    }
}

fn name(state: GenerationState) -> &'static str {
    match state {
        GenerationState::Building => "BUILDING",
        GenerationState::Live => "LIVE",
        GenerationState::Retired => "RETIRED",
        GenerationState::Returning => "RETURNING",
        GenerationState::Dropping => "DROPPING",
    }
}

fn show(list: &GenerationList) {
    let mut table = Table::new(&[
        ">NUMBER", "STATE", "MODEL", ">SIZE", "LANGUAGE", ">MADE", "PROGRESS",
    ]);
    for one in &list.generations {
        let style = match one.state {
            GenerationState::Live => Style::new().green(),
            GenerationState::Building | GenerationState::Returning => Style::new().cyan(),
            GenerationState::Retired | GenerationState::Dropping => Style::new().dim(),
        };
        let model = one.embedding.as_ref();
        table.row([
            one.number.to_string(),
            style.apply_to(name(one.state)).to_string(),
            model.map_or("none", |model| &model.model).to_owned(),
            model.map_or_else(|| "-".to_owned(), |model| model.dimensions.to_string()),
            one.language.clone(),
            ago(now(), one.created_at),
            progress(one),
        ]);
    }
    table.print();
    for one in &list.generations {
        for why in one.progress.iter().flat_map(|progress| &progress.waits_for) {
            line(&format!("generation {} waits: {why}", one.number));
        }
    }
    if let Some(failure) = &list.failure {
        note(&format!("the latest build was rolled back: {}", failure.reason));
    }
}

fn progress(one: &GenerationStatus) -> String {
    let Some(progress) = &one.progress else {
        return String::new();
    };
    let mut text = format!("{}/{} files", grouped(progress.settled), grouped(progress.total));
    if progress.failed > 0 {
        text.push_str(&format!(", {} failed", grouped(progress.failed)));
    }
    if let Some(seconds) = progress
        .eta_seconds
        .and_then(|seconds| i64::try_from(seconds).ok())
    {
        text.push_str(&format!(", {} left", span(seconds.saturating_mul(1000))));
    }
    text
}
