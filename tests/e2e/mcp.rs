//! Language-model clients: a real client of the protocol, against the command that it starts and over HTTP.

use anyhow::{Context, ensure};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use rmcp::model::{CallToolRequestParams, CallToolResult};
use rmcp::service::RunningService;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::transport::{StreamableHttpClientTransport, TokioChildProcess};
use rmcp::{RoleClient, ServiceError, ServiceExt};
use serde_json::{Value, json};
use tests::folder::Docs;
use tests::longshore::Longshore;

struct Model(RunningService<RoleClient, ()>);

impl Model {
    /// One that starts `longshore mcp`.
    async fn starting(longshore: &Longshore, args: &[&str]) -> anyhow::Result<Self> {
        let command = longshore.command(&[&["mcp"], args].concat());
        let child = TokioChildProcess::new(tokio::process::Command::from(command))?;
        Ok(Self(().serve(child).await?))
    }

    async fn over_http(url: &str) -> anyhow::Result<Self> {
        let config = StreamableHttpClientTransportConfig::with_uri(format!("{url}/mcp"));
        let transport = StreamableHttpClientTransport::from_config(config);
        Ok(Self(().serve(transport).await?))
    }

    async fn tools(&self) -> anyhow::Result<Vec<String>> {
        let tools = self.0.list_all_tools().await?;
        Ok(tools.into_iter().map(|tool| tool.name.into_owned()).collect())
    }

    async fn ask(&self, tool: &str, arguments: Value) -> Result<CallToolResult, ServiceError> {
        let arguments = arguments.as_object().cloned().unwrap_or_default();
        let params = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        self.0.call_tool(params).await
    }

    /// The text of a result, and its data; an error when it is one.
    async fn call(&self, tool: &str, arguments: Value) -> anyhow::Result<(String, Value)> {
        let result = self.ask(tool, arguments).await?;
        let text = text(&result)?;
        ensure!(result.is_error != Some(true), "{tool} answers: {text}");
        Ok((text, result.structured_content.context("no data")?))
    }

    /// The text of an error.
    async fn refused(&self, tool: &str, arguments: Value) -> anyhow::Result<String> {
        let result = self.ask(tool, arguments).await?;
        let text = text(&result)?;
        ensure!(result.is_error == Some(true), "{tool} answers: {text}");
        Ok(text)
    }

    async fn leave(self) -> anyhow::Result<()> {
        self.0.cancel().await?;
        Ok(())
    }
}

fn text(result: &CallToolResult) -> anyhow::Result<String> {
    let text = result.content.first().and_then(|content| content.as_text());
    Ok(text.context("no text")?.text.clone())
}

fn docs() -> anyhow::Result<Docs> {
    let docs = Docs::new()?;
    docs.write(
        "guides/über uns.md",
        "# Harbour\n\n## Depth\n\nThe harbour is twelve metres deep.\n",
    )?;
    docs.write("notes.txt", "The lighthouse is red.\n")?;
    Ok(docs)
}

/// What any client does with the two documents.
async fn look_around(model: &Model) -> anyhow::Result<()> {
    let tools = model.tools().await?;
    ensure!(
        tools == ["search", "get_document", "file_status", "list_indexes"],
        "{tools:?}"
    );
    let (text, found) = model
        .call(
            "search",
            json!({ "query": "how deep is the harbour", "filter": { "globs": ["**/*.md"] } }),
        )
        .await?;
    ensure!(
        text.contains("guides/über uns.md") && text.contains("twelve metres"),
        "{text}"
    );
    let passage = &found["passages"][0];
    let part = json!({ "path": passage["path"], "etag": passage["etag"], "from": 0, "max_bytes": 1000 });
    let (text, document) = model.call("get_document", part).await?;
    ensure!(text.contains("The harbour is twelve metres deep."), "{text}");
    ensure!(document["etag"] == passage["etag"], "{document}");
    let (_, status) = model.call("file_status", json!({ "path": "notes.txt" })).await?;
    ensure!(status["searchable"] == true, "{status}");
    let (_, indexes) = model.call("list_indexes", json!({})).await?;
    ensure!(indexes["indexes"][0]["index"] == "harbour", "{indexes}");

    let long = model
        .refused("search", json!({ "query": "x".repeat(5_000) }))
        .await?;
    ensure!(long.contains("longer than 4000 characters"), "{long}");
    let foreign = model
        .refused("search", json!({ "query": "x", "index": "other" }))
        .await?;
    ensure!(foreign.contains("index_not_found"), "{foreign}");
    let absent = model
        .refused("get_document", json!({ "path": "absent.md" }))
        .await?;
    ensure!(absent.contains("file_not_found"), "{absent}");
    let wrong = model.refused("search", json!({ "queri": "x" })).await?;
    ensure!(wrong.contains("queri"), "{wrong}");
    let unknown = model.ask("delete_index", json!({})).await;
    ensure!(matches!(&unknown, Err(ServiceError::McpError(error)) if error.message.contains("delete_index")));
    Ok(())
}

