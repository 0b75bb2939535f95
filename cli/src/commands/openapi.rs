//! `longshore openapi`.

use serde_json::Value;

use crate::client::{Client, Request};
use crate::exit::Exit;
use crate::output::line;

pub(crate) async fn run(client: &Client) -> anyhow::Result<Exit> {
    let document: Value = client.read(Request::get(["openapi.json"])).await?;
    line(&serde_json::to_string_pretty(&document)?);
    Ok(Exit::Ok)
}
