use serde_json::json;

use super::super::samples::{self, event_grid, renamed};
use super::super::{BlobEventKind, Source, Why};
use super::*;
use shared::blob_path::BlobPath;

fn parsed(events: &Value) -> Batch {
    parse(events.to_string().as_bytes()).unwrap()
}

fn one(event: &Value) -> BlobEvent {
    let mut batch = parsed(&json!([event]));
    assert_eq!(batch.set_aside, [], "{event}");
    assert_eq!(batch.events.len(), 1, "{event}");
    batch.events.remove(0)
}

fn problem(event: &Value) -> String {
    let batch = parsed(&json!([event]));
    assert_eq!((batch.events.len(), batch.set_aside.len()), (0, 1), "{event}");
    batch.set_aside[0].problem.clone()
}

fn path(path: &str) -> BlobPath {
    BlobPath::new(path).unwrap()
}

fn docs() -> Source {
    Source::Azure {
        account: "contoso".to_owned(),
        container: "docs".to_owned(),
    }
}

#[test]
fn each_type_has_its_meaning() {
    let none = json!({});
    for (kind, data, meaning) in [
        (
            "BlobCreated",
            &none,
            BlobEventKind::Changed { path: path("a/b.md") },
        ),
        (
            "BlobDeleted",
            &none,
            BlobEventKind::Removed { path: path("a/b.md") },
        ),
        (
            "BlobRenamed",
            &renamed("old/b.md", "a/b.md"),
            BlobEventKind::Renamed {
                from: path("old/b.md"),
                to: path("a/b.md"),
            },
        ),
        (
            "DirectoryCreated",
            &none,
            BlobEventKind::DirectoryCreated {
                path: "a/b.md".to_owned(),
            },
        ),
        (
            "DirectoryDeleted",
            &json!({ "recursive": "true" }),
            BlobEventKind::DirectoryRemoved {
                path: "a/b.md".to_owned(),
            },
        ),
        (
            "DirectoryRenamed",
            &renamed("old", "a/b.md"),
            BlobEventKind::DirectoryRenamed {
                from: "old".to_owned(),
                to: "a/b.md".to_owned(),
            },
        ),
    ] {
        let event = one(&event_grid(kind, "a/b.md", data));
        assert_eq!(event.kind, meaning);
        assert_eq!(event.place, docs());
        assert_eq!(event.id, format!("831e1650-{kind}-a/b.md"));
        assert_eq!(
            event.sequencer.as_deref(),
            Some("00000000000000000000000000015508000000000005101c")
        );
    }
}

#[test]
fn a_batch_keeps_its_order_and_counts_what_means_nothing() {
    let none = json!({});
    let batch = parsed(&json!([
        event_grid("BlobCreated", "a.md", &none),
        event_grid("BlobTierChanged", "a.md", &none),
        { "eventType": "Microsoft.Resources.ResourceWriteSuccess", "id": "1", "data": {} },
        event_grid("BlobCreated", "folder/", &none),
        event_grid("BlobDeleted", "a.md", &none),
    ]));
    assert_eq!(
        batch
            .events
            .into_iter()
            .map(|event| event.kind)
            .collect::<Vec<_>>(),
        [
            BlobEventKind::Changed { path: path("a.md") },
            BlobEventKind::Removed { path: path("a.md") }
        ]
    );
    assert_eq!((batch.ignored, batch.set_aside.len()), (3, 0));
    assert_eq!(parsed(&json!([])).events, []);
}

#[test]
fn a_single_event_without_array_is_understood() {
    assert_eq!(
        parsed(&event_grid("BlobCreated", "a.md", &json!({})))
            .events
            .len(),
        1
    );
}

#[test]
fn names_in_the_subject_are_taken_as_they_are() {
    for name in [
        "a b.md",
        "100%.md",
        "a%20b.md",
        "a+b.md",
        "Übergröße/ä.md",
        "c#.md",
        "what?.md",
    ] {
        // The URL would say something else, were it read.
        let event = event_grid(
            "BlobCreated",
            name,
            &json!({ "url": "https://contoso.blob.core.windows.net/docs/other" }),
        );
        assert_eq!(one(&event).kind, BlobEventKind::Changed { path: path(name) });
    }
}

#[test]
fn the_url_tells_what_the_subject_cannot() {
    let mut event = event_grid("BlobCreated", "x", &json!({}));
    event["data"]["url"] = json!("https://contoso.blob.core.windows.net/docs/log_%F0%9F%92%8E%20%2B.md");
    for subject in [
        json!(null),
        json!("/blobServices/default/containers/docs/blobs/log_\u{fffd}\u{fffd} +.md"),
        json!(7),
    ] {
        event["subject"] = subject;
        assert_eq!(
            one(&event).kind,
            BlobEventKind::Changed {
                path: path("log_💎 +.md")
            }
        );
    }
    event["topic"] = json!(null);
    assert_eq!(one(&event).place, docs());
    event["data"]["url"] = json!("http://127.0.0.1:10000/devstoreaccount1/docs/a%2Fb.md");
    let emulated = one(&event);
    let account = "devstoreaccount1".to_owned();
    assert_eq!(
        emulated.place,
        Source::Azure {
            account,
            container: "docs".to_owned()
        }
    );
    assert_eq!(emulated.kind, BlobEventKind::Changed { path: path("a/b.md") });

    // Both cannot write it: better the name with a gap than none, the comparison with the source will find the blob.
    event["subject"] = json!("/blobServices/default/containers/docs/blobs/log_\u{fffd}.md");
    event["data"]["url"] = json!("https://contoso.blob.core.windows.net/docs/log_\u{fffd}.md");
    assert_eq!(
        one(&event).kind,
        BlobEventKind::Changed {
            path: path("log_\u{fffd}.md")
        }
    );
}

