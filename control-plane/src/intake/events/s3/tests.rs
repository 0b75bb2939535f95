use serde_json::json;
use shared::blob_path::BlobPath;

use super::super::samples;
use super::*;

fn parsed(body: &Value) -> Batch {
    parse(body.to_string().as_bytes()).unwrap()
}

fn kinds(body: &Value) -> Vec<BlobEventKind> {
    let batch = parsed(body);
    assert_eq!(batch.set_aside, []);
    batch.events.into_iter().map(|event| event.kind).collect()
}

fn changed(path: &str) -> BlobEventKind {
    BlobEventKind::Changed {
        path: BlobPath::new(path).unwrap(),
    }
}

fn removed(path: &str) -> BlobEventKind {
    BlobEventKind::Removed {
        path: BlobPath::new(path).unwrap(),
    }
}

#[test]
fn each_name_has_its_meaning() {
    for (name, meaning) in [
        ("ObjectCreated:Put", Some(changed("a.md"))),
        ("s3:ObjectCreated:CompleteMultipartUpload", Some(changed("a.md"))),
        ("ObjectCreated:Copy", Some(changed("a.md"))),
        ("ObjectRemoved:Delete", Some(removed("a.md"))),
        ("ObjectRemoved:DeleteMarkerCreated", Some(removed("a.md"))),
        ("LifecycleExpiration:Delete", Some(removed("a.md"))),
        ("LifecycleExpiration:DeleteMarkerCreated", Some(removed("a.md"))),
        ("ObjectRestore:Completed", Some(changed("a.md"))),
        ("ObjectRestore:Post", None),
        ("ObjectTagging:Put", None),
        ("s3:ObjectAccessed:Get", None),
        ("s3:BucketCreated:*", None),
        ("Nonsense", None),
    ] {
        let body = samples::s3(name, "a.md");
        assert_eq!(
            kinds(&body),
            meaning.clone().into_iter().collect::<Vec<_>>(),
            "{name}"
        );
        assert_eq!(parsed(&body).ignored, usize::from(meaning.is_none()), "{name}");
    }
    let event = parsed(&samples::s3("ObjectCreated:Put", "a.md")).events.remove(0);
    assert_eq!(
        event.place,
        Source::S3 {
            bucket: "papers".to_owned()
        }
    );
    assert_eq!(event.sequencer.as_deref(), Some("0055AED6DCD90281E5"));
}

#[test]
fn keys_are_decoded_like_a_form() {
    for (key, path) in [
        ("red+flower.jpg", "red flower.jpg"),
        ("a%2Fb%2Fc.md", "a/b/c.md"),
        ("photos/red+flower%2B%281%29.jpg", "photos/red flower+(1).jpg"),
        ("%C3%9Cbergr%C3%B6%C3%9Fe.md", "Übergröße.md"),
        ("100%25.md", "100%.md"),
        ("a%2520b.md", "a%20b.md"),
        ("ünencoded 5% off.md", "ünencoded 5% off.md"),
    ] {
        assert_eq!(
            kinds(&samples::s3("ObjectCreated:Put", key)),
            [changed(path)],
            "{key}"
        );
    }
    assert_eq!(kinds(&samples::s3("ObjectCreated:Put", "new+folder/")), []);
}

#[test]
fn event_bridge_does_not_encode() {
    assert_eq!(
        kinds(&samples::event_bridge("Object Created", "a+b%20c.md")),
        [changed("a+b%20c.md")]
    );
    assert_eq!(
        kinds(&samples::event_bridge("Object Deleted", "a b.md")),
        [removed("a b.md")]
    );
    assert_eq!(
        kinds(&samples::event_bridge("Object Restore Completed", "a.md")),
        [changed("a.md")]
    );
    assert_eq!(
        parsed(&samples::event_bridge("Object Tags Added", "a.md")).ignored,
        1
    );
    assert_eq!(
        parsed(&samples::event_bridge("Object Created", "a.md")).events[0].id,
        "17793124-05d4-b198-2fde-Object Created"
    );
}

