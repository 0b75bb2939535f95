//! Whatever comes in: a clear answer, nothing lost, nothing that loops.

use anyhow::{Context, ensure};
use convert::fixtures::{self, Text};
use lapin::options::BasicPublishOptions;
use lapin::{BasicProperties, Connection, ConnectionProperties};
use reqwest::Method;
use serde_json::{Value, json};
use tests::fleet::{Fleet, INDEX, text};
use tests::random::seed;

/// Whether an answer is `status` and says `what`.
fn says(answer: &(u16, Value), status: u16, what: &str) -> anyhow::Result<()> {
    ensure!(
        answer.0 == status && answer.1.to_string().contains(what),
        "expected {status} and {what:?}, got {answer:?}"
    );
    Ok(())
}

#[test]
fn events_that_make_no_sense_are_refused_or_kept_aside() -> anyhow::Result<()> {
    let mut fleet = Fleet::start(seed())?;
    fleet.add_processor()?;
    let post = Method::POST;
    let json_type = "application/json";
    let answer = fleet.send(post.clone(), "/events/azure", json_type, "[{\"id\": ".to_owned())?;
    says(&answer, 400, "line 1")?;
    let answer = fleet.send(
        post.clone(),
        "/events/azure",
        "application/xml",
        "<a/>".to_owned(),
    )?;
    says(&answer, 415, "application/json")?;
    let answer = fleet.send(
        post.clone(),
        "/events/azure",
        json_type,
        format!("[\"{}\"]", "x".repeat(3 << 20)),
    )?;
    says(&answer, 413, "")?;

    let mut elsewhere = fleet.event("BlobCreated", "a.md");
    elsewhere["subject"] = json!("/blobServices/default/containers/somewhere-else/blobs/a.md");
    let mut climbing = fleet.event("BlobCreated", "x.md");
    climbing["subject"] = json!("/blobServices/default/containers/container-one/blobs/a/../../etc/passwd");
    climbing["data"]["url"] =
        json!("https://devstoreaccount1.blob.core.windows.net/container-one/a/%2e%2e/x.md");
    fleet.write("good.md", &text("good.md", 0))?;
    let good = fleet.event("BlobCreated", "good.md");
    // Processors convert in children of their own binary.
    let document = fixtures::docx(&Text::new("Fastnetrock"));
    fleet.write_document("report.docx", document, "Fastnetrock")?;
    let report = fleet.event("BlobCreated", "report.docx");
    let answer = fleet.post("/events/azure", &json!([elsewhere, climbing, good, report]))?;
    says(&answer, 200, "\"accepted\":2")?;
    says(&answer, 200, "\"unowned\":1")?;
    says(&answer, 200, "\"refused\":1")?;
    fleet.settle()?;
    let letters = fleet.get("/dead-letters")?;
    ensure!(
        letters.to_string().contains("passwd"),
        "what was refused is not shown: {letters}"
    );

    // A paused index records, and works on it later; a deleted one does not, and goes.
    fleet.post(&format!("/indexes/{INDEX}/pause"), &json!({}))?;
    fleet.write("later.md", &text("later.md", 0))?;
    let later = fleet.event("BlobCreated", "later.md");
    fleet.report(std::slice::from_ref(&later))?;
    let file = fleet.get(&format!("/indexes/{INDEX}/files/later.md"))?;
    ensure!(file["file"]["state"] == "PENDING", "{file}");
    fleet.post(&format!("/indexes/{INDEX}/resume"), &json!({}))?;
    fleet.settle()?;
    let answer = fleet.send(
        Method::DELETE,
        &format!("/indexes/{INDEX}"),
        json_type,
        String::new(),
    )?;
    says(&answer, 202, "DELETING")?;
    let answer = fleet.post("/events/azure", &json!([later]))?;
    says(&answer, 200, "\"unowned\":1")?;
    says(
        &fleet.post(&format!("/indexes/{INDEX}/resume"), &json!({}))?,
        409,
        "being deleted",
    )?;
    tests::wait::until("the index to go", || {
        Ok(fleet
            .get("/indexes")?
            .as_array()
            .is_some_and(Vec::is_empty)
            .then_some(()))
    })?;
    ensure!(!fleet.truth.is_empty(), "the source is untouched");
    let source = fleet.container.source();
    let answer = fleet.post(
        "/indexes",
        &json!({ "name": INDEX, "source": source, "prefix": "/" }),
    )?;
    says(&answer, 201, INDEX)?;
    fleet.settle()?;

    // Indexes that cannot be.
    says(
        &fleet.post("/indexes", &json!({ "name": "Not A Name", "source": source }))?,
        400,
        "",
    )?;
    says(
        &fleet.post("/indexes", &json!({ "name": "x", "source": "ftp://somewhere" }))?,
        400,
        "azure://",
    )?;
    let missing = "azure://devstoreaccount1/no-such-container";
    says(
        &fleet.post("/indexes", &json!({ "name": "x", "source": missing }))?,
        400,
        "does not exist",
    )?;
    says(
        &fleet.post(
            "/indexes",
            &json!({ "name": "x", "source": source, "prefix": "a/../b" }),
        )?,
        400,
        "prefix",
    )?;
    says(
        &fleet.post(
            "/indexes",
            &json!({ "name": INDEX, "source": source, "prefix": "other" }),
        )?,
        409,
        "other settings",
    )?;
    Ok(())
}

