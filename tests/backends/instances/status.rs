//! One instance: followed, ended, held, rewound, by one client and by two.

use reqwest::Method;
use serde_json::Value;
use shared::ledger::{CommitOutcome, Fail};
use shared::retry::Failure;
use shared::work_message::Lane;
use std::time::Duration;

use super::desk::Desk;

fn kinds(status: &Value) -> Vec<&str> {
    let events = status["historyEvents"].as_array().unwrap();
    events
        .iter()
        .map(|event| event["EventType"].as_str().unwrap())
        .collect()
}

pub(crate) async fn a_file_is_followed_to_its_end(desk: &Desk) {
    desk.report(&["a.md"], None).await;
    let address = format!("/status/{}", desk.id("a.md"));
    let status = desk.get(&address).await.is(202);
    assert_eq!(status["runtimeStatus"], "Pending");
    assert_eq!(status["input"]["path"], "a.md");
    assert_eq!(status["output"], Value::Null);
    assert!(status.get("historyEvents").is_none());
    let hold = desk.claim("a.md").await.unwrap();
    assert_eq!(desk.get(&address).await.is(202)["runtimeStatus"], "Running");
    desk.commit(&hold, "v1", 3).await;
    let told = desk
        .get(&format!(
            "{address}?showHistory=true&showHistoryOutput=true&showInput=false"
        ))
        .await
        .is(200);
    assert_eq!(told["runtimeStatus"], "Completed");
    assert_eq!(told["input"], Value::Null);
    assert_eq!(told["output"]["version"]["chunks"], 3);
    assert_eq!(told["customStatus"]["state"], "INDEXED");
    let wanted = [
        "ExecutionStarted",
        "TaskScheduled",
        "TaskCompleted",
        "ExecutionCompleted",
    ];
    assert_eq!(kinds(&told), wanted);
    assert!(
        told["historyEvents"][2]["Result"]
            .as_str()
            .unwrap()
            .contains("converter")
    );
    assert!(told["createdTime"].as_str().unwrap() <= told["lastUpdatedTime"].as_str().unwrap());

    let run = desk.run_with(&["b.md"]).await;
    let address = format!("/status/{run}?showHistory=true");
    let status = desk.get(&address).await.is(202);
    assert_eq!(
        (&status["name"], &status["runtimeStatus"]),
        (&"run".into(), &"Running".into())
    );
    desk.index_file("b.md", "b").await;
    let status = desk.get(&address).await.is(200);
    assert_eq!(status["output"]["files"]["INDEXED"], 1);
    assert_eq!(kinds(&status), ["ExecutionStarted", "ExecutionCompleted"]);
}

pub(crate) async fn a_terminated_file_stays_so(desk: &Desk) {
    desk.docs.write("a.md", "crane").unwrap();
    desk.report(&["a.md"], None).await;
    let hold = desk.claim("a.md").await.unwrap();
    let address = format!("/status/{}", desk.id("a.md"));
    let status = desk
        .post(&format!("{address}/terminate?reason=not%20this%20week"))
        .await
        .is(202);
    assert_eq!(status["runtimeStatus"], "Terminated");
    assert!(
        status["output"]["failure"]
            .as_str()
            .unwrap()
            .contains("not this week")
    );
    assert_eq!(desk.commit(&hold, "v1", 1).await, CommitOutcome::Lost, "fenced");
    desk.post(&format!("{address}/terminate"))
        .await
        .refused(410, "instance_ended");
    // A comparison finds the tag that it had, so it does not come back by itself.
    let known = desk.ledger.known_files(&desk.index, "").await.unwrap();
    assert!(known[0].etag.is_some());
    assert_eq!(desk.dispatcher.pass().await.unwrap(), 0);
    let status = desk.post(&format!("{address}/rewind")).await.is(202);
    assert_eq!(status["runtimeStatus"], "Pending");
    desk.post(&format!("{address}/rewind"))
        .await
        .refused(409, "conflict");
    desk.index_file("a.md", "crane").await;
    desk.post(&format!("{address}/rewind"))
        .await
        .refused(410, "instance_ended");
    desk.post(&format!("{address}/terminate"))
        .await
        .refused(410, "instance_ended");
}

