//! `longshore files`.

use console::{Style, pad_str};
use control_plane::http::files::FilePage;
use shared::clock::{Clock, SystemClock};
use shared::file_state::FileState;
use shared::ledger::FileRow;

use crate::args::{DataArgs, FilesArgs};
use crate::client::Client;
use crate::output::{ago, grouped, line, note};

/// Files per request.
const PAGE: &str = "500";

pub(crate) async fn run(data: &DataArgs, args: FilesArgs) -> anyhow::Result<u8> {
    let client = Client::connect(data).await?;
    let listed = list(&client, &args).await;
    client.close().await?;
    let count = listed?;
    if !args.json && count == 0 {
        note("no such files");
    }
    Ok(0)
}

async fn list(client: &Client, args: &FilesArgs) -> anyhow::Result<u64> {
    let states = args
        .status
        .iter()
        .map(|state| state.name())
        .collect::<Vec<_>>()
        .join(",");
    let partial = if args.partial { "true" } else { "false" };
    let mut cursor: Option<String> = None;
    let mut count = 0;
    loop {
        let mut query = vec![
            ("state", states.as_str()),
            ("prefix", &args.prefix),
            ("partial", partial),
            ("limit", PAGE),
        ];
        if let Some(cursor) = &cursor {
            query.push(("cursor", cursor));
        }
        let page: FilePage = client.get(&client.of_index(&["files"]), &query).await?;
        for file in &page.files {
            count += 1;
            if args.json {
                line(&serde_json::to_string(file)?);
            } else {
                print(file);
            }
        }
        match page.cursor {
            Some(next) => cursor = Some(next),
            None => return Ok(count),
        }
    }
}

fn print(file: &FileRow) {
    let chunks = file
        .version
        .as_ref()
        .filter(|_| file.live_claim.is_some())
        .map_or_else(|| "-".to_owned(), |version| grouped(u64::from(version.chunks)));
    let mut text = format!(
        "{}  {chunks:>6}  {:>14}  {}",
        state_style(file.state).apply_to(pad_str(file.state.name(), 10, console::Alignment::Left, None)),
        ago(SystemClock.now(), file.updated_at),
        file.path,
    );
    if let Some(failure) = &file.last_error {
        text.push_str(&format!("  {}", Style::new().dim().apply_to(failure)));
    }
    if let Some(version) = &file.version {
        for missing in &version.missing {
            text.push_str(&format!("  {}", Style::new().yellow().apply_to(missing)));
        }
    }
    line(&text);
}

/// The colour of a state.
pub(crate) fn state_style(state: FileState) -> Style {
    match state {
        FileState::Indexed => Style::new().green(),
        FileState::Failed => Style::new().red().bold(),
        FileState::AwaitingApproval => Style::new().magenta().bold(),
        FileState::Pending | FileState::Processing | FileState::Publishing => Style::new().cyan(),
        FileState::Skipped | FileState::Deleted => Style::new().dim(),
    }
}
