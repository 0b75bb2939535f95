//! Document Intelligence, with a double after its REST API of 2024-11-30.

use serde_json::{Value, json};

use super::super::error::codes;
use super::double::{Double, Reply, Seen};
use super::*;

const RESULT: &str = "/documentintelligence/documentModels/prebuilt-layout/analyzeResults/3b31320d";

fn accepted(origin: &str) -> Reply {
    Reply::status(202, "")
        .with(
            "operation-location",
            format!("{origin}{RESULT}?api-version=2024-11-30"),
        )
        .with("retry-after", "0")
}

fn state(status: &str, more: &Value) -> Reply {
    let mut state = json!({
        "status": status,
        "createdDateTime": "2026-01-01T00:00:00Z",
        "lastUpdatedDateTime": "2026-01-01T00:00:01Z",
    });
    if let (Some(state), Some(more)) = (state.as_object_mut(), more.as_object()) {
        state.extend(more.clone());
    }
    Reply::json(&state)
}

/// A server that has this content for every file, on pages that start at these code points.
pub(super) fn with_result(seen: &Seen, content: &str, pages: &[(u32, usize)]) -> Reply {
    if seen.header("ocp-apim-subscription-key") != KEY {
        return Reply::status(
            401,
            "{\"error\":{\"code\":\"401\",\"message\":\"Access denied due to invalid key.\"}}",
        );
    }
    match (seen.method.as_str(), seen.path.as_str()) {
        ("POST", "/documentintelligence/documentModels/prebuilt-layout:analyze") => {
            let origin = seen.origin();
            accepted(&origin)
        }
        ("GET", RESULT) => {
            let pages: Vec<Value> = pages
                .iter()
                .map(|(number, offset)| {
                    json!({"pageNumber": number, "angle": 0, "spans": [{"offset": offset, "length": 1}], "words": []})
                })
                .collect();
            state(
                "succeeded",
                &json!({"analyzeResult": {
                    "apiVersion": "2024-11-30", "modelId": "prebuilt-layout", "stringIndexType": "unicodeCodePoint",
                    "contentFormat": "markdown", "content": content, "pages": pages,
                }}),
            )
        }
        _ => Reply::status(
            404,
            "{\"error\":{\"code\":\"404\",\"message\":\"Resource not found\"}}",
        ),
    }
}

pub(super) fn honest(seen: &Seen) -> Reply {
    let first = "<!-- PageHeader=\"ACME\" -->\n\n# One\n\nfirst text\n\n<!-- PageNumber=\"1\" -->\n<!-- PageBreak -->\n\n";
    let second = "<!-- PageHeader=\"ACME\" -->\n<!-- PageBreak -->\n\n";
    let content = format!("{first}{second}third text\n");
    // Which pages were asked for is in the address of the first request only, so it travels in the second's.
    let pages = [(1, 0), (2, first.len()), (3, first.len() + second.len())];
    if let Some((_, wanted)) = seen.query.split_once("pages=") {
        let reply = with_result(seen, "", &[]);
        let place = format!("{}{RESULT}?asked={wanted}", seen.origin());
        return reply.with("operation-location", place);
    }
    match seen.query.strip_prefix("asked=") {
        Some("2-3") => with_result(
            seen,
            &format!("{second}third text\n"),
            &[(2, 0), (3, second.len())],
        ),
        Some(_) => with_result(seen, "<!-- PageHeader=\"ACME\" -->", &[(2, 0)]),
        None => with_result(seen, &content, &pages),
    }
}

fn failed(code: &str, inner: &str, message: &str) -> Reply {
    state(
        "failed",
        &json!({"error": {"code": code, "message": "It went wrong.", "innererror": {"code": inner, "message": message}}}),
    )
}

pub(super) fn refusal() -> Vec<Reply> {
    vec![Reply::status(
        400,
        "{\"error\":{\"code\":\"InvalidRequest\",\"message\":\"Invalid request.\",\"innererror\":\
         {\"code\":\"InvalidContent\",\"message\":\"The file is corrupted or the format is odd.\"}}}",
    )]
}

async fn run(replies: impl IntoIterator<Item = Reply>) -> Result<Document, RemoteError> {
    let double = Kind::Azure.double().await;
    let origin = double.url();
    double.trouble([accepted(&origin)]);
    double.trouble(replies);
    convert(
        &*Kind::Azure.converter(settings(&double.url())),
        FileType::Pdf,
        &[],
    )
    .await
}

