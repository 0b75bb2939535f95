//! `longshore instance …`: files and runs in the shape that users of Durable Functions know.

mod purge;

use clap::{Args, Subcommand};
use console::Style;
use control_plane::http::files::FileStatus;
use control_plane::http::indexes::IndexStatus;
use control_plane::http::status::{HistoryEvent, InstanceStatus, RuntimeStatus};
use shared::file_state::FileState;
use shared::ids::{FileId, RunId};

use crate::client::{Client, Request};
use crate::exit::Exit;
use crate::output::table::{Table, fields};
use crate::output::times::Past;
use crate::output::{line, note};

/// Where a listing goes on, in requests and answers.
const CONTINUATION: &str = "x-ms-continuation-token";
/// Instances per request.
const PAGE: usize = 1000;

#[derive(Debug, Subcommand)]
pub(crate) enum InstanceCommand {
    /// List files and runs, index by index.
    List(ListArgs),
    /// Show a file or a run, with what happened to it.
    Show(ShowArgs),
    /// End what goes on: a file is FAILED until it changes or is rewound, a run is cancelled. What is committed stays.
    Terminate(ActArgs),
    /// Hold a file, or the files of a run, until they are resumed; attempts under way go on.
    Suspend(ActArgs),
    /// Go on with what is suspended.
    Resume(ActArgs),
    /// Try again what failed: a file, or every such file of a run.
    Rewind(ActArgs),
    /// Remove the history of files, and the records of runs, that have ended.
    Purge(purge::PurgeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    filter: FilterArgs,

    /// Most instances.
    #[arg(long, short = 'n', default_value_t = 50, value_name = "N")]
    limit: usize,
}

#[derive(Debug, Args)]
struct FilterArgs {
    /// Only these statuses: Pending, Running, Completed, Failed, Canceled, Terminated, Suspended.
    #[arg(long, value_name = "STATUS", value_delimiter = ',')]
    status: Vec<RuntimeStatus>,

    /// First asked for at this moment or later: 2026-03-01, 2026-03-01T12:00:00Z, or 7d ago as 7d.
    #[arg(long, value_name = "MOMENT")]
    from: Option<Past>,

    /// First asked for at this moment or earlier.
    #[arg(long, value_name = "MOMENT")]
    to: Option<Past>,

    /// Only ids that start with this [default: with --index, the files of that index].
    #[arg(long, value_name = "TEXT")]
    prefix: Option<String>,
}

impl FilterArgs {
    fn put(&self, client: &Client, request: Request) -> Request {
        let files_of = |index| format!("{index}:");
        let prefix = self.prefix.clone().or_else(|| client.asked_index().map(files_of));
        let statuses: Vec<&str> = self.status.iter().map(|status| status.name()).collect();
        request
            .with("runtimeStatus", statuses.join(","))
            .with_some("createdTimeFrom", self.from.map(Past::rfc3339))
            .with_some("createdTimeTo", self.to.map(Past::rfc3339))
            .with_some("instanceIdPrefix", prefix)
    }
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    one: OneInstance,

    /// With times and counts of each attempt.
    #[arg(long)]
    history_output: bool,
}

#[derive(Debug, Args)]
struct OneInstance {
    /// A run's id, a file's path, or a file's id in the form INDEX:FILEID.
    instance: String,
}

#[derive(Debug, Args)]
pub(crate) struct ActArgs {
    #[command(flatten)]
    one: OneInstance,

