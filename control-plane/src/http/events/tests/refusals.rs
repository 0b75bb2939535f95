//! What is not taken, and that nothing is lost by it.

use super::*;

#[tokio::test]
async fn large_bodies_are_refused() {
    let desk = Desk::open().await;
    let fits = format!("[{}{}]", " ".repeat(MAX_BODY - 2_000), created("a.md"));
    assert_eq!(
        desk.post("/events/azure", JSON, fits).await.counts(),
        [1, 0, 0, 0, 0]
    );
    let answer = desk.post("/events/azure", JSON, " ".repeat(MAX_BODY + 1)).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer.error().contains("2097152 bytes"), "{}", answer.error());
}

#[tokio::test]
async fn other_content_types_are_refused_with_the_accepted_ones() {
    let desk = Desk::open().await;
    for (path, wrong, accepted) in [
        ("/events/azure", "text/xml", "application/cloudevents-batch+json"),
        (
            "/events/azure",
            "application/cloudevents+avro",
            "application/json",
        ),
        ("/events/s3", "application/x-www-form-urlencoded", "text/plain"),
        ("/events/gcs", "text/plain", "application/json"),
        ("/events", "application/octet-stream", "text/plain"),
    ] {
        let answer = desk.post(path, wrong, "[]").await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{path}");
        assert!(
            answer.error().contains(wrong) && answer.error().contains(accepted),
            "{}",
            answer.error()
        );
    }
    let without = Request::post("/events/azure").body(Body::from(json!([created("a.md")]).to_string()));
    assert_eq!(desk.send(without.unwrap()).await.counts(), [1, 0, 0, 0, 0]);
}

#[tokio::test]
async fn bad_bodies_are_refused_with_the_place_or_the_reason() {
    let desk = Desk::open().await;
    for (path, body, reason) in [
        ("/events/azure", "[{\n\"eventType\": oops}]", "line 2 column"),
        ("/events/azure", "", "line 1 column 0"),
        ("/events/azure", "{}", "eventType"),
        ("/events/azure", "[1, 2]", "eventType"),
        ("/events/s3", "[]", "S3"),
        ("/events/gcs", "[]", "Pub/Sub"),
        ("/events", "{\"a\": 1}", "known formats"),
    ] {
        let answer = desk.post(path, JSON, body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path} {body}");
        assert!(answer.error().contains(reason), "{}", answer.error());
    }
    assert_eq!(desk.counted("event_grid", "unreadable"), 4);
    assert_eq!(
        desk.ledger.dead_letters(10).await.unwrap(),
        [],
        "the sender keeps those"
    );
}

#[tokio::test]
async fn senders_must_know_the_key() {
    let desk = Desk::new(Some(KEY), vec![index_place("docs", "")]).await;
    let body = || Body::from(json!([created("a.md")]).to_string());
    let request = |address: &str| Request::post(address).header(CONTENT_TYPE, JSON);
    let encoded = "s3cret%2Fkey%2Bwith%3Dsigns";
    for right in [
        request("/events/azure").header(AUTHORIZATION, format!("Bearer {KEY}")),
        request("/events/azure").header(AUTHORIZATION, format!("bearer  {KEY}")),
        request("/events/azure").header("x-longshore-key", KEY),
        request(&format!("/events/azure?key={encoded}")),
        request(&format!("/events/azure?a=b&access_token={encoded}")),
        request(&format!("/events/azure?key={encoded}")).header(AUTHORIZATION, "Basic eDp5"),
    ] {
        assert_eq!(
            desk.send(right.body(body()).unwrap()).await.counts(),
            [1, 0, 0, 0, 0]
        );
    }
    let files = desk.files(0).await;
    for wrong in [
        request("/events/azure"),
        request("/events/azure").header(AUTHORIZATION, KEY),
        request("/events/azure").header(AUTHORIZATION, format!("Basic {KEY}")),
        request("/events/azure").header(AUTHORIZATION, format!("Bearer {KEY}x")),
        request("/events/azure").header(AUTHORIZATION, "Bearer "),
        request("/events/azure").header("x-longshore-key", &KEY[1..]),
        request("/events/azure?key="),
        request("/events/azure?key=s3cret"),
        request("/events/azure?key=a&key=b"),
        request(&format!("/events/azure?Key={encoded}")),
    ] {
        let answer = desk.send(wrong.body(body()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert!(answer.error().contains("Authorization") && !answer.body.to_string().contains("s3cret"));
    }
    assert_eq!(desk.files(0).await, files);

    let locked = Desk::new(Some(" "), vec![]).await;
    let answer = locked
        .send(request("/events/azure?key=").body(body()).unwrap())
        .await;
    assert_eq!(
        answer.status,
        StatusCode::UNAUTHORIZED,
        "an empty key opens nothing"
    );
}

#[tokio::test]
async fn strangers_do_not_get_their_body_read() {
    let desk = Desk::new(Some(KEY), vec![]).await;
    let body = Body::from_stream(futures::stream::poll_fn(
        |_| -> std::task::Poll<Option<Result<Bytes, std::io::Error>>> { panic!("it is read") },
    ));
    let answer = desk.post("/events", JSON, body).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_ledger_that_is_away_makes_the_sender_repeat_and_nothing_is_lost() {
    let indexes = vec![index_place("one", ""), index_place("two", "")];
    let desk = Desk::new(None, indexes).await;
    let events = json!([
        created("a.md"),
        event_grid("DirectoryDeleted", "d", &json!({})),
        created("../b.md")
    ]);
    for table in ["files", "operations", "dead_letters"] {
        desk.sabotage(&format!("ALTER TABLE {table} RENAME TO away"));
        let answer = desk.azure(&events).await;
        assert_eq!(
            answer.status,
            StatusCode::SERVICE_UNAVAILABLE,
            "{table}: {}",
            answer.body
        );
        assert!(
            answer.headers[RETRY_AFTER]
                .to_str()
                .unwrap()
                .parse::<u32>()
                .unwrap()
                > 0
        );
        assert_eq!(answer.body["code"], "ledger_unavailable");
        desk.sabotage(&format!("ALTER TABLE away RENAME TO {table}"));
        // In the order of the batch: what changed before its directory went is recorded before that.
        let recorded: &[&str] = if table == "files" { &[] } else { &["a.md"] };
        assert_eq!(desk.files(0).await, recorded, "{table}");
    }
    assert_eq!(desk.counted("event_grid", "unavailable"), 6);
    assert_eq!(desk.counted("event_grid", "accepted"), 0);

    let answer = desk.azure(&events).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.body["refused"], 1);
    for (number, index) in desk.indexes.iter().enumerate() {
        assert_eq!(desk.files(number).await, ["a.md"]);
        assert_eq!(desk.ledger.operations(&index.index, 10).await.unwrap().len(), 1);
    }
    assert_eq!(desk.ledger.dead_letters(10).await.unwrap().len(), 1);
}