pub(crate) async fn a_suspended_file_waits(desk: &Desk) {
    desk.report(&["a.md", "b.md"], None).await;
    let address = format!("/status/{}", desk.id("a.md"));
    let status = desk.post(&format!("{address}/suspend?reason=look")).await.is(202);
    assert_eq!(status["runtimeStatus"], "Suspended");
    assert_eq!(status["customStatus"]["suspended"]["by"], "file");
    assert_eq!(desk.dispatcher.pass().await.unwrap(), 1, "b.md");
    assert!(desk.claim("a.md").await.is_none());
    let backlog = desk.get("/backlog").await.is(200);
    assert_eq!(backlog["backlog"], 1, "nobody scales out for it");
    desk.report(&["a.md"], None).await;
    assert_eq!(desk.get(&address).await.is(202)["runtimeStatus"], "Suspended");
    assert_eq!(
        desk.post(&format!("{address}/suspend")).await.is(202)["runtimeStatus"],
        "Suspended"
    );
    assert_eq!(
        desk.post(&format!("{address}/resume")).await.is(202)["runtimeStatus"],
        "Pending"
    );
    assert_eq!(
        desk.post(&format!("{address}/resume")).await.is(202)["runtimeStatus"],
        "Pending"
    );
    assert_eq!(desk.dispatcher.pass().await.unwrap(), 1);
    desk.index_file("a.md", "a").await;
    desk.post(&format!("{address}/resume"))
        .await
        .refused(410, "instance_ended");
    let told = desk.get(&format!("{address}?showHistory=true")).await.is(200);
    assert!(kinds(&told).contains(&"ExecutionSuspended"));
    assert!(kinds(&told).contains(&"ExecutionResumed"));
}

pub(crate) async fn a_suspended_run_waits(desk: &Desk) {
    let run = desk.run_with(&["a.md", "b.md"]).await;
    desk.report(&["c.md"], None).await;
    let address = format!("/status/{run}");
    assert_eq!(
        desk.post(&format!("{address}/suspend")).await.is(202)["runtimeStatus"],
        "Suspended"
    );
    assert!(desk.claim("a.md").await.is_none(), "at once");
    assert_eq!(
        desk.dispatcher.pass().await.unwrap(),
        3,
        "one is woken, two are set aside"
    );
    assert_eq!(desk.queue.len(Lane::Fast), 1);
    assert_eq!(desk.dispatcher.pass().await.unwrap(), 0);
    let file = desk.get(&format!("/status/{}", desk.id("a.md"))).await.is(202);
    assert_eq!(file["customStatus"]["suspended"]["by"], "run");
    desk.post(&format!("/status/{}/resume", desk.id("a.md")))
        .await
        .refused(409, "conflict");
    assert_eq!(
        desk.post(&format!("{address}/resume")).await.is(202)["runtimeStatus"],
        "Running"
    );
    assert_eq!(desk.dispatcher.pass().await.unwrap(), 2);
    assert_eq!(desk.queue.len(Lane::Fast), 3);
    desk.index_file("a.md", "a").await;
    desk.index_file("b.md", "b").await;
    assert_eq!(desk.get(&address).await.is(200)["runtimeStatus"], "Completed");
    desk.post(&format!("{address}/suspend"))
        .await
        .refused(410, "instance_ended");
    desk.post(&format!("{address}/resume"))
        .await
        .refused(410, "instance_ended");
    desk.post(&format!("{address}/terminate"))
        .await
        .refused(410, "instance_ended");
}

