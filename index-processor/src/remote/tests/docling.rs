//! Docling, with a double after docling-serve's API v1.

use serde_json::{Value, json};

use super::super::error::codes;
use super::double::{Double, Reply, Seen};
use super::*;

const TASK: &str = "f6ff4a1c-8f1e-4f4c-8b4e-0f2a9b1c7d3e";

/// Three pages, of which the second is blank and has a running head only.
fn pages(numbers: &[u32], break_mark: &str) -> Value {
    let all = [(1, "# One\n\nfirst text"), (3, "third text")];
    let wanted: Vec<_> = all
        .iter()
        .filter(|(number, _)| numbers.is_empty() || numbers.contains(number))
        .collect();
    let markdown: Vec<&str> = wanted.iter().map(|(_, text)| *text).collect();
    let mut texts: Vec<Value> = wanted
        .iter()
        .map(
            |(number, _)| json!({"content_layer": "body", "prov": [{"page_no": number, "bbox": {"l": 1.0}}]}),
        )
        .collect();
    texts.push(json!({"content_layer": "furniture", "prov": [{"page_no": 2}]}));
    texts.push(json!({"content_layer": "body", "prov": []}));
    json!({
        "document": {
            "filename": "document.pdf",
            "md_content": markdown.join(&format!("\n\n{break_mark}\n\n")),
            "json_content": {"schema_name": "DoclingDocument", "texts": texts, "pages": {}},
            "html_content": null,
        },
        "status": "success",
        "errors": [],
        "processing_time": 1.25,
        "timings": {},
    })
}

pub(super) fn blank() -> Value {
    json!({"document": {"md_content": "", "json_content": {"texts": []}}, "status": "success", "errors": []})
}

fn status(status: &str) -> Reply {
    Reply::json(&json!({"task_id": TASK, "task_type": "convert", "task_status": status, "task_position": 1}))
}

/// A server that has this result for every file.
pub(super) fn with_result(seen: &Seen, result: &Value) -> Reply {
    let poll = format!("/v1/status/poll/{TASK}");
    let fetch = format!("/v1/result/{TASK}");
    match (seen.method.as_str(), seen.path.as_str()) {
        ("POST", "/v1/convert/file/async") => status("pending"),
        ("GET", path) if path == poll => status("success"),
        ("GET", path) if path == fetch => Reply::json(result),
        _ => Reply::status(404, "{\"detail\":\"Not Found\"}"),
    }
}

/// The pages between the two that were asked for, by the task's id: conversions may overlap.
pub(super) fn honest(seen: &Seen) -> Reply {
    if seen.header("x-api-key") != KEY {
        return Reply::status(401, "{\"detail\":\"Api key is required as header x-api-key.\"}");
    }
    let answer = |task: &str, status: &str| Reply::json(&json!({"task_id": task, "task_status": status}));
    if seen.path == "/v1/convert/file/async" {
        let range = seen.fields("page_range");
        let task = if range.is_empty() {
            "all".to_owned()
        } else {
            range.join("-")
        };
        return answer(&task, "pending");
    }
    if let Some(task) = seen.path.strip_prefix("/v1/status/poll/") {
        return answer(task, "success");
    }
    let Some(task) = seen.path.strip_prefix("/v1/result/") else {
        return Reply::status(404, "{\"detail\":\"Not Found\"}");
    };
    let numbers: Vec<u32> = match task.split_once('-') {
        Some((first, last)) => (first.parse().unwrap()..=last.parse().unwrap()).collect(),
        None => Vec::new(),
    };
    Reply::json(&pages(&numbers, "<!-- longshore-page-break-6f1e -->"))
}

pub(super) fn refusal() -> Vec<Reply> {
    let result = json!({
        "document": {"md_content": ""},
        "status": "failure",
        "errors": [{"component_type": "document_backend", "module_name": "pdf", "error_message": "the format is odd"}],
    });
    vec![status("pending"), status("success"), Reply::json(&result)]
}

async fn converter(double: &Double) -> Arc<dyn RemoteConverter> {
    Kind::Docling.converter(settings(&double.url()))
}

