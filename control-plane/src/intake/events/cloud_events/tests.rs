use std::collections::HashMap;

use serde_json::json;
use shared::blob_path::BlobPath;

use super::super::samples::{cloud_event, event_grid, renamed};
use super::super::{BlobEventKind, event_grid as grid};
use super::*;

fn parsed(body: &Value) -> Batch {
    parse(body.to_string().as_bytes()).unwrap()
}

#[test]
fn both_envelopes_mean_the_same() {
    let none = json!({});
    for (kind, data) in [
        ("BlobCreated", &none),
        ("BlobDeleted", &none),
        ("BlobRenamed", &renamed("old%20b.md", "a.md")),
        ("DirectoryDeleted", &none),
        ("DirectoryRenamed", &renamed("old", "a.md")),
    ] {
        let from_grid = grid::parse(event_grid(kind, "a.md", data).to_string().as_bytes()).unwrap();
        let single = parsed(&cloud_event(kind, "a.md", data));
        assert_eq!(single.format, Format::CloudEvents);
        assert_eq!(single.events, from_grid.events);
        assert_eq!(single.events.len(), 1);
        let pair = json!([cloud_event(kind, "a.md", data), cloud_event(kind, "b.md", data)]);
        assert_eq!(parsed(&pair).events.len(), 2);
    }
}

#[test]
fn other_types_and_other_versions() {
    let mut event = cloud_event("BlobCreated", "a.md", &json!({}));
    event["type"] = json!("com.example.other");
    assert_eq!(parsed(&event).ignored, 1);
    event["specversion"] = json!("2.0");
    assert!(parsed(&event).set_aside[0].problem.contains("1.0 is understood"));
    let mixed = json!([event, cloud_event("BlobCreated", "a.md", &json!({})), "text", {}]);
    let batch = parsed(&mixed);
    assert_eq!((batch.events.len(), batch.set_aside.len()), (1, 3));
    assert!(parse(b"[{}]").is_err());
    assert!(parse(b"{\"eventType\":\"x\"}").is_err());
}

#[test]
fn data_may_come_as_base64() {
    let mut event = cloud_event("BlobRenamed", "a.md", &renamed("old.md", "a.md"));
    let data = event["data"].take().to_string();
    event.as_object_mut().unwrap().remove("data");
    event["data_base64"] = json!(STANDARD.encode(data));
    assert_eq!(parsed(&event).events.len(), 1);
    event["data_base64"] = json!("!");
    assert!(parsed(&event).set_aside[0].problem.contains("base64"));
}

fn binary(headers: &[(&str, &str)], body: &[u8]) -> Result<Batch, Unreadable> {
    let headers: HashMap<&str, &str> = headers.iter().copied().collect();
    parse_binary(|name| headers.get(name).copied(), body)
}

#[test]
fn attributes_may_be_in_headers() {
    let event = cloud_event("BlobCreated", "x", &json!({}));
    let source = event["source"].as_str().unwrap();
    let headers = [
        ("ce-specversion", "1.0"),
        ("ce-id", "42"),
        ("ce-source", source),
        ("ce-type", "Microsoft.Storage.BlobCreated"),
        (
            "ce-subject",
            "/blobServices/default/containers/docs/blobs/100%25%20%C3%BC+.md",
        ),
    ];
    let batch = binary(&headers, event["data"].to_string().as_bytes()).unwrap();
    let path = BlobPath::new("100% ü+.md").unwrap();
    assert_eq!(batch.events[0].kind, BlobEventKind::Changed { path });
    assert_eq!(batch.events[0].id, "42");
    assert_eq!(batch.events, {
        let mut without_data = binary(&headers, b"").unwrap().events;
        without_data[0].sequencer.clone_from(&batch.events[0].sequencer);
        without_data
    });

    assert!(binary(&headers[1..], b"{}").is_err(), "no version, no event");
    assert!(binary(&headers, b"{").is_err());
    let mut broken = headers;
    broken[4].1 = "%ff";
    assert!(binary(&broken, b"{}").is_err());
    assert_eq!(attribute("\"a \\\"b\\\" %25\"").as_deref(), Ok("a \"b\" %"));
}
