//! The tools against an interface whose answers are written down.

use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;
use serde_json::Map;

use super::reach::Answer;
use super::*;

/// Answers what it was told to, in order, and notes what it was asked.
#[derive(Default)]
struct Script {
    answers: Mutex<VecDeque<(u16, Value)>>,
    asked: Mutex<Vec<Question>>,
}

#[async_trait]
impl Reach for Script {
    async fn ask(&self, question: Question) -> Result<Answer, Unreachable> {
        self.asked.lock().unwrap().push(question);
        let next = self.answers.lock().unwrap().pop_front();
        let (status, body) = next.ok_or_else(|| Unreachable("nobody is there".to_owned()))?;
        Ok(Answer {
            status: StatusCode::from_u16(status).unwrap(),
            body: body.to_string().into_bytes(),
        })
    }
}

/// What a tool makes of these answers, and what it asked for them.
async fn call(
    tool: &str,
    arguments: Value,
    answers: impl IntoIterator<Item = (u16, Value)>,
) -> (CallToolResult, Vec<Question>) {
    let script = Arc::new(Script {
        answers: Mutex::new(answers.into_iter().collect()),
        ..Script::default()
    });
    let tools = Tools::new(Arc::clone(&script) as _);
    let result = match tools.run(Name::of(tool).unwrap(), arguments).await {
        Ok(shown) => {
            let mut result = CallToolResult::success(vec![ContentBlock::text(shown.text)]);
            result.structured_content = Some(shown.structured);
            result
        }
        Err(error) => error.result(),
    };
    let asked = script.asked.lock().unwrap().clone();
    (result, asked)
}

fn text(result: &CallToolResult) -> &str {
    &result.content[0].as_text().unwrap().text
}

fn indexes(names: &[&str]) -> Value {
    let index = |name: &&str| {
        json!({
            "id": name, "state": "ACTIVE", "settings": {}, "created_at": 0, "comparison": null,
            "stats": { "by_state": { "INDEXED": 7, "FAILED": 1 }, "chunks": 1, "bytes": 1, "partial": 0, "backlog": 2,
                       "oldest_pending_at": null, "next_due_at": null },
        })
    };
    names.iter().map(index).collect()
}

fn hit(path: &str, text: &str) -> Value {
    json!({
        "path": path, "heading_path": ["Cranes", "Lifting"], "score": 0.5, "snippet": "a snippet", "highlights": [],
        "text": text, "ordinal": 0, "range": { "start": 100, "end": 160 }, "page": 3, "mime": "application/pdf", "etag": "\"v1\"",
        "modified_at": 1_767_225_600_000_i64,
    })
}

#[tokio::test]
async fn passages_can_be_cited() {
    let answer = json!({ "mode": "hybrid", "hits": [hit("a.pdf", "Cranes lift.")], "next_offset": 1,
        "degraded": [{ "code": "incomplete", "detail": "not all was searched" }] });
    let arguments = json!({
        "query": "how do cranes lift", "index": "docs", "mode": null, "limit": 1,
        "filter": { "prefixes": ["guides/"], "modified_from": "2026-01-01", "modified_before": "2026-01-01T12:00:00Z", "types": null },
    });
    let (result, asked) = call("search", arguments, [(200, answer)]).await;
    assert_eq!(
        text(&result),
        "1 passage from index docs (mode hybrid).\nNote: not all was searched\n\n\
         [1] a.pdf, page 3, under Cranes › Lifting\n\
         etag \"v1\", written 2026-01-01T00:00:00Z, bytes 100-160\nCranes lift.\n\n\
         There is more: search again with offset 1.\n"
    );
    let data = result.structured_content.unwrap();
    let passage = &data["passages"][0];
    assert_eq!(passage["text"], "Cranes lift.");
    assert_eq!((&passage["page"], &passage["from"]), (&json!(3), &json!(100)));
    assert_eq!(passage["etag"], "\"v1\"");
    assert_eq!(data["next_offset"], 1);

    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].uri, "/indexes/docs/search");
    assert_eq!(
        asked[0].body,
        Some(json!({ "query": "how do cranes lift", "limit": 1, "filter": {
            "prefixes": ["guides/"],
            "modified_at": { "from": 1_767_225_600_000_i64, "before": 1_767_268_800_000_i64 },
        }}))
    );
}