#[test]
fn a_client_that_starts_the_command_holds_nothing() -> anyhow::Result<()> {
    let (longshore, docs) = (Longshore::new(&["--name", "harbour"])?, docs()?);
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let model = Model::starting(&longshore, &[]).await?;
        let none = model.refused("list_indexes", json!({})).await?;
        ensure!(none.contains("longshore up"), "{none}");
        longshore.once_ok(&docs)?;
        look_around(&model).await?;

        // The same client goes on while somebody starts and stops the service.
        let up = longshore.up(&docs, &[])?;
        look_around(&model).await?;
        let metrics = reqwest::get(format!("{}/metrics", up.url()))
            .await?
            .text()
            .await?;
        let searched = r#"longshore_searches_total{outcome="ok"} 1"#;
        ensure!(
            metrics.contains(searched),
            "the running service was not asked: {metrics}"
        );
        up.stop()?;
        look_around(&model).await?;
        let many = (0..4).map(|_| model.call("search", json!({ "query": "lighthouse" })));
        for found in futures::future::join_all(many).await {
            ensure!(found?.0.contains("The lighthouse is red."));
        }
        model.leave().await
    })
}

#[test]
fn a_running_service_is_reached_over_http() -> anyhow::Result<()> {
    let (longshore, docs) = (Longshore::new(&["--name", "harbour"])?, docs()?);
    longshore.once_ok(&docs)?;
    let up = longshore.up(&docs, &[])?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let model = Model::over_http(up.url()).await?;
        look_around(&model).await?;
        model.leave().await?;
        let elsewhere = Longshore::new(&[])?;
        let model = Model::starting(&elsewhere, &["--url", up.url()]).await?;
        look_around(&model).await?;
        model.leave().await?;

        let metrics = reqwest::get(format!("{}/metrics", up.url()))
            .await?
            .text()
            .await?;
        let counted = r#"longshore_mcp_calls_total{outcome="refused",tool="unknown"} 1"#;
        ensure!(metrics.contains(counted), "{metrics}");
        let page = reqwest::Client::new()
            .post(format!("{}/mcp", up.url()))
            .header(header::ORIGIN, "https://evil.example")
            .json(&json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }))
            .send()
            .await?;
        ensure!(
            page.status() == StatusCode::FORBIDDEN,
            "pages of others are answered"
        );
        Ok(())
    })
}

#[test]
fn the_command_sends_the_key_of_its_environment() -> anyhow::Result<()> {
    async fn indexes(headers: HeaderMap) -> axum::response::Response {
        if headers
            .get(header::AUTHORIZATION)
            .is_some_and(|key| key == "Bearer lsk-right")
        {
            return Json(json!([])).into_response();
        }
        let problem = json!({ "code": "unauthorized", "detail": "the key is missing or wrong" });
        (StatusCode::UNAUTHORIZED, Json(problem)).into_response()
    }
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/behind/a/proxy/", listener.local_addr()?);
        let routes = Router::new().route("/behind/a/proxy/indexes", get(indexes));
        let serving = shared::shutdown::Tasks::new();
        serving.spawn(async move { axum::serve(listener, routes).await });
        for (key, answer) in [
            ("lsk-right", "There is no index"),
            ("lsk-wrong", "the key is missing or wrong"),
        ] {
            let longshore = Longshore::new(&[])?.with_variable("LONGSHORE_API_KEY", key);
            let model = Model::starting(&longshore, &["--url", &url]).await?;
            let told = text(&model.ask("list_indexes", json!({})).await?)?;
            ensure!(told.contains(answer) && !told.contains(key), "{told}");
            model.leave().await?;
        }
        let longshore = Longshore::new(&[])?;
        let ran = longshore.run(&["mcp", "--url", "https://user:hidden@localhost"])?;
        ensure!(
            ran.code() == 2 && ran.stderr.contains("LONGSHORE_API_KEY"),
            "{}",
            ran.stderr
        );
        ensure!(!ran.stderr.contains("hidden"), "{}", ran.stderr);
        Ok(())
    })
}
