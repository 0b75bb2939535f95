//! `longshore mcp`: the tools for language-model clients on standard input and output.
//!
//! Clients start it and keep it for hours, so of a data folder it holds nothing: each call finds the index anew, as every
//! other command does, and `longshore up` may be started and stopped meanwhile.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use async_trait::async_trait;
use control_plane::mcp::Tools;
use control_plane::mcp::reach::{Answer, Question, Reach, Unreachable};
use rmcp::ServiceExt;
use rmcp::transport::stdio;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::args::GlobalArgs;
use crate::client::{Client, Request};
use crate::exit::Exit;
use crate::output::note;

/// Longest wait for an answer from elsewhere; a search with a model that is busy may take long.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) async fn run(global: GlobalArgs) -> anyhow::Result<Exit> {
    let reach: Arc<dyn Reach> = match global.address()? {
        Some(_) => Arc::new(Elsewhere(Client::connect(&global).await?)),
        None => Arc::new(Folder {
            global,
            turn: Mutex::new(()),
        }),
    };
    if io::stdin().is_terminal() {
        note(
            "this command is for language-model clients, which start it themselves; docs/mcp.md has their settings",
        );
    }
    let serving = Tools::new(reach)
        .serve(stdio())
        .await
        .context("the client went away before it had introduced itself")?;
    serving.waiting().await?;
    Ok(Exit::Ok)
}

/// The index of a data folder, through the `longshore up` that runs on it, or opened for one call.
struct Folder {
    global: GlobalArgs,
    /// One call at a time, as an opened folder is locked.
    turn: Mutex<()>,
}

#[async_trait]
impl Reach for Folder {
    async fn ask(&self, question: Question) -> Result<Answer, Unreachable> {
        let _turn = self.turn.lock().await;
        Box::pin(open_and_ask(&self.global, question))
            .await
            .map_err(unreachable)
    }
}

async fn open_and_ask(global: &GlobalArgs, question: Question) -> anyhow::Result<Answer> {
    let client = Client::connect(global).await?;
    let answered = ask(&client, question).await;
    client.close().await?;
    answered
}

/// A control plane.
struct Elsewhere(Client);

#[async_trait]
impl Reach for Elsewhere {
    async fn ask(&self, question: Question) -> Result<Answer, Unreachable> {
        ask(&self.0, question).await.map_err(unreachable)
    }
}

async fn ask(client: &Client, question: Question) -> anyhow::Result<Answer> {
    let request = Request::encoded(question.uri, question.body);
    let answered = timeout(PATIENCE, client.pass(&request)).await;
    let (status, body) = answered.context("there is no answer for two minutes")??;
    Ok(Answer { status, body })
}

#[expect(clippy::needless_pass_by_value, reason = "the form that `map_err` takes")]
fn unreachable(error: anyhow::Error) -> Unreachable {
    Unreachable(format!("{error:#}"))
}
