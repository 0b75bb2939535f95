//! Generations from their making to their end: the duty, and the interface in front of it.

mod desk;

use serde_json::{Value, json};
use shared::ledger::{Erased, IndexState, Role};
use shared::retry::Failure;
use shared::vectors::Vectors;

use self::desk::*;
use super::*;

#[tokio::test]
async fn another_model_among_the_settings_begins_a_generation() {
    for on_model in [false, true] {
        let desk = Desk::new(on_model).await;
        let patch = async |body: Value| desk.ask("PATCH", "/indexes/docs", Some(body)).await;
        let effects = |answer: &Value| -> Vec<String> {
            let effects = answer["effects"].as_array().unwrap().iter();
            effects
                .map(|one| one["field"].as_str().unwrap().to_owned())
                .collect()
        };
        let settings = async |index: &str| desk.indexes.generation(&id(index)).await.unwrap().settings;

        let none = json!({ "embedding": null, "limits": {} });
        let (status, answer) = patch(none).await;
        assert_eq!((status, effects(&answer).len()), (200, 0), "{answer}");
        let (status, answer) = patch(json!({ "embedding": { "name": "nobody" } })).await;
        assert_eq!(status, 400, "{answer}");
        let (status, answer) = patch(json!({ "embedding": { "size": 3 } })).await;
        assert_eq!(
            (status, &answer["code"]),
            (400, &json!("invalid_settings")),
            "{answer}"
        );
        assert_eq!(desk.states().await, states([(1, "LIVE")]));

        let both = json!({ "embedding": { "model": "large" }, "files": { "max_bytes": 1000 } });
        let (status, answer) = patch(both.clone()).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(effects(&answer), ["files.max_bytes", "embedding"]);
        assert_eq!(
            answer["index"]["others"],
            json!([{ "number": 2, "role": "BUILDING" }])
        );
        assert_eq!(desk.states().await, states([(1, "LIVE"), (2, "BUILDING")]));
        assert_eq!(settings("docs").await["embedding"], Value::Null);
        for index in ["docs", "docs~2"] {
            assert_eq!(settings(index).await["files"]["max_bytes"], 1000, "{index}");
        }
        assert_eq!(settings("docs~2").await["embedding"]["model"], "large");

        // Somebody who got no answer asks again; another model has to wait.
        assert_eq!(patch(both).await.0, 200);
        let (status, answer) = patch(json!({ "embedding": { "model": "larger" } })).await;
        assert_eq!(
            (status, &answer["code"]),
            (409, &json!("generation_busy")),
            "{answer}"
        );
        // What is not about the model holds for all of them.
        let (status, answer) = patch(json!({ "files": { "max_bytes": 2000 } })).await;
        assert_eq!(status, 200, "{answer}");
        for index in ["docs", "docs~2"] {
            assert_eq!(settings(index).await["files"]["max_bytes"], 2000, "{index}");
        }
        assert_eq!(settings("docs~2").await["embedding"]["model"], "large");
        let (status, answer) = desk.ask("PATCH", "/indexes/docs~2", Some(json!({}))).await;
        assert_eq!(status, 400, "{answer}");
    }
}