/// What becomes of a file with this result.
async fn result(result: Value, file_type: FileType, pages: &[u32]) -> Result<Document, RemoteError> {
    let double = Double::start(move |seen| with_result(seen, &result)).await;
    convert(&*converter(&double).await, file_type, pages).await
}

#[tokio::test]
async fn what_is_sent() {
    let double = Kind::Docling.double().await;
    let url = format!("{}/behind/a/proxy/", double.url());
    let converter = Kind::Docling.converter(settings(&url));
    // The double knows no such path, which is the point.
    convert(&*converter, FileType::Pdf, &[]).await.unwrap_err();
    assert_eq!(double.seen()[0].path, "/behind/a/proxy/v1/convert/file/async");

    let converter = Kind::Docling.converter(settings(&double.url()));
    convert(&*converter, FileType::Pdf, &[1, 2, 9]).await.unwrap();
    let seen = &double.seen()[1..];
    let paths: Vec<_> = seen
        .iter()
        .map(|seen| format!("{} {}?{}", seen.method, seen.path, seen.query))
        .collect();
    assert_eq!(
        paths,
        [
            "POST /v1/convert/file/async?",
            "GET /v1/status/poll/1-2?wait=5",
            "GET /v1/result/1-2?",
            "POST /v1/convert/file/async?",
            "GET /v1/status/poll/9-9?wait=5",
            "GET /v1/result/9-9?",
        ]
    );
    assert!(seen.iter().all(|seen| seen.header("x-api-key") == KEY));
    let submit = &seen[0];
    assert_eq!(submit.fields("to_formats"), ["md", "json"]);
    assert_eq!(submit.fields("from_formats"), ["pdf"]);
    assert_eq!(submit.fields("page_range"), ["1", "2"]);
    assert_eq!(submit.fields("do_ocr"), ["true"]);
    assert_eq!(submit.fields("abort_on_error"), ["false"]);
    assert_eq!(submit.fields("image_export_mode"), ["placeholder"]);
    assert_eq!(submit.fields("target_type"), ["inbody"]);
    assert_eq!(submit.fields("md_page_break_placeholder").len(), 1);
    let files = submit.files();
    assert_eq!(files.len(), 1);
    assert!(files[0].disposition.contains("name=\"files\""));
    assert!(files[0].disposition.contains("document.pdf"), "{:?}", files[0]);
    assert!(files[0].content_type.ends_with("application/pdf"));
    assert_eq!(files[0].content, b"%PDF-1.7 not really");
}

#[tokio::test]
async fn it_is_asked_until_it_is_done() {
    let double = Kind::Docling.double().await;
    double.trouble([
        status("pending"),
        status("pending"),
        status("started"),
        Reply::status(503, ""),
        status("started"),
        status("partial_success"),
        Reply::json(&pages(&[], "<!-- longshore-page-break-6f1e -->")),
    ]);
    convert(&*converter(&double).await, FileType::Pdf, &[])
        .await
        .unwrap();
    assert_eq!(double.seen().len(), 7);
}

#[tokio::test]
async fn a_lost_task_is_begun_again() {
    let double = Kind::Docling.double().await;
    double.trouble([
        status("pending"),
        Reply::status(404, "{\"detail\":\"Task not found.\"}"),
    ]);
    convert(&*converter(&double).await, FileType::Pdf, &[])
        .await
        .unwrap();
    let begun = double
        .seen()
        .iter()
        .filter(|seen| seen.path.ends_with("/async"))
        .count();
    assert_eq!(begun, 2);

    let double = Double::start(|seen| match seen.path.as_str() {
        "/v1/convert/file/async" => status("pending"),
        _ => Reply::status(404, "{\"detail\":\"Task not found.\"}"),
    })
    .await;
    let error = convert(&*converter(&double).await, FileType::Pdf, &[])
        .await
        .unwrap_err();
    assert_eq!(error.code(), codes::TASK_LOST, "{error}");
    assert!(error.to_string().contains("queue"), "{error}");
}

