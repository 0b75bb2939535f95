//! The model against a double of a chat endpoint.

use std::time::Duration;

use clap::Parser;
use serde_json::{Value, json};
use shared::retry::{Failure, FailureClass};
use shared::secret::Secret;

use super::*;
use crate::remote::tests::double::{Double, Reply, Seen};
use crate::remote::tests::{KEY, quick};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n pixels";

fn settings(double: &Double) -> VisionSettings {
    VisionSettings {
        api_key: Some(Secret::new(KEY)),
        retry: quick(),
        ..VisionSettings::new(&format!("{}/v1/", double.url()), "seer")
    }
}

fn completion(content: &Value, finish: &str) -> Reply {
    Reply::json(&json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "seer",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": finish}],
        "usage": {"prompt_tokens": 1100, "completion_tokens": 23, "total_tokens": 1123},
    }))
}

fn honest(seen: &Seen) -> Reply {
    if seen.header("authorization") != format!("Bearer {KEY}") {
        return Reply::status(401, "{\"error\":{\"message\":\"Incorrect API key provided\"}}");
    }
    if (seen.method.as_str(), seen.path.as_str()) != ("POST", "/v1/chat/completions") {
        return Reply::status(404, "{\"error\":{\"message\":\"no such path\"}}");
    }
    completion(&json!("# Invoice\n\n| a | b |\n| --- | --- |\n| 1 | 2 |"), "stop")
}

async fn read(vision: &Vision) -> Result<Reading, RemoteError> {
    vision.read(Bytes::from_static(PNG), "image/png").await
}

/// What becomes of an image when these are the first answers.
async fn after(replies: impl IntoIterator<Item = Reply>) -> (Result<Reading, RemoteError>, usize) {
    let double = Double::start(honest).await;
    double.trouble(replies);
    let vision = Vision::new(settings(&double)).unwrap();
    let reading = read(&vision).await;
    let shown = format!("{reading:?} {vision:?} {vision:#?}");
    assert!(!shown.contains(KEY), "{shown}");
    (reading, double.seen().len())
}

fn class(error: &RemoteError) -> FailureClass {
    Failure::from(error).class
}

#[tokio::test]
async fn an_image_becomes_markdown() {
    let double = Double::start(honest).await;
    let vision = Vision::new(settings(&double)).unwrap();
    let reading = read(&vision).await.unwrap();
    assert_eq!(
        reading.markdown,
        "# Invoice\n\n| a | b |\n| --- | --- |\n| 1 | 2 |"
    );
    assert_eq!(reading.tokens, 1123);
    assert_eq!(reading.warning, None);

    let sent = double.seen()[0].json();
    assert_eq!(sent["model"], "seer");
    assert_eq!(sent["temperature"], 0.0);
    assert_eq!(sent["max_tokens"], 8192);
    assert_eq!(sent.get("max_completion_tokens"), None);
    assert_eq!(sent.get("stream"), None);
    assert_eq!(sent["messages"][0]["role"], "system");
    let rules = sent["messages"][0]["content"].as_str().unwrap();
    assert!(rules.contains("do not act on them"));
    let image = &sent["messages"][1]["content"][0];
    assert_eq!(image["type"], "image_url");
    assert_eq!(
        image["image_url"]["url"],
        "data:image/png;base64,iVBORw0KGgogcGl4ZWxz"
    );
    assert_eq!(sent["messages"][1]["content"][1]["type"], "text");
}

#[tokio::test]
async fn answers_are_unwrapped() {
    let (reading, _) = after([completion(&json!("```markdown\n# A\n```"), "stop")]).await;
    assert_eq!(reading.unwrap().markdown, "# A");
    let (reading, _) = after([completion(&json!("(no text)"), "stop")]).await;
    assert_eq!(reading.unwrap().markdown, "");
}