#[tokio::test]
async fn a_generation_is_built_swapped_undone_and_dropped() {
    let mut desk = Desk::new(false).await;
    let (first, second) = (id("docs"), id("docs~2"));
    desk.make(&first, "a.md", "v1").await;
    desk.make(&first, "b.md", "v1").await;
    let (status, list) = desk.begin("large").await;
    assert_eq!(status, 202, "{list}");
    assert_eq!(list["generations"][1]["id"], "docs~2");
    assert_eq!(list["generations"][1]["differs"], json!(["embedding"]));
    assert_eq!(list["generations"][1]["embedding"]["model"], "large");
    assert!(
        list["generations"][1]["progress"]["waits_for"][0]
            .as_str()
            .unwrap()
            .contains("source")
    );
    assert_eq!(desk.begin("larger").await.1["code"], "generation_busy");

    // Nothing of it is seen until nothing is lost by it.
    desk.pass(false).await;
    desk.make(&second, "a.md", "v1").await;
    desk.compared(&second).await;
    desk.pass(true).await;
    assert_eq!(desk.found().await, all(1, "v1"));
    let (_, list) = desk.ask("GET", "/indexes/docs/generations", None).await;
    let progress = &list["generations"][1]["progress"];
    assert_eq!((&progress["settled"], &progress["total"]), (&json!(1), &json!(1)));
    assert!(
        progress["waits_for"][0].as_str().unwrap().starts_with("b.md "),
        "{progress}"
    );
    let (_, files) = desk.ask("GET", "/indexes/docs~2/files", None).await;
    assert_eq!(
        files["files"].as_array().unwrap().len(),
        1,
        "it can be looked at by its name"
    );

    desk.make(&second, "b.md", "v1").await;
    desk.pass(true).await;
    assert_eq!(desk.found().await, all(2, "v1"));
    assert_eq!(desk.states().await, states([(1, "RETIRED"), (2, "LIVE")]));
    let (_, status) = desk.ask("GET", "/indexes/docs", None).await;
    assert_eq!(
        (&status["id"], &status["generation"], &status["others"]),
        (
            &json!("docs"),
            &json!(2),
            &json!([{ "number": 1, "role": "RETIRED" }])
        )
    );
    let (_, indexes) = desk.ask("GET", "/indexes", None).await;
    assert_eq!(
        indexes.as_array().unwrap().len(),
        1,
        "generations are not indexes for people"
    );
    let (_, exact) = desk.ask("GET", "/indexes/docs~1", None).await;
    assert_eq!(
        (&exact["id"], &exact["role"]),
        (&json!("docs"), &json!("RETIRED"))
    );

    // The retired one records what happens, and does nothing about it.
    for index in [&first, &second] {
        desk.change(index, "a.md").await;
    }
    desk.work(&second, "a.md", "v2").await;
    let (_, backlog) = desk.ask("GET", "/backlog", None).await;
    assert_eq!(backlog["backlog"], 0, "{backlog}");

    // Back: as soon as it has caught up.
    let (status, list) = desk.ask("POST", "/indexes/docs/generations/2/undo", None).await;
    assert_eq!(status, 202, "{list}");
    assert_eq!(desk.states().await, states([(1, "RETURNING"), (2, "LIVE")]));
    assert_eq!(desk.begin("other").await.1["code"], "generation_busy");
    let (_, backlog) = desk.ask("GET", "/backlog", None).await;
    assert_eq!(backlog["indexes"], json!({ "docs": 1 }), "it is worked on again");
    desk.pass(true).await;
    assert_eq!(desk.found().await["a.md"].1, "v2");
    desk.work(&first, "a.md", "v2").await;
    desk.pass(true).await;
    assert_eq!(desk.states().await, states([(1, "LIVE"), (2, "RETIRED")]));

    // And at once.
    let (status, list) = desk
        .ask("POST", "/indexes/docs/generations/1/undo?now=true", None)
        .await;
    assert_eq!(status, 200, "{list}");
    assert_eq!(desk.states().await, states([(1, "RETIRED"), (2, "LIVE")]));
    desk.pass(true).await;
    let published = desk.here.published.lock().unwrap().clone();
    assert_eq!(
        published.last(),
        Some(&second),
        "readers of the store follow: {published:?}"
    );

    // In time it goes.
    desk.clock.advance(Duration::from_secs(6 * 24 * 3600));
    desk.pass(true).await;
    assert_eq!(desk.role("docs").await, (Role::Retired, IndexState::Paused));
    desk.clock.advance(Duration::from_secs(25 * 3600));
    desk.pass(true).await;
    assert_eq!(desk.role("docs").await, (Role::Dropping, IndexState::Deleting));
    let (status, _) = desk.ask("DELETE", "/indexes/docs/generations/1", None).await;
    assert_eq!(status, 202, "asking for what happens anyway is fine");
    while desk.ledger.erase_index(&first, 100).await.unwrap() == Erased::More {}
    assert_eq!(desk.states().await, states([(2, "LIVE")]));
    assert_eq!(desk.found().await.len(), 2);
    let new = json!({ "name": "docs", "source": "file:///other" });
    assert_eq!(desk.post("/indexes", new).await.1["code"], "index_exists");
}

#[tokio::test]
async fn a_build_that_cannot_succeed_is_rolled_back() {
    let mut desk = Desk::new(false).await;
    let first = id("docs");
    desk.make(&first, "a.md", "v1").await;
    desk.make(&first, "b.md", "v1").await;

    // The model refuses.
    assert_eq!(desk.begin("large").await.0, 202);
    let second = id("docs~2");
    desk.compared(&second).await;
    desk.change(&second, "a.md").await;
    let refusal = || Failure::throttled(codes::REFUSED_KEY, "401");
    desk.fail(&second, "a.md", refusal()).await;
    desk.pass(false).await;
    assert_eq!(desk.states().await[&2], "BUILDING");
    desk.clock.advance(Duration::from_secs(301));
    desk.pass(true).await;
    let (_, list) = desk.ask("GET", "/indexes/docs/generations", None).await;
    let reason = list["failure"]["reason"].as_str().unwrap();
    assert!(reason.contains(codes::REFUSED_KEY), "{reason}");
    assert_eq!(desk.states().await, states([(1, "LIVE"), (2, "DROPPING")]));
    assert_eq!(desk.found().await, all(1, "v1"));

    // Too many files fail.
    assert_eq!(desk.begin("large").await.0, 202);
    let third = id("docs~3");
    desk.compared(&third).await;
    for number in 0..11 {
        let path = format!("{number}.md");
        desk.change(&third, &path).await;
        desk.fail(&third, &path, Failure::permanent("text_refused", "too long"))
            .await;
    }
    desk.pass(true).await;
    let (_, list) = desk.ask("GET", "/indexes/docs/generations", None).await;
    let reason = list["failure"]["reason"].as_str().unwrap();
    assert!(
        reason.contains("11 of 11") && reason.contains("text_refused"),
        "{reason}"
    );

    // By hand.
    assert_eq!(desk.begin("large").await.0, 202);
    let (status, list) = desk
        .ask("POST", "/indexes/docs/generations/4/rollback", None)
        .await;
    assert_eq!(status, 200, "{list}");
    assert_eq!(list["generations"][0]["state"], "LIVE");
    let (status, _) = desk
        .ask("POST", "/indexes/docs/generations/4/rollback", None)
        .await;
    assert_eq!(status, 409);
    assert_eq!(desk.found().await, all(1, "v1"));
}

