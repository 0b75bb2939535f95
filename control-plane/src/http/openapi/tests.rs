//! What is checked in, and what every operation has to say of itself.

use std::path::{Path, PathBuf};

use super::*;
use crate::http::errors::ErrorCode;
use crate::http::tests::document;

/// A file of the documentation, which is as `made`; `LONGSHORE_BLESS=1` makes it so.
fn checked_in(name: &str, made: &str) {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
    if std::env::var_os("LONGSHORE_BLESS").is_some_and(|value| value == "1") {
        std::fs::write(&path, made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "docs/{name} is not what the code says: look at what changed, then write it with \
         LONGSHORE_BLESS=1 cargo test --workspace --lib openapi"
    );
}

#[test]
fn the_checked_in_document_is_true() {
    checked_in("openapi.json", &format!("{:#}\n", document()));
}

#[test]
fn the_page_of_errors_is_true() {
    let mut page = "# Errors\n\nMade from `control-plane/src/http/errors/codes.rs`; do not edit.\n\nAn error is answered as a problem \
                    (RFC 9457, `application/problem+json`). Programs decide by `code`, which stays; people read `detail`, which \
                    says what happened this time. `request_id` finds the request in the logs.\n\n| code | status | what | what to do |\n|---|---|---|---|\n"
        .to_owned();
    for code in ErrorCode::ALL {
        let (name, status) = (code.name(), code.status().as_u16());
        let line = format!("| `{name}` | {status} | {} | {} |\n", code.title(), code.remedy());
        page.push_str(&line);
    }
    checked_in("errors.md", &page);
}

#[test]
fn codes_are_told_apart_and_errors() {
    let names: BTreeSet<&str> = ErrorCode::ALL.iter().map(|code| code.name()).collect();
    assert_eq!(names.len(), ErrorCode::ALL.len());
    for code in ErrorCode::ALL {
        assert!(code.status().as_u16() >= 400, "{}", code.name());
    }
}

#[test]
fn every_operation_says_what_it_must() {
    let mut document = document();
    let described: BTreeSet<String> = document["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| tag["name"].as_str().unwrap().to_owned())
        .collect();
    let mut ids = BTreeSet::new();
    let mut wrong = Vec::new();
    for operation in operations(&mut document) {
        let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
        let mut need = |what: &str, there: bool| {
            if !there {
                wrong.push(format!("{id}: {what}"));
            }
        };
        need(
            "an id of its own: name the handler otherwise",
            ids.insert(id.clone()),
        );
        let tag = operation["tags"][0].as_str().unwrap_or_default();
        need("a tag that openapi.rs describes", described.contains(tag));
        need(
            "a summary: document the handler",
            operation["summary"].is_string(),
        );
        need(
            "`security`, also where no key is needed",
            operation["security"].is_array(),
        );
        need(
            "a `default` answer with a Problem",
            operation["responses"]["default"]["content"]["application/problem+json"].is_object(),
        );
        let answers = operation["responses"].as_object().unwrap();
        for (status, answer) in answers.iter().filter(|(status, _)| *status != "default") {
            let json = &answer["content"]["application/json"];
            need(
                &format!("an example of its answer {status}"),
                json.is_null() || json.get("example").or(json.get("examples")).is_some(),
            );
        }
        let body = &operation["requestBody"]["content"]["application/json"];
        let example = body.get("example").or(body.get("examples"));
        let is_event = operation["tags"][0] == "events";
        need(
            "an example of its body",
            body.is_null() || is_event || example.is_some(),
        );
    }
    assert!(wrong.is_empty(), "these operations need:\n{}", wrong.join("\n"));
}
