//! One trace from an event to the points, across processes, a broker and a crash.

use anyhow::{Context, ensure};
use tests::collector::Collector;
use tests::fleet::{Fleet, INDEX, text};
use tests::random::seed;

const SENDER: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn trace_of(fleet: &mut Fleet, path: &str) -> anyhow::Result<String> {
    let status = fleet.get(&format!("/indexes/{INDEX}/files/{path}"))?;
    Ok(status["trace_id"].as_str().context("no trace")?.to_owned())
}

#[test]
fn an_event_is_one_trace_whoever_dies() -> anyhow::Result<()> {
    let collector = Collector::start()?;
    // A comparison that comes upon a file in work makes another change of it, which would be another trace.
    let rarely = ("RECONCILE_SECONDS", "3600".to_owned());
    let mut fleet = Fleet::start_with(seed(), &[collector.variable(), rarely])?;
    fleet.add_processor()?;
    fleet.write("a.md", &text("a.md", 0))?;
    let event = fleet.event("BlobCreated", "a.md");
    fleet.report_traced(&[event], &format!("00-{SENDER}-00f067aa0ba902b7-01"))?;
    fleet.settle()?;

    let id = trace_of(&mut fleet, "a.md")?;
    for last in ["enqueue", "publish"] {
        collector.trace_with(&id, last, None)?;
    }
    let trace = collector.trace_with(&id, "process", None)?;
    let root = trace.one("enqueue")?;
    ensure!(root.parent.is_empty() && root.links == [SENDER], "{trace}");
    let publish = trace.child("publish", root)?;
    let process = trace.child("process", publish)?;
    for step in ["claim", "fetch", "convert", "chunk", "embed", "upsert", "commit"] {
        trace.child(step, process)?;
    }
    trace.child("embeddings", trace.one("embed")?)?;
    let of = |name: &str| anyhow::Ok(trace.one(name)?.attributes["service.name"].clone());
    ensure!(
        of("enqueue")? == "control-plane" && of("publish")? == "control-plane",
        "{trace}"
    );
    ensure!(of("process")? == "index-processor", "{trace}");
    // The sender's own trace has the request.
    let request = collector.trace_with(SENDER, "events_azure", None)?;
    ensure!(request.0.iter().any(|span| span.kind == 2), "{request}");

    // A processor dies in the middle of an attempt.
    fleet.model.set(|faults| faults.latency_ms = 60_000);
    fleet.write("b.md", &text("b.md", 0))?;
    let event = fleet.event("BlobCreated", "b.md");
    fleet.report(&[event])?;
    let id = trace_of(&mut fleet, "b.md")?;
    let first = collector.trace_with(&id, "chunk", None)?;
    let dead = first.one("chunk")?.attributes["service.instance.id"].clone();
    fleet.processors.remove(0).kill()?;
    fleet.model.set(|faults| faults.latency_ms = 0);
    fleet.add_processor()?;
    fleet.settle()?;
    let trace = collector.trace_with(&id, "process", Some(("outcome", "indexed")))?;
    let second = trace
        .named("process")
        .find(|span| span.attributes["outcome"] == "indexed")
        .context("it was indexed")?;
    ensure!(second.attributes["attempt"] == "2", "{trace}");
    ensure!(second.attributes["service.instance.id"] != dead, "{trace}");
    ensure!(trace.named("commit").count() == 1, "{trace}");
    ensure!(
        trace.named("publish").any(|publish| publish.id == second.parent),
        "{trace}"
    );
    Ok(())
}
