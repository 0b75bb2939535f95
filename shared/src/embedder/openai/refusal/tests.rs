use super::*;
use crate::retry::FailureClass::{self, Permanent, Throttled};
use crate::secret::Secret;

fn settings() -> EmbeddingSettings {
    EmbeddingSettings {
        api_key: Some(Secret::new("sk-secret")),
        ..EmbeddingSettings::new("http://host/v1", "m")
    }
}

fn refused(status: u16, body: &str) -> Failure {
    let refusal = Refusal::Status {
        status: StatusCode::from_u16(status).unwrap(),
        retry_after: None,
        body: body.as_bytes().to_vec(),
    };
    let texts = ["the quarterly report of the board".to_owned()];
    let asked = Asked {
        settings: &settings(),
        texts: &texts,
    };
    failure(&refusal, &asked)
}

#[test]
fn statuses_by_table() {
    let cases: &[(u16, &str, &str, FailureClass)] = &[
        (
            401,
            r#"{"error":{"message":"Incorrect API key provided: sk-sec***"}}"#,
            codes::REFUSED_KEY,
            Throttled,
        ),
        (403, "", codes::REFUSED_KEY, Throttled),
        (
            400,
            r#"{"error":{"message":"API key not valid."}}"#,
            codes::REFUSED_KEY,
            Throttled,
        ),
        (
            404,
            r#"{"error":{"code":"DeploymentNotFound"}}"#,
            codes::MODEL_UNKNOWN,
            Throttled,
        ),
        (429, "", codes::THROTTLED, Throttled),
        (
            429,
            r#"{"error":{"code":"insufficient_quota"}}"#,
            codes::QUOTA_SPENT,
            Throttled,
        ),
        (408, "", codes::UNAVAILABLE, Throttled),
        (500, "<html>", codes::UNAVAILABLE, Throttled),
        (503, "", codes::UNAVAILABLE, Throttled),
        (308, "", codes::MISCONFIGURED, Throttled),
        (405, "", codes::MISCONFIGURED, Throttled),
        (
            400,
            r#"{"error":{"message":"maximum context length is 8192 tokens"}}"#,
            codes::TEXT_REFUSED,
            Permanent,
        ),
        (
            400,
            r#"{"error":{"message":"bad","param":"dimensions"}}"#,
            codes::MISCONFIGURED,
            Throttled,
        ),
        (
            400,
            r#"{"error":"the input length exceeds the context length"}"#,
            codes::TEXT_REFUSED,
            Permanent,
        ),
        (
            413,
            r#"{"error":"batch size 64 > maximum allowed batch size 32"}"#,
            codes::TEXT_REFUSED,
            Permanent,
        ),
        (
            422,
            r#"{"detail":[{"msg":"too long","input":"…"}]}"#,
            codes::TEXT_REFUSED,
            Permanent,
        ),
    ];
    for (status, body, code, class) in cases {
        let failure = refused(*status, body);
        assert_eq!(
            (failure.code.as_str(), failure.class),
            (*code, *class),
            "{status} {body}"
        );
        assert!(!failure.message.contains("sk-sec"), "{failure}");
    }
}

#[test]
fn refused_keys_name_the_setting() {
    assert!(refused(401, "").message.contains("EMBEDDING_API_KEY"));
    assert!(refused(404, "").message.contains("EMBEDDING_MODEL"));
}

#[test]
fn what_is_said_is_shown_without_what_was_sent() {
    let says = |message: &str| {
        refused(
            400,
            &serde_json::json!({"error": {"message": message}}).to_string(),
        )
        .message
    };
    assert!(says("too\n many  tokens").ends_with(": too many tokens"));
    assert!(says("token sk-secret is odd").ends_with(": token *** is odd"));
    assert!(!says("cannot read 'the quarterly report of…'").contains("quarterly"));
    assert!(says(&"x".repeat(5_000)).len() < 400);
}

#[test]
fn encodings_are_blamed_by_name() {
    let blames = |status: u16, body: &str| {
        let status = StatusCode::from_u16(status).unwrap();
        blames_encoding(&Refusal::Status {
            status,
            retry_after: None,
            body: body.as_bytes().to_vec(),
        })
    };
    assert!(blames(400, r#"{"error":"Unsupported encoding_format"}"#));
    assert!(blames(422, "base64 not supported"));
    assert!(!blames(500, "encoding_format"));
    assert!(!blames(400, "too long"));
}