pub(crate) async fn a_terminated_run_is_cancelled(desk: &Desk) {
    let run = desk.run_with(&["a.md", "b.md", "c.md"]).await;
    let address = format!("/status/{run}");
    let hold = desk.claim("a.md").await.unwrap();
    desk.post(&format!("{address}/suspend")).await.is(202);
    assert_eq!(desk.dispatcher.pass().await.unwrap(), 2, "set aside");
    let status = desk.post(&format!("{address}/terminate")).await.is(202);
    assert_eq!(status["runtimeStatus"], "Running", "a.md is being finished");
    assert_eq!(status["customStatus"]["runState"], "CANCELLING");
    assert_eq!(status["customStatus"]["files"]["CANCELLED"], 2);
    desk.post(&format!("{address}/terminate")).await.is(202);
    for action in ["suspend", "resume"] {
        desk.post(&format!("{address}/{action}"))
            .await
            .refused(410, "instance_ended");
    }
    // What was reported is still wanted, and nothing holds it back.
    assert_eq!(desk.dispatcher.pass().await.unwrap(), 2);
    desk.index_file("b.md", "b").await;
    desk.commit(&hold, "v1", 1).await;
    let status = desk.get(&format!("{address}?showHistory=true")).await.is(200);
    assert_eq!(status["runtimeStatus"], "Canceled");
    assert_eq!(status["output"]["files"]["INDEXED"], 1);
    let events = status["historyEvents"].as_array().unwrap();
    assert_eq!(events.last().unwrap()["OrchestrationStatus"], "Canceled");
    for action in ["terminate", "rewind"] {
        desk.post(&format!("{address}/{action}"))
            .await
            .refused(410, "instance_ended");
    }
    let listed = desk.get("/status?runtimeStatus=Canceled").await.is(200);
    assert_eq!(listed[0]["instanceId"], run.to_string());
}

pub(crate) async fn a_run_is_rewound(desk: &Desk) {
    let run = desk.run_with(&["a.md"]).await;
    let address = format!("/status/{run}");
    desk.post(&format!("{address}/rewind"))
        .await
        .refused(409, "conflict");
    let fail = Fail {
        hold: desk.claim("a.md").await.unwrap(),
        failure: Failure::permanent("too_large", "too large"),
        delay: Duration::ZERO,
        max_attempts: 3,
        etag: None,
        standing: false,
    };
    desk.ledger.fail(&fail).await.unwrap();
    assert_eq!(desk.get(&address).await.is(200)["output"]["files"]["FAILED"], 1);
    assert_eq!(
        desk.post(&format!("{address}/rewind")).await.is(202)["runtimeStatus"],
        "Running"
    );
    desk.index_file("a.md", "a").await;
    assert_eq!(desk.get(&address).await.is(200)["output"]["files"]["INDEXED"], 1);
    desk.post(&format!("{address}/rewind"))
        .await
        .refused(410, "instance_ended");
}

pub(crate) async fn terminate_races_with_commit(desk: &Desk) {
    let (mut ended, mut committed) = (0, 0);
    for round in 0..20 {
        let path = format!("{round}.md");
        desk.report(&[&path], None).await;
        let hold = desk.claim(&path).await.unwrap();
        let address = format!("/status/{}/terminate", desk.id(&path));
        // The server looks at the row and at the source first, so the commit has to wait a little to have a rival.
        let commit = async {
            for _ in 0..round {
                tokio::task::yield_now().await;
            }
            if round % 2 == 0 {
                tokio::time::sleep(Duration::from_millis(round)).await;
            }
            desk.commit(&hold, "v1", 1).await
        };
        let (answer, outcome) = tokio::join!(desk.post(&address), commit);
        let row = desk
            .ledger
            .file(&desk.index, desk.file(&path))
            .await
            .unwrap()
            .unwrap();
        match outcome {
            CommitOutcome::Lost => {
                ended += 1;
                assert_eq!(answer.is(202)["runtimeStatus"], "Terminated");
                assert_eq!((row.state.name(), row.live_claim), ("FAILED", None));
            }
            CommitOutcome::Committed(_) => {
                committed += 1;
                assert!([409, 410].contains(&answer.status.as_u16()), "{}", answer.body);
                assert_eq!(
                    (row.state.name(), row.live_claim),
                    ("INDEXED", Some(hold.claim_id))
                );
            }
        }
    }
    assert_eq!(ended + committed, 20);
}

pub(crate) async fn two_clients_ask_for_the_same(desk: &Desk) {
    for round in 0..5 {
        let path = format!("{round}.md");
        desk.report(&[&path], None).await;
        let address = format!("/status/{}", desk.id(&path));
        for action in ["suspend", "resume"] {
            let action = format!("{address}/{action}");
            let (one, other) = tokio::join!(desk.post(&action), desk.post(&action));
            one.is(202);
            other.is(202);
        }
        let terminate = format!("{address}/terminate");
        let (one, other) = tokio::join!(desk.post(&terminate), desk.post(&terminate));
        let mut statuses = [one.status.as_u16(), other.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [202, 410], "one of them ended it");
        let history = desk
            .ledger
            .history(&desk.index, desk.file(&path), 100)
            .await
            .unwrap();
        for event in ["suspended", "resumed", "terminated"] {
            assert_eq!(
                history.iter().filter(|entry| entry.event == event).count(),
                1,
                "{event}"
            );
        }
        let rewind = format!("{address}/rewind");
        let (one, other) = tokio::join!(desk.post(&rewind), desk.post(&rewind));
        assert!(one.status.is_success() || other.status.is_success());
        let row = desk
            .ledger
            .file(&desk.index, desk.file(&path))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(row.state.name(), "PENDING");
    }
}

