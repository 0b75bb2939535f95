//! Runs through the front door: the routes over a ledger in memory, a source in memory, and workers by hand.

mod desk;

use axum::body::{Body as HttpBody, to_bytes};
use axum::http::Request;
use serde_json::Value;
use shared::ledger::{Change, Fail, Ledger, RunLedger};
use shared::retry::Failure;
use shared::work_message::Lane;
use tower::ServiceExt;

use self::desk::*;
use super::*;

#[tokio::test]
async fn a_run_is_there_at_once_and_complete_when_its_files_are() {
    let desk = Desk::new().await;
    let nothing = desk.start("").await;
    assert_eq!(desk.get(&nothing).await["state"], "LISTING");
    desk.pass().await;
    assert_eq!(
        desk.get(&nothing).await["state"],
        "COMPLETED",
        "also with nothing to do"
    );

    desk.put((0..5).map(|n| format!("{n}.md"))).await;
    let url = desk.start("").await;
    desk.pass().await;
    let run = desk.get(&url).await;
    assert_eq!((&run["state"], numbers(&run)), (&"RUNNING".into(), [5, 0, 0]));
    assert_eq!(
        (&run["kind"], &run["asked_by"]),
        (&"scan".into(), &"local".into())
    );
    let claim = desk.claim("0.md").await.unwrap();
    let fail = Fail {
        hold: claim.hold,
        failure: Failure::permanent("too_odd", "nobody can read it"),
        delay: Duration::ZERO,
        max_attempts: 1,
        etag: None,
        standing: false,
    };
    desk.ledger.fail(&fail).await.unwrap();
    desk.clock.advance(Duration::from_secs(10));
    let slow = desk.get(&url).await;
    assert_eq!(slow["files_per_second"], 0.1);
    assert_eq!(
        slow["eta_at"].as_i64(),
        slow["as_of"].as_i64().map(|now| now + 40_000)
    );
    assert_eq!(desk.work().await, 4);
    let run = desk.get(&url).await;
    assert_eq!((&run["state"], numbers(&run)), (&"COMPLETED".into(), [5, 5, 4]));
    assert_eq!(
        run["errors"],
        serde_json::json!([{ "code": "too_odd", "files": 1 }])
    );
    assert_eq!(
        [&run["tokens"], &run["chunks_embedded"], &run["chunks_reused"]],
        [28, 4, 8]
    );

    let page = desk.get("/indexes/docs/runs?limit=1&state=completed").await;
    let cursor = page["cursor"].as_str().unwrap();
    assert_eq!(url, format!("/runs/{}", page["runs"][0]["id"].as_str().unwrap()));
    let rest = desk
        .get(&format!("/indexes/docs/runs?state=completed&cursor={cursor}"))
        .await;
    assert_eq!(rest["runs"].as_array().unwrap().len(), 1);
    let other = format!("/indexes/docs/runs?cursor={cursor}");
    assert_eq!(desk.send("GET", &other).await.0, 400, "with other filters");
    for query in [
        "runs?state=ODD",
        "runs?kind=odd",
        "runs?limit=0",
        "runs?cursor=odd",
        "runs?more=1",
    ] {
        assert_eq!(
            desk.send("GET", &format!("/indexes/docs/{query}")).await.0,
            400,
            "{query}"
        );
    }
    for query in [
        "?retry=all",
        "?full=true&retry=failed",
        "?path=a.md",
        "?full=maybe",
        "?retry=failed&path=../x",
    ] {
        assert_eq!(
            desk.send("POST", &format!("/indexes/docs/run{query}")).await.0,
            400,
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_full_run_that_somebody_left_is_finished_by_another() {
    const FILES: usize = 2500;
    let desk = Desk::new().await;
    desk.put((0..FILES).map(|n| format!("{n:04}.md"))).await;
    desk.start("").await;
    desk.pass().await;
    assert_eq!(desk.work().await, FILES);
    let url = desk.start("?full=true").await;
    // A replica records what differs, and one page of what does not, and dies.
    let lease = Duration::from_secs(15);
    let work = desk.ledger.take_run(&desk.index, lease).await.unwrap().unwrap();
    let again = |n: usize| Change {
        again: true,
        ..Change::new(BlobPath::new(format!("{n:04}.md")).unwrap(), "run", Lane::Bulk)
    };
    let page = shared::ledger::RunPage {
        changes: (0..700).map(again).collect(),
        retry: Vec::new(),
        next: Some((
            shared::ledger::RunPhase::Again,
            Some(BlobPath::new("0699.md").unwrap()),
        )),
    };
    desk.ledger
        .advance_run(&work, &page, lease)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(desk.work().await, 700);
    desk.pass().await;
    assert_eq!(desk.get(&url).await["state"], "LISTING", "its lease runs");
    desk.clock.advance(lease);
    desk.pass().await;
    let run = desk.get(&url).await;
    assert_eq!(run["state"], "RUNNING");
    let claim = desk.claim("2499.md").await.unwrap();
    desk.make(&claim).await;
    desk.work().await;
    let run = desk.get(&url).await;
    assert_eq!(run["state"], "COMPLETED", "{run}");
    assert_eq!(run["total"], run["done"]);
    assert_eq!(desk.work().await, 0);
}

#[tokio::test]
async fn a_source_that_is_away_is_named_and_waited_for() {
    let desk = Desk::new().await;
    let url = desk.start("?retry=failed").await;
    let work = desk
        .ledger
        .take_run(&desk.index, Duration::from_secs(15))
        .await
        .unwrap()
        .unwrap();
    let wait = Duration::from_secs(10);
    desk.ledger
        .stall_run(&work, "the source is away", wait)
        .await
        .unwrap();
    desk.pass().await;
    assert_eq!(desk.get(&url).await["problem"], "the source is away");
    desk.clock.advance(wait);
    desk.pass().await;
    let run = desk.get(&url).await;
    assert_eq!(
        (&run["state"], &run["problem"]),
        (&"COMPLETED".into(), &Value::Null)
    );
}

#[tokio::test]
async fn starting_and_cancelling_at_once_leaves_nothing_behind() {
    let desk = Desk::new().await;
    desk.put((0..50).map(|n| format!("{n:02}.md"))).await;
    desk.start("").await;
    desk.pass().await;
    desk.work().await;
    let (one, two) = tokio::join!(desk.start("?full=true"), desk.start("?full=true"));
    desk.pass().await;
    let begun = desk.claim("00.md").await.unwrap();
    assert!(begun.again, "the attempt must not keep equal content");
    // What is reported meanwhile stays wanted.
    let reported = Change::reported(BlobPath::new("01.md").unwrap(), "event", Lane::Fast);
    desk.ledger.enqueue(&desk.index, &[reported]).await.unwrap();
    let cancel = |url: &str| format!("{url}/cancel");
    let (first, second, third) = (cancel(&one), cancel(&two), cancel(&two));
    let (a, b, c) = tokio::join!(
        desk.send("POST", &first),
        desk.send("POST", &second),
        desk.send("POST", &third)
    );
    assert_eq!((a.0, b.0, c.0), (200, 200, 200));
    desk.pass().await;
    desk.make(&begun).await;
    let (mut done, mut states) = (0, Vec::new());
    for url in [&one, &two] {
        let run = desk.get(url).await;
        assert_eq!(run["total"], run["done"], "{run}");
        states.push(run["state"].as_str().unwrap().to_owned());
        done += run["counts"]["cancelled"].as_u64().unwrap() + run["counts"]["indexed"].as_u64().unwrap();
    }
    states.sort();
    assert_eq!(
        states,
        ["CANCELLED", "COMPLETED"],
        "one had lost all of its files to the other"
    );
    assert_eq!(done, 49, "all but the one that was reported");
    assert_eq!(desk.work().await, 1, "and that one is made");
    let before = desk.get(&one).await;
    let (status, again) = desk.send("POST", &first).await;
    assert_eq!(
        (status, &again["state"]),
        (200, &before["state"]),
        "what is over stays so"
    );
    assert_eq!(
        desk.send("POST", &format!("/runs/{}/cancel", RunId::generate()))
            .await
            .0,
        404
    );
    assert_eq!(desk.send("POST", "/runs/17/cancel").await.0, 400);
}

/// The events of a stream: name, id, data.
fn events(text: &str) -> Vec<(String, String, Value)> {
    let field = |event: &str, name: &str| {
        let line = event.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_default().trim_start_matches(": ").to_owned()
    };
    text.split("\n\n")
        .filter(|event| event.contains("event:"))
        .map(|event| {
            let data = serde_json::from_str(&field(event, "data")).unwrap();
            (field(event, "event"), field(event, "id"), data)
        })
        .collect()
}

#[tokio::test]
async fn a_run_is_followed_to_its_end() {
    let desk = Desk::new().await;
    desk.put((0..3).map(|n| format!("{n}.md"))).await;
    let url = desk.start("").await;
    desk.pass().await;
    let follow = |last: Option<&str>| {
        let mut request = Request::get(format!("{url}/events"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let (router, request) = (desk.router.clone(), request.body(HttpBody::empty()).unwrap());
        async move { router.oneshot(request).await.unwrap() }
    };
    let response = follow(None).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let reading = to_bytes(response.into_body(), usize::MAX);
    let working = async {
        for name in ["0.md", "1.md", "2.md"] {
            tokio::time::sleep(Duration::from_millis(450)).await;
            let claim = desk.claim(name).await.unwrap();
            desk.make(&claim).await;
        }
    };
    let (read, ()) = tokio::join!(reading, working);
    let seen = events(std::str::from_utf8(&read.unwrap()).unwrap());
    let (last, progress) = seen.split_last().unwrap();
    assert_eq!(
        (last.0.as_str(), last.1.as_str(), &last.2["done"]),
        ("done", "done", &3.into())
    );
    assert_eq!(progress[0].2["done"], 0, "a snapshot at once");
    assert!(
        progress.len() >= 2 && progress.iter().all(|event| event.0 == "progress"),
        "{seen:?}"
    );
    let done: Vec<_> = seen.iter().map(|event| event.2["done"].as_u64()).collect();
    assert!(done.is_sorted(), "{done:?}");
    assert_eq!(
        follow(Some("done")).await.status().as_u16(),
        204,
        "it has seen the end"
    );

    // A process that stops does not wait for its watchers.
    let endless = desk.start("?full=true").await;
    let request = Request::get(format!("{endless}/events"))
        .body(HttpBody::empty())
        .unwrap();
    let response = desk.router.clone().oneshot(request).await.unwrap();
    desk.stop.cancel();
    let read = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    assert!(
        events(std::str::from_utf8(&read).unwrap())
            .iter()
            .all(|event| event.0 == "progress")
    );
}
