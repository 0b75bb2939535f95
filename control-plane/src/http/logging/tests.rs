use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::http::guard::{self, Guard};
use crate::http::tests::routes;

fn desk() -> Router {
    let (routes, ledger, metrics) = routes();
    guard::around(routes, Guard::within(ledger, metrics))
}

async fn ask(desk: &Router, method: Method, body: Option<Value>) -> (StatusCode, Value) {
    let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    let request = Request::builder()
        .method(method)
        .uri("/logging")
        .header(CONTENT_TYPE, "application/json")
        .body(body)
        .unwrap();
    let answer = desk.clone().oneshot(request).await.unwrap();
    let status = answer.status();
    let bytes = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap())
}

#[tokio::test]
async fn a_filter_is_set_shown_and_reset() {
    let desk = desk();
    assert_eq!(ask(&desk, Method::GET, None).await, (StatusCode::OK, json!({})));
    let (status, set) = ask(&desk, Method::PUT, Some(json!({ "filter": " debug " }))).await;
    assert_eq!(status, StatusCode::OK, "{set}");
    let change = &set["change"];
    assert_eq!(
        (&change["filter"], &change["set_by"]),
        (&json!("debug"), &json!("local"))
    );
    let lasts = change["until_at"].as_i64().unwrap() - change["set_at"].as_i64().unwrap();
    assert_eq!((lasts, &change["seconds_left"]), (900_000, &json!(900)));
    let wanted = json!({ "filter": "info,shared::embedder=trace", "for_seconds": 86_400 });
    assert_eq!(ask(&desk, Method::PUT, Some(wanted)).await.0, StatusCode::OK);
    let (_, shown) = ask(&desk, Method::GET, None).await;
    assert_eq!(shown["change"]["filter"], "info,shared::embedder=trace");
    for _ in 0..2 {
        assert_eq!(
            ask(&desk, Method::DELETE, None).await,
            (StatusCode::OK, json!({}))
        );
    }
    assert_eq!(ask(&desk, Method::GET, None).await.1, json!({}));
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_what_to_do() {
    let desk = desk();
    for (wanted, says) in [
        (json!({ "filter": "" }), "at least one level"),
        (json!({ "filter": "loud" }), "no level"),
        (json!({ "filter": "[request]=debug" }), "no place"),
        (json!({ "filter": "info,hyper=trace" }), "may hold keys"),
        (json!({ "filter": "x".repeat(501) }), "at most 500"),
        (json!({ "filter": "debug", "for_seconds": 0 }), "for_seconds"),
        (json!({ "filter": "debug", "for_seconds": 86_401 }), "a day"),
        (json!({ "filter": "debug\u{7}" }), "no level"),
    ] {
        let (status, problem) = ask(&desk, Method::PUT, Some(wanted)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(says), "{problem}");
    }
    assert_eq!(ask(&desk, Method::GET, None).await.1, json!({}));
}