#[test]
fn messages_that_nobody_can_read_stay_visible() -> anyhow::Result<()> {
    let mut fleet = Fleet::start(seed())?;
    fleet.add_processor()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let connection = Connection::connect(&fleet.rabbit.url(), ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        let future = json!({ "v": 99, "index": "docs", "file_id": uuid(), "path": "a.md", "seq": 1 });
        for body in ["not json at all".to_owned(), future.to_string()] {
            let properties = BasicProperties::default().with_type("file.wake.v1".into());
            let options = BasicPublishOptions::default();
            channel
                .basic_publish(
                    "longshore.work".into(),
                    "fast.docs.wake".into(),
                    options,
                    body.as_bytes(),
                    properties,
                )
                .await?
                .await?;
        }
        anyhow::Ok(())
    })?;
    tests::wait::until("both to be shown as dead letters", || {
        let letters = fleet.get("/dead-letters")?;
        let letters = letters.as_array().context("no list")?;
        Ok((letters.len() == 2).then_some(()))
    })?;
    // The next file is not delayed by them.
    fleet.write("a.md", &text("a.md", 0))?;
    let event = fleet.event("BlobCreated", "a.md");
    fleet.report(&[event])?;
    fleet.settle()
}

fn uuid() -> &'static str {
    "00000000-0000-4000-8000-000000000000"
}

#[test]
fn services_say_what_is_wrong_with_their_backends() -> anyhow::Result<()> {
    let fleet = Fleet::start(seed())?;
    let refused =
        |what: &str, replaced: &[(&'static str, String)], expected: &[&str]| -> anyhow::Result<()> {
            for service in ["control-plane", "index-processor"] {
                let (code, said) = fleet.try_service(service, replaced, &[])?;
                ensure!(
                    code == 1 || code == 2,
                    "{what}: {service} ended with {code}: {said}"
                );
                for words in expected {
                    ensure!(
                        said.contains(words),
                        "{what}: {service} did not say {words:?}: {said}"
                    );
                }
                ensure!(
                    !said.contains("s3cret"),
                    "{what}: {service} told a password: {said}"
                );
            }
            Ok(())
        };
    let broker = |user: &str, password: &str, vhost: &str| {
        vec![("AMQP_URL", fleet.rabbit.url_as(user, password, vhost))]
    };
    refused(
        "wrong password of the broker",
        &broker("guest", "s3cret", "%2f"),
        &["password"],
    )?;
    refused(
        "missing vhost",
        &broker("guest", "guest", "nowhere"),
        &["nowhere"],
    )?;
    refused("no ledger", &[("DATABASE_URL", String::new())], &["DATABASE_URL"])?;
    refused(
        "unknown database",
        &[("DATABASE_URL", fleet.postgres.url("nothing"))],
        &["nothing"],
    )?;
    refused(
        "no address",
        &[("QDRANT_URL", "qdrant:6334".to_owned())],
        &["QDRANT_URL"],
    )?;

    let (code, shown) = fleet.try_service(
        "control-plane",
        &[("QDRANT_API_KEY", "s3cret".to_owned())],
        &["--check-config"],
    )?;
    ensure!(code == 0, "{shown}");
    ensure!(
        shown.contains("qdrant-url") && !shown.contains("s3cret") && !shown.contains("guest:guest"),
        "{shown}"
    );

    fleet
        .postgres
        .sql("longshore", "UPDATE schema_version SET version = 99")?;
    refused("newer schema", &[], &["99", "newer build"])
}

#[test]
fn an_index_with_other_vectors_in_the_store_waits_and_says_so() -> anyhow::Result<()> {
    let mut fleet = Fleet::start(seed())?;
    fleet.add_processor()?;
    fleet.write("before.md", &text("before.md", 0))?;
    let event = fleet.event("BlobCreated", "before.md");
    fleet.report(&[event])?;
    fleet.settle()?;
    // As if the collection had been made for another model.
    fleet.postgres.sql(
        "longshore",
        "UPDATE indexes SET settings = jsonb_set(settings::jsonb, '{embedding,dimensions}', '7')::text",
    )?;
    fleet.processors.remove(0).stop()?;
    fleet.add_processor()?;
    fleet.write("a.md", &text("a.md", 0))?;
    let event = fleet.event("BlobCreated", "a.md");
    fleet.report(&[event])?;
    tests::wait::until("the file to say why it waits", || {
        let file = fleet.get(&format!("/indexes/{INDEX}/files/a.md"))?;
        let why = file["file"]["last_error"]["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        ensure!(file["file"]["state"] != "FAILED", "{file}");
        ensure!(why.contains("dimensions"), "{file}\n{}", fleet.logs());
        Ok(Some(()))
    })
}