pub(crate) async fn nonsense_is_never_a_server_error(desk: &Desk) {
    desk.report(&["a.md"], None).await;
    let file = desk.id("a.md");
    let long = "x".repeat(1001);
    for (method, path, status, code) in [
        (Method::GET, "/status/nobody", 404, "instance_not_found"),
        (Method::GET, "/status/%00", 400, "invalid_path"),
        (Method::GET, "/status/conformance:%00", 400, "invalid_path"),
        (
            Method::POST,
            "/status/0198c0de-7a11-7000-8000-000000000001/suspend",
            404,
            "instance_not_found",
        ),
        (Method::GET, "/status?top=0", 400, "bad_request"),
        (Method::GET, "/status?top=1001", 400, "bad_request"),
        (Method::GET, "/status?runtimeStatus=Asleep", 400, "bad_request"),
        (
            Method::GET,
            "/status?createdTimeFrom=yesterday",
            400,
            "bad_request",
        ),
        (Method::GET, "/status?invented=1", 400, "invalid_query"),
        (Method::DELETE, "/status", 400, "invalid_query"),
        (
            Method::DELETE,
            "/status?createdTimeFrom=2020-01-01T00:00:00Z&runtimeStatus=Running",
            400,
            "bad_request",
        ),
        (
            Method::GET,
            &format!("/status/{file}?showHistory=perhaps"),
            400,
            "invalid_query",
        ),
        (
            Method::POST,
            &format!("/status/{file}/suspend?reason={long}"),
            400,
            "bad_request",
        ),
        (
            Method::POST,
            &format!("/status/{file}/suspend?because=x"),
            400,
            "invalid_query",
        ),
        (Method::DELETE, &format!("/status/{file}"), 409, "conflict"),
        (Method::POST, "/status", 405, "method_not_allowed"),
        (
            Method::GET,
            "/indexes/conformance/files?cursor=a.md",
            400,
            "invalid_cursor",
        ),
        (
            Method::GET,
            "/indexes/conformance/files?prefix=%00",
            400,
            "invalid_query",
        ),
        (
            Method::GET,
            "/indexes/conformance/history/a.md?cursor=5",
            400,
            "invalid_cursor",
        ),
        (
            Method::GET,
            "/indexes/conformance/history/a.md?limit=0",
            400,
            "bad_request",
        ),
        (
            Method::GET,
            "/indexes/conformance/history/nobody.md",
            404,
            "file_not_found",
        ),
        (Method::GET, "/indexes/conformance/why", 400, "invalid_query"),
        (
            Method::GET,
            "/indexes/conformance/why?path=%00",
            400,
            "invalid_query",
        ),
        (
            Method::GET,
            "/indexes/conformance/why?path=a.md&query=",
            400,
            "bad_request",
        ),
        (
            Method::GET,
            "/indexes/nobody/why?path=a.md",
            404,
            "index_not_found",
        ),
    ] {
        let answer = desk.ask(method.clone(), path, None).await;
        assert_eq!(
            (answer.status.as_u16(), answer.body["code"].as_str()),
            (status, Some(code)),
            "{method} {path}"
        );
    }
    // Any text is a reason, as long as it is text.
    desk.ask(Method::POST, &format!("/status/{file}/suspend?reason=%00"), None)
        .await
        .refused(400, "invalid_query");
    desk.post(&format!("/status/{file}/suspend?reason=%F0%9F%90%8B%22%7D"))
        .await
        .is(202);
    desk.get(&format!("/status/{file}?showHistory=true"))
        .await
        .is(202);
    for token in ["x", "AAAA", "%00"] {
        let answer = desk.ask(Method::GET, "/status", Some(token)).await;
        answer.refused(400, "invalid_cursor");
    }
}
