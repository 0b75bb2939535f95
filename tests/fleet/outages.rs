//! Outages and failed content in a fleet: what is down is left alone and shown, what failed is not tried again by itself.

use anyhow::{Context, ensure};
use serde_json::Value;
use tests::fleet::{Fleet, INDEX, text};
use tests::random::seed;
use tests::wait;

fn file(fleet: &mut Fleet, path: &str) -> anyhow::Result<Value> {
    fleet.get(&format!("/indexes/{INDEX}/files/{path}"))
}

#[test]
fn an_event_that_comes_again_does_not_try_failed_content_again() -> anyhow::Result<()> {
    let mut fleet = Fleet::start(seed())?;
    fleet.add_processor()?;
    fleet
        .model
        .set(|faults| faults.refuse_marker = Some("KLABAUTERMANN".to_owned()));
    let path = "docs/cursed.md";
    fleet.write(path, "# Cursed\n\nKLABAUTERMANN sails here.\n")?;
    let event = fleet.event("BlobCreated", path);
    fleet.report(std::slice::from_ref(&event))?;
    wait::until("the file to fail", || {
        Ok((file(&mut fleet, path)?["file"]["state"] == "FAILED").then_some(()))
    })?;
    let failed = file(&mut fleet, path)?["file"].clone();
    ensure!(
        failed["last_error"]["step"] == "embed" && failed["failure_count"] == 1,
        "{failed}"
    );

    let requests = fleet.model.counts().requests;
    for round in 1..=3 {
        // Another event about the same content; the one before, once more, is known already or as harmless.
        let again = fleet.event("BlobCreated", path);
        fleet.report(&[event.clone(), again])?;
        wait::until("the event to be looked at", || {
            let found = file(&mut fleet, path)?;
            let unchanged = found["history"]
                .as_array()
                .context("no history")?
                .iter()
                .filter(|entry| entry["detail"]["unchanged"] == true)
                .count();
            Ok((found["file"]["state"] == "FAILED" && unchanged >= round).then_some(()))
        })?;
    }
    let found = file(&mut fleet, path)?["file"].clone();
    ensure!(
        fleet.model.counts().requests == requests,
        "the content was sent again"
    );
    ensure!(
        found["failure_count"] == 1 && found["last_error"]["code"] == failed["last_error"]["code"],
        "{found}"
    );

    // Somebody asks.
    fleet.model.set(|faults| faults.refuse_marker = None);
    fleet.run("retry=failed")?;
    fleet.settle()?;
    let found = file(&mut fleet, path)?["file"].clone();
    ensure!(
        found["state"] == "INDEXED" && found["failure_count"] == 1,
        "{found}"
    );
    Ok(())
}

#[test]
fn a_vector_store_that_is_away_holds_files_back() -> anyhow::Result<()> {
    let mut fleet = Fleet::start(seed())?;
    fleet.add_processor()?;
    let path = |number: usize| format!("docs/{number}.md");
    // The index is open before the store goes.
    fleet.write(&path(0), &text(&path(0), 0))?;
    let first = fleet.event("BlobCreated", &path(0));
    fleet.report(&[first])?;
    fleet.settle()?;

    fleet.vectors.kill()?;
    let mut events = Vec::new();
    for number in 1..40 {
        fleet.write(&path(number), &text(&path(number), 0))?;
        events.push(fleet.event("BlobCreated", &path(number)));
    }
    fleet.report(&events)?;
    let index = wait::until("the index to say why", || {
        let index = fleet.get(&format!("/indexes/{INDEX}"))?;
        let waiting = index["waiting_for"][0]["dependency"] == "vectors";
        Ok(waiting.then_some(index))
    })?;
    ensure!(index["waiting_for"][0]["processes"] == 1, "{index}");
    let all = wait::until("the control plane to notice as well", || {
        let all = fleet.get("/dependencies")?;
        let store = all["dependencies"]
            .as_array()
            .context("no list")?
            .iter()
            .find(|one| {
                one["dependency"] == "vectors" && one["reports"].as_array().is_some_and(|all| all.len() == 2)
            })
            .cloned();
        let open = |store: &Value| {
            let reports = store["reports"].as_array().into_iter().flatten();
            reports.filter(|report| report["state"] != "CLOSED").count() == 2
        };
        Ok(store.filter(open).map(|_| all))
    })?;
    for name in ["ledger", "broker", "vectors", "embedder:test-model"] {
        ensure!(
            all.to_string().contains(&format!("\"{name}\"")),
            "{name} is missing in {all}"
        );
    }
    fleet.vectors.restart()?;
    fleet.settle()?;
    for number in 0..40 {
        let found = file(&mut fleet, &path(number))?["file"].clone();
        ensure!(
            found["state"] == "INDEXED" && found["failure_count"] == 0,
            "{found}"
        );
    }
    wait::until("everything to be closed again", || {
        let index = fleet.get(&format!("/indexes/{INDEX}"))?;
        Ok(index["waiting_for"].is_null().then_some(()))
    })?;
    fleet.check_history()
}
