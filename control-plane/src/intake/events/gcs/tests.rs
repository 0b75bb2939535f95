use serde_json::json;
use shared::blob_path::BlobPath;

use super::super::samples::gcs;
use super::*;

fn parsed(body: &Value) -> Batch {
    parse(body.to_string().as_bytes()).unwrap()
}

#[test]
fn each_type_has_its_meaning() {
    let path = || BlobPath::new("a b/c+%20ü.md").unwrap();
    let changed = || Some(BlobEventKind::Changed { path: path() });
    let removed = || Some(BlobEventKind::Removed { path: path() });
    let replaced = json!({ "overwrittenByGeneration": "1758463342345679" });
    let none = json!({});
    for (kind, more, meaning) in [
        ("OBJECT_FINALIZE", &none, changed()),
        (
            "OBJECT_FINALIZE",
            &json!({ "overwroteGeneration": "1" }),
            changed(),
        ),
        ("OBJECT_METADATA_UPDATE", &none, changed()),
        ("OBJECT_DELETE", &none, removed()),
        ("OBJECT_DELETE", &replaced, changed()),
        ("OBJECT_ARCHIVE", &none, removed()),
        ("OBJECT_ARCHIVE", &replaced, changed()),
        ("OBJECT_SOMETHING_NEW", &none, None),
    ] {
        let batch = parsed(&gcs(kind, "a b/c+%20ü.md", more));
        assert_eq!(batch.ignored, usize::from(meaning.is_none()), "{kind}");
        let kinds: Vec<_> = batch.events.iter().map(|event| event.kind.clone()).collect();
        assert_eq!(kinds, meaning.into_iter().collect::<Vec<_>>(), "{kind}");
        for event in batch.events {
            assert_eq!(
                event.place,
                Source::Gcs {
                    bucket: "archive".to_owned()
                }
            );
            assert_eq!(event.id, "2070443601311540");
            assert_eq!(event.sequencer.as_deref(), Some("1758463342345678"));
        }
    }
}

#[test]
fn odd_messages_are_set_aside_and_other_bodies_refused() {
    assert_eq!(parsed(&gcs("OBJECT_FINALIZE", "folder/", &json!({}))).ignored, 1);
    for (more, problem) in [
        (json!({ "objectId": "../a" }), "climbs"),
        (json!({ "objectId": "a/%2e%2e/b" }), "climbs"),
        (json!({ "objectId": 7 }), "objectId is not a text"),
        (
            json!({ "bucketId": null }),
            "it has no message.attributes.bucketId",
        ),
        (json!({ "eventType": "" }), "eventType"),
    ] {
        let batch = parsed(&gcs("OBJECT_FINALIZE", "a", &more));
        assert!(
            batch.set_aside[0].problem.contains(problem),
            "{:?}",
            batch.set_aside
        );
    }
    let foreign = json!({ "message": { "data": "aGVsbG8=", "messageId": "1" }, "subscription": "s" });
    assert_eq!(parsed(&foreign).set_aside.len(), 1, "Pub/Sub must not repeat it");
    assert!(parse(b"{\"message\":\"text\"}").is_err());
    assert!(parse(b"[]").is_err());
}
