//! `longshore mcp`: the tools for language-model clients on standard input and output.
//!
//! Clients start it and keep it for hours, so it holds nothing: each call finds the index anew, as every other command does,
//! and `longshore up` may be started and stopped meanwhile.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use async_trait::async_trait;
use control_plane::mcp::Tools;
use control_plane::mcp::reach::{Answer, Question, Reach, Unreachable};
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use rmcp::ServiceExt;
use rmcp::transport::stdio;
use tokio::sync::Mutex;

use crate::args::{DataArgs, McpArgs};
use crate::client::Client;
use crate::output::note;

/// Holds the key for a control plane.
const KEY: &str = "LONGSHORE_API_KEY";
/// Longest wait for an answer from elsewhere; a search with a model that is busy may take long.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) async fn run(data: DataArgs, args: McpArgs) -> anyhow::Result<u8> {
    let reach: Arc<dyn Reach> = match args.url {
        Some(url) => Arc::new(Elsewhere::new(&url)?),
        None => Arc::new(Folder {
            data,
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
    Ok(0)
}

/// The index of a data folder, through the `longshore up` that runs on it, or opened for one call.
struct Folder {
    data: DataArgs,
    /// One call at a time, as an opened folder is locked.
    turn: Mutex<()>,
}

#[async_trait]
impl Reach for Folder {
    async fn ask(&self, question: Question) -> Result<Answer, Unreachable> {
        let _turn = self.turn.lock().await;
        Box::pin(ask(&self.data, question)).await.map_err(unreachable)
    }
}

async fn ask(data: &DataArgs, question: Question) -> anyhow::Result<Answer> {
    let client = Client::connect(data).await?;
    let answered = client.send(&question.uri, question.body).await;
    client.close().await?;
    let (status, body) = answered?;
    Ok(Answer { status, body })
}

/// A control plane.
struct Elsewhere {
    /// Without a slash at its end.
    base: String,
    http: reqwest::Client,
}

impl Elsewhere {
    fn new(url: &str) -> anyhow::Result<Self> {
        let parsed = Url::parse(url).ok().filter(|url| {
            matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none()
        });
        let parsed = parsed.with_context(|| {
            format!(
                "--url is no plain address such as https://longshore.example.com; the key goes into {KEY}"
            )
        })?;
        let mut headers = HeaderMap::new();
        let key = std::env::var_os(KEY).unwrap_or_default();
        if !key.is_empty() {
            let value = HeaderValue::from_str(&format!("Bearer {}", key.to_string_lossy().trim()));
            let mut value = value
                .ok()
                .with_context(|| format!("{KEY} holds something that is no key"))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let http = reqwest::Client::builder()
            .default_headers(headers)
            .timeout(PATIENCE)
            .build()?;
        Ok(Self {
            base: format!(
                "{}{}",
                parsed.origin().ascii_serialization(),
                parsed.path().trim_end_matches('/')
            ),
            http,
        })
    }

    async fn send(&self, question: Question) -> anyhow::Result<Answer> {
        let url = format!("{}{}", self.base, question.uri);
        let request = match &question.body {
            Some(body) => self.http.post(url).json(body),
            None => self.http.get(url),
        };
        let answer = request
            .send()
            .await
            .with_context(|| format!("{} does not answer", self.base))?;
        let status = answer.status();
        let body = answer
            .bytes()
            .await
            .with_context(|| format!("{} broke off its answer", self.base))?;
        Ok(Answer {
            status,
            body: body.to_vec(),
        })
    }
}

#[async_trait]
impl Reach for Elsewhere {
    async fn ask(&self, question: Question) -> Result<Answer, Unreachable> {
        self.send(question).await.map_err(unreachable)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the form that `map_err` takes")]
fn unreachable(error: anyhow::Error) -> Unreachable {
    Unreachable(format!("{error:#}"))
}