    /// Why, for the history.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

pub(crate) async fn run(client: &Client, command: InstanceCommand) -> anyhow::Result<Exit> {
    match command {
        InstanceCommand::List(args) => list(client, &args).await?,
        InstanceCommand::Show(args) => {
            let id = args.one.id(client).await?;
            let request = Request::get(["status", &id])
                .with("showHistory", true)
                .with("showHistoryOutput", args.history_output);
            client.show(request, card).await?;
        }
        InstanceCommand::Terminate(args) => act(client, &args, "terminate").await?,
        InstanceCommand::Suspend(args) => act(client, &args, "suspend").await?,
        InstanceCommand::Resume(args) => act(client, &args, "resume").await?,
        InstanceCommand::Rewind(args) => act(client, &args, "rewind").await?,
        InstanceCommand::Purge(args) => purge::run(client, &args).await?,
    }
    Ok(Exit::Ok)
}

impl OneInstance {
    /// The id that was named, or that of the file of this path.
    async fn id(&self, client: &Client) -> anyhow::Result<String> {
        let text = &self.instance;
        let is_file = |(_, file): (&str, &str)| file.parse::<FileId>().is_ok();
        if text.parse::<RunId>().is_ok() || text.split_once(':').is_some_and(is_file) {
            return Ok(text.clone());
        }
        Ok(file_instance(client, text).await?.instance)
    }
}

/// A file as an instance.
pub(crate) struct FileInstance {
    pub(crate) instance: String,
    pub(crate) state: FileState,
}

/// The instance that a file of the index is.
pub(crate) async fn file_instance(client: &Client, path: &str) -> anyhow::Result<FileInstance> {
    let mut url = client.of_index(&["files"]).await?;
    url.extend(path.split('/').map(str::to_owned));
    let found: FileStatus = client.read(Request::get(url)).await?;
    let status: IndexStatus = client.read(Request::get(client.of_index(&[]).await?)).await?;
    // Files have the name of their generation, where that is not the first.
    let index = match status.generation {
        0 | 1 => status.index.id.to_string(),
        number => format!("{}~{number}", status.index.id.base()),
    };
    Ok(FileInstance {
        instance: format!("{index}:{}", found.file.file_id),
        state: found.file.state,
    })
}

async fn act(client: &Client, args: &ActArgs, action: &str) -> anyhow::Result<()> {
    let id = args.one.id(client).await?;
    let request = Request::post(["status", &id, action]).with_some("reason", args.reason.as_ref());
    let show = |status: &InstanceStatus| {
        let held = if status.custom_status.suspended.is_some() {
            ", and held until it is resumed"
        } else {
            ""
        };
        line(&format!(
            "{} {} is {}{held}",
            status.name,
            args.one.instance,
            shown(status.runtime_status)
        ));
    };
    client.show(request, show).await
}

async fn list(client: &Client, args: &ListArgs) -> anyhow::Result<()> {
    let (mut left, mut token) = (args.limit, None::<String>);
    let mut table = Table::new(&["WHAT", "STATUS", "INSTANCE", "UPDATED", "OF"]);
    let mut count = 0;
    while left > 0 {
        let mut request = args
            .filter
            .put(client, Request::get(["status"]))
            .with("top", left.min(PAGE));
        if let Some(token) = &token {
            request = request.header(CONTINUATION, token)?;
        }
        let answer = client.send(request).await?;
        let page: Vec<InstanceStatus> = answer.read()?;
        left = left.saturating_sub(page.len());
        count += page.len();
        for status in page {
            if client.is_json() {
                line(&serde_json::to_string(&status)?);
                continue;
            }
            let of = status.input.map_or_else(String::new, |input| match input.path {
                Some(path) => path.to_string(),
                None => format!("{} {}", input.index, input.kind.map_or("", |kind| kind.name())),
            });
            table.row([
                status.name,
                shown(status.runtime_status),
                status.instance_id,
                status.last_updated_time,
                of,
            ]);
        }
        table.print();
        token = answer.header(CONTINUATION);
        if token.is_none() {
            break;
        }
    }
    if count == 0 && !client.is_json() {
        note("no such instances");
    }
    Ok(())
}

fn shown(status: RuntimeStatus) -> String {
    let style = match status {
        RuntimeStatus::Completed => Style::new().green(),
        RuntimeStatus::Failed | RuntimeStatus::Terminated => Style::new().red().bold(),
        RuntimeStatus::Pending | RuntimeStatus::Running => Style::new().cyan(),
        RuntimeStatus::Canceled | RuntimeStatus::Suspended => Style::new().yellow(),
    };
    style.apply_to(status.name()).to_string()
}

fn card(status: &InstanceStatus) {
    let id = Style::new().bold().apply_to(&status.instance_id);
    line(&format!(
        "{} {id} · {}",
        status.name,
        shown(status.runtime_status)
    ));
    let path = status.input.as_ref().and_then(|input| input.path.as_ref());
    let custom = &status.custom_status;
    fields(&[
        ("path", path.map_or_else(String::new, ToString::to_string)),
        ("created", status.created_time.clone()),
        ("updated", status.last_updated_time.clone()),
        ("reason", custom.last_error.clone().unwrap_or_default()),
    ]);
    let mut table = Table::new(&["TIMESTAMP", "EVENT", "DETAIL"]);
    for event in status.history_events.iter().flatten() {
        table.row_with(
            [event.timestamp.clone(), event.event_type.clone(), String::new()],
            &detail(event),
        );
    }
    if status
        .history_events
        .as_ref()
        .is_some_and(|events| !events.is_empty())
    {
        line("");
    }
    table.print();
}

fn detail(event: &HistoryEvent) -> String {
    let status = event.orchestration_status.map(|status| status.name().to_owned());
    let parts = [
        &event.function_name,
        &event.name,
        &status,
        &event.reason,
        &event.details,
        &event.result,
    ];
    let parts: Vec<&str> = parts.iter().filter_map(|part| part.as_deref()).collect();
    parts.join(", ")
}
