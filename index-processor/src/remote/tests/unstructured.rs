//! Unstructured, with a double after its partition endpoint.

use serde_json::json;

use super::double::{Reply, Seen};
use super::*;

pub(super) fn honest(seen: &Seen) -> Reply {
    if seen.header("unstructured-api-key") != KEY {
        return Reply::status(
            401,
            "{\"detail\":\"API key is malformed, please type the API key correctly.\"}",
        );
    }
    if (seen.method.as_str(), seen.path.as_str()) != ("POST", "/general/v0/general") {
        return Reply::status(404, "{\"detail\":\"Not Found\"}");
    }
    Reply::json(&json!([
        {"type": "Header", "element_id": "a1", "text": "ACME", "metadata": {"page_number": 1}},
        {"type": "Title", "element_id": "b2", "text": "One",
            "metadata": {"filetype": "application/pdf", "languages": ["eng"], "page_number": 1, "category_depth": 0}},
        {"type": "NarrativeText", "text": "first text", "metadata": {"page_number": 1, "parent_id": "b2"}},
        {"type": "PageNumber", "text": "2", "metadata": {"page_number": 2}},
        {"type": "UncategorizedText", "text": "third text", "metadata": {"page_number": 3}},
    ]))
}

pub(super) fn refusal() -> Vec<Reply> {
    vec![Reply::status(
        422,
        "{\"detail\":\"File type application/x-odd is not supported: the format is odd.\"}",
    )]
}

#[tokio::test]
async fn what_is_sent() {
    let double = Kind::Unstructured.double().await;
    let converter = Kind::Unstructured.converter(settings(&double.url()));
    convert(&*converter, FileType::Pdf, &[3]).await.unwrap();
    convert(&*converter, FileType::Docx, &[]).await.unwrap();
    let [pdf, docx] = double.seen().try_into().unwrap();
    assert_eq!(pdf.header("unstructured-api-key"), KEY);
    assert_eq!(pdf.header("accept"), "application/json");
    assert_eq!(pdf.fields("strategy"), ["hi_res"]);
    assert_eq!(docx.fields("strategy"), ["auto"]);
    assert_eq!(pdf.fields("output_format"), ["application/json"]);
    assert_eq!(pdf.fields("skip_infer_table_types"), ["[]"]);
    let [file] = pdf.files().try_into().unwrap();
    assert!(file.disposition.contains("name=\"files\"") && file.disposition.contains("document.pdf"));
    assert_eq!(file.content, b"%PDF-1.7 not really");
    assert!(docx.files()[0].disposition.contains("document.docx"));
}

#[tokio::test]
async fn without_a_key_none_is_sent() {
    let double = Kind::Unstructured.double().await;
    let converter = Kind::Unstructured.converter(ServiceSettings {
        key: None,
        ..settings(&double.url())
    });
    let error = convert(&*converter, FileType::Pdf, &[]).await.unwrap_err();
    assert!(error.to_string().contains("wants a key"), "{error}");
    assert!(double.seen()[0].headers.get("unstructured-api-key").is_none());
}

#[tokio::test]
async fn the_type_of_an_image_is_in_its_bytes() {
    let double = Kind::Unstructured.double().await;
    let converter = Kind::Unstructured.converter(settings(&double.url()));
    let bytes = Bytes::from_static(b"\x89PNG\r\n\x1a\n and more");
    let request = RemoteRequest {
        name: "scan.jpg",
        bytes: &bytes,
        file_type: FileType::Image,
        content_type: Some("image/jpeg"),
        pages: &[],
    };
    let document = converter.convert(&request).await.unwrap();
    assert_eq!(document.about.mime, "image/png");
    assert!(double.seen()[0].files()[0].disposition.contains("document.png"));
}

#[tokio::test]
async fn a_long_answer() {
    let elements: Vec<_> = (0..20_000)
        .map(|at| json!({"type": "NarrativeText", "text": format!("{at} {}", "x".repeat(60)), "metadata": {"page_number": 1}}))
        .collect();
    let answer = json!(elements).to_string();
    assert!(answer.len() > 2 << 20);
    let double = super::double::Double::start(move |_| Reply::status(200, &answer)).await;
    let converter = Kind::Unstructured.converter(ServiceSettings {
        max_reply: 8 << 20,
        ..settings(&double.url())
    });
    let document = convert(&*converter, FileType::Pdf, &[]).await.unwrap();
    assert!(
        document
            .markdown
            .ends_with(&format!("19999 {}\n", "x".repeat(60)))
    );
}
