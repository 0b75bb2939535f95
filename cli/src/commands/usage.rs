//! `longshore usage`.

use clap::Args;
use control_plane::http::plan::IndexUsage;

use crate::client::{Client, Request};
use crate::exit::Exit;
use crate::output::table::Table;
use crate::output::times::day;
use crate::output::{bytes, grouped, line, note};

#[derive(Debug, Args)]
pub(crate) struct UsageArgs {
    /// How many days.
    #[arg(long, default_value_t = 30, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=366))]
    days: u32,
}

pub(crate) async fn run(client: &Client, args: &UsageArgs) -> anyhow::Result<Exit> {
    let request = Request::get(client.of_index(&["usage"]).await?).with("days", args.days);
    client.show(request, show).await?;
    Ok(Exit::Ok)
}

fn show(usage: &IndexUsage) {
    if usage.days.is_empty() {
        note("nothing was used in that time");
    }
    let mut table = Table::new(&["DAY", ">TOKENS", ">EMBEDDED", ">REUSED", ">READ"]);
    for used in &usage.days {
        table.row([
            day(used.day),
            grouped(used.tokens),
            grouped(used.embedded),
            grouped(used.reused),
            bytes(used.bytes),
        ]);
    }
    table.print();
    if let (Some(limit), Some(left)) = (usage.tokens_per_day, usage.left_today) {
        line(&format!(
            "{} of {} tokens are left of today's budget",
            grouped(left),
            grouped(limit)
        ));
    }
}
