//! `longshore dead-letters`.

use shared::ledger::DeadLetter;

use crate::client::{Client, Request};
use crate::exit::Exit;
use crate::output::note;
use crate::output::table::Table;
use crate::output::times::moment;

pub(crate) async fn run(client: &Client) -> anyhow::Result<Exit> {
    client
        .show(Request::get(["dead-letters"]), |letters: &Vec<DeadLetter>| {
            show(letters)
        })
        .await?;
    Ok(Exit::Ok)
}

fn show(letters: &[DeadLetter]) {
    if letters.is_empty() {
        note("no message led to nothing");
    }
    let mut table = Table::new(&["RECEIVED", "QUEUE", "REASON", "PROBLEM"]);
    for letter in letters {
        table.row_with(
            [
                moment(letter.received_at),
                letter.queue.clone(),
                letter.reason.clone(),
                String::new(),
            ],
            &letter.problem,
        );
    }
    table.print();
}
