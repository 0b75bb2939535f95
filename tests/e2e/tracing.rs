//! `longshore up` sends what it does to a collector, if one is set, and does not mind when the collector is in trouble.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tests::collector::{Collector, Manners};
use tests::folder::Docs;
use tests::longshore::Longshore;
use tests::model::Model;
use tests::wait;

/// The trace of a file's version, as the command line shows it.
fn trace_of(longshore: &Longshore, path: &str) -> anyhow::Result<String> {
    let status = longshore.json(&["status", path])?;
    Ok(status["trace_id"].as_str().context("no trace")?.to_owned())
}

#[test]
fn a_file_is_one_trace() -> anyhow::Result<()> {
    let (collector, model, docs) = (Collector::start()?, Model::start()?, Docs::new()?);
    docs.write("one.md", "# Cranes\n\nxylophonically speaking.\n")?;
    let (name, url) = collector.variable();
    // What is logged has nothing to do with it.
    let longshore = Longshore::with_model(&model.url(), &[])?
        .with_variable(name, &url)
        .with_variable("OTEL_RESOURCE_ATTRIBUTES", "team=harbour%20works")
        .with_variable("LONGSHORE_LOG", "off");
    longshore.once_ok(&docs)?;
    let id = trace_of(&longshore, "one.md")?;
    let trace = collector.trace(&id);
    // A run records its files within the ledger: their root is known, and nobody sent it.
    let publish = trace.one("publish")?;
    ensure!(!publish.parent.is_empty() && trace.0.iter().all(|span| span.id != publish.parent));
    ensure!(
        publish.attributes["service.name"] == "longshore" && publish.attributes["team"] == "harbour works"
    );
    let process = trace.child("process", publish)?;
    ensure!((publish.kind, process.kind) == (4, 5), "{trace}");
    for step in [
        "claim", "look", "fetch", "convert", "chunk", "embed", "upsert", "commit",
    ] {
        let span = trace.child(step, process)?;
        ensure!(!span.failed, "{step} failed:\n{trace}");
    }
    ensure!(process.attributes["outcome"] == "indexed", "{trace}");
    ensure!(
        process.attributes["file.seq"] == publish.attributes["file.seq"],
        "{trace}"
    );
    let embeddings = trace.child("embeddings", trace.one("embed")?)?;
    ensure!(
        embeddings.attributes["gen_ai.request.model"] == "test-model",
        "{trace}"
    );
    ensure!(
        embeddings.attributes["gen_ai.usage.input_tokens"] != "0",
        "{trace}"
    );
    ensure!(
        !collector.has_seen("xylophonically"),
        "text of a document was sent"
    );

    // Another version is another trace, from what noticed it to what removed the version before.
    let _up = longshore.up(&docs, &[])?;
    docs.write("one.md", "# Cranes\n\nNow another text.\n")?;
    let next = wait::until("another version", || {
        Ok(Some(trace_of(&longshore, "one.md")?).filter(|next| *next != id))
    })?;
    let trace = collector.trace_with(&next, "process", Some(("outcome", "indexed")))?;
    let root = trace.one("enqueue")?;
    ensure!(root.parent.is_empty(), "the root has a parent:\n{trace}");
    let process = trace.child("process", trace.child("publish", root)?)?;
    trace.child("remove", trace.child("sweep", process)?)?;
    Ok(())
}

#[test]
fn a_collector_in_trouble_changes_nothing() -> anyhow::Result<()> {
    let collector = Collector::start()?;
    let (name, url) = collector.variable();
    for manners in [Manners::Refuses, Manners::Hangs] {
        collector.behave(manners);
        let docs = Docs::with_files(5, 2)?;
        let longshore = Longshore::new(&[])?
            .with_variable(name, &url)
            .with_variable("LONGSHORE_LOG", "warn");
        let (began, before) = (Instant::now(), collector.requests());
        let ran = longshore.once_ok(&docs)?;
        let took = began.elapsed();
        ensure!(
            took < Duration::from_secs(12),
            "{manners:?} held it up for {took:?}"
        );
        ensure!(collector.requests() > before, "nothing was sent");
        ensure!(longshore.files()?.len() == 5);
        let warnings = ran.stderr.matches("traces are not taken").count();
        ensure!(
            warnings <= 1 && (warnings == 1 || manners == Manners::Hangs),
            "{}",
            ran.stderr
        );
    }
    Ok(())
}

#[test]
fn nothing_is_sent_without_an_address_and_a_wrong_one_is_said() -> anyhow::Result<()> {
    let docs = Docs::with_files(1, 1)?;
    let longshore = Longshore::new(&[])?.with_variable("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318");
    let ran = longshore.once(&docs)?;
    ensure!(
        ran.code() != 0 && ran.stderr.contains("OTEL_EXPORTER_OTLP_ENDPOINT"),
        "{}",
        ran.stderr
    );
    Longshore::new(&[])?
        .with_variable("OTEL_EXPORTER_OTLP_ENDPOINT", "")
        .once_ok(&docs)?;
    Ok(())
}
