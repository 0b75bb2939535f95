//! Many instances: listed, filtered, purged.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use shared::ledger::Fail;
use shared::retry::Failure;

use super::desk::Desk;

async fn fail(desk: &Desk, path: &str, code: &str) {
    let fail = Fail {
        hold: desk.claim(path).await.unwrap(),
        failure: Failure::permanent(code, "it will not do"),
        delay: Duration::ZERO,
        max_attempts: 3,
        etag: None,
        standing: false,
    };
    desk.ledger.fail(&fail).await.unwrap();
}

/// Every page of a listing; the ids in order.
async fn all(desk: &Desk, path: &str) -> Vec<String> {
    let (mut ids, mut token, mut pages) = (Vec::new(), None, 0);
    loop {
        let answer = desk.ask(Method::GET, path, token.as_deref()).await;
        token = answer.next.clone();
        let body = answer.is(200);
        let page = body.as_array().unwrap();
        ids.extend(
            page.iter()
                .map(|one| one["instanceId"].as_str().unwrap().to_owned()),
        );
        pages += 1;
        assert!(pages < 100, "no end");
        if token.is_none() {
            return ids;
        }
    }
}

pub(crate) async fn instances_are_listed_in_pages(desk: &Desk) {
    let first = desk.run_with(&["a.md", "b.md"]).await;
    tokio::time::sleep(Duration::from_millis(3)).await;
    let second = desk.run_with(&["c.md", "d.md", "e.md"]).await;
    desk.index_file("a.md", "a").await;
    fail(desk, "b.md", "too_large").await;
    desk.post(&format!("/status/{}/terminate", desk.id("c.md")))
        .await
        .is(202);
    desk.post(&format!("/status/{}/suspend", desk.id("d.md")))
        .await
        .is(202);
    let files = ["a.md", "b.md", "c.md", "d.md", "e.md"].map(|path| desk.id(path));
    let mut everything = vec![second.to_string(), first.to_string()];
    everything.extend(files.clone());
    for top in [1, 2, 3, 100] {
        assert_eq!(
            all(desk, &format!("/status?top={top}")).await,
            everything,
            "{top} at a time"
        );
    }
    let of = async |status: &str| all(desk, &format!("/status?top=1&runtimeStatus={status}")).await;
    assert_eq!(of("Completed").await, [first.to_string(), files[0].clone()]);
    assert_eq!(of("Failed").await, [files[1].clone()]);
    assert_eq!(of("Terminated").await, [files[2].clone()]);
    assert_eq!(
        of("Failed,terminated").await,
        [files[1].clone(), files[2].clone()]
    );
    assert_eq!(of("Suspended").await, [files[3].clone()]);
    assert_eq!(
        of("Suspended,Pending").await,
        [files[3].clone(), files[4].clone()]
    );
    assert_eq!(of("Running").await, [second.to_string()]);
    assert!(of("Canceled").await.is_empty());
    assert_eq!(all(desk, "/status?instanceIdPrefix=conformance:").await, files);
    assert_eq!(all(desk, "/status?instanceIdPrefix=conf").await, files);
    assert_eq!(
        all(desk, &format!("/status?instanceIdPrefix={}", files[1])).await,
        [files[1].clone()]
    );
    assert_eq!(
        all(desk, &format!("/status?instanceIdPrefix={first}")).await,
        [first.to_string()]
    );
    assert!(all(desk, "/status?instanceIdPrefix=other:").await.is_empty());
    assert!(
        all(desk, "/status?createdTimeTo=2020-01-01T00:00:00Z")
            .await
            .is_empty()
    );
    assert_eq!(
        all(desk, "/status?createdTimeFrom=2020-01-01T00:00:00Z").await,
        everything
    );
    // A token is good for its listing only.
    let token = desk.get("/status?top=1").await.next.unwrap();
    let other = desk
        .ask(Method::GET, "/status?top=1&runtimeStatus=Failed", Some(&token))
        .await;
    other.refused(400, "invalid_cursor");
}

