//! `longshore files`.

use clap::Args;
use console::Style;
use control_plane::http::files::FilePage;
use shared::file_state::FileState;
use shared::ledger::FileRow;

use crate::client::{Client, Request};
use crate::exit::Exit;
use crate::output::table::Table;
use crate::output::times::now;
use crate::output::{ago, grouped, line, note};

/// Files per request.
const PAGE: u64 = 500;

#[derive(Debug, Args)]
pub(crate) struct FilesArgs {
    /// Only files in these states, for example FAILED,SKIPPED [default: all but DELETED].
    #[arg(long, visible_alias = "state", value_name = "STATE", value_delimiter = ',')]
    status: Vec<FileState>,

    /// Only paths that start with this.
    #[arg(long, default_value = "")]
    prefix: String,

    /// Only files that are indexed in part, because some of their pages or attachments could not be read.
    #[arg(long)]
    partial: bool,

    /// Most files [default: all].
    #[arg(long, short = 'n', value_name = "N")]
    limit: Option<u64>,
}

pub(crate) async fn run(client: &Client, args: &FilesArgs) -> anyhow::Result<Exit> {
    let states: Vec<&str> = args.status.iter().map(|state| state.name()).collect();
    let mut left = args.limit.unwrap_or(u64::MAX);
    let mut cursor: Option<String> = None;
    let mut count = 0;
    let mut table = Table::new(&["STATE", ">CHUNKS", ">UPDATED", "PATH"]);
    while left > 0 {
        let request = Request::get(client.of_index(&["files"]).await?)
            .with("state", states.join(","))
            .with("prefix", &args.prefix)
            .with("partial", args.partial)
            .with("limit", left.min(PAGE))
            .with_some("cursor", cursor.as_ref());
        let page: FilePage = client.read(request).await?;
        for file in &page.files {
            count += 1;
            if client.is_json() {
                line(&serde_json::to_string(file)?);
            } else {
                table.row_with(row(file), &why(file));
            }
        }
        table.print();
        left = left.saturating_sub(page.files.len() as u64);
        match page.cursor {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    if count == 0 && !client.is_json() {
        note("no such files");
    }
    Ok(Exit::Ok)
}

fn row(file: &FileRow) -> [String; 4] {
    let chunks = file
        .version
        .as_ref()
        .filter(|_| file.live_claim.is_some())
        .map_or_else(|| "-".to_owned(), |version| grouped(u64::from(version.chunks)));
    let updated = ago(now(), file.updated_at);
    [state(file.state), chunks, updated, file.path.to_string()]
}

/// Why it is not, or not all of it, indexed.
fn why(file: &FileRow) -> String {
    let mut why = String::new();
    if let Some(failure) = &file.last_error {
        why.push_str(&format!("  {}", Style::new().dim().apply_to(failure)));
    }
    for missing in file.version.iter().flat_map(|version| &version.missing) {
        why.push_str(&format!("  {}", Style::new().yellow().apply_to(missing)));
    }
    why
}

/// A state in its colour.
pub(crate) fn state(state: FileState) -> String {
    let style = match state {
        FileState::Indexed => Style::new().green(),
        FileState::Failed => Style::new().red().bold(),
        FileState::AwaitingApproval => Style::new().magenta().bold(),
        FileState::Pending | FileState::Processing | FileState::Publishing => Style::new().cyan(),
        FileState::Skipped | FileState::Deleted => Style::new().dim(),
    };
    style.apply_to(state.name()).to_string()
}