#[tokio::test]
async fn an_answer_stays_within_what_a_model_can_read() {
    let long = "x".repeat(40_000);
    let hits: Vec<Value> = (0..3)
        .map(|number| hit(&format!("{number}.pdf"), &long))
        .collect();
    let answer = json!({ "mode": "full_text", "hits": hits });
    let arguments = json!({ "query": "x", "index": "docs" });
    let (result, _) = call("search", arguments, [(200, answer)]).await;
    assert!(text(&result).len() < 70_000);
    let data = result.structured_content.unwrap();
    let cut: Vec<_> = (0..3)
        .map(|number| data["passages"][number]["cut"].as_bool().unwrap())
        .collect();
    assert_eq!(cut, [false, true, true]);
    assert_eq!(data["passages"][2]["text"], "a snippet");
}

#[tokio::test]
async fn documents_say_which_page_a_text_is_on_and_how_they_go_on() {
    let document = json!({
        "path": "a b/ü.pdf", "etag": "v2", "mime": "application/pdf", "text": "one\ntwo\nthree", "next": 300,
        "sections": [
            { "ordinal": 0, "page": 1, "at": 0, "range": { "start": 200, "end": 204 } },
            { "ordinal": 1, "page": 1, "at": 4, "range": { "start": 204, "end": 208 } },
            { "ordinal": 2, "page": 2, "at": 8, "range": { "start": 208, "end": 213 } },
        ],
    });
    let arguments = json!({ "path": "a b/ü.pdf", "from": 200, "etag": "a&b", "index": "docs" });
    let (result, asked) = call("get_document", arguments, [(200, document)]).await;
    assert_eq!(
        asked[0].uri,
        "/indexes/docs/documents/a%20b/%C3%BC.pdf?from=200&max_bytes=32768&etag=a%26b"
    );
    assert_eq!(
        text(&result),
        "a b/ü.pdf from index docs (application/pdf), etag v2, from byte 200\n\n\
         [page 1]\none\ntwo\n[page 2]\nthree\n\n\
         [It goes on: call get_document with from 300 and etag v2]\n"
    );
    assert_eq!(result.structured_content.unwrap()["next"], 300);
}

#[tokio::test]
async fn a_file_that_is_not_found_says_why() {
    let row = json!({ "file": {
        "path": "a.pdf", "state": "FAILED", "live_claim": null, "version": null, "updated_at": 0,
        "last_error": { "code": "encrypted", "message": "it has a password", "class": "permanent", "retry_after": null },
    }, "history": [] });
    let arguments = json!({ "path": "a.pdf" });
    let (result, asked) = call("file_status", arguments, [(200, indexes(&["docs"])), (200, row)]).await;
    assert_eq!(asked[1].uri, "/indexes/docs/files/a.pdf");
    let shown = text(&result);
    assert!(shown.contains("a.pdf in index docs is FAILED and cannot be found by search."));
    assert!(shown.contains("it has a password (encrypted)"));
    assert_eq!(result.structured_content.unwrap()["searchable"], false);
}

#[tokio::test]
async fn the_only_index_needs_no_name_and_several_do() {
    let found = json!({ "mode": "full_text", "hits": [] });
    let query = || json!({ "query": "x" });
    let (result, asked) = call("search", query(), [(200, indexes(&["docs"])), (200, found)]).await;
    assert_eq!(text(&result), "Nothing found in index docs (mode full_text).\n");
    assert_eq!(asked[1].uri, "/indexes/docs/search");

    let (result, asked) = call("search", query(), [(200, indexes(&["a", "b"]))]).await;
    assert_eq!(result.is_error, Some(true));
    assert!(text(&result).contains("one of a, b"));
    assert_eq!(asked.len(), 1);

    let (result, _) = call("search", query(), [(200, json!([]))]).await;
    assert!(text(&result).contains("there is no index, or none that the key is for"));

    let (result, _) = call("list_indexes", json!({}), [(200, indexes(&["docs"]))]).await;
    assert_eq!(
        text(&result),
        "docs: ACTIVE, 7 files up to date, 2 waiting, 1 failed\n"
    );
}