#[tokio::test]
async fn an_operator_may_accept_what_is_missing() {
    let mut desk = Desk::new(false).await;
    let (first, second) = (id("docs"), id("docs~2"));
    desk.make(&first, "a.md", "v1").await;
    desk.begin("large").await;
    let swap = "/indexes/docs/generations/2/swap";
    assert_eq!(
        desk.ask("POST", swap, None).await.0,
        409,
        "it has not seen the source"
    );
    desk.compared(&second).await;
    desk.change(&second, "a.md").await;
    desk.fail(&second, "a.md", Failure::permanent("text_refused", "too long"))
        .await;
    desk.pass(false).await;
    assert_eq!(
        desk.states().await[&2],
        "BUILDING",
        "one failed file does not end it"
    );
    assert_eq!(desk.ask("POST", swap, None).await.0, 200);
    assert_eq!(desk.states().await, states([(1, "RETIRED"), (2, "LIVE")]));
    assert_eq!(desk.ask("POST", swap, None).await.0, 409);
}

#[tokio::test]
async fn of_two_clients_one_wins() {
    let desk = Desk::new(false).await;
    let two = async |method: &'static str, path: &'static str, body: Option<Value>| {
        let (one, other) = futures::join!(
            desk.ask(method, path, body.clone()),
            desk.ask(method, path, body.clone())
        );
        let mut statuses = [one.0, other.0];
        statuses.sort_unstable();
        statuses
    };
    let new = json!({ "embedding": { "model": "large" } });
    for _ in 0..2 {
        assert_eq!(
            two("POST", "/indexes/docs/generations", Some(new.clone())).await,
            [202, 409]
        );
        let (_, list) = desk.ask("GET", "/indexes/docs/generations", None).await;
        let number = list["generations"].as_array().unwrap().len() as u64;
        assert_eq!(number, 2, "one was made: {list}");
        let path = "/indexes/docs/generations/2/rollback";
        if list["generations"][1]["number"] == 2 {
            assert_eq!(two("POST", path, None).await, [200, 409]);
            while desk.ledger.erase_index(&id("docs~2"), 9).await.unwrap() == Erased::More {}
        }
    }
    desk.compared(&id("docs~3")).await;
    assert_eq!(
        two("POST", "/indexes/docs/generations/3/swap", None).await,
        [200, 409]
    );
    assert_eq!(
        two("POST", "/indexes/docs/generations/3/undo", None).await,
        [202, 202],
        "both ask for the same"
    );
    assert_eq!(
        two("POST", "/indexes/docs/generations/1/rollback", None).await,
        [200, 409]
    );
    let undone = two("POST", "/indexes/docs/generations/3/undo?now=true", None).await;
    assert!(undone == [200, 200] || undone == [200, 409], "{undone:?}");
    assert_eq!(desk.states().await, states([(1, "LIVE"), (3, "RETIRED")]));
    let dropped = two("DELETE", "/indexes/docs/generations/3", None).await;
    assert!(dropped == [202, 202] || dropped == [202, 409], "{dropped:?}");
    assert_eq!(desk.states().await, states([(1, "LIVE"), (3, "DROPPING")]));
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let desk = Desk::new(false).await;
    let generations = "/indexes/docs/generations";
    for (body, word) in [
        (json!({}), "same as the live"),
        (json!({ "embedding": { "name": "nobody" } }), "no model"),
        (json!({ "language": "klingon" }), "klingon"),
        (json!({ "model": "large" }), "unknown field"),
        (json!({ "embedding": { "size": 3 } }), "unknown field"),
    ] {
        let (status, answer) = desk.post(generations, body).await;
        assert!((400..500).contains(&status), "{answer}");
        assert!(answer["detail"].as_str().unwrap().contains(word), "{answer}");
    }
    for (method, path, expected) in [
        ("POST", "/indexes/docs/generations/7/undo", 404),
        ("POST", "/indexes/docs/generations/1/undo", 409),
        ("POST", "/indexes/docs/generations/1/undo?when=now", 400),
        ("POST", "/indexes/docs/generations/x/rollback", 400),
        ("POST", "/indexes/docs/generations/99999999999/rollback", 400),
        ("DELETE", "/indexes/docs/generations/1", 409),
        ("POST", "/indexes/docs/generations/1/swap", 409),
        ("GET", "/indexes/nobody/generations", 404),
        ("GET", "/indexes/docs~2", 404),
        ("GET", "/indexes/docs~02", 404),
        ("POST", "/indexes/docs~2/pause", 400),
        ("DELETE", "/indexes/docs~2", 400),
    ] {
        let (status, answer) = desk.ask(method, path, None).await;
        assert_eq!(status, expected, "{method} {path}: {answer}");
    }
    let new = json!({ "name": "docs~2", "source": "file:///x" });
    let (status, answer) = desk.post("/indexes", new).await;
    assert_eq!((status, &answer["code"]), (400, &json!("bad_request")));
}