#[test]
fn the_old_name_is_decoded_unless_the_new_one_shows_that_urls_are_not_encoded() {
    let from = |event: &Value| match one(event).kind {
        BlobEventKind::Renamed { from, .. } => from.as_str().to_owned(),
        other => panic!("{other:?}"),
    };
    let encoded = renamed("old%20na%25me%2B.md", "new%20name.md");
    assert_eq!(
        from(&event_grid("BlobRenamed", "new name.md", &encoded)),
        "old na%me+.md"
    );
    let plain = renamed("100%25.md", "50%25.md");
    assert_eq!(from(&event_grid("BlobRenamed", "50%25.md", &plain)), "100%25.md");
}

#[test]
fn a_rename_across_containers_leaves_one_and_comes_to_the_other() {
    let other = Source::Azure {
        account: "contoso".to_owned(),
        container: "other".to_owned(),
    };
    let mut data = renamed("x", "new.md");
    data["sourceUrl"] = json!("https://contoso.dfs.core.windows.net/other/old.md");
    let batch = parsed(&json!([
        event_grid("BlobRenamed", "new.md", &data),
        event_grid("DirectoryRenamed", "new.md", &data),
    ]));
    let told: Vec<_> = batch
        .events
        .into_iter()
        .map(|event| (event.place, event.kind))
        .collect();
    assert_eq!(
        told,
        [
            (docs(), BlobEventKind::Changed { path: path("new.md") }),
            (other.clone(), BlobEventKind::Removed { path: path("old.md") }),
            (
                docs(),
                BlobEventKind::DirectoryArrived {
                    path: "new.md".to_owned()
                }
            ),
            (
                other,
                BlobEventKind::DirectoryRemoved {
                    path: "old.md".to_owned()
                }
            ),
        ]
    );
}

#[test]
fn unusable_events_say_why_and_do_no_harm() {
    let none = json!({});
    let broken = |pointer: &str, value: Value| {
        let mut event = event_grid("BlobCreated", "a.md", &none);
        *event.pointer_mut(pointer).unwrap() = value;
        event
    };
    for climbing in ["../secret", "a/../../b", "a/%2e%2e/%2E%2E/b", "a/%2e%2e%2fb"] {
        assert!(
            problem(&event_grid("BlobCreated", climbing, &none)).contains("climbs"),
            "{climbing}"
        );
    }
    let mut climbing = broken(
        "/data/url",
        json!("https://contoso.blob.core.windows.net/docs/%2e%2e/b"),
    );
    climbing["subject"] = json!(null);
    assert!(problem(&climbing).contains("climbs"));
    let mut nowhere = broken("/data/url", json!("file:///etc/passwd"));
    nowhere["topic"] = json!("urn:none");
    assert!(problem(&nowhere).contains("URL"));
    nowhere["subject"] = json!(["/blobServices/default/containers/docs/blobs/a.md"]);
    assert!(problem(&nowhere).contains("URL"));
    assert!(problem(&broken("/eventType", json!(7))).contains("eventType is not a text"));
    assert!(
        problem(&event_grid("BlobRenamed", "a.md", &json!({ "sourceUrl": 1 }))).contains("data.sourceUrl")
    );
    assert!(problem(&event_grid("BlobRenamed", "a.md", &none)).contains("it has no data.sourceUrl"));
    let batch = parsed(&json!([
        event_grid("BlobCreated", "a.md", &none),
        17,
        event_grid("BlobCreated", "../b.md", &none),
        null,
        event_grid("BlobCreated", "c.md", &none),
    ]));
    assert_eq!(batch.events.len(), 2);
    assert!(
        batch
            .set_aside
            .iter()
            .all(|event| event.why == Why::Unusable && !event.id.is_empty())
    );
    assert_eq!(batch.set_aside.len(), 3);
    assert!(batch.set_aside[1].body.contains("../b.md"));
}

#[test]
fn the_validation_code_is_kept_and_its_url_is_not() {
    let batch = parsed(&samples::validation());
    assert_eq!(
        batch.validation.as_deref(),
        Some("512d38b6-c7b8-40c8-89fe-f46f9e9622b6")
    );
    assert_eq!(
        (batch.events.len(), batch.ignored, batch.set_aside.len()),
        (0, 0, 0)
    );
    let mut broken = samples::validation();
    broken[0]["data"]["validationCode"] = json!(7);
    assert_eq!(parsed(&broken).validation, None);
    assert_eq!(parsed(&broken).set_aside.len(), 1);
}

#[test]
fn an_event_without_id_gets_one_that_stays_the_same() {
    let mut event = event_grid("BlobCreated", "a.md", &json!({}));
    event["id"] = json!(null);
    let id = one(&event).id;
    assert_eq!(id.len(), 32);
    assert_eq!(one(&event).id, id);
    event["eventTime"] = json!("2026-02-26T18:41:01Z");
    assert_ne!(one(&event).id, id);
}
