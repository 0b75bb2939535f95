//! A vision model and a conversion service, asked over HTTP for what parsers cannot read, and for no more than that.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::ensure;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use convert::fixtures::{self, Text};
use serde_json::{Value, json};
use tests::folder::Docs;
use tests::longshore::Longshore;

const KEY: &str = "sk-not-for-logs";
const SEEN: &str = "| Vessel | Berth |\n| --- | --- |\n| Wanderer | Northquay |";

/// What an endpoint was sent.
type Requests = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

/// An endpoint that notes what it is sent and answers the same to all.
fn endpoint(
    runtime: &tokio::runtime::Runtime,
    path: &str,
    status: StatusCode,
    reply: Value,
) -> anyhow::Result<(String, Requests)> {
    let requests = Requests::default();
    let seen = Arc::clone(&requests);
    let answer = move |headers: HeaderMap, body: Bytes| async move {
        seen.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((headers, body));
        (status, Json(reply))
    };
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))?;
    let url = format!("http://{}", listener.local_addr()?);
    let router = Router::new().route(path, post(answer));
    let tasks = shared::shutdown::Tasks::new();
    let _in_runtime = runtime.enter();
    tasks.spawn(async move {
        axum::serve(listener, router).await.ok();
    });
    Ok((url, requests))
}

fn count(requests: &Requests) -> usize {
    requests.lock().unwrap_or_else(PoisonError::into_inner).len()
}

fn completion() -> Value {
    json!({
        "id": "c", "object": "chat.completion", "created": 1, "model": "seer",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": SEEN}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 23, "total_tokens": 1023},
    })
}

#[test]
fn a_model_is_asked_for_the_scanned_page_alone() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let (url, requests) = endpoint(&runtime, "/v1/chat/completions", StatusCode::OK, completion())?;
    let docs = Docs::new()?;
    docs.write("mixed.pdf", fixtures::mixed_pdf(&Text::known()))?;
    docs.write("picture.png", fixtures::png(&Text::known()))?;
    let longshore = Longshore::new(&[
        "--converters",
        "pdf=native,vision;image=vision",
        "--vision-base-url",
        &format!("{url}/v1"),
        "--vision-model",
        "seer",
    ])?
    .with_variable("VISION_API_KEY", KEY);
    let ran = longshore.once_ok(&docs)?;
    ensure!(!ran.stderr.contains(KEY), "{}", ran.stderr);
    ensure!(count(&requests) == 2, "one page of one file, and one image");
    for (headers, body) in requests.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        ensure!(
            headers
                .get("authorization")
                .is_some_and(|key| key == &format!("Bearer {KEY}"))
        );
        let body: Value = serde_json::from_slice(body)?;
        ensure!(body["model"] == "seer" && body.to_string().contains("data:image/png;base64,"));
    }
    let mut found = longshore.search("Northquay")?;
    found.sort();
    ensure!(found == ["mixed.pdf", "picture.png"], "{found:?}");
    let status = longshore.json(&["status", "mixed.pdf"])?;
    let committed = status["history"]
        .as_array()
        .and_then(|history| history.iter().find(|entry| entry["event"] == "committed"));
    ensure!(
        committed.is_some_and(|entry| entry["detail"]["vision_tokens"] == 1023),
        "{status}"
    );
    ensure!(!status.to_string().contains(KEY));
    Ok(())
}

#[test]
fn a_service_reads_what_nothing_else_does() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let reply = json!([
        {"type": "Title", "text": "Shanty", "element_id": "1", "metadata": {"filetype": "audio/mpeg"}},
        {"type": "NarrativeText", "text": "Haul away the bowline, the anchor is aweigh.", "element_id": "2", "metadata": {}},
    ]);
    let (url, requests) = endpoint(&runtime, "/general/v0/general", StatusCode::OK, reply)?;
    let docs = Docs::new()?;
    docs.write("scan.pdf", fixtures::scanned_pdf(&Text::known()))?;
    docs.write(
        "notes.md",
        "# Notes\n\nNothing that a service would be asked for.\n",
    )?;
    let longshore = Longshore::new(&[
        "--converters",
        "pdf=native,remote",
        "--remote-converter",
        "unstructured",
        "--remote-converter-url",
        &url,
    ])?
    .with_variable("REMOTE_CONVERTER_KEY", KEY);
    longshore.once_ok(&docs)?;
    ensure!(longshore.search("bowline")? == ["scan.pdf"]);
    ensure!(count(&requests) == 1);
    let (headers, _) = &requests.lock().unwrap_or_else(PoisonError::into_inner)[0];
    ensure!(headers.get("unstructured-api-key").is_some_and(|key| key == KEY));
    Ok(())
}

#[test]
fn a_service_that_is_down_leaves_the_file_pending() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let (url, _requests) = endpoint(
        &runtime,
        "/general/v0/general",
        StatusCode::SERVICE_UNAVAILABLE,
        json!({"detail": "restarting"}),
    )?;
    let docs = Docs::new()?;
    docs.write("scan.pdf", fixtures::scanned_pdf(&Text::known()))?;
    docs.write("report.docx", fixtures::docx(&Text::known()))?;
    let longshore = Longshore::new(&[
        "--converters",
        "pdf=native,remote",
        "--remote-converter",
        "unstructured",
        "--remote-converter-url",
        &url,
        "--patience",
        "5",
    ])?;
    let ran = longshore.once(&docs)?;
    ensure!(ran.code() == 3, "ended with {}: {}", ran.code(), ran.stderr);
    let files = longshore.files()?;
    ensure!(files.contains(&"INDEXED - report.docx".to_owned()), "{files:?}");
    ensure!(
        files
            .iter()
            .any(|file| file.starts_with("PENDING remote_unavailable")),
        "{files:?}"
    );
    Ok(())
}
