//! `longshore audit`.

use clap::Args;
use console::Style;
use control_plane::http::audit::AuditPage;

use crate::client::{Client, Request};
use crate::exit::Exit;
use crate::output::table::Table;
use crate::output::times::moment;
use crate::output::{line, note};

/// Most entries of a page.
const PAGE: usize = 1000;

#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// Most entries.
    #[arg(long, short = 'n', default_value_t = 50, value_name = "N")]
    limit: usize,
}

pub(crate) async fn run(client: &Client, args: &AuditArgs) -> anyhow::Result<Exit> {
    let (mut left, mut cursor) = (args.limit, None::<String>);
    let mut table = Table::new(&["WHEN", "WHO", "WHAT", ">STATUS", "WHERE"]);
    while left > 0 {
        let request = Request::get(["audit"])
            .with("limit", left.min(PAGE))
            .with_some("cursor", cursor.as_ref());
        let page: AuditPage = client.read(request).await?;
        if page.entries.is_empty() && cursor.is_none() && !client.is_json() {
            note("nothing was changed yet");
        }
        left = left.saturating_sub(page.entries.len());
        for entry in page.entries {
            if client.is_json() {
                line(&serde_json::to_string(&entry)?);
                continue;
            }
            let failed = entry.status.is_none_or(|status| status >= 400);
            let style = if failed { Style::new().red() } else { Style::new() };
            let status = entry
                .status
                .map_or_else(|| "?".to_owned(), |status| status.to_string());
            let code = entry.code.map(|code| format!("  {code}")).unwrap_or_default();
            table.row([
                moment(entry.happened_at),
                entry.actor,
                entry.action,
                style.apply_to(status).to_string(),
                format!("{}{}", entry.path, Style::new().dim().apply_to(code)),
            ]);
        }
        table.print();
        match page.cursor {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    Ok(Exit::Ok)
}