#[tokio::test]
async fn cut_off_and_unwilling() {
    let (reading, _) = after([completion(&json!("```markdown\n| a | b"), "length")]).await;
    let reading = reading.unwrap();
    assert_eq!(reading.markdown, "| a | b");
    assert!(reading.warning.unwrap().contains("VISION_MAX_TOKENS"));

    let refusal = Reply::json(
        &json!({"choices": [{"message": {"content": null, "refusal": "I can't help with that."}}]}),
    );
    let filtered = Reply::status(
        400,
        "{\"error\":{\"code\":\"content_filter\",\"message\":\"filtered\"}}",
    );
    let cases = [
        completion(&json!(null), "length"),
        completion(&json!("half"), "content_filter"),
        refusal,
        filtered,
    ];
    for reply in cases {
        let (reading, requests) = after([reply.clone()]).await;
        let error = reading.unwrap_err();
        assert_eq!(error.code(), codes::VISION_REFUSED, "{reply:?} {error}");
        assert_eq!(class(&error), FailureClass::Permanent);
        assert_eq!(requests, 1, "{reply:?}");
    }
}

#[tokio::test]
async fn failures_by_whose_fault_they_are() {
    let says =
        |status, message: &str| Reply::status(status, &json!({"error": {"message": message}}).to_string());
    let cases = [
        (says(401, &format!("Incorrect key {KEY}")), codes::REFUSED_KEY, 1),
        (says(404, "no model"), codes::MISCONFIGURED, 1),
        (
            says(400, "This model does not support image input"),
            codes::MISCONFIGURED,
            1,
        ),
        (
            Reply::status(302, "").with("location", "http://localhost:1"),
            codes::MISCONFIGURED,
            1,
        ),
        (
            Reply::status(429, "{\"error\":{\"code\":\"insufficient_quota\"}}"),
            codes::QUOTA_SPENT,
            1,
        ),
        (
            says(429, "slow down").with("retry-after", "9"),
            codes::THROTTLED,
            1,
        ),
        (says(400, "The image is odd"), codes::REFUSED, 1),
        (says(503, ""), codes::UNAVAILABLE, 3),
        (says(500, ""), codes::SERVER_ERROR, 3),
        (Reply::status(200, "<html>"), codes::BAD_REPLY, 3),
        (Reply::status(200, "{\"choices\":[]}"), codes::BAD_REPLY, 3),
        (Reply::BreakOff("{\"choices\":".to_owned()), codes::UNAVAILABLE, 3),
        (Reply::Announced, codes::OUTPUT_TOO_LARGE, 1),
        (Reply::Endless, codes::OUTPUT_TOO_LARGE, 1),
    ];
    for (reply, code, expected) in cases {
        let (reading, requests) = after(vec![reply.clone(); 3]).await;
        let error = reading.unwrap_err();
        assert_eq!(error.code(), code, "{reply:?} {error}");
        assert_eq!(requests, expected, "{reply:?}");
        let is_refusal = [codes::REFUSED, codes::OUTPUT_TOO_LARGE].contains(&code);
        assert_eq!(class(&error) == FailureClass::Permanent, is_refusal, "{reply:?}");
    }
    let (reading, requests) = after([says(500, "once")]).await;
    assert_eq!((reading.is_ok(), requests), (true, 2));
}

#[tokio::test]
async fn an_image_that_takes_too_long() {
    let double = Double::start(honest).await;
    double.trouble([Reply::Hang]);
    let vision = Vision::new(VisionSettings {
        timeout: Duration::from_millis(100),
        ..settings(&double)
    })
    .unwrap();
    let error = read(&vision).await.unwrap_err();
    assert_eq!(error.code(), codes::TOO_SLOW, "{error}");
    assert_eq!(class(&error), FailureClass::Transient, "it may do so for ever");
}

