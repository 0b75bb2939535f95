//! Changed settings reach services that run: processors make files anew with them in the full run that follows at once, and
//! events about files that are left out change nothing.

use anyhow::{Context, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use tests::fleet::{Fleet, INDEX, text};
use tests::random::seed;
use tests::wait;

const FILES: usize = 12;

fn patch(fleet: &mut Fleet, settings: &Value) -> anyhow::Result<Value> {
    let (status, answer) = fleet.send(
        Method::PATCH,
        &format!("/indexes/{INDEX}"),
        "application/merge-patch+json",
        settings.to_string(),
    )?;
    ensure!(status == 200, "{settings} is answered by {status}: {answer}");
    Ok(answer)
}

fn chunks(fleet: &mut Fleet) -> anyhow::Result<u64> {
    let index = fleet.get(&format!("/indexes/{INDEX}"))?;
    index["stats"]["chunks"].as_u64().context("no count of chunks")
}

fn full_run(fleet: &mut Fleet) -> anyhow::Result<()> {
    fleet.run("full=true")?;
    fleet.settle()
}

#[test]
fn running_services_take_changed_settings() -> anyhow::Result<()> {
    let mut fleet = Fleet::start(seed())?;
    for _ in 0..2 {
        fleet.add_processor()?;
    }
    let mut events = Vec::new();
    for number in 0..FILES {
        let path = format!("{}/{number}.md", if number < 3 { "drafts" } else { "kept" });
        fleet.write(&path, &text(&path, 0))?;
        events.push(fleet.event("BlobCreated", &path));
    }
    fleet.report(&events)?;
    fleet.settle()?;
    let before = chunks(&mut fleet)?;

    // Several times, because processors that had not noticed would do it right by luck once.
    let mut last = before;
    for size in [150, 100, 200] {
        patch(
            &mut fleet,
            &json!({ "chunking": { "size": size, "overlap": 0, "unit": "characters" } }),
        )?;
        full_run(&mut fleet)?;
        let now = chunks(&mut fleet)?;
        ensure!(
            now > before && now != last,
            "chunks of {size} are {now}, those before were {last}"
        );
        wait::until("a comparison to find every file as the settings say", || {
            let index = fleet.get(&format!("/indexes/{INDEX}"))?;
            Ok((index["comparison"]["outdated"] == 0).then_some(()))
        })?;
        last = now;
    }

    patch(&mut fleet, &json!({ "files": { "exclude": ["drafts/**"] } }))?;
    let left_out: Vec<(String, String)> = fleet
        .truth
        .extract_if(.., |path, _| path.starts_with("drafts/"))
        .collect();
    fleet.settle()?;
    let event = fleet.event("BlobCreated", "drafts/1.md");
    let (status, receipt) = fleet.post("/events/azure", &json!([event]))?;
    ensure!(status == 200 && receipt["ignored"] == 1, "{receipt}");
    fleet.settle()?;
    patch(
        &mut fleet,
        &json!({ "files": { "exclude": null }, "chunking": null }),
    )?;
    fleet.truth.extend(left_out);
    full_run(&mut fleet)?;
    ensure!(
        chunks(&mut fleet)? == before,
        "the first settings make other chunks"
    );
    fleet.check_history()
}