#[test]
fn minio_says_it_twice() {
    let both = samples::minio("s3:ObjectCreated:Put", "a b+c.md", "a+b%2Bc.md");
    assert_eq!(kinds(&both), [changed("a b+c.md")]);
    let mut short = json!({ "EventName": "s3:ObjectRemoved:Delete", "Key": "papers/a b+%20.md" });
    assert_eq!(kinds(&short), [removed("a b+%20.md")]);
    short["EventName"] = json!("s3:ObjectAccessed:Head");
    assert_eq!(parsed(&short).ignored, 1);
    let pathless = json!({ "EventName": "s3:ObjectRemoved:Delete", "Key": "papers" });
    assert!(parsed(&pathless).set_aside[0].problem.contains("bucket/key"));
}

#[test]
fn sns_wraps_any_of_them() {
    for inner in [
        samples::s3("ObjectCreated:Put", "a.md"),
        samples::event_bridge("Object Created", "a.md"),
        samples::minio("s3:ObjectCreated:Put", "a.md", "a.md"),
    ] {
        assert_eq!(kinds(&samples::sns(&inner.to_string())), [changed("a.md")]);
    }
    assert_eq!(parsed(&samples::sns(&samples::s3_test().to_string())).ignored, 1);
    for message in ["hello", "{}", "", &samples::sns("{}").to_string()] {
        let error = parse(samples::sns(message).to_string().as_bytes()).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("SNS notification") || error.contains("no S3"),
            "{message}: {error}"
        );
    }
}

#[test]
fn confirmations_are_shown_and_tests_ignored() {
    let batch = parsed(&samples::sns_confirmation());
    let asked = &batch.set_aside[0];
    assert_eq!(asked.why, Why::NeedsConfirmation);
    assert!(
        asked
            .problem
            .contains("arn:aws:sns:eu-central-1:123456789012:papers")
    );
    assert!(
        !asked.problem.contains("2336412f37f"),
        "the token is not for logs"
    );
    assert!(
        asked.body.contains("Token=2336412f37f"),
        "but whoever may read it finds it"
    );
    assert_eq!(parsed(&samples::s3_test()).ignored, 1);
    assert_eq!(parsed(&json!({ "Records": [] })).ignored, 1);
}

#[test]
fn bad_records_do_no_harm_to_good_ones() {
    let mut no_bucket = samples::s3_record("ObjectCreated:Put", "a.md");
    no_bucket["s3"]["bucket"] = json!("papers");
    let batch = parsed(&json!({ "Records": [
        samples::s3_record("ObjectCreated:Put", "first.md"),
        samples::s3_record("ObjectCreated:Put", "a%2F..%2F..%2Fb"),
        samples::s3_record("ObjectCreated:Put", "%252e%252e/b"),
        samples::s3_record("ObjectCreated:Put", "%ff"),
        samples::s3_record("ObjectCreated:Put", "/absolute"),
        no_bucket,
        7,
        samples::s3_record("ObjectRemoved:Delete", "last.md"),
    ]}));
    let kinds: Vec<_> = batch.events.into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [changed("first.md"), removed("last.md")]);
    let problems: Vec<_> = batch
        .set_aside
        .iter()
        .map(|event| event.problem.as_str())
        .collect();
    assert_eq!(problems.len(), 6);
    for (problem, expected) in problems.iter().zip([
        "climbs",
        "climbs",
        "not UTF-8",
        "relative",
        "s3.bucket.name",
        "eventName",
    ]) {
        assert!(problem.contains(expected), "{problem}");
    }
}

#[test]
fn a_record_has_the_same_id_when_it_comes_again() {
    let id = |key: &str| {
        parsed(&samples::s3("ObjectCreated:Put", key)).events[0]
            .id
            .clone()
    };
    assert_eq!(id("a.md"), id("a.md"));
    assert_ne!(id("a.md"), id("b.md"));
}
