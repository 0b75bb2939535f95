//! `longshore backlog`.

use control_plane::http::backlog::BacklogOfAll;

use crate::client::{Client, Request};
use crate::exit::Exit;
use crate::output::table::Table;
use crate::output::{grouped, note};

pub(crate) async fn run(client: &Client) -> anyhow::Result<Exit> {
    client.show(Request::get(["backlog"]), show).await?;
    Ok(Exit::Ok)
}

fn show(backlog: &BacklogOfAll) {
    let mut table = Table::new(&["INDEX", "LANE", ">PENDING", ">RUNNING"]);
    for lane in backlog
        .all
        .lanes
        .iter()
        .filter(|lane| lane.pending + lane.running > 0)
    {
        table.row([
            lane.index.to_string(),
            lane.lane.name().to_owned(),
            grouped(lane.pending),
            grouped(lane.running),
        ]);
    }
    if backlog.all.backlog == 0 {
        note("nothing is to be done");
    }
    table.print();
}