pub(crate) async fn what_has_ended_is_purged(desk: &Desk) {
    let run = desk.run_with(&["a.md"]).await;
    desk.index_file("a.md", "crane").await;
    desk.get(&format!("/status/{run}")).await.is(200);
    let open = desk.run_with(&["b.md"]).await;
    let file = format!("/status/{}", desk.id("a.md"));
    let gone = desk.ask(Method::DELETE, &file, None).await.is(200);
    assert_eq!(gone["instancesDeleted"], 1);
    let told = desk.get(&format!("{file}?showHistory=true")).await.is(200);
    assert_eq!(
        told["historyEvents"].as_array().unwrap().len(),
        1,
        "the claim of the last hour"
    );
    assert_eq!(told["output"]["version"]["chunks"], 1, "search goes on");
    desk.ask(Method::DELETE, &format!("/status/{open}"), None)
        .await
        .refused(409, "conflict");
    let old = "/status?createdTimeFrom=2020-01-01T00:00:00Z";
    let gone = desk.ask(Method::DELETE, old, None).await;
    assert_eq!(gone.next, None);
    assert_eq!(
        gone.is(200)["instancesDeleted"],
        1,
        "the run; nothing is left of the file's"
    );
    desk.get(&format!("/status/{run}"))
        .await
        .refused(404, "instance_not_found");
    desk.get(&format!("/status/{open}")).await.is(202);
    desk.ask(Method::DELETE, &format!("/status/{run}"), None)
        .await
        .refused(404, "instance_not_found");
    // What asked for a purged run goes on.
    desk.report(&["a.md"], None).await;
    desk.index_file("a.md", "crane").await;
}

pub(crate) async fn files_are_listed_by_error(desk: &Desk) {
    let names: Vec<String> = (0..9).map(|n| format!("{n}.md")).collect();
    let paths: Vec<&str> = names.iter().map(String::as_str).collect();
    desk.report(&paths, None).await;
    for (n, path) in paths.iter().enumerate() {
        fail(desk, path, if n % 3 == 0 { "too_large" } else { "damaged" }).await;
    }
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = desk
            .get(&format!(
                "/indexes/conformance/files?error_code=too_large&limit=2{cursor}"
            ))
            .await
            .is(200);
        let files = page["files"].as_array().unwrap().clone();
        found.extend(files.iter().map(|file| file["path"].as_str().unwrap().to_owned()));
        match &page["cursor"] {
            Value::String(next) => cursor = format!("&cursor={next}"),
            _ => break,
        }
    }
    assert_eq!(found, ["0.md", "3.md", "6.md"]);
    let other = desk
        .get(&format!("/indexes/conformance/files?limit=2{cursor}"))
        .await;
    other.refused(400, "invalid_cursor");
    let none = desk
        .get("/indexes/conformance/files?error_code=nobody_has_it")
        .await
        .is(200);
    assert_eq!(none["files"].as_array().unwrap().len(), 0);
}

pub(crate) async fn histories_are_paged(desk: &Desk) {
    for _ in 0..5 {
        desk.report(&["folder/a.md"], None).await;
    }
    let (mut numbers, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = desk
            .get(&format!(
                "/indexes/conformance/history/folder/a.md?limit=2{cursor}"
            ))
            .await
            .is(200);
        let history = page["history"].as_array().unwrap().clone();
        numbers.extend(history.iter().map(|entry| entry["n"].as_i64().unwrap()));
        match &page["cursor"] {
            Value::String(next) => cursor = format!("&cursor={next}"),
            _ => break,
        }
    }
    assert_eq!(numbers, [5, 4, 3, 2, 1]);
    let one = desk.get("/indexes/conformance/files/folder/a.md").await.is(200);
    assert_eq!(one["history"][0]["n"], 1, "oldest first, as before");
}