#[tokio::test]
async fn what_goes_wrong_is_told_to_the_model() {
    let problem = json!({ "type": "urn:longshore:problem:unauthorized", "title": "t", "status": 401,
        "code": "unauthorized", "detail": "the key is wrong" });
    let (result, _) = call("list_indexes", json!({}), [(401, problem)]).await;
    assert_eq!(text(&result), "the key is wrong (unauthorized)");
    assert_eq!(
        (result.is_error, result.structured_content),
        (
            Some(true),
            Some(json!({ "code": "unauthorized", "detail": "the key is wrong" }))
        )
    );
    let (result, _) = call("list_indexes", json!({}), [(502, json!("a proxy"))]).await;
    assert!(text(&result).contains("502"), "{}", text(&result));
    let (result, _) = call("list_indexes", json!({}), []).await;
    assert_eq!(text(&result), "nobody is there (unreachable)");
    let (result, _) = call("list_indexes", json!({}), [(200, json!({ "other": 1 }))]).await;
    assert!(text(&result).contains("use the same version"));
}

#[tokio::test]
async fn arguments_that_make_no_sense_are_refused_before_anything_is_asked() {
    for (tool, arguments, names) in [
        ("search", json!({}), "query"),
        ("search", json!({ "query": null }), "query"),
        ("search", json!({ "query": "x", "querry": "y" }), "querry"),
        ("search", json!({ "query": "x", "index": "../admin" }), "../admin"),
        ("search", json!({ "query": "x", "limit": -1 }), "-1"),
        ("search", json!({ "query": "x", "mode": "fast" }), "fast"),
        (
            "search",
            json!({ "query": "x", "filter": { "modified_from": "yesterday" } }),
            "yesterday",
        ),
        (
            "search",
            json!({ "query": "x", "filter": { "modified_from": "2026-01-31T12:00" } }),
            "2026-01-31T12:00",
        ),
        ("get_document", json!({ "path": "../../keys" }), "../../keys"),
        ("get_document", json!({ "path": "/a.md" }), "/a.md"),
        ("get_document", json!({ "path": "" }), "empty"),
        ("get_document", json!({ "path": "a.md", "from": "here" }), "here"),
        ("file_status", json!({ "path": 7 }), "7"),
        ("list_indexes", json!({ "all": true }), "no arguments"),
    ] {
        let (result, asked) = call(tool, arguments.clone(), []).await;
        assert_eq!(result.is_error, Some(true), "{arguments}");
        assert!(
            text(&result).contains(names),
            "{arguments} gets {}",
            text(&result)
        );
        assert!(
            text(&result).ends_with("(bad_arguments)"),
            "{arguments} gets {}",
            text(&result)
        );
        assert_eq!(asked, [], "{arguments}");
    }
}

/// Every field of an object's schema has an example, a default or an enum that its tool takes.
fn sample(properties: &Map<String, Value>) -> Value {
    let value = |field: &Value| {
        if let Some(example) = field["examples"].get(0) {
            return example.clone();
        }
        if let Some(inner) = field["properties"].as_object() {
            return sample(inner);
        }
        let otherwise = field["enum"].get(0).unwrap_or(&Value::Null);
        field.get("default").unwrap_or(otherwise).clone()
    };
    properties
        .iter()
        .map(|(name, field)| (name.clone(), value(field)))
        .collect()
}

#[test]
fn schemas_say_what_the_tools_take() {
    for tool in Name::ALL {
        let described = tool.described();
        let hints = described.annotations.as_ref().unwrap();
        assert_eq!(hints.read_only_hint, Some(true));
        let schema = described.schema_as_json_value();
        assert_eq!(schema["additionalProperties"], false);
        let sample = sample(schema["properties"].as_object().unwrap());
        let read = match tool {
            Name::ListIndexes => arguments::none(&sample),
            Name::Search => arguments::read::<SearchArguments>(sample.clone()).map(drop),
            Name::GetDocument => arguments::read::<DocumentArguments>(sample.clone()).map(drop),
            Name::FileStatus => arguments::read::<FileArguments>(sample.clone()).map(drop),
        };
        read.unwrap_or_else(|error| panic!("{} does not take {sample}: {error}", tool.text()));
        // The examples in the descriptions are of use, too.
        if let Some((_, example)) = described.description.as_ref().unwrap().split_once("Example: ") {
            let example: Value = serde_json::from_str(example).unwrap();
            let read = match tool {
                Name::ListIndexes => arguments::none(&example),
                Name::Search => arguments::read::<SearchArguments>(example).map(drop),
                Name::GetDocument => arguments::read::<DocumentArguments>(example).map(drop),
                Name::FileStatus => arguments::read::<FileArguments>(example).map(drop),
            };
            assert!(read.is_ok(), "{}", tool.text());
        }
    }
}