#[tokio::test]
async fn what_is_sent() {
    let double = Kind::Azure.double().await;
    let converter = Kind::Azure.converter(settings(&format!("{}/", double.url())));
    convert(&*converter, FileType::Pdf, &[3, 2, 7]).await.unwrap();
    convert(&*converter, FileType::Docx, &[3]).await.unwrap();
    let seen = double.seen();
    assert_eq!(
        seen[0].query,
        "api-version=2024-11-30&outputContentFormat=markdown&stringIndexType=unicodeCodePoint&pages=2-3%2C7"
    );
    assert!(
        !seen[2].query.contains("pages"),
        "text documents have none to choose"
    );
    assert_eq!(seen[0].header("content-type"), "application/octet-stream");
    assert_eq!(seen[0].body, "%PDF-1.7 not really");
    assert!(
        seen.iter()
            .all(|seen| seen.header("ocp-apim-subscription-key") == KEY)
    );
}

#[tokio::test]
async fn the_key_stays_with_its_host() {
    let elsewhere = Double::start(|_| Reply::status(200, "{}")).await;
    let double = Kind::Azure.double().await;
    let userinfo = double.url().replace("http://", "http://me@");
    for origin in [elsewhere.url(), double.url().replace("http:", "https:"), userinfo] {
        let double_url = double.url();
        double.trouble([accepted(&origin)]);
        let converter = Kind::Azure.converter(settings(&double_url));
        let error = convert(&*converter, FileType::Pdf, &[]).await.unwrap_err();
        assert!(
            matches!(error, RemoteError::Misconfigured { .. }),
            "{origin} {error}"
        );
        assert!(error.to_string().contains("REMOTE_CONVERTER_URL"), "{error}");
    }
    assert!(elsewhere.seen().is_empty());
    assert_eq!(double.seen().len(), 3);
}

#[tokio::test]
async fn it_is_asked_until_it_is_done() {
    let running = || state("running", &json!({})).with("retry-after", "0.001");
    let document = run([
        state("notStarted", &json!({})),
        running(),
        Reply::status(503, ""),
        running(),
    ])
    .await
    .unwrap();
    assert!(document.markdown.contains("third text"));
}

#[tokio::test]
async fn failures_by_whose_fault_they_are() {
    let cases = [
        (failed("InvalidRequest", "InvalidContent", "odd"), codes::REFUSED),
        (
            failed("InvalidRequest", "InvalidContentLength", "too large"),
            codes::REFUSED,
        ),
        (failed("UnsupportedContent", "", "odd"), codes::REFUSED),
        (
            failed("InvalidRequest", "InvalidContent", "It is password protected."),
            codes::PASSWORD_PROTECTED,
        ),
        (
            failed("InternalServerError", "", "oops"),
            codes::CONVERSION_FAILED,
        ),
        (state("failed", &json!({})), codes::CONVERSION_FAILED),
        (Reply::status(404, ""), codes::TASK_LOST),
    ];
    for (reply, code) in cases {
        let double = Double::start(move |seen| match seen.method.as_str() {
            "POST" => accepted(&seen.origin()),
            _ => reply.clone(),
        })
        .await;
        let converter = Kind::Azure.converter(settings(&double.url()));
        let error = convert(&*converter, FileType::Pdf, &[]).await.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
    }
}

#[tokio::test]
async fn slides_and_warnings() {
    let content = "one\n<!-- PageBreak -->\ntwo";
    let double = Double::start(move |seen| with_result(seen, content, &[(1, 0), (2, 23)])).await;
    let converter = Kind::Azure.converter(settings(&double.url()));
    let deck = convert(&*converter, FileType::Pptx, &[]).await.unwrap();
    assert_eq!(parts(&deck), named(&[("slide 1", "one"), ("slide 2", "two")]));
    let warned = json!({"analyzeResult": {"content": "x", "pages": [], "warnings": [{"code": "W", "message": "truncated"}]}});
    let document = run([state("succeeded", &warned)]).await.unwrap();
    assert!(
        document.about.warnings[0].contains("truncated"),
        "{:?}",
        document.about.warnings
    );
}