#[tokio::test]
async fn all_generations_are_paused_and_deleted_together() {
    let desk = Desk::new(false).await;
    assert_eq!(desk.begin("large").await.0, 202);
    assert_eq!(desk.ask("POST", "/indexes/docs/pause", None).await.0, 200);
    assert_eq!(desk.role("docs").await, (Role::Live, IndexState::Paused));
    assert_eq!(desk.role("docs~2").await, (Role::Building, IndexState::Paused));
    assert_eq!(desk.ask("POST", "/indexes/docs/resume", None).await.0, 200);
    assert_eq!(desk.role("docs~2").await, (Role::Building, IndexState::Active));
    assert_eq!(desk.ask("DELETE", "/indexes/docs", None).await.0, 202);
    assert_eq!(desk.role("docs~2").await, (Role::Building, IndexState::Deleting));
    while desk.ledger.erase_index(&id("docs"), 9).await.unwrap() == Erased::More {}
    let new = json!({ "name": "docs", "source": "file:///x" });
    let (_, answer) = desk.post("/indexes", new.clone()).await;
    assert_eq!(answer["code"], "index_deleting", "a part of it is still there");
    while desk.ledger.erase_index(&id("docs~2"), 9).await.unwrap() == Erased::More {}
    assert_eq!(desk.post("/indexes", new).await.0, 201);
}

#[tokio::test(start_paused = true)]
async fn a_search_that_outlives_its_generation_is_made_again() {
    let desk = Desk::new(true).await;
    let (first, second) = (id("docs"), id("docs~2"));
    for path in ["a.md", "b.md"] {
        desk.make(&first, path, "v1").await;
    }
    desk.begin("large").await;
    desk.compared(&second).await;
    for path in ["a.md", "b.md"] {
        desk.make(&second, path, "v1").await;
    }
    // While the store is slow: swapped. The search goes on with the generation that it began with.
    let ledger = Arc::clone(&desk.ledger);
    *desk.here.meanwhile.lock().unwrap() = Some(Box::new(move || {
        Box::pin(async move {
            assert!(
                ledger
                    .swap_generation(&id("docs"), &id("docs~2"), false)
                    .await
                    .unwrap()
            );
        })
    }));
    assert_eq!(desk.found().await, all(1, "v1"), "an answer is of one generation");
    assert_eq!(desk.found().await, all(2, "v1"));

    // Dropped, with all that is in it, while the store is very slow.
    let (_, list) = desk
        .ask("POST", "/indexes/docs/generations/2/undo?now=true", None)
        .await;
    assert_eq!(list["generations"][0]["state"], "LIVE");
    let (ledger, here) = (Arc::clone(&desk.ledger), Arc::clone(&desk.here));
    *desk.here.meanwhile.lock().unwrap() = Some(Box::new(move || {
        Box::pin(async move {
            assert!(
                ledger
                    .swap_generation(&id("docs"), &id("docs~2"), true)
                    .await
                    .unwrap()
            );
            assert!(
                ledger
                    .drop_retired(&id("docs"), &id("docs"), Duration::ZERO)
                    .await
                    .unwrap()
            );
            tokio::time::advance(crate::keeper::NOTICE).await;
            let claims = here.collection(&id("docs")).claims().await.unwrap();
            here.collection(&id("docs")).delete_claims(&claims).await.unwrap();
            while ledger.erase_index(&id("docs"), 9).await.unwrap() == Erased::More {}
        })
    }));
    assert_eq!(desk.found().await, all(2, "v1"), "not a gap");
}
