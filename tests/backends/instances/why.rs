//! Why is this document not found?

use std::time::Duration;

use serde_json::Value;
use shared::ledger::{Change, Commit, CommitChange, Fail, Version};
use shared::place::Missing;
use shared::retry::Failure;
use shared::vectors::Vectors as _;
use shared::work_message::Lane;

use super::desk::Desk;

async fn why(desk: &Desk, path: &str) -> Value {
    desk.get(&format!("/indexes/conformance/why?path={path}"))
        .await
        .is(200)
}

/// The step at which it stops, and the sentence.
async fn stop(desk: &Desk, path: &str) -> (String, String) {
    let answer = why(desk, path).await;
    assert_eq!(answer["found"], false, "{answer}");
    let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
    (text("stops_at"), text("says"))
}

fn step<'a>(answer: &'a Value, name: &str) -> &'a Value {
    let steps = answer["steps"].as_array().unwrap();
    steps
        .iter()
        .find(|step| step["name"] == name)
        .unwrap_or(&Value::Null)
}

pub(crate) async fn the_walk_says_where_it_stops(desk: &Desk) {
    let (at, says) = stop(desk, "nobody.md").await;
    assert!(at == "source" && says.contains("letter by letter"), "{says}");
    desk.docs.write("a.md", "crane").unwrap();
    let (at, says) = stop(desk, "a.md").await;
    assert!(at == "ledger" && says.contains("start a run"), "{says}");
    desk.report(&["a.md"], None).await;
    let (at, says) = stop(desk, "a.md").await;
    assert!(at == "ledger" && says.contains("waits for a worker"), "{says}");

    desk.post(&format!("/status/{}/suspend", desk.id("a.md")))
        .await
        .is(202);
    assert!(stop(desk, "a.md").await.1.contains("it is suspended"));
    desk.post(&format!("/status/{}/resume", desk.id("a.md")))
        .await
        .is(202);
    desk.ledger.set_active(&desk.index, false).await.unwrap();
    assert!(stop(desk, "a.md").await.1.contains("index is paused"));
    desk.ledger.set_active(&desk.index, true).await.unwrap();
    let run = desk.run_with(&["a.md"]).await;
    desk.post(&format!("/status/{run}/suspend")).await.is(202);
    assert!(stop(desk, "a.md").await.1.contains(&run.to_string()));
    desk.post(&format!("/status/{run}/resume")).await.is(202);

    let mut fail = Fail {
        hold: desk.claim("a.md").await.unwrap(),
        failure: Failure::transient("fetch", "connection reset"),
        delay: Duration::from_secs(600),
        max_attempts: 3,
        etag: None,
        standing: false,
    };
    desk.ledger.fail(&fail).await.unwrap();
    let (at, says) = stop(desk, "a.md").await;
    assert!(
        at == "ledger" && says.contains("connection reset") && says.contains("due in"),
        "{says}"
    );
    desk.report(&["a.md"], None).await;
    fail.hold = desk.claim("a.md").await.unwrap();
    fail.failure = Failure::permanent("damaged", "the file is cut short");
    desk.ledger.fail(&fail).await.unwrap();
    let (at, says) = stop(desk, "a.md").await;
    assert!(at == "ledger" && says.contains("cut short"), "{says}");

    desk.report(&["a.md"], None).await;
    desk.index_file("a.md", "a red crane").await;
    let answer = why(desk, "a.md").await;
    assert_eq!(
        (&answer["found"], &answer["stops_at"]),
        (&true.into(), &Value::Null),
        "{answer}"
    );
    assert_eq!(step(&answer, "vectors")["detail"]["points"], "1");
    assert_eq!(step(&answer, "conversion")["detail"]["converter"], "text");
    let found = why(desk, "a.md&query=crane").await;
    assert_eq!(step(&found, "search")["detail"]["full_text"], "1", "{found}");
    let lost = why(desk, "a.md&query=submarine").await;
    assert_eq!(
        (&lost["found"], &lost["stops_at"]),
        (&false.into(), &"search".into()),
        "{lost}"
    );

    // The source has moved on; a removal is not noticed yet; the points are lost.
    desk.docs.write("a.md", "another text of another length").unwrap();
    let answer = why(desk, "a.md").await;
    assert_eq!(
        (&answer["found"], &step(&answer, "ledger")["verdict"]),
        (&true.into(), &"warning".into())
    );
    desk.docs.remove("a.md").unwrap();
    assert!(stop(desk, "a.md").await.1.contains("next comparison"));
    let claims = desk.vectors.claims().await.unwrap();
    desk.vectors.delete_claims(&claims).await.unwrap();
    desk.docs.write("a.md", "back").unwrap();
    let (at, says) = stop(desk, "a.md").await;
    assert!(at == "vectors" && says.contains("lost its points"), "{says}");

    // No text, and missing parts.
    desk.docs.write("scan.pdf", "%PDF").unwrap();
    desk.report(&["scan.pdf"], None).await;
    let hold = desk.claim("scan.pdf").await.unwrap();
    let missing = Missing {
        parts: "page 2".to_owned(),
        count: 1,
        code: "needs_ocr".to_owned(),
        reason: "a scan".to_owned(),
    };
    let version = Version {
        etag: "v1".to_owned(),
        content_hash: "hash".to_owned(),
        pipeline: "pipeline".to_owned(),
        size: 4,
        chunks: 0,
        missing: vec![missing],
    };
    let commit = Commit {
        hold,
        change: CommitChange::Replace(version),
        detail: serde_json::json!({}),
        debounce: Duration::ZERO,
    };
    desk.ledger.commit(&commit).await.unwrap();
    let answer = why(desk, "scan.pdf").await;
    assert_eq!(answer["stops_at"], "chunks", "{answer}");
    let says = step(&answer, "conversion")["says"].as_str().unwrap().to_owned();
    assert!(says.contains("needs_ocr"), "{says}");

    // A removal that waits for somebody.
    let held = Change {
        hold: true,
        ..Change::new(Desk::path("a.md"), "event", Lane::Fast)
    };
    desk.ledger.enqueue(&desk.index, &[held]).await.unwrap();
    let answer = why(desk, "a.md").await;
    let says = step(&answer, "ledger")["says"].as_str().unwrap().to_owned();
    assert!(says.contains("approval"), "{says}");
}

pub(crate) async fn a_store_that_does_not_answer_is_a_verdict(desk: &Desk) {
    desk.docs.write("a.md", "crane").unwrap();
    desk.report(&["a.md"], None).await;
    desk.index_file("a.md", "crane").await;
    desk.vectors.close().await.unwrap();
    let answer = why(desk, "a.md&query=crane").await;
    assert_eq!(step(&answer, "vectors")["verdict"], "warning", "{answer}");
    assert_eq!(step(&answer, "search")["verdict"], "warning", "{answer}");
    assert!(answer["says"].as_str().unwrap().contains("closed"), "{answer}");
}