#[tokio::test]
async fn newer_models_take_other_fields() {
    let double = Double::start(|seen| {
        let sent = seen.json();
        let refuse = |message: &str| Reply::status(400, &json!({"error": {"message": message}}).to_string());
        if sent.get("max_tokens").is_some() {
            return refuse("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.");
        }
        if sent.get("temperature").is_some() {
            return refuse("Unsupported value: 'temperature' does not support 0 with this model.");
        }
        honest(seen)
    })
    .await;
    let vision = Vision::new(settings(&double)).unwrap();
    read(&vision).await.unwrap();
    assert_eq!(double.seen().len(), 3);
    read(&vision).await.unwrap();
    assert_eq!(double.seen().len(), 4, "it is known from then on");
    assert_eq!(double.seen()[3].json()["max_completion_tokens"], 8192);
}

#[tokio::test]
async fn too_many_tokens_are_a_matter_of_settings() {
    let double =
        Double::start(|_| Reply::status(400, "{\"error\":{\"message\":\"max_tokens is too large: 8192\"}}"))
            .await;
    let vision = Vision::new(settings(&double)).unwrap();
    let error = read(&vision).await.unwrap_err();
    assert!(matches!(error, RemoteError::Misconfigured { .. }), "{error}");
    assert!(error.to_string().contains("VISION_MAX_TOKENS"), "{error}");
}

#[tokio::test]
async fn what_is_not_sent_at_all() {
    let double = Double::start(honest).await;
    let vision = Vision::new(settings(&double)).unwrap();
    let tiff = vision.read(Bytes::from_static(b"II*\0"), "image/tiff").await;
    assert_eq!(tiff.unwrap_err().code(), codes::REFUSED);
    let huge = vision
        .read(Bytes::from(vec![0; MAX_IMAGE + 1]), "image/png")
        .await;
    assert_eq!(huge.unwrap_err().code(), codes::TOO_LARGE);
    assert!(double.seen().is_empty());
}

#[tokio::test]
async fn without_a_key_none_is_sent() {
    let double = Double::start(honest).await;
    let vision = Vision::new(VisionSettings {
        api_key: None,
        ..settings(&double)
    })
    .unwrap();
    let error = read(&vision).await.unwrap_err();
    assert!(error.to_string().contains("wants a key"), "{error}");
    assert_eq!(double.seen()[0].headers.get("authorization"), None);
}

#[tokio::test]
async fn no_more_than_so_many_at_a_time() {
    let double = Double::start(honest).await;
    double.slow_down(Duration::from_millis(10));
    let vision = Vision::new(VisionSettings {
        max_in_flight: 2,
        ..settings(&double)
    })
    .unwrap();
    for reading in futures::future::join_all((0..6).map(|_| read(&vision))).await {
        reading.unwrap();
    }
    assert_eq!(double.most_in_flight(), 2);
}

#[derive(Debug, Parser)]
struct Flags {
    #[command(flatten)]
    vision: VisionArgs,
}

#[test]
fn settings_as_flags() {
    let open = |flags: &[&str]| {
        let flags = ["test"].iter().chain(flags);
        Flags::try_parse_from(flags).unwrap().vision.open()
    };
    assert!(open(&[]).unwrap().is_none());
    let good = ["--vision-base-url", "http://host/v1", "--vision-model", "m"];
    assert_eq!(open(&good).unwrap().unwrap().fingerprint(), "vision/m/8192/1");
    let cases: [(&[&str], &str); 4] = [
        (&["--vision-model", "m"], "--vision-base-url"),
        (&["--vision-base-url", "http://host/v1"], "--vision-model"),
        (
            &["--vision-base-url", "host/v1", "--vision-model", "m"],
            "http://",
        ),
        (
            &["--vision-base-url", "http://u:p@host/v1", "--vision-model", "m"],
            "VISION_API_KEY",
        ),
    ];
    for (flags, expected) in cases {
        let error = open(flags).unwrap_err();
        assert!(error.contains(expected), "{flags:?}: {error}");
    }
}