#[tokio::test]
async fn a_failed_task_counts_as_an_attempt() {
    let double = Kind::Docling.double().await;
    double.trouble([
        status("pending"),
        Reply::json(&json!({"task_id": TASK, "task_status": "failure", "error_message": "worker died"})),
    ]);
    let error = convert(&*converter(&double).await, FileType::Pdf, &[])
        .await
        .unwrap_err();
    assert_eq!(error.code(), codes::CONVERSION_FAILED);
    assert!(error.to_string().contains("worker died"), "{error}");
    assert_eq!(double.seen().len(), 2, "it is not begun again at once");
}

#[tokio::test]
async fn a_partial_success_tells_what_is_missing() {
    let mut partial = pages(&[], "<!-- longshore-page-break-6f1e -->");
    partial["status"] = json!("partial_success");
    partial["errors"] = json!([{"component_type": "model", "error_message": "Stage ocr failed for run 1, pages [2, 9]: odd"}]);
    let document = result(partial.clone(), FileType::Pdf, &[]).await.unwrap();
    let shown = parts(&document);
    assert_eq!(
        shown.iter().map(|(place, _)| place.as_str()).collect::<Vec<_>>(),
        ["page 1", "page 2", "page 3", "page 9"]
    );
    assert!(shown[1].1.starts_with("remote_unread: docling at"), "{shown:?}");
    assert!(shown[1].1.contains("pages [2, 9]: odd"), "{shown:?}");
    assert_eq!(document.unread().count(), 2);

    partial["errors"] = json!([{"error_message": "document timeout"}]);
    let document = result(partial.clone(), FileType::Pdf, &[]).await.unwrap();
    let (place, unread) = document.unread().next().unwrap();
    assert_eq!(place.to_string(), "", "it does not say where");
    assert!(unread.reason.contains("document timeout"));

    let document = result(partial.clone(), FileType::Pdf, &[2, 3]).await.unwrap();
    let unread: Vec<_> = document.unread().map(|(place, _)| place.to_string()).collect();
    assert_eq!(
        unread,
        ["page 2"],
        "of the pages that were asked for, it is those without text"
    );

    let document = result(partial, FileType::Docx, &[]).await.unwrap();
    assert_eq!(document.unread().count(), 1);
    assert!(
        document.markdown.contains("first text\n\nthird text"),
        "{}",
        document.markdown
    );
}

#[tokio::test]
async fn skipped_and_protected() {
    let skipped = json!({"document": {"md_content": null}, "status": "skipped", "errors": []});
    let error = result(skipped, FileType::Pdf, &[]).await.unwrap_err();
    assert_eq!(error.code(), codes::REFUSED);
    let protected = json!({"status": "failure", "errors": [{"error_message": "Incorrect password error."}]});
    let error = result(protected, FileType::Pdf, &[]).await.unwrap_err();
    assert_eq!(error.code(), codes::PASSWORD_PROTECTED);
}

#[tokio::test]
async fn pages_are_not_guessed() {
    let mut odd = pages(&[], "<!-- longshore-page-break-6f1e -->");
    odd["document"]["json_content"]["texts"] = json!([{"prov": [{"page_no": 1}]}]);
    let document = result(odd.clone(), FileType::Pdf, &[]).await.unwrap();
    assert_eq!(document.about.parts, []);
    assert_eq!(document.about.warnings.len(), 1);
    assert!(!document.markdown.contains("page-break"), "{}", document.markdown);

    let document = result(odd, FileType::Pdf, &[3]).await.unwrap();
    assert_eq!(
        document.unread().count(),
        1,
        "whether page 3 is in the text is not known"
    );
}

#[tokio::test]
async fn slides_have_numbers_and_text_documents_have_none() {
    let result_of = || pages(&[], "<!-- longshore-page-break-6f1e -->");
    let deck = result(result_of(), FileType::Pptx, &[]).await.unwrap();
    assert_eq!(
        parts(&deck),
        named(&[("slide 1", "# One\n\nfirst text"), ("slide 3", "third text")])
    );
    let text = result(result_of(), FileType::Docx, &[]).await.unwrap();
    assert_eq!(text.about.parts, []);
    assert_eq!(text.markdown, "# One\n\nfirst text\n\nthird text\n");
}
